"""The rule's decision log, as its own record writes it."""

import gzip
from pathlib import Path

import pytest
from decided import MONDAY, decision, described, write_log

from galaxy_memory_rules.errors import RecordsError
from galaxy_memory_rules.memory import GIB
from trainer.decisions import DecisionLog


def test_what_the_rule_tells_is_read_back(tmp_path: Path) -> None:
    told = decision(2 * GIB, attempt=2, guards=("missing_input",), predicted_bytes=GIB)
    path = write_log(tmp_path / "log", [(MONDAY, 7, described(attempt=2, previous_bytes=GIB), told)])
    [asked] = DecisionLog([path])
    assert (asked.seconds, asked.job_id, asked.job) == (MONDAY, "7", described(attempt=2, previous_bytes=GIB))
    assert asked.decision == told


def test_rotated_and_gzipped_files_are_one_log(tmp_path: Path) -> None:
    new = write_log(tmp_path / "log", [(MONDAY + 1, 2, described(), decision(GIB))])
    old = tmp_path / "log.1.gz"
    old.write_bytes(gzip.compress(write_log(tmp_path / "old", [(MONDAY, 1, described(), decision(GIB))]).read_bytes()))
    assert [asked.job_id for asked in DecisionLog([old, new])] == ["1", "2"]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ('{"time": 1.0, "job_id": 3, "as', "line 2: message: expected a JSON object"),
        ("[]", "line 2: message: expected an object"),
        ('{"time": 1.0, "job_id": 3, "attempt": "one"}', "line 2: attempt: expected an integer"),
        ('{"time": true, "job_id": 3, "attempt": 1}', "line 2: time: expected seconds"),
        ('{"time": 1, "job_id": [3], "attempt": 1, "asked": {}}', "line 2: job_id: expected a number"),
        ('{"time": 1, "job_id": 3, "attempt": 1, "asked": {"tool_id": 5}}', "line 2: asked.tool_id: expected"),
        ('{"time": 1, "job_id": 3, "attempt": 1, "request_bytes": -1}', "line 2: request_bytes: expected"),
    ],
)
def test_a_damaged_line_costs_itself_alone(damage: str, complaint: str, tmp_path: Path) -> None:
    path = write_log(tmp_path / "log", [(MONDAY, 1, described(), decision(GIB))])
    whole = path.read_text()
    path.write_text(f"{whole}{damage}\n\n{whole}")
    log = DecisionLog([path])
    assert [asked.job_id for asked in log] == ["1", "1"]
    assert log.damaged == 1
    assert complaint in log.first_damage


def test_a_dry_run_is_no_job(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log", [(MONDAY, None, described(), decision(GIB))])
    assert list(DecisionLog([path])) == []


def test_a_file_without_any_decision_is_named(tmp_path: Path) -> None:
    path = tmp_path / "handler.log"
    path.write_text("galaxy.jobs DEBUG dispatching\n")
    with pytest.raises(RecordsError, match=r"handler\.log: no decision log .*line 1.*`record`"):
        list(DecisionLog([path]))
    with pytest.raises(RecordsError, match="no such file"):
        list(DecisionLog([tmp_path / "nowhere"]))
    path.write_text("")
    assert list(DecisionLog([path])) == []
