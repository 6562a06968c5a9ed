"""First requests beside what became of the jobs, and their figures, by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from decided import BUNDLE, MONDAY, TOOL, WEEK, decision, described, record, write_log

from galaxy_memory_rules.memory import GIB
from trainer.decisions import DecisionLog
from trainer.records import JobRecord
from trainer.requests_figures import (
    BROKEN,
    KEPT,
    NOTHING_KNOWN,
    NOTHING_PROMISED,
    WITHIN_CHANCE,
    Figures,
    by_tool,
    figures,
)
from trainer.requests_joined import Joined, Sized, join

GB = 10**9


def joined(folder: Path, lines: list[Any], records: list[JobRecord], since_seconds: float = 0.0) -> Joined:
    return join(records, DecisionLog([write_log(folder / "log", lines)]), since_seconds)


def test_a_job_is_joined_by_its_id(tmp_path: Path) -> None:
    lines = [(MONDAY, 1, described(), decision(4 * GIB, guards=("missing_input",)))]
    [sized] = joined(tmp_path, lines, [record(1, 3 * GIB), record(2, GIB)]).sized
    assert sized == Sized(
        TOOL,
        MONDAY,
        4 * GIB,
        8 * GIB,
        guards=("missing_input",),
        bundle=BUNDLE,
        peak_bytes=3 * GIB,
        run_hours=1.0,
    )
    assert (sized.was_too_little, sized.need_bytes) == (False, 3 * GIB)


def test_what_has_no_counterpart_is_counted(tmp_path: Path) -> None:
    lines = [(MONDAY, number, described(), decision(4 * GIB)) for number in (1, 2, 3)]
    other_tool = replace(record(3, GIB), job=replace(described(), tool_id="another"))
    found = joined(tmp_path, lines, [record(1, GIB), record(9, GIB), other_tool])
    assert (len(found.sized), found.not_asked, found.not_recorded) == (1, 2, 2)


def test_a_killed_attempt_is_known_by_the_one_after_it(tmp_path: Path) -> None:
    second = described(attempt=2, previous_bytes=2 * GIB)
    lines = [
        (MONDAY, 1, described(), decision(2 * GIB)),
        (MONDAY + 60, 1, second, decision(4 * GIB, attempt=2)),
        # Galaxy ran this one out of time, and the rule knew
        (MONDAY, 2, described(), decision(2 * GIB)),
        (MONDAY + 60, 2, described(attempt=2), decision(2 * GIB, attempt=2)),
    ]
    killed, late = joined(tmp_path, lines, [record(1, 3 * GIB, attempt=2), record(2, GIB, attempt=2)]).sized
    assert (killed.was_killed, killed.then_bytes, killed.was_too_little) == (True, 4 * GIB, True)
    assert (late.was_killed, late.was_too_little) == (False, False)


def test_a_kill_that_was_not_tried_again_is_a_failure_and_another_failure_is_none(tmp_path: Path) -> None:
    lines = [(MONDAY, number, described(), decision(2 * GIB)) for number in (1, 2)]
    records = [record(1, 0, outcome="out_of_memory"), record(2, GIB, outcome="failed")]
    found = joined(tmp_path, lines, records)
    assert [sized.was_too_little for sized in found.sized] == [True]
    assert found.failed_otherwise == 1


def test_what_was_said_last_of_one_attempt_counts_whatever_the_order_of_the_files(tmp_path: Path) -> None:
    lines = [(MONDAY + 5, 1, described(), decision(3 * GIB)), (MONDAY, 1, described(), decision(2 * GIB))]
    assert [sized.request_bytes for sized in joined(tmp_path, lines, [record(1, GIB)]).sized] == [3 * GIB]


def test_a_record_that_comes_twice_counts_once(tmp_path: Path) -> None:
    lines = [(MONDAY, 1, described(), decision(3 * GIB))]
    assert len(joined(tmp_path, lines, [record(1, GIB), record(1, GIB)]).sized) == 1


def test_decisions_before_the_span_are_left_out(tmp_path: Path) -> None:
    lines = [(MONDAY + week * WEEK, week, described(), decision(3 * GIB)) for week in (0, 1)]
    records = [record(week, GIB, created_seconds=MONDAY + week * WEEK) for week in (0, 1)]
    found = joined(tmp_path, lines, records, MONDAY + 1)
    assert ([sized.seconds for sized in found.sized], found.not_asked) == ([MONDAY + WEEK], 0)


@pytest.mark.parametrize(
    ("peak_bytes", "was_killed", "expected"),
    [(3 * GIB, False, False), (5 * GIB, False, True), (None, True, True), (9 * GIB, True, True)],
)
def test_a_shadow_request_is_judged_by_what_the_job_used(
    peak_bytes: int | None, was_killed: bool, expected: bool
) -> None:
    # 4 GiB would have been requested, 8 were
    sized = Sized(TOOL, MONDAY, 4 * GIB, 8 * GIB, is_shadow=True, was_killed=was_killed, peak_bytes=peak_bytes)
    assert sized.was_too_little is expected


def test_whether_a_larger_shadow_request_had_been_enough_nobody_knows() -> None:
    assert Sized(TOOL, MONDAY, 9 * GIB, 8 * GIB, is_shadow=True, was_killed=True).was_too_little is None


def test_without_a_log_the_records_tell_what_was_requested(tmp_path: Path) -> None:
    records = [
        record(1, GIB, requested_bytes=2 * GIB),
        record(2, 3 * GIB, requested_bytes=2 * GIB),
        record(3, 3 * GIB, requested_bytes=4 * GIB, attempt=2),
        # 1 GiB, 2, 4
        record(4, 3 * GIB, requested_bytes=4 * GIB, attempt=3),
        record(5, GIB),
    ]
    found = join(records, None)
    assert [sized.request_bytes for sized in found.sized] == [2 * GIB, 2 * GIB, 2 * GIB, GIB]
    assert [sized.was_too_little for sized in found.sized] == [False, True, True, True]
    assert [sized.then_bytes for sized in found.sized] == [None, None, 4 * GIB, 2 * GIB]
    assert found.not_asked == 1


def sized(request_gb: float | None, peak_gb: float, own_gb: float | None = 8, **others: Any) -> Sized:
    request_bytes, own_bytes = (None if gb is None else round(gb * GB) for gb in (request_gb, own_gb))
    return Sized(TOOL, MONDAY, request_bytes, own_bytes, peak_bytes=round(peak_gb * GB), run_hours=2.0, **others)


def test_wastage_is_counted_in_gb_hours_against_the_destination_s_own_memory() -> None:
    found = figures([sized(4, 3), sized(2, 3, was_killed=True, then_bytes=5 * GB), sized(4, 1, own_gb=None)])
    # (4 - 3) * 2 h; the second loses 2 for 2 h and then wastes (5 - 3) * 2 h; the third has no own memory
    assert found.saved is not None
    assert (found.saved.jobs, found.saved.used_gbh) == (2, 12)
    assert found.saved.wasted_gbh == pytest.approx(2 + 4 + 4)
    # by 8 GB each: (8 - 3) * 2 h twice
    assert found.saved.own_wasted_gbh == pytest.approx(20)
    assert found.saved.saved_gbh == pytest.approx(10)
    assert found.saved.saved_share == pytest.approx(0.5)
    # and (4 - 1) * 2 h more where nothing is compared
    assert found.cost is not None
    assert found.cost.wastage_gbh == pytest.approx(16)
    assert (found.judged, found.failures) == (3, 1)
    # (4 + 2 + 4) / 3 and (3 + 3 + 1) / 3
    assert found.mean_request_bytes == pytest.approx(10 * GB / 3)
    assert found.mean_peak_bytes == pytest.approx(7 * GB / 3)


def test_a_job_without_run_time_costs_nothing_but_is_judged() -> None:
    found = figures([replace(sized(4, 3), run_hours=None)])
    assert (found.judged, found.cost, found.saved) == (1, None, None)


def test_fallbacks_are_a_share_of_their_own_and_break_no_promise() -> None:
    jobs = [sized(4, 3), sized(2, 3, is_fallback=True, failure="ServiceBusy"), sized(None, 3, is_fallback=True)]
    found = figures([replace(jobs[0], guards=("a", "b")), *jobs[1:]])
    assert (found.asked, found.fallbacks, found.judged, found.failures) == (3, 2, 1, 0)
    assert (dict(found.guards), dict(found.unavailable)) == ({"a": 1, "b": 1}, {"ServiceBusy": 1})


@pytest.mark.parametrize(
    ("failures", "judged", "cap", "expected"),
    [
        (5, 100, 0.05, KEPT),
        # Wilson: 3.4 to 13.7 % and 5.5 to 17.4 %
        (7, 100, 0.05, WITHIN_CHANCE),
        (10, 100, 0.05, BROKEN),
        # one failure is above 5 % of up to 19 jobs; Wilson for 1 of 1 begins at 20.7 %, for 2 of 2 at 34.2 %
        (1, 1, 0.05, WITHIN_CHANCE),
        (2, 2, 0.05, BROKEN),
        (99, 100, None, NOTHING_PROMISED),
        (0, 0, 0.05, NOTHING_KNOWN),
    ],
)
def test_a_promise_is_broken_where_chance_does_not_explain_it(
    failures: int, judged: int, cap: float | None, expected: str
) -> None:
    assert Figures(judged, 0, judged, failures, {}, {}, *[None] * 4).promise(cap) == expected


def test_each_week_and_each_mode_has_its_figures() -> None:
    jobs = [sized(4, 3), replace(sized(2, 3, is_shadow=True), seconds=MONDAY + WEEK)]
    [found] = by_tool(Joined(jobs), lambda tool: 0.1 if tool == TOOL else None)
    assert (found.tool, found.failure_cap) == (TOOL, 0.1)
    assert list(found.weeks) == ["2026-W48", "2026-W49"]
    assert [(part.asked, part.failures) for part in (found.applied, found.shadow)] == [(1, 0), (1, 1)]
    assert [[part.asked for part in parts] for parts in found.weeks.values()] == [[1, 0], [0, 1]]
    # what was only told breaks nothing
    assert found.promise == KEPT


def test_each_bundle_has_its_figures_in_the_order_in_which_they_answered() -> None:
    old, new = "tool/ffff", "tool/0000"
    jobs = [
        replace(sized(4, 3), bundle=new, seconds=MONDAY + 2),
        replace(sized(2, 3, was_killed=True), bundle=old, seconds=MONDAY),
        replace(sized(4, 3), bundle=old, seconds=MONDAY + 1),
        # nobody answered
        sized(None, 3, is_fallback=True),
    ]
    [found] = by_tool(Joined(jobs), lambda tool: 0.1)
    assert [(name, parts[0].judged, parts[0].failures) for name, parts in found.bundles.items()] == [
        (old, 2, 1),
        (new, 1, 0),
    ]
