"""Cells of an export -> how a job ended, its limit, its request and its times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer import measured as module
from trainer.amounts import NUMBER, amount_bytes, seconds_since_1970, whole
from trainer.measured import is_measured, measured
from trainer.requested import COLUMNS, attempt

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
        "job_id": "",
        "server": "",
        "state": "",
        "destination_id": "",
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
        ({"submit_native_specification": "--mem-per-cpu=8G --ntasks=2"}, 16 * GIB),
        ({"native_specification": "-l h_vmem=2G"}, 2 * GIB),
        # in the order of issue 6: what Galaxy told the job, our rule's own, TPV's, the scheduler's words
        ({"galaxy_memory_mb": "1024", "gmem_request_bytes": "5"}, GIB),
        ({"gmem_request_bytes": str(3 * GIB), "tpv_mem": "1", "native_specification": "--mem=9G"}, 3 * GIB),
        ({"tpv_mem": "1", "native_specification": "--mem=9G"}, GIB),
        ({"native_specification": "--mem=9G", "request_memory": "1G"}, 9 * GIB),
        ({"destination_params": '{"tpv_mem": 2.5, "native_specification": "--mem=1G"}'}, 2560 * MIB),
        ({"destination_params": '{"requests_memory": "1Gi"}', "galaxy_memory_mb": "7"}, 7 * MIB),
        # {"tpv_mem": 1} as psql writes bytes down
        ({"destination_params": "\\x7b227470765f6d656d223a20317d"}, GIB),
        ({"destination_params": "[1]"}, None),
        ({"destination_params": "{"}, None),
        ({"destination_params": "\\x7"}, None),
        ({"native_specification": "--mem=0"}, None),  # all there is
        ({"requests_memory": "12Gi"}, 12 * GIB),
        ({"docker_memory": "512m"}, 512 * MIB),
        ({"tpv_mem": "mem * 2"}, None),
    ],
)
def test_a_request_is_read_wherever_it_was_written(row: dict[str, str], requested_bytes: int | None) -> None:
    assert measured(row)["requested_bytes"] == requested_bytes


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        ('"2"', 2),
        ("3", 3),
        ('"0"', 1),
        ('"x"', 1),
        ("null", 1),
        ('"²"', 1),
        ('"9999999"', 1000),
        (f'"{"9" * 9999}"', 1),
    ],
)
def test_the_attempt_that_the_rule_noted_is_told_and_nothing_else_stops_the_reader(noted: str, expected: int) -> None:
    assert attempt({"destination_params": f'{{"gmem_attempt": {noted}}}'}) == expected


def test_without_a_note_it_is_the_first_attempt() -> None:
    assert attempt({}) == 1


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
    columns = {*module._LIMITS, *COLUMNS, *module._RUN_TIMES, *module._CREATED, *module._KILL_COUNTS}
    assert [
        column
        for column in {*columns, "job_id", "server", "destination_id", "state", "exit_code", "info", "end_epoch"}
        if not is_measured(column)
    ] == []
    assert not is_measured("analysis_type_selector")


@given(st.text() | st.from_regex(NUMBER, fullmatch=True) | st.integers(0).map(str))
def test_no_cell_stops_the_reader(text: str) -> None:
    columns = [*module._LIMITS, *COLUMNS, *module._RUN_TIMES, *module._CREATED, "state", "exit_code", "info"]
    found = measured(dict.fromkeys(columns, text))
    assert found["limit_bytes"] is None or found["limit_bytes"] > 0
    assert found["run_seconds"] is None or 0 <= found["run_seconds"] < float("inf")


@pytest.mark.parametrize("text", ["9" * 300, "9" * 400, "9" * 5000, "9" * 5000 + "G"])
def test_an_amount_of_hundreds_of_digits_is_none(text: str) -> None:
    assert amount_bytes(text, GIB) is None


@given(st.integers(0, 10**25), st.integers(0, 9))
def test_a_whole_number_is_rounded_up_whatever_its_decimals(number: int, decimals: int) -> None:
    assert whole(str(number), "slots") == number
    assert whole(f"{number}.{'0' * decimals}", "slots") == number
    assert whole(f"{number}.{'0' * decimals}1", "slots") == number + 1


def test_a_job_is_told_by_its_id_and_where_it_ran() -> None:
    row = {"id": "7", "server": "eu", "state": "error", "destination_id": "slurm"}
    found = measured(row)
    assert {name: found[name] for name in ("job_id", "server", "state", "destination_id")} == {
        "job_id": "7",
        "server": "eu",
        "state": "error",
        "destination_id": "slurm",
    }
    assert measured({**row, "job_id": "8"})["job_id"] == "8"
