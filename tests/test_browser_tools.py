"""The view Tools in a real browser: what is loaded, and what the training of each was worth."""

import pytest
import requests
from browsing import HOSTILE, TURNED, Open

pytestmark = pytest.mark.browser


def test_every_tool_is_listed_with_what_it_promised_and_kept(visit: Open, examples: str) -> None:
    there = visit(examples)
    page = there.go("#tools")
    tools = requests.get(f"{examples}/v1/tools", timeout=10).json()["tools"]
    rows = page.locator("#tools-table tbody tr")
    assert rows.count() == len(tools) == 2
    for tool in tools:
        row = page.locator("#tools-table tbody tr", has=page.get_by_role("link", name=tool["tool"], exact=True))
        text = row.inner_text().replace("\u00a0", " ")
        assert f"{tool['rows']}" in text
        assert f"{tool['promised_failure_rate'] * 100:g} %" in text
        assert f"{round(tool['achieved_failure_rate'] * 100, 1):g} %" in text
        assert f"{round(abs(tool['wastage_saved_share']) * 100, 1):g} %" in text


def test_a_report_is_one_click_away_and_back_is_back(visit: Open, examples: str) -> None:
    there = visit(examples)
    page = there.go("#tools")
    page.get_by_role("link", name="hisat2", exact=True).click()
    page.wait_for_selector("#tool-recorded .dots")
    assert page.evaluate("location.hash") == "#tools/hisat2"
    details = requests.get(f"{examples}/v1/tools/hisat2", timeout=10).json()
    report = there.text("#tool-report")
    assert details["bundle"] in report
    for name, version in details["versions"].items():
        assert name.replace("_", " ") in report and version in report
    for reason in details["rows_dropped"]:
        assert reason in report
    # examples/*.csv tell no run times: every job counts alike
    assert details["wastage_unit"] == "GB·job"
    assert "wasted GB·job" in report
    assert "GB·h" not in report
    assert (page.get_attribute("#tool-recorded .dots", "d") or "").count("M") == len(details["recorded"]["peaks_bytes"])
    page.get_by_role("link", name="Ask with this tool").click()
    there.until_told("#ask-bundle", "hisat2")
    page.go_back()
    page.wait_for_selector("#tool-recorded .dots")
    page.go_back()
    page.wait_for_selector("#tools-table tbody tr")


def test_the_table_is_sorted_by_any_column_and_narrowed_down(visit: Open, thousand: str) -> None:
    there = visit(thousand)
    page = there.go("#tools")
    assert there.text("#tools-count") == "1,000 tools"
    first = page.locator("#tools-table tbody tr").first
    heading = page.get_by_role("columnheader", name="Tool")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    ascending = first.inner_text()
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert first.inner_text() != ascending
    page.get_by_label("Show tools whose name holds").fill("tool99")
    # tool99 and tool990 to tool997
    assert page.locator("#tools-table tbody tr:visible").count() == 9
    assert there.text("#tools-count") == "9 of 1,000 tools"


@pytest.mark.parametrize("name", [HOSTILE, TURNED])
def test_a_hostile_name_is_listed_and_opened_as_a_name(name: str, visit: Open, thousand: str) -> None:
    there = visit(thousand)
    # what no job may be called has no details either
    there.expected.add("422")
    page = there.go("#tools")
    page.get_by_label("Show tools whose name holds").fill(name[:6])
    link = page.locator("#tools-table tbody tr:visible a")
    assert link.inner_text() == name
    link.click()
    page.wait_for_selector("#tool-report-title")
    assert page.locator("main img, main script").count() == 0
    title = page.locator("#tool-report-title").inner_text()
    assert title == name if name == HOSTILE else "No report"
