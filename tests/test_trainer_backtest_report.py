"""The results of several tools as tables and as JSON, with sums that a hand can do."""

import json
from typing import Any

import numpy as np
import pytest

from trainer.backtest_report import Report, ToolResult, as_json, as_text
from trainer.replay import Replay, replay

GB = 1e9
OURS, RULE = "ours", "in force (4.00 GiB)"


def cost(request_gb: float, *peaks_gb: float) -> Replay:
    return replay(np.full(len(peaks_gb), request_gb * GB), np.array(peaks_gb) * GB)


def result(tool: str, replays: dict[str, Replay], unit: str = "GB·job", **told: Any) -> ToolResult:
    jobs = max((one.jobs for one in replays.values()), default=0)
    counts: dict[str, Any] = {"dropped": {}, "flagged": {}, "unavailable": {}, **told}
    return ToolResult(tool, f"{tool}.csv", "peak", "inputs", unit, jobs, jobs, replays=replays, **counts)


# wasted: 1 + 0 of 5 used; 2 + 1 of 5 used
SMALL = result("small", {OURS: cost(3, 2, 3), RULE: cost(4, 2, 3)}, dropped={"repeats another row": 2})
# wasted: 10 + 0, where the second attempt of the first job has 40; 40 + 20
LARGE = result("large", {OURS: cost(20, 10, 20), RULE: cost(40, 0.5, 19.5)})
HOURS = result("hours", {OURS: cost(2, 1)}, unit="GB·h", unavailable={RULE: "nobody knows"})


def report(*tools: ToolResult, failed: tuple[str, ...] = ()) -> Report:
    return Report(0.05, RULE, tools, failed)


def test_a_tool_has_the_figures_of_each_policy_and_what_ours_saves() -> None:
    [tool] = report(SMALL).to_dict()["tools"]
    ours = tool["policies"][OURS]
    assert (ours["wastage"], ours["used"], ours["requested"]) == (1, 5, 6)
    assert (ours["rel"], ours["attempts"], ours["requested_per_used"]) == (1.2, 1, 1.2)
    assert ours["failure_rate"] == 0
    assert ours["failure_interval"] == [0, pytest.approx(0.6576, abs=1e-4)], "Wilson's for 0 of 2: z^2 / (2 + z^2)"
    # 1 instead of 2 + 1
    assert tool["saved"] == {"wastage": 2, "share": pytest.approx(2 / 3)}


def test_tools_are_pooled_by_their_sums_and_by_the_geometric_mean() -> None:
    [pool] = report(SMALL, LARGE).to_dict()["pooled"]
    ours = pool["policies"][OURS]
    assert (pool["jobs"], ours["jobs"]) == (4, 4)
    # 1 of 5 and 10 of 30
    assert ours["wastage"] == 11
    assert ours["rel"] == pytest.approx(1 + 11 / 35)
    assert ours["rel_geometric_mean"] == pytest.approx((1.2 * (1 + 10 / 30)) ** 0.5)
    # 3 and 39.5 + 20.5
    assert pool["saved"]["wastage"] == pytest.approx(63 - 11)
    assert pool["saved"]["share"] == pytest.approx(52 / 63)


def test_attempts_and_failures_are_those_of_all_jobs() -> None:
    one = result("one", {OURS: cost(1, 4)})
    three = result("three", {OURS: cost(1, 1, 1, 1)})
    [pool] = report(one, three).to_dict()["pooled"]
    # 1, 2 and 4 for the one job
    assert pool["policies"][OURS]["attempts"] == pytest.approx((3 + 1 + 1 + 1) / 4)
    assert pool["policies"][OURS]["failure_rate"] == 0.25


def test_hours_and_jobs_are_not_added_up() -> None:
    pools = report(SMALL, HOURS, LARGE).to_dict()["pooled"]
    assert [(pool["unit"], pool["tools"]) for pool in pools] == [("GB·job", ["small", "large"]), ("GB·h", ["hours"])]


def test_a_policy_that_one_tool_lacks_is_not_pooled() -> None:
    lacking = result("lacking", {OURS: cost(3, 2, 3)}, unavailable={RULE: "nobody knows"})
    [pool] = report(SMALL, lacking).to_dict()["pooled"]
    assert list(pool["policies"]) == [OURS]
    assert pool["unavailable"] == {RULE: "at 1 of 2 tools"}
    assert pool["saved"] is None


def test_json_is_the_report_with_numbers_as_numbers() -> None:
    told = report(SMALL, HOURS, failed=("broken.csv: empty",))
    content = json.loads(as_json(told))
    assert content == told.to_dict()
    assert (content["failure_cap"], content["in_force"], content["failed"]) == (0.05, RULE, ["broken.csv: empty"])
    small = content["tools"][0]
    assert (small["unit"], small["division"], small["jobs"], small["asked"]) == ("GB·job", "inputs", 2, 2)
    assert small["dropped"] == {"repeats another row": 2}
    assert all(isinstance(value, (int, float, list)) for value in small["policies"][OURS].values())


def test_the_table_names_the_best_figures_of_each_policy() -> None:
    text = as_text(report(SMALL, LARGE))
    small, large, pool, legend = text.split("\n\n")
    head, dropped, columns, ours, rule, saved = small.splitlines()
    assert head == "small: 2 jobs of small.csv, 2 asked for, division inputs"
    assert dropped == "dropped: 2 repeats another row"
    assert columns.split()[:4] == ["policy", "wasted", "GB·job", "rel"]
    assert ours.split()[:3] == ["ours", "1.000", "1.200"]
    assert len(columns) == len(ours) == len(rule)
    assert saved == "ours wastes 1.000 GB·job instead of 3.000: 67% less than in force (4.00 GiB)"
    assert large.startswith("large: 2 jobs of large.csv")
    assert pool.startswith("all 2 tools with GB·job: 4 jobs")
    assert "geo. mean rel" in pool
    assert legend.startswith("failure cap 0.05; rel = ")


def test_what_is_missing_is_told_instead_of_a_figure() -> None:
    text = as_text(report(HOURS))
    assert f"{RULE}: unavailable: nobody knows" in text
    assert "instead of" not in text
    assert "all 1 tools" not in text


def test_ours_may_waste_more() -> None:
    worse = result("worse", {OURS: cost(3, 1), RULE: cost(2, 1)})
    assert "ours wastes 2.000 GB·job instead of 1.000: 100% more" in as_text(report(worse))
