import pytest
pytestmark = pytest.mark.browser
def test_try(visit, examples):
    v = visit(examples)
    p = v.go()
    p.wait_for_timeout(500)
    v.screenshot("ask_light")
    print(v.serious_violations())
    v = visit(examples, color_scheme="dark", viewport={"width":320,"height":700})
    p = v.go(); p.wait_for_timeout(500)
    v.screenshot("ask_dark_320"); print(v.overflowing())
