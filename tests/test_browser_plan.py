"""The view Plan in a real browser: jobs in, nodes and numbers out, and both taken along."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from browsing import Open, Visit
from serving import ROOT

pytestmark = pytest.mark.browser

GIB = 1024**3
# 60 jobs of two kinds
ROWS = "tool,count,run_seconds,input_1,own_file\nbowtie2,40,600,20 MB,4 MB\nbowtie2,20,1800,80 MB,19 MB\n"
HOSTILE_NODE = """=HYPERLINK("http://127.0.0.1:9","x")<img src=x onerror=alert(1)>"""


def planned(there: Visit, rows: str = ROWS) -> None:
    """Open the view and paste rows."""
    there.go("#plan", state="empty")
    there.answered(lambda: there.page.locator("#plan-rows").fill(rows))
    there.wait_for_state("ready")


def last_plan(there: Visit) -> dict[str, Any]:
    """The plan that is shown, as a download tells it."""
    plan: dict[str, Any] = json.loads(downloaded(there, "JSON"))
    return plan


def downloaded(there: Visit, kind: str) -> str:
    with there.page.expect_download() as download:
        there.page.get_by_role("button", name=f"Download {kind}").click()
    text: str = download.value.path().read_text()
    return text


def request_of(there: Visit) -> dict[str, Any]:
    """What the page asks when its seconds are changed to and fro."""
    window = there.page.get_by_label("Time for all of it, in hours")
    told = window.input_value()
    there.answered(lambda: window.fill("100"))
    with there.page.expect_request("**/v1/plan") as asked:
        there.answered(lambda: window.fill(told))
    request: dict[str, Any] = json.loads(asked.value.post_data or "")
    return request


def numbers(there: Visit, node: str, column: str) -> list[int]:
    """The numbers in a cell of the table of node types: one, or the bounds of a range."""
    row = there.page.locator("#plan-nodes tbody tr", has=there.page.get_by_role("rowheader", name=node, exact=True))
    headings = there.page.locator("#plan-nodes thead th").all_inner_texts()
    cell = row.locator("th, td").nth(headings.index(column)).inner_text()
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", cell)]


def needed(there: Visit, node: str) -> list[int]:
    """How many nodes of a type are said to be needed."""
    return numbers(there, node, "Nodes needed")


def fitting(there: Visit, node: str) -> int:
    """How many jobs are said to fit a type."""
    [count] = numbers(there, node, "Fit")
    return count


def figures(there: Visit) -> dict[str, str]:
    """The totals by their names."""
    pairs = there.page.locator("#plan-totals > div").all()
    return {one.locator("dt").inner_text(): one.locator("dd").first.inner_text() for one in pairs}


def test_the_numbers_are_those_of_the_service_and_so_are_the_downloads(visit: Open, examples: str) -> None:
    there = visit(examples)
    planned(there)
    request = request_of(there)
    assert request["csv"] == ROWS
    answer = requests.post(f"{examples}/v1/plan", json=request, timeout=60)
    told = answer.json()
    assert last_plan(there) == told
    as_csv = requests.post(f"{examples}/v1/plan", json=request, headers={"Accept": "text/csv"}, timeout=60)
    assert downloaded(there, "CSV") == as_csv.content.decode().replace("\r\n", "\n")
    assert figures(there)["Jobs"] == "60"
    shown = float(figures(there)["Requested"].split()[0].replace(",", ""))
    assert shown == pytest.approx(told["policies"]["predicted"]["requested_gbh"]["mean"], rel=0.006)
    [small] = [node for node in told["policies"]["predicted"]["nodes"] if node["name"] == "small"]
    assert set(needed(there, "small")) == set(small["needed"].values())
    assert there.page.locator("#plan-histogram rect").count() > 0
    # 1, 2, 5, 10 % and what each tool was trained for
    assert there.page.locator("#plan-caps circle").count() >= 4


def test_a_file_is_taken_by_choice_and_by_dropping_it(visit: Open, examples: str) -> None:
    recorded = ROOT / "examples" / "bowtie2.csv"
    there = visit(examples)
    page = there.go("#plan", state="empty")
    page.get_by_text("Where a row does not tell").click()
    there.answered(partial(page.get_by_label("Tool of rows without one").fill, "bowtie2"))
    there.answered(lambda: page.get_by_label("Drop a CSV here, or choose a file").set_input_files(recorded))
    assert figures(there)["Jobs"] == "320"
    chosen = last_plan(there)
    there.answered(lambda: page.get_by_role("button", name="Clear").click())
    there.wait_for_state("empty")
    handle = page.evaluate_handle(
        """text => {
            const data = new DataTransfer();
            data.items.add(new File([text], "bowtie2.csv", { type: "text/csv" }));
            return data;
        }""",
        recorded.read_text(),
    )
    there.answered(lambda: page.dispatch_event("#plan-drop", "drop", {"dataTransfer": handle}))
    there.wait_for_state("ready")
    assert last_plan(there) == chosen


def test_a_week_on_three_types_of_nodes_is_what_the_command_line_says(
    visit: Open, examples: str, example_models: Path
) -> None:
    week, nodes = (ROOT / "examples" / "plan" / name for name in ("week.csv", "nodes.yml"))
    command = [sys.executable, "-m", "service", "plan", str(week), "--nodes", str(nodes), "--format", "json"]
    run = subprocess.run(
        [*command, "--models", str(example_models)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    there = visit(examples)
    page = there.go("#plan", state="empty")
    there.answered(partial(page.get_by_label("Drop a CSV here, or choose a file").set_input_files, week))
    groups = page.locator("#plan-node-types > [role=group]")
    for place, (name, told) in enumerate(yaml.safe_load(nodes.read_text())["nodes"].items()):
        fields = {"Name": name, "Memory": told["memory"], "Cores": told["cores"]}
        fields |= {"How many": told.get("count", ""), "Price per hour": told["price_per_hour"]}
        for label, value in fields.items():
            field = groups.nth(place).get_by_label(label, exact=True).and_(page.locator("input:not([type=range])"))
            if field.input_value() != str(value):
                there.answered(partial(field.fill, str(value)))
    there.wait_for_state("ready")
    there.focused().blur()
    there.screenshot("plan_a_week")
    assert last_plan(there) == json.loads(run.stdout)


def test_more_memory_never_needs_more_nodes(visit: Open, examples: str) -> None:
    there = visit(examples)
    planned(there, ROWS.replace(",40,", ",9000,").replace(",20,", ",7000,"))
    slider = there.page.get_by_role("group", name="Node type small").get_by_role("slider", name="Memory")
    there.answered(partial(slider.fill, "0"))
    # 256 MiB, where the larger jobs do not fit; every further step holds all of them
    assert fitting(there, "small") == 9000
    found = []
    for _ in range(8):
        there.answered(partial(slider.press, "ArrowRight"))
        assert fitting(there, "small") == 16_000
        bounds = needed(there, "small")
        found.append((bounds[0], bounds[-1]))
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_a_larger_cap_asks_for_no_more_and_the_curve_shows_it(visit: Open, examples: str) -> None:
    there = visit(examples)
    planned(there)
    slider = there.page.get_by_label("Jobs that may run out of memory at first")
    requested = []
    for place in ("1", "2", "3", "4"):
        there.answered(partial(slider.fill, place))
        there.page.wait_for_timeout(50)
        requested.append(float(figures(there)["Requested"].split()[0].replace(",", "")))
    assert there.text("#plan-cap-told") == "at most 10 %"
    plan = last_plan(there)
    caps = [plan["policies"][f"cap_{cap}"]["requested_gbh"]["mean"] for cap in ("0.01", "0.02", "0.05", "0.1")]
    assert requested == pytest.approx(caps, rel=0.006)
    assert requested == sorted(requested, reverse=True)


def test_formulas_are_defused_and_markup_stays_text(visit: Open, examples: str) -> None:
    there = visit(examples)
    planned(there)
    page = there.page
    name = page.get_by_role("group", name="Node type small").get_by_label("Name")
    there.answered(lambda: name.fill(HOSTILE_NODE[:40]))
    assert HOSTILE_NODE[:40] in there.text("#plan-nodes")
    assert page.locator("main img, main script").count() == 0
    text = downloaded(there, "CSV")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert any("HYPERLINK" in cell for cell in cells)
    assert [cell for cell in cells if re.match(r"[=+@\t\r]|-(?!\d)", cell)] == []


def test_names_of_tools_that_do_harm_stay_names(visit: Open, examples: str) -> None:
    there = visit(examples)
    rows = 'tool,count,input_1\nbowtie2,3,2 MB\n"<img src=x onerror=alert(1)>",2,2 MB\n"=1+1",1,2 MB\n'
    planned(there, rows)
    assert there.page.locator("#plan-refused tbody tr").count() == 2
    assert "<img src=x onerror=alert(1)>" in there.text("#plan-refused")
    assert "line 3" in there.text("#plan-refused")
    assert there.page.locator("main img, main script").count() == 0
    assert figures(there)["Jobs"] == "3"


def test_a_link_shows_the_same_plan_to_others(visit: Open, examples: str) -> None:
    there = visit(examples, permissions=["clipboard-read", "clipboard-write"])
    planned(there)
    page = there.page
    there.answered(lambda: page.get_by_label("Jobs that may run out of memory at first").fill("4"))
    there.answered(lambda: page.get_by_role("group", name="Node type small").get_by_label("Cores").fill("6"))
    page.get_by_role("button", name="Copy a link to this plan").click()
    there.until_told("#status", "link is copied")
    link = page.evaluate("navigator.clipboard.readText()")
    other = visit(examples)
    other.go(link.removeprefix(f"{examples}/"))
    other.page.wait_for_selector("#plan-totals > div")
    assert other.page.locator("#plan-rows").input_value() == ROWS
    assert figures(other) == figures(there)
    assert other.text("#plan-nodes") == there.text("#plan-nodes")
    assert last_plan(other) == last_plan(there)


def test_a_link_that_was_cut_short_is_said_to_be(visit: Open, examples: str) -> None:
    there = visit(examples)
    planned(there)
    there.until("() => location.hash.length > 40")
    address = there.page.evaluate("location.hash")
    other = visit(examples)
    other.go(address[: len(address) // 2], state="error")
    assert "may have been cut short" in other.text("#plan-problem")
    # a link that somebody else made up
    stranger = visit(examples)
    stranger.go("#plan?state=q1YqSS0uUbJSykjNyclXKM8vyklRqgUA", state="empty")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("tool,count,input_1\nbowtie2,20,1.4 MB\nbowtie2,many,2 GB\n", "line 3, count"),
        ("tool,count,input_1\nbowtie2,20,1.4 MBB\n", "line 2, input_1"),
        ("count,input_1\n20,1.4 MB\n", "no column tool"),
        ("tool,count,input_1\nbowtie2,20\n", "line 2"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(rows: str, told: str, visit: Open, examples: str) -> None:
    there = visit(examples)
    there.expected.add("422")
    planned(there)
    there.page.locator("#plan-rows").fill(rows)
    there.wait_for_state("error")
    assert told in there.text("#plan-problem")
    # what stood there before is right again
    there.answered(lambda: there.page.locator("#plan-rows").fill(ROWS))
    there.wait_for_state("ready")
    assert there.page.locator("#plan-problem").is_hidden()


def test_jobs_that_fit_no_node_are_told(visit: Open, examples: str) -> None:
    there = visit(examples)
    planned(there)
    page = there.page
    for name in ("medium", "large"):
        there.answered(page.get_by_role("button", name=f"Remove node type {name}").click)
    memory = page.get_by_role("group", name="Node type small").get_by_role("textbox", name="Memory")
    there.answered(lambda: memory.fill("100 MB"))
    assert "60 jobs fit no node" in there.text("#plan-alarms")
    assert page.locator("#plan-nowhere tbody tr").count() == 2
    there.answered(lambda: memory.fill("8 GB"))
    assert there.text("#plan-alarms") == ""
    assert page.locator("#plan-nowhere").is_hidden()
