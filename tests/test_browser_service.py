"""What a visitor meets when the service is not as it should be, and how the page goes on when it is again."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import serving
from browsing import TOKEN, Open, Visit

pytestmark = pytest.mark.browser

MIB = 1024**2
JOB = {"tool_id": "tool", "inputs": [{"name": "input_1", "size_bytes": 30 * MIB}]}


def test_a_service_without_bundles_says_how_to_train_and_goes_on_by_itself(
    visit: Open, models: Path, tmp_path: Path
) -> None:
    root = tmp_path / "models"
    root.mkdir()
    with serving.served(root, "--reload-seconds", "0.2", "--drain-seconds", "0") as url:
        there = visit(url)
        page = there.go(state="not-ready")
        assert page.get_by_role("heading").inner_text() == "No model is loaded yet"
        assert "python -m trainer train" in there.text("#notice-command")
        shutil.copytree(models / "tool", root / "tool")
        there.wait_for_state("ready")
        assert page.get_by_role("combobox", name="Tool").input_value() == "tool"


def test_the_token_is_asked_for_and_known_in_this_tab_alone(visit: Open, guarded: str) -> None:
    there = visit(guarded)
    there.expected.add("401")
    page = there.go("#ask?tool=bowtie2", state="token")
    assert there.focused().get_attribute("id") == "token"
    page.keyboard.type("not this one")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="This is not the token").wait_for()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    there.until_told("#ask-bundle", "bowtie2")
    # what is shown to copy holds no secret
    assert TOKEN not in page.content()
    assert "$TOKEN" in page.inner_text("#ask-curl")
    page.reload()
    there.wait_for_state("ready")
    assert TOKEN not in page.url
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    # another tab of the same browser
    there.page = there.context.new_page()
    there.go("#tools", state="token")


def test_a_service_that_stops_is_told_and_asked_again(visit: Open, models: Path) -> None:
    port = serving.free_port()
    with running(models, port) as url:
        there = visit(url)
        there.go("#ask?tool=tool")
        there.set_size("input_1", "20 MB")
        shown = there.text("#ask-request")
    there.expected.add("net::ERR_CONNECTION_REFUSED")
    field = there.page.get_by_label("input_1", exact=True)
    field.fill("40 MB")
    there.wait_for_state("error")
    assert "does not answer" in there.text("#ask-problem")
    with running(models, port):
        there.set_size("input_1", "50 MB")
        there.wait_for_state("ready")
        assert there.page.locator("#ask-problem").is_hidden()
        # 100 MiB and twice the input, and more: 60 MiB more at least
        assert there.text("#ask-request") != shown


def test_a_page_that_is_opened_too_early_goes_on_by_itself(visit: Open, models: Path) -> None:
    port = serving.free_port()
    with running(models, port) as url:
        there = visit(url)
        # the page is here, and then nobody answers it
        there.page.route("**/v1/tools", lambda route: route.abort("connectionrefused"))
        there.expected.add("net::ERR_CONNECTION_REFUSED")
        there.go(state="error")
        assert "The service cannot be asked" in there.text("#notice")
        there.page.unroute("**/v1/tools")
        there.wait_for_state("ready")


def test_a_busy_service_is_asked_again_until_it_answers(visit: Open, models: Path) -> None:
    with serving.served(models, "--max-concurrency", "8", "--drain-seconds", "0") as url:
        there = visit(url)
        there.go("#ask?tool=tool")
        there.expected.add("503")
        with crowd(url) as crowded:
            crowded.wait(serving.PATIENCE_SECONDS)
            there.page.get_by_label("input_1", exact=True).fill("50 MB")
            there.until_told("#status", "busy")
        job = {**JOB, "inputs": [{"name": "input_1", "size_bytes": 50 * MIB}]}
        there.until_told("#status", "Request")
        assert there.page.evaluate("document.body.dataset.state") == "ready"
        assert '"size_bytes":52428800' in there.page.inner_text("#ask-curl")
        assert requests.post(f"{url}/v1/predict", json=job, timeout=10).status_code == 200


@contextmanager
def running(models: Path, port: int) -> Iterator[str]:
    """Run the service on a port of the test's choice."""
    process = serving.start(models, port, "--drain-seconds", "0")
    url = f"http://127.0.0.1:{port}"
    try:
        serving.wait_until_live(process, url)
        yield url
    finally:
        process.terminate()
        process.wait(serving.PATIENCE_SECONDS)


@contextmanager
def crowd(url: str) -> Iterator[threading.Event]:
    """Keep all places of a service taken by long batches; the event tells when they are."""
    over, crowded = threading.Event(), threading.Event()
    body = json.dumps({"jobs": [JOB] * 500})

    def ask() -> None:
        while not over.is_set():
            answer = requests.post(f"{url}/v1/predict/batch", data=body, timeout=600)
            if answer.status_code == 503:
                crowded.set()
                time.sleep(0.02)

    many = [threading.Thread(target=ask) for _ in range(10)]
    for one in many:
        one.start()
    try:
        yield crowded
    finally:
        over.set()
        for one in many:
            one.join()


def test_the_watch_over_every_test_sees_what_it_should(visit: Open, examples: str) -> None:
    there = visit(examples)
    page = there.go()
    page.evaluate(
        """() => {
            document.body.append(Object.assign(document.createElement("script"), { textContent: "1" }));
            fetch("http://127.0.0.1:9/").catch(() => {});
            setTimeout(() => { throw new Error("on purpose"); });
            setTimeout(() => alert("here"));
        }"""
    )
    page.wait_for_timeout(300)
    page.evaluate("() => { location = 'http://127.0.0.1:9/there'; }")
    page.wait_for_timeout(300)
    assert_complaints(there, "script-src", "'http://127.0.0.1:9/'", "on purpose", "dialog: here")
    assert_complaints(there, "request to http://127.0.0.1:9/there")
    there.complaints.clear()


def assert_complaints(there: Visit, *expected: str) -> None:
    """Assert that each of these was noticed."""
    for words in expected:
        assert any(words in complaint for complaint in there.complaints), (words, there.complaints)
