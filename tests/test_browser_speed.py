"""How long a visitor waits between a change and the drawn answer, measured in the browser and printed."""

import csv
from collections.abc import Iterator
from functools import partial
from statistics import median, quantiles

import pytest
from browsing import Open, Visit
from serving import ROOT

pytestmark = pytest.mark.browser

CHANGES = 30


def recorded_jobs() -> str:
    """The 640 recorded jobs of examples/ as rows of one table."""
    rows = []
    for tool in ("bowtie2", "hisat2"):
        with (ROOT / "examples" / f"{tool}.csv").open(newline="") as file:
            rows += [{"tool": tool, **row} for row in csv.DictReader(file)]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(row.get(name, "") for name in columns) for row in rows]
    return "\n".join([",".join(columns), *lines]) + "\n"


def told(there: Visit, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Print what the page itself measured, from the input event to the frame after the drawing."""
    measured = there.page.evaluate("() => performance.getEntriesByName('answer').map((one) => one.duration)")
    last = measured[-CHANGES:]
    assert len(last) == CHANGES
    text = (
        f"{what}: median {median(last):.0f} ms, 95 of 100 within {quantiles(last, n=20)[-1]:.0f} ms, {CHANGES} changes"
    )
    with capsys.disabled():
        print(f"\n{text}")


def test_how_fast_ask_answers(visit: Open, examples: str, capsys: pytest.CaptureFixture[str]) -> None:
    there = visit(examples)
    there.go("#ask?tool=bowtie2")
    for number in range(CHANGES):
        there.set_size("input_1", f"{1 + number * 2.5} MB")
    told(there, "Ask, a size typed", capsys)
    slider = there.page.get_by_label("All inputs, smaller or larger")
    for number in range(CHANGES):
        there.answered(partial(slider.fill, str(20 * number + 10)))
    told(there, "Ask, all inputs by the slider", capsys)


def test_how_fast_a_plan_of_640_jobs_answers(visit: Open, examples: str, capsys: pytest.CaptureFixture[str]) -> None:
    there = visit(examples)
    page = there.go("#plan", state="empty")
    there.answered(lambda: page.locator("#plan-rows").fill(recorded_jobs()))
    there.wait_for_state("ready")
    assert "640" in there.text("#plan-totals")
    memory = page.get_by_role("group", name="Node type small").get_by_role("slider", name="Memory")
    cap = page.get_by_label("Jobs that may run out of memory at first")
    for what, slider, places in (("memory", memory, range(23)), ("cap", cap, range(5))):
        for place in _to_and_fro(places):
            there.answered(partial(slider.fill, str(place)))
        told(there, f"Plan of 640 jobs, {what} by the slider", capsys)


def _to_and_fro(places: range) -> Iterator[int]:
    """Each place differs from the one before, or nothing would be asked."""
    for number in range(CHANGES):
        yield places[(number + 1) % len(places)]
