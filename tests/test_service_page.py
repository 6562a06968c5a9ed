"""The page at /: its files, their headers, who gets them, and that nothing in them could run what it reads."""

import re
from pathlib import Path

import pytest
from application import client_of
from fastapi.testclient import TestClient
from pages import Reader
from serving import ROOT

from service import pages
from service.settings import ServiceSettings

FOLDER = ROOT / "service" / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TOKEN = "0123456789abcdef-secret"
SCRIPTS = sorted(FOLDER.glob("*.js"))
# What makes markup of text, or runs it; `style` as an attribute is what the policy refuses.
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|srcdoc|setHTML"
    r"|\beval\b|new Function|javascript:|localStorage|document\.cookie|setAttribute\(\"style|\bstyle:|https?://(?!www\.w3\.org)"
)


@pytest.fixture(scope="module")
def client(models: Path) -> TestClient:
    return client_of(models)


@pytest.fixture
def guarded(models: Path, tmp_path: Path) -> TestClient:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(TOKEN)
    return client_of(models, token_file=path)


def test_every_file_of_the_folder_is_served_as_what_it_is(client: TestClient) -> None:
    types = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    for path in FOLDER.iterdir():
        answer = client.get("/" if path.name == "index.html" else f"/page/{path.name}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes()), path
        assert answer.headers["content-type"].partition(";")[0] == types[path.suffix]


def test_every_file_bears_the_policy_and_is_asked_for_anew(client: TestClient) -> None:
    for path in ("/", "/page/page.js", "/page/page.css", "/page/icon.svg"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-cache"
        # what a browser has already is not sent again
        again = client.get(path, headers={"If-None-Match": headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-security-policy"] == POLICY
        assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_its_head_can_be_asked_for_and_nothing_be_posted_to_it(client: TestClient) -> None:
    answer = client.head("/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-security-policy"] == POLICY
    assert client.post("/").status_code == 405


@pytest.mark.parametrize(
    "path", ["/page/", "/page", "/page/index.html", "/page/none.js", "/page/..%2Fapp.py", "/page/%2e%2e/app.py"]
)
def test_nothing_but_its_files_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_what_else_lies_in_the_folder_is_not_served(tmp_path: Path) -> None:
    for name in ("index.html", "page.js", "page.js~", "notes.txt", ".page.js.swp"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder.js").mkdir()
    assert set(pages.page_files(tmp_path)) == {"/", "/page/page.js"}


def test_it_can_be_switched_off(models: Path) -> None:
    client = client_of(models, page=False)
    assert client.get("/").status_code == client.get("/page/page.js").status_code == 404
    assert client.get("/v1/tools").status_code == 200
    assert ServiceSettings(models).page


def test_with_a_token_the_page_is_open_and_the_data_are_not(guarded: TestClient) -> None:
    for path in pages.page_files():
        assert guarded.get(path).status_code == guarded.head(path).status_code == 200
    for path in ("/v1/tools", "/v1/tools/tool", "/page/none.js", "/page/", "/docs"):
        assert guarded.get(path).status_code == 401, path
    for path in ("/v1/plan", "/v1/predict", "/v1/predict/batch", "/", "/page/page.js"):
        assert guarded.post(path, json={}).status_code == 401, path
    assert guarded.get("/v1/tools", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_no_tool_can_be_asked_for_below_the_page_without_the_token(guarded: TestClient) -> None:
    # the seed's address of a tool `page/tool`, and of one that is named like a file of the page
    for path in ("/page/tool/memory/", "/page/page.js/memory/", "/page/page.js/", "//page/page.js/memory/"):
        assert guarded.get(path).status_code == 401, path


def test_no_script_makes_markup_of_text_or_asks_elsewhere() -> None:
    assert SCRIPTS
    for path in SCRIPTS:
        assert MARKUP.findall(path.read_text()) == [], path


@pytest.mark.parametrize(
    "line",
    [
        "place.innerHTML = tool;",
        'element("p", { style: "color:red" })',
        'import "https://cdn.example/x.js"',
        "eval(text)",
    ],
)
def test_a_script_that_did_would_be_noticed(line: str) -> None:
    assert MARKUP.search(line)


def test_nothing_stands_inline_or_comes_from_elsewhere() -> None:
    html = Reader((FOLDER / "index.html").read_text())
    for tag, attributes in html.elements:
        assert tag != "style" and "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")], "a handler would be an inline script"
        for name in ("src", "href"):
            assert not re.match(r"\w+:|//|/", attributes.get(name) or ""), (
                "beside the page, behind a proxy's prefix too"
            )
    assert html.values("script", "src") == ["page/page.js"]
    assert "url(" not in (FOLDER / "page.css").read_text()
    assert "@import" not in (FOLDER / "page.css").read_text()


def test_what_is_imported_or_linked_is_there() -> None:
    served = set(pages.page_files())
    for path in SCRIPTS:
        for name in re.findall(r'from "\./(.+?)"', path.read_text()):
            assert f"/page/{name}" in served, f"{path.name}: {name}"
    html = Reader((FOLDER / "index.html").read_text())
    linked = [*html.values("script", "src"), *html.values("link", "href"), *html.values("img", "src")]
    assert {f"/{name}" for name in linked} <= served


def test_every_script_is_reached_from_the_entry() -> None:
    reached, queue = set(), ["page.js"]
    while queue:
        name = queue.pop()
        if name not in reached:
            reached.add(name)
            queue += re.findall(r'from "\./(.+?)"', (FOLDER / name).read_text())
    assert reached == {path.name for path in SCRIPTS}


def test_every_name_that_scripts_and_people_rely_on_is_in_the_page() -> None:
    html = Reader((FOLDER / "index.html").read_text())
    ids = [attributes["id"] for _, attributes in html.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    fixed = """ask plan tools ask-request ask-curve ask-guards ask-reasons ask-curl ask-python
        plan-totals plan-histogram plan-nodes plan-caps
        plan-download-csv plan-download-json plan-share plan-file plan-rows tools-table tool-report
        status"""
    assert set(fixed.split()) <= set(ids)
    # what the scripts look for by a name that stands in them
    made = {"tool-report-title", "tool-recorded", "tool-caps", "ask-scale", "ask-scale-total"}
    for path in SCRIPTS:
        sought = set(re.findall(r'byId\("([\w-]+)"\)', path.read_text()))
        assert sought - made <= set(ids), path.name


def test_every_control_has_a_label() -> None:
    html = Reader((FOLDER / "index.html").read_text())
    labels = set(html.values("label", "for"))
    for tag, attributes in html.elements:
        if tag in ("input", "select", "textarea"):
            assert attributes["id"] in labels, attributes
    assert ("html", {"lang": "en"}) in html.elements
    assert html.values("p", "aria-live").count("polite") == 1


def test_the_page_goes_where_the_service_goes() -> None:
    # the container copies the whole folder of the service; the wheel holds the rule alone
    assert "COPY service ./service" in (ROOT / "examples" / "deploy" / "Containerfile").read_text()
    assert FOLDER.parent == ROOT / "service"
