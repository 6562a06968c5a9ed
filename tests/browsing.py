"""A real Chromium on the real page: what a visitor sees, and whatever nobody should meet there."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import many_tools
import pytest
import recorded
import serving
from serving import ROOT

from trainer import publishing
from trainer.learning import Settings
from trainer.readers import read
from trainer.training import train_tool

# with a browser of its own target only: nothing of it is imported before a test asks for it
if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page, Request

Colours = Literal["light", "dark"]
SCREENSHOTS = ROOT / "tests" / "screenshots"
# bundles trained before, by whoever does not want to wait for them again
_TRAINED = "GMR_BROWSER_MODELS"
_PROGRAM = "/usr/bin/chromium"
_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
_PATIENCE_MILLISECONDS = 40_000
_FOREST = (
    '{"ExtraTreesRegressor": {"module_name": "sklearn.ensemble", "class_name": "ExtraTreesRegressor", '
    '"parameters": {"n_estimators": [50]}}}'
)
# names that were made to do harm: as markup, and by turning round what is read after them, which no job may be called
HOSTILE = """<img src=x onerror="alert('tool')">'"&amp;/../</script>#?%2e שלום"""
TURNED = "turned/\u202eloot\u202c/\u2066x"
TOKEN = "open-sesame-0123456789"
LIMIT_BYTES = 220 * 1024**2


