"""Whoever has no mouse gets everywhere, sees where they are, and can do all that others can."""

import pytest
from browsing import Open, Visit

pytestmark = pytest.mark.browser

# everything that a person could want to get to, as the browser shows it now
_WANTED = """() => {
    const wanted = "a[href], button, input, select, textarea, summary, [tabindex='0']";
    const usable = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled;
    window.wanted = new Set([...document.querySelectorAll(wanted)].filter(usable));
    return window.wanted.size;
}"""
# where the keyboard is now: whether that can be seen, and whether anything lies over it
_HERE = """() => {
    const here = document.activeElement;
    if (here === document.body) return null;
    window.wanted.delete(here);
    const [style, box] = [getComputedStyle(here), here.getBoundingClientRect()];
    const isMarked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const [x, y] = [box.left + Math.min(box.width / 2, 40), box.top + Math.min(box.height / 2, 12)];
    const over = document.elementFromPoint(x, y);
    const isOver = over && (here.contains(over) || over.contains(here) || over.closest("label")?.control === here);
    const name = here.outerHTML.slice(0, 100);
    return { name, isMarked, isOver: Boolean(isOver), isInside: box.bottom > 0 && box.top < innerHeight };
}"""
_MISSED = "() => [...window.wanted].map((one) => one.outerHTML.slice(0, 100))"
_VIEWS = {
    "ask": "#ask?tool=bowtie2",
    "plan": "#plan",
    "tools": "#tools",
    "tool": "#tools/bowtie2",
}


def tab_through(there: Visit) -> list[str]:
    """Press Tab from the start of the page to its end; return what is wrong on the way."""
    page = there.page
    # the keyboard is where the page begins
    page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); scrollTo(0, 0); }")
    count = page.evaluate(_WANTED)
    assert count > 5
    wrong = []
    for _ in range(count + 3):
        page.keyboard.press("Tab")
        here = page.evaluate(_HERE)
        if here is None:
            break
        wrong += [f"{word}: {here['name']}" for word in ("isMarked", "isOver", "isInside") if not here[word]]
    return [*wrong, *(f"not reached: {missed}" for missed in page.evaluate(_MISSED))]


@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("view", _VIEWS)
def test_tab_gets_to_everything_and_shows_where_it_is(view: str, width: int, visit: Open, examples: str) -> None:
    there = visit(examples, viewport={"width": width, "height": 700}, reduced_motion="reduce")
    there.go(_VIEWS[view], state="empty" if view == "plan" else "ready")
    if view == "plan":
        there.answered(lambda: there.page.get_by_role("button", name="Example week").click())
    there.page.wait_for_timeout(300)
    assert tab_through(there) == []


def test_everything_can_be_done_without_a_mouse(visit: Open, examples: str) -> None:
    there = visit(examples)
    page = there.go()
    # past the head of the page
    page.keyboard.press("Tab")
    assert "Skip to the content" in there.focused().inner_text()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert there.focused().get_attribute("id") == "ask-tool"
    page.keyboard.type("hisat")
    page.keyboard.press("Enter")
    there.until_told("#ask-bundle", "hisat2")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("7 MB")
    there.until_told("#ask-curl", '"size_bytes":7340032')
    _press_on(there, "Plan")
    there.wait_for_state("empty")
    assert there.focused().inner_text() == "What would these jobs need?"
    there.answered(lambda: _press_on(there, "Example week"))
    before = page.inner_text("#plan-totals")
    page.get_by_label("Jobs that may run out of memory at first").focus()
    there.answered(lambda: page.keyboard.press("End"))
    assert there.text("#plan-cap-told") == "at most 10 %"
    there.until("before => document.getElementById('plan-totals').innerText !== before", before)
    _press_on(there, "Tools")
    page.wait_for_selector("#tools-table tbody tr")
    _press_on(there, "bowtie2")
    page.wait_for_selector("#tool-recorded .dots")
    assert there.focused().inner_text() == "bowtie2"


def _press_on(there: Visit, name: str) -> None:
    """Press Tab until something with such a name has the keyboard, and then Enter."""
    for _ in range(80):
        if there.page.evaluate("() => document.activeElement.innerText?.trim()") == name:
            there.page.keyboard.press("Enter")
            return
        there.page.keyboard.press("Tab")
    raise AssertionError(f"Tab never gets to {name}")
