"""The command that compares what was requested with what was used."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from decided import BUNDLE, MONDAY, TOOL, WEEK, decision, described, record, write_log

from galaxy_memory_rules.memory import GIB
from trainer import canonical
from trainer.__main__ import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 jobs of 3 GiB in two weeks, all of which asked for 4 GiB; the destination's own memory is 8 GiB."""
    weeks = {number: MONDAY + number % 2 * WEEK for number in range(40)}
    write_log(
        tmp_path / "decisions.jsonl", [(weeks[job_id], job_id, described(), decision(4 * GIB)) for job_id in weeks]
    )
    (tmp_path / "exported").mkdir()
    canonical.write([record(job_id, 3 * GIB) for job_id in weeks], tmp_path / "exported" / "tool.parquet")
    return tmp_path


def report(folder: Path, *more: str) -> int:
    log = str(folder / "decisions.jsonl")
    return main(["report-requests", str(folder / "exported"), "--decisions", log, *more])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


def test_a_kept_promise_is_status_0_and_says_what_was_saved(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(folder, "--format", "json") == 0
    [tool] = told(capsys)["tools"]
    assert (tool["tool"], tool["failure_cap"], tool["promise"]) == (TOOL, 0.05, "kept")
    applied = tool["applied"]
    assert (applied["judged"], applied["failures"], applied["fallback_share"]) == (40, 0, 0.0)
    # 4 GiB less for an hour each: 40 * 4 * 1.073741824
    assert applied["saved"]["saved_gbh"] == pytest.approx(171.79869184)
    assert applied["saved"]["saved_share"] == pytest.approx(4 / 5)
    assert [week["week"] for week in tool["weeks"]] == ["2026-W48", "2026-W49"]
    assert [week["applied"]["judged"] for week in tool["weeks"]] == [20, 20]
    assert [(build["bundle"], build["applied"]["judged"]) for build in tool["bundles"]] == [(BUNDLE, 40)]


def test_the_same_as_tables(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Requests that jobs got"
    assert lines[2].startswith(f"{TOOL}  all")
    assert "172 (80\N{NO-BREAK SPACE}%)" in lines[2]
    # 4 and 3 GiB
    assert "4.29\N{NO-BREAK SPACE}GB    3.22\N{NO-BREAK SPACE}GB" in lines[2]
    assert [line.split()[0] for line in lines[3:6]] == ["2026-W48", "2026-W49", BUNDLE.rpartition("/")[2]]
    assert not any("shadow" in line for line in lines[6:7])


def test_a_broken_promise_is_status_1_so_that_cron_can_act(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peaks = [5 * GIB if job_id < 10 else 3 * GIB for job_id in range(40)]
    records = [record(job_id, peak_bytes) for job_id, peak_bytes in enumerate(peaks)]
    canonical.write(records, folder / "exported" / "tool.parquet")
    assert report(folder) == 1
    assert f"{TOOL}: BROKEN" in capsys.readouterr().out
    # what was promised is what the sizing file says
    (folder / "sizing.yml").write_text("tools:\n  tool: {failure_cap: 0.2}\n")
    assert report(folder, "--sizing", str(folder / "sizing.yml")) == 0
    assert report(folder, "--failure-cap", "none") == 0


def test_a_shadow_mode_is_compared_with_what_the_destination_gave(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shadow = decision(None, shadow_bytes=2 * GIB)
    write_log(folder / "decisions.jsonl", [(MONDAY, job_id, described(), shadow) for job_id in range(40)])
    # all 40 would have run out of memory, but none did
    assert report(folder, "--format", "json") == 0
    [tool] = told(capsys)["tools"]
    assert (tool["applied"]["asked"], tool["shadow"]["failures"]) == (0, 40)
    # 2 GiB lost, then 4 for 3: 3 GiB, where the destination's own 8 waste 5
    assert tool["shadow"]["saved"]["saved_gbh"] == pytest.approx(40 * 2 * 1.073741824)
    assert report(folder) == 0
    assert capsys.readouterr().out.startswith("In shadow mode")


def test_it_can_look_at_one_server_and_at_the_last_days_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [record(job_id, 3 * GIB, server="eu" if job_id < 30 else "org") for job_id in range(40)]
    canonical.write(records, folder / "exported" / "tool.parquet")
    now = time.time()
    lines = [(now - day * 86400 - 1, day, described(), decision(4 * GIB)) for day in range(40)]
    write_log(folder / "decisions.jsonl", lines)
    for options, jobs in (((), 40), (("--server", "eu"), 30), (("--since", "28d"), 28), (("--since", "2100-01-01"), 0)):
        assert report(folder, "--format", "json", *options) == 0
        tools = told(capsys)["tools"]
        assert sum(tool["applied"]["judged"] for tool in tools) == jobs


def test_without_a_log_the_records_alone_tell(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "exported" / "tool.csv.gz"
    (folder / "exported" / "tool.parquet").unlink()
    canonical.write([record(1, 3 * GIB, requested_bytes=4 * GIB)], path)
    assert main(["report-requests", str(path)]) == 0
    assert "no decision log" in capsys.readouterr().out


def test_damaged_lines_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "decisions.jsonl").open("a") as file:
        file.write('{"time": 17')
    assert report(folder) == 0
    assert "1 lines of the log were passed over" in capsys.readouterr().out


def test_results_can_be_written_to_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(folder, "--format", "json", "-o", str(folder / "out" / "report.json")) == 0
    assert capsys.readouterr().out == ""
    assert json.loads((folder / "out" / "report.json").read_text())["broken"] == []


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda folder: (folder / "exported" / "tool.parquet").unlink(), "a folder without tables"),
        (lambda folder: (folder / "exported" / "b.csv").write_text("a,b\n1,2\n"), "no canonical table"),
        (lambda folder: (folder / "decisions.jsonl").write_text("text"), "no decision log"),
        (lambda folder: (folder / "decisions.jsonl").unlink(), "no such file"),
    ],
)
def test_what_cannot_be_used_is_named_and_is_status_2(
    damage: Any, complaint: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(folder)
    assert report(folder) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert complaint in line


def test_a_span_that_is_none_is_refused(folder: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        report(folder, "--since", "yesterday")
    assert ended.value.code == 2


def test_a_tool_whose_peak_follows_its_request_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    requests = [(4 + job_id // 20) * GIB for job_id in range(40)]
    records = [
        record(job_id, request * 9 // 10 + job_id % 7, requested_bytes=request, created_seconds=MONDAY + job_id)
        for job_id, request in enumerate(requests)
    ]
    canonical.write(records, folder / "exported" / "tool.parquet")
    report(folder, "--format", "json")
    [tool] = told(capsys)["tools"]
    assert tool["follows_request"].startswith("follows its request")
    report(folder)
    assert f"{TOOL}: follows its request" in capsys.readouterr().out