class Visit:
    """One visitor with a browser profile of their own, on one service.

    Parameters
    ----------
    context : BrowserContext
        The profile: its storage, its screen, its colours.
    url : str
        The service; nothing may be asked of anybody else.
    """

    def __init__(self, context: "BrowserContext", url: str) -> None:
        self.context, self.url = context, url
        self.complaints: list[str] = []
        # what a test wants the service to refuse; a browser complains of each
        self.expected: set[str] = set()
        context.set_default_timeout(_PATIENCE_MILLISECONDS)
        context.on("request", self._heard_request)
        context.on("page", self._listen)
        self.page = context.new_page()

    def _listen(self, page: "Page") -> None:
        page.on("console", self._heard_console)
        page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        page.on("dialog", self._heard_dialog)

    def _heard_console(self, message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning") and not any(text in message.text for text in self.expected):
            self.complaints.append(f"{message.type}: {message.text}")

    def _heard_dialog(self, dialog: "Dialog") -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _heard_request(self, request: "Request") -> None:
        if not request.url.startswith((f"{self.url}/", "data:", "blob:")):
            self.complaints.append(f"request to {request.url}")

    def go(self, address: str = "", state: str = "ready") -> "Page":
        """Open the page anew at an address such as ``#plan``, and wait until it is in a state."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}/{address}")
        self.wait_for_state(state)
        return self.page

    def turn_to(self, address: str) -> None:
        """Go to another view of the open page, as a link does."""
        self.page.evaluate("address => { location.hash = address; }", address)

    def wait_for_state(self, state: str) -> None:
        """Wait until the page says that it is `loading`, `ready`, `empty`, `error`, `not-ready` or `token`."""
        self.page.wait_for_selector(f'body[data-state="{state}"]', state="attached")

    def set_size(self, name: str, size: str) -> None:
        """Type a size into the field with a label, and wait for the answer that follows."""
        field = self.page.get_by_label(name, exact=True)
        self.answered(lambda: field.fill(size))

    def answered(self, act: Callable[[], object]) -> None:
        """Do something, and wait until what it changes is drawn."""
        before = self.answers()
        act()
        self.until("before => performance.getEntriesByName('answer').length > before", before)

    def until(self, function: str, argument: object = None) -> None:
        """Wait until a function says yes; Playwright's own way needs eval, which the page's policy forbids."""
        deadline = time.monotonic() + _PATIENCE_MILLISECONDS / 1000
        while not self.page.evaluate(function, argument):
            assert time.monotonic() < deadline, f"never: {function}"
            self.page.wait_for_timeout(10)

    def until_told(self, selector: str, words: str) -> None:
        """Wait until an element says so."""
        told = "([selector, words]) => document.querySelector(selector).textContent.includes(words)"
        self.until(told, [selector, words])

    def answers(self) -> int:
        """How many answers to an input were drawn so far."""
        return int(self.page.evaluate("() => performance.getEntriesByName('answer').length"))

    def text(self, selector: str) -> str:
        """What an element says, with plain spaces."""
        told: str = self.page.inner_text(selector)
        return told.replace("\u00a0", " ")

    def screenshot(self, name: str) -> None:
        """Save what is to be seen, the whole length of the page, for a person to look at."""
        SCREENSHOTS.mkdir(exist_ok=True)
        # what sticks to the screen would else lie over the middle
        self.page.evaluate("scrollTo(0, 0)")
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def serious_violations(self) -> list[str]:
        """What axe-core finds that keeps people out."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    def wear(self, width: int, colours: Colours) -> None:
        """Look from another screen, and wait until the page has settled on it."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=colours)
        self.page.wait_for_timeout(250)

    def overflowing(self) -> list[str]:
        """What makes a reader scroll sideways, none where nothing does."""
        found: list[str] = self.page.evaluate(
            """() => {
                const room = document.documentElement.clientWidth;
                if (document.documentElement.scrollWidth <= room) return [];
                const right = (one) => one.getBoundingClientRect().right;
                const wide = [...document.querySelectorAll("body *")].filter((one) => right(one) > room + 1);
                return ["the page", ...wide.map((one) => one.outerHTML.slice(0, 120))];
            }"""
        )
        return found

    def focused(self) -> "Locator":
        """What has the keyboard."""
        return self.page.locator("*:focus")


Open = Callable[..., Visit]


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """One browser for all tests, in a fresh profile for each visitor."""
    for package in ("playwright", "axe_playwright_python"):
        if find_spec(package) is None:
            pytest.skip(f"no {package} (make test-browser installs it)")
    program = shutil.which("chromium") or _PROGRAM
    if not Path(program).exists():
        pytest.skip("no chromium (apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: "Browser") -> Iterator[Open]:
    """Open a service as another visitor; whatever one of them meets that nobody should fails the test."""
    visits: list[Visit] = []

    def open_service(url: str, **profile: Any) -> Visit:
        parts = urlsplit(url)
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **profile})
        visits.append(Visit(context, f"{parts.scheme}://{parts.netloc}"))
        return visits[-1]

    yield open_service
    for one in visits:
        one.context.close()
    assert [complaint for one in visits for complaint in one.complaints] == []


@pytest.fixture(scope="session")
def example_models(chromium: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles of the recorded jobs in examples/, trained as the README says but with fewer models to choose from."""
    if os.environ.get(_TRAINED):
        return Path(os.environ[_TRAINED]).resolve()
    folder = tmp_path_factory.mktemp("browsed")
    (folder / "models.json").write_text(_FOREST)
    options = ["-m", f"{folder}/models.json", "-o", f"{folder}/output.csv", "-d", f"{folder}/models"]
    command = [sys.executable, "-m", "trainer", "train", "-i", "config/input_files.csv", "-s", "config/sizing.yml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, *options], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    return folder / "models"


@pytest.fixture(scope="session")
def examples(example_models: Path) -> Iterator[str]:
    """The service with the bundles of examples/."""
    with serving.served(example_models, "--drain-seconds", "0") as url:
        yield url


@pytest.fixture(scope="session")
def thousand(chromium: "Browser", models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service with a thousand tools, two of which have names that were made to do harm."""
    root = tmp_path_factory.mktemp("thousand") / "models"
    many_tools.publish(models / "tool", root, [*many_tools.names(998), HOSTILE, TURNED])
    assert len(publishing.homes(root)) == 1000
    with serving.served(root, "--drain-seconds", "0") as url:
        yield url


@pytest.fixture(scope="session")
def unready(chromium: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service before anybody has trained anything."""
    with serving.served(tmp_path_factory.mktemp("unready"), "--drain-seconds", "0") as url:
        yield url


@pytest.fixture(scope="session")
def guarded(example_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service that answers only those who bear the token `TOKEN`."""
    file = tmp_path_factory.mktemp("guarded") / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    with serving.served(example_models, "--drain-seconds", "0", "--token-file", str(file)) as url:
        yield url


@pytest.fixture(scope="session")
def limited(chromium: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service with one tool, many of whose jobs were stopped at 220 MiB."""
    # it imports this file
    from conftest import FOREST, serve

    folder = tmp_path_factory.mktemp("limited")
    rows = recorded.rows(80)
    for row in rows:
        row[recorded.LABEL] = min(int(str(row[recorded.LABEL])), LIMIT_BYTES)
    path = recorded.write(folder / "limited.csv", rows)
    [found] = read(path, recorded.LABEL, written="limited.csv")
    serve(folder / "models", train_tool(found, (FOREST,), Settings()).bundle)
    with serving.served(folder / "models", "--drain-seconds", "0") as url:
        yield url
