"""Nextflow's traces -> records."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules.messages import InputDataset
from trainer.features import TOTALS_INPUT
from trainer.readers import read
from trainer.readers.nextflow import is_trace, measured
from trainer.records import JobRecord, ToolRecords

TRACES = Path(__file__).parents[2] / "shared/data/nextflow"
COLUMNS = "task_id,process,name,status,exit,cpus,memory,attempt,submit,realtime,rss,peak_rss,rchar"
RAW = "1,A:ALIGN,A:ALIGN (x),COMPLETED,0,12,4294967296,1,1000000,7200000,90,100,5000"


def read_trace(lines: list[str], folder: Path, label: str = "peak_rss", columns: str = COLUMNS) -> list[ToolRecords]:
    path = folder / "trace.csv"
    path.write_text("\n".join([columns, *lines]) + "\n")
    return read(path, label)


def test_a_raw_trace_is_in_bytes_and_milliseconds(tmp_path: Path) -> None:
    [found] = read_trace([RAW], tmp_path)
    [record] = found.records
    assert (found.tool, record.job.tool_id, record.peak_bytes) == ("A:ALIGN", "A:ALIGN", 100)
    # the bytes read stand for the inputs, whose sizes a trace does not tell
    assert record.job.inputs == (InputDataset(TOTALS_INPUT, 5000, None, 1),)
    assert (record.job.slots, record.job.attempt, record.job.parameters) == (12, 1, {})
    assert (record.requested_bytes, record.limit_bytes, record.outcome) == (4294967296, None, "ok")
    assert (record.run_seconds, record.created_seconds) == (7200, 1000)


def test_the_label_chooses_between_the_peak_and_the_last_measurement(tmp_path: Path) -> None:
    assert read_trace([RAW], tmp_path, "rss")[0].records[0].peak_bytes == 90


def test_processes_of_one_name_in_two_subworkflows_are_two_tools(tmp_path: Path) -> None:
    found = read_trace([RAW, RAW.replace("A:ALIGN", "B:ALIGN"), RAW], tmp_path)
    assert [(tool.tool, len(tool.records)) for tool in found] == [("A:ALIGN", 2), ("B:ALIGN", 1)]


def test_nextflows_own_columns_have_units_and_a_name_for_the_process(tmp_path: Path) -> None:
    columns = "task_id,hash,native_id,name,status,exit,submit,duration,realtime,%cpu,peak_rss,peak_vmem,rchar,wchar"
    row = "3,62/ef,9,sort (list(3).txt),COMPLETED,0,1970-01-01 00:00:10.5,11m,10m 3s,9.0%,1.5 GB,2 GB,2 KB,0"
    [found] = read_trace([row.replace(",", "\t")], tmp_path, columns=columns.replace(",", "\t"))
    [record] = found.records
    # 1.5 * 1024 ** 3 and 2 * 1024 bytes, 10 * 60 + 3 seconds
    assert (found.tool, record.peak_bytes, record.job.inputs[0].size_bytes) == ("sort", 1610612736, 2048)
    assert (record.run_seconds, record.created_seconds, record.job.slots) == (603, 10.5, None)
    assert record.requested_bytes is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45ms", 0.045),
        ("1.1s", 1.1),
        ("2d 3h", 183600),  # 2 * 86400 + 3 * 3600
        ("1h 2m 3s", 3723),
        ("45", 0.045),
        ("0", 0),
        ("-", None),
        ("soon", None),
        ("3s or so", None),
    ],
)
def test_a_run_time_is_in_milliseconds_or_has_units(text: str, seconds: float | None) -> None:
    assert measured({"realtime": text})["run_seconds"] == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        ("COMPLETED", "0", "ok"),
        ("CACHED", "0", "ok"),
        ("FAILED", "1", "failed"),
        ("ABORTED", "-", "failed"),
        *[("FAILED", code, "out_of_memory") for code in ("137", "140", "143", "247")],
    ],
)
def test_an_exit_code_tells_a_kill_for_memory(status: str, code: str, outcome: str) -> None:
    assert measured({"status": status, "exit": code})["outcome"] == outcome


def test_tasks_without_a_peak_or_a_run_time_are_dropped_and_counted(tmp_path: Path) -> None:
    without_peak, without_time = RAW.replace(",100,", ",-,"), RAW.replace(",7200000,", ",0,")
    [found] = read_trace([RAW, without_peak, without_time, without_time.replace(",0,90", ",-,90")], tmp_path)
    assert (len(found.records), found.dropped) == (1, {"no peak recorded": 1, "no run time recorded": 2})


def test_a_trace_without_the_column_of_run_times_keeps_its_tasks(tmp_path: Path) -> None:
    [found] = read_trace(["sort,100"], tmp_path, columns="process,peak_rss")
    assert found.records[0].run_seconds is None
    assert found.records[0].job.inputs == ()


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [(",100,", ",many,", "peak_rss: 'many' is no number"), (",5000", ",-5", "rchar: '-5' is no number")],
)
def test_a_cell_that_cannot_be_read_is_named_by_line_and_column(
    before: str, after: str, complaint: str, tmp_path: Path
) -> None:
    [found] = read_trace([RAW, RAW.replace(before, after)], tmp_path)
    assert found.fault is not None
    assert "line 3: " in str(found.fault)
    assert complaint in str(found.fault)


def test_a_trace_is_known_by_its_columns() -> None:
    assert is_trace(COLUMNS.split(","))
    assert not is_trace(["process", "memory.peak"])
    assert not is_trace(["name", "rss"])


@given(st.integers(1, 10**9), st.integers(0, 10**6), st.integers(1, 10**7), st.integers(0, 10**12))
def test_units_change_nothing(kib: int, hours: int, milliseconds: int, submit: int) -> None:
    raw = {"memory": str(kib * 1024), "realtime": str(hours * 3600000 + milliseconds), "submit": str(submit)}
    written = {**raw, "memory": f"{kib} KB", "realtime": f"{hours}h {milliseconds}ms"}
    assert {**measured(raw), "run_seconds": 0} == {**measured(written), "run_seconds": 0}
    assert measured(raw)["run_seconds"] == pytest.approx(measured(written)["run_seconds"])


# Sizey's own protocol: the process has no task without a run time, and at least 34 tasks with a peak.
# The study counted 13 and 9 such processes in eager and methylseq, of which 70 % of the tasks, rounded up, were sized.
@pytest.mark.parametrize(
    ("trace", "rows", "processes", "tasks", "sized"),
    [("eager", 1576, 19, 1576, (13, 1102)), ("iwd", 1661, 6, 1661, (5, 1165)), ("methylseq", 1083, 13, 957, (9, 634))],
)
def test_public_traces_are_read_whole(
    trace: str, rows: int, processes: int, tasks: int, sized: tuple[int, int]
) -> None:
    path = TRACES / f"trace_{trace}.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there: public traces lie beside the checkout")
    found = read(path, "rss")
    with path.open() as file:
        assert rows == sum(1 for _ in csv.reader(file)) - 1
    assert (len(found), sum(len(tool.records) for tool in found)) == (processes, tasks)
    assert rows == sum(len(tool.records) + tool.dropped.total() for tool in found)
    assert all(_complete(record) for tool in found for record in tool.records)
    kept = [len(tool.records) for tool in found if len(tool.records) >= 34 and not tool.dropped["no run time recorded"]]
    assert (len(kept), sum(-(-count * 7 // 10) for count in kept)) == sized


def _complete(record: JobRecord) -> bool:
    return bool(record.run_seconds and record.created_seconds and record.requested_bytes and record.job.inputs)
