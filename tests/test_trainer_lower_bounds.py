"""Killed attempts without metrics as records that need more than they had."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import recorded
from decided import MONDAY, TOOL, decision, described, record, write_log
from test_trainer_run import ARGUMENTS, SMALL_MODELS

from galaxy_memory_rules.memory import GIB, MIB
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import bundle
from trainer.__main__ import main
from trainer.decisions import DecisionLog
from trainer.history import KILLED_NEEDS, History
from trainer.hygiene import KILLED, clean
from trainer.lower_bounds import Bounded, with_killed
from trainer.records import JobRecord, ToolRecords


def again(job_id: Any, attempt: int, previous_bytes: int | None) -> tuple[float, Any, JobDescription, Any]:
    """The rule is asked for a later attempt."""
    asked = described(attempt=attempt, previous_bytes=previous_bytes)
    return MONDAY + attempt, job_id, asked, decision(2 * (previous_bytes or GIB), attempt=attempt)


def bounded(folder: Path, records: Sequence[JobRecord], *lines: Any, tool: str = TOOL) -> Bounded:
    log = DecisionLog([write_log(folder / "log", lines)])
    [found] = with_killed([ToolRecords(tool, "file", "peak_bytes", list(records))], log)
    return found


def test_a_killed_attempt_needs_more_than_it_had(tmp_path: Path) -> None:
    found = bounded(tmp_path, [record(1, GIB)], again(7, 2, 3 * GIB))
    assert (found.added, found.known) == (1, 0)
    added = found.found.records[-1]
    # it is described as it was: the first attempt, of which nothing was known before
    assert added.job == described()
    assert (added.outcome, added.peak_bytes, added.limit_bytes, added.requested_bytes) == (
        "out_of_memory",
        *(3 * GIB,) * 3,
    )
    assert (added.job_id, added.created_seconds) == ("7", MONDAY + 2)
    [_, need_bytes] = History.of(found.found.records).peaks_bytes
    assert need_bytes == pytest.approx(KILLED_NEEDS * 3 * GIB)
    cleaned = clean(found.found.records)
    assert cleaned.censored.tolist() == [False, True]
    assert cleaned.flagged[KILLED] == 1


def test_it_counts_as_long_as_jobs_of_its_tool_run_so_that_costs_stay_in_gb_hours(tmp_path: Path) -> None:
    records = [record(number, GIB, run_seconds=seconds) for number, seconds in enumerate((60.0, 7200.0, 3600.0))]
    found = bounded(tmp_path, records, again(7, 2, 3 * GIB)).found
    assert History.of(found.records).unit == "GB·h"
    assert found.records[-1].run_seconds == 3600.0
    without = bounded(tmp_path, [*records, record(4, GIB, run_seconds=None)], again(7, 2, 3 * GIB)).found
    assert without.records[-1].run_seconds is None


def test_of_a_job_that_was_killed_twice_the_last_kill_tells_most(tmp_path: Path) -> None:
    lines = [again(7, 3, 4 * GIB), again(7, 2, 2 * GIB), again(7, 2, 2 * GIB)]
    found = bounded(tmp_path, [], *lines)
    assert [(one.peak_bytes, one.job.attempt) for one in found.found.records] == [(4 * GIB, 2)]


@pytest.mark.parametrize(
    ("told", "added"),
    [
        # what it used at last is known
        ({"peak_bytes": 3 * GIB, "attempt": 2}, 0),
        ({"peak_bytes": GIB, "attempt": 2}, 0),
        # killed again, and its record tells at how much
        ({"peak_bytes": 4 * GIB, "attempt": 2, "outcome": "out_of_memory"}, 0),
        # whatever it failed of, it had been killed before with more
        ({"peak_bytes": GIB, "attempt": 2, "outcome": "failed"}, 1),
    ],
)
def test_a_job_is_not_counted_twice(told: dict[str, Any], added: int, tmp_path: Path) -> None:
    found = bounded(tmp_path, [record(7, **told)], again(7, 2, 2 * GIB))
    assert (found.added, found.known, len(found.found.records)) == (added, 1 - added, 1 + added)


def test_an_attempt_that_did_not_end_for_want_of_memory_is_no_bound(tmp_path: Path) -> None:
    found = bounded(tmp_path, [record(1, GIB)], again(7, 2, None))
    assert (found.added, found.known) == (0, 0)


@pytest.mark.parametrize(
    ("tool", "added"), [(TOOL, 1), (f"{TOOL}/1.0", 1), (f"{TOOL}/2.0", 1), ("tool", 1), ("other", 0)]
)
def test_its_tool_is_found_by_every_name_it_may_have(tool: str, added: int, tmp_path: Path) -> None:
    assert bounded(tmp_path, [], again(7, 2, GIB), tool=tool).added == added


def test_a_sample_of_many_jobs_gets_none_for_it_has_its_share_of_them(tmp_path: Path) -> None:
    log = DecisionLog([write_log(tmp_path / "log", [again(7, 2, GIB)])])
    [found] = with_killed([ToolRecords(TOOL, "file", "peak_bytes", [record(1, GIB)], sampled=9)], log)
    assert (found.added, found.known, len(found.found.records)) == (0, 1, 1)


def test_training_learns_from_attempts_that_left_no_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No job that ended well used more than 180 MiB, and 4 of 16 were killed at 1 GiB."""
    monkeypatch.chdir(tmp_path)
    recorded.write(tmp_path / "good.csv", recorded.rows(12))
    (tmp_path / "models.json").write_text(json.dumps(SMALL_MODELS))
    (tmp_path / "input_files.csv").write_text(f"input_file,label\ngood.csv,{recorded.LABEL}\n")
    job = JobDescription(
        "good", inputs=(InputDataset("input_1", 50 * MIB, "fastqsanger"),), parameters={"mode": "fast"}
    )
    asked = replace(job, attempt=2, previous_request_bytes=GIB)
    lines = [(MONDAY, number, asked, decision(2 * GIB, attempt=2)) for number in range(4)]
    assert main(ARGUMENTS) == 0
    without = bundle.load(tmp_path / "models" / "good")
    write_log(tmp_path / "log.jsonl", lines)
    assert main([*ARGUMENTS, "--decisions", "log.jsonl"]) == 0
    found = bundle.load(tmp_path / "models" / "good")
    assert "good: 4 killed attempts added" in capsys.readouterr().out
    assert (without.sizing.rows, found.sizing.rows) == (12, 16)
    assert without.sizing.tool_bytes < 250 * MIB
    assert found.sizing.tool_bytes == pytest.approx(KILLED_NEEDS * GIB)
    assert found.facts["rows"]["flagged"][KILLED] == 4


def test_a_log_that_is_none_is_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    recorded.write(tmp_path / "good.csv", recorded.rows(12))
    (tmp_path / "models.json").write_text(json.dumps(SMALL_MODELS))
    (tmp_path / "input_files.csv").write_text(f"input_file,label\ngood.csv,{recorded.LABEL}\n")
    assert main([*ARGUMENTS, "--decisions", "nowhere.jsonl"]) == 2
    assert "--decisions: nowhere.jsonl: no such file" in capsys.readouterr().err
