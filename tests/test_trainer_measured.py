"""Cells of an export -> how a job ended, its limit, its request and its times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer import measured as module
from trainer.measured import amount_bytes, is_measured, measured, seconds_since_1970

GIB = 1024**3
MIB = 1024**2
NO_LIMIT = "9223372036854771712.0000000"
TERMINATED = "This job was terminated because it used more memory than it was allocated."


def test_a_row_that_tells_nothing_ended_well_and_has_no_measurements() -> None:
    assert measured({"mode": "fast"}) == {
        "outcome": "ok",
        "limit_bytes": None,
        "requested_bytes": None,
        "run_seconds": None,
        "created_seconds": None,
    }


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ({"state": "ok"}, "ok"),
        ({"state": "ok", "exit_code": "1"}, "ok"),  # the tool takes 1 for success
        ({"state": "error", "exit_code": "1"}, "failed"),
        ({"state": "deleted"}, "failed"),
        ({"state": "", "exit_code": "0"}, "ok"),
        ({"exit_code": "139"}, "failed"),  # a segmentation fault
        ({"exit_code": "137.0000000"}, "out_of_memory"),
        ({"state": "error", "exit_code": "-9"}, "out_of_memory"),
        ({"state": "error", "exit_code": "", "info": TERMINATED}, "out_of_memory"),
        ({"state": "error", "info": "Tool failed due to insufficient memory. Try with more memory."}, "out_of_memory"),
        ({"state": "error", "info": "slurmstepd: error: Exceeded job memory limit"}, "out_of_memory"),
        ({"state": "error", "info": "no such file"}, "failed"),
        ({"state": "ok", "info": "retried after running out of memory"}, "ok"),
        # the kernel killed a process of the job, whatever the tool made of it
        ({"state": "ok", "memory.oom_control.oom_kill": "1.0000000"}, "out_of_memory"),
        ({"state": "ok", "memory.events.oom_kill": "2"}, "out_of_memory"),
        ({"state": "ok", "memory.events.oom_kill": "0E-7"}, "ok"),
        # the limit was reached, nobody was killed
        ({"state": "ok", "memory.failcnt": "8812", "memory.oom_control.under_oom": "1"}, "ok"),
    ],
)
def test_a_job_ended_as_its_state_and_the_signs_of_a_kill_tell(row: dict[str, str], outcome: str) -> None:
    assert measured(row)["outcome"] == outcome


@pytest.mark.parametrize(
    ("row", "limit_bytes"),
    [
        ({"memory.limit_in_bytes": "17179869184.0000000"}, 16 * GIB),
        ({"memory.limit_in_bytes": NO_LIMIT}, None),
        ({"memory.limit_in_bytes": "0E-7"}, None),  # outside of any cgroup of its own
        ({"memory.soft_limit_in_bytes": "17179869184"}, None),  # soft limits confine nothing
        ({"memory.max": "max"}, None),
        ({"memory.max": "1073741824"}, GIB),
        ({"memory.limit_in_bytes": NO_LIMIT, "limits_memory": "12Gi"}, 12 * GIB),
        ({"memory.limit_in_bytes": "much"}, None),
    ],
)
def test_a_limit_is_what_the_job_was_confined_to(row: dict[str, str], limit_bytes: int | None) -> None:
    assert measured(row)["limit_bytes"] == limit_bytes


@pytest.mark.parametrize(
    ("row", "requested_bytes"),
    [
        ({"galaxy_memory_mb": "4096.0000000"}, 4 * GIB),
        ({"galaxy_memory_mb": "", "tpv_mem": "3.5"}, 3584 * MIB),  # 3.5 * 1024
        ({"galaxy_memory_mb": "1024", "tpv_mem": "3.5"}, GIB),
        ({"request_memory": "12G"}, 12 * GIB),
        ({"request_memory": "2048"}, 2 * GIB),  # HTCondor counts in MiB
        ({"native_specification": "--ntasks=2 --mem=4096"}, 4 * GIB),  # as Slurm does
        ({"nativeSpecification": "--mem 8G --time=1:00"}, 8 * GIB),
        ({"submit_native_specification": "--mem-per-cpu=8G"}, None),
        ({"native_specification": "--mem=0"}, None),  # all there is
        ({"requests_memory": "12Gi"}, 12 * GIB),
        ({"docker_memory": "512m"}, 512 * MIB),
        ({"tpv_mem": "mem * 2"}, None),
    ],
)
def test_a_request_is_read_wherever_it_was_written(row: dict[str, str], requested_bytes: int | None) -> None:
    assert measured(row)["requested_bytes"] == requested_bytes


@pytest.mark.parametrize(
    ("row", "run_seconds"),
    [
        ({"runtime_seconds": "21.0000000"}, 21),
        ({"galaxy_runtime": "21"}, 21),
        ({"runtime_seconds": "long", "start_epoch": "100", "end_epoch": "121.5"}, 21.5),
        ({"start_epoch": "100", "end_epoch": "99"}, None),
        ({"start_epoch": "100"}, None),
    ],
)
def test_a_run_time_is_told_or_is_what_lies_between_start_and_end(
    row: dict[str, str], run_seconds: float | None
) -> None:
    assert measured(row)["run_seconds"] == run_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02 00:00:01.5", 86401.5),  # a day is 86400 seconds
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:10Z", 10),
        ("1970-01-02", 86400),
        ("1665356964.0000000", 1665356964),
        ("0", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, seconds: float | None) -> None:
    assert seconds_since_1970(text) == seconds


def test_what_comes_first_stands_before_when_it_started() -> None:
    row = {"create_time": "1970-01-01 00:00:10", "start_epoch": "20"}
    assert measured(row)["created_seconds"] == 10
    assert measured({**row, "create_time": "nan"})["created_seconds"] == 20


def test_every_column_that_is_read_afterwards_is_kept_from_the_models() -> None:
    columns = {*module._LIMITS, *module._REQUESTS, *module._RUN_TIMES, *module._CREATED, *module._KILL_COUNTS}
    assert [column for column in {*columns, "state", "exit_code", "info", "end_epoch"} if not is_measured(column)] == []
    assert not is_measured("analysis_type_selector")


@given(st.text() | st.from_regex(module.NUMBER, fullmatch=True) | st.integers(0).map(str))
def test_no_cell_stops_the_reader(text: str) -> None:
    columns = [*module._LIMITS, *module._REQUESTS, *module._RUN_TIMES, *module._CREATED, "state", "exit_code", "info"]
    found = measured(dict.fromkeys(columns, text))
    assert found["limit_bytes"] is None or found["limit_bytes"] > 0
    assert found["run_seconds"] is None or 0 <= found["run_seconds"] < float("inf")


@pytest.mark.parametrize("text", ["9" * 300, "9" * 400, "9" * 5000, "9" * 5000 + "G"])
def test_an_amount_of_hundreds_of_digits_is_none(text: str) -> None:
    assert amount_bytes(text, GIB) is None
