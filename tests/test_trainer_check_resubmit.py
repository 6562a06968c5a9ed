"""A job that was killed for its memory comes back to the rule, and not for ever."""

from pathlib import Path

import pytest
from checked import written

from trainer.check_job_conf import asking
from trainer.check_resubmit import of_resubmit
from trainer.findings import Finding
from trainer.job_conf import read_job_conf

ENTRY = "execution.environments.slurm.resubmit[0]"
GOOD = "condition: memory_limit_reached and attempt <= 3"


def found(folder: Path, *changes: tuple[str, str], is_used: bool = True) -> list[Finding]:
    conf = read_job_conf(written(folder, "job_conf.yml", *changes)[1])
    return list(of_resubmit(conf, conf.environments["slurm"], asking(conf), is_used))


@pytest.mark.parametrize("condition", ["any_failure and attempt < 3", "memory_limit_reached and not attempt > 2"])
def test_nothing_is_found_in_a_good_one(tmp_path: Path, condition: str) -> None:
    assert found(tmp_path, (GOOD, f"condition: {condition}")) == []


@pytest.mark.parametrize(
    ("old", "new", "level", "line", "key", "message"),
    [
        ("          environment:", "          destination:", "error", 17, "destination", "has `environment` for it"),
        ("          environment: memory_rule\n", "", "error", 16, "environment", "the rule is not asked again"),
        (
            "  environment: memory_rule\n",
            "  environment: memory\n",
            "error",
            17,
            "environment",
            "no environment memory",
        ),
        (
            "  environment: memory_rule\n",
            "  environment: local\n",
            "warning",
            17,
            "environment",
            "local is not the rule",
        ),
        (GOOD, "delay: 5", "error", 16, "condition", "is missing"),
        (GOOD, "condition: memory_limit_reached", "error", 16, "condition", "for ever; add: and attempt <= 3"),
        (GOOD, "condition: memory_limit and attempt < 3", "error", 16, "condition", "near it are memory_limit_reached"),
        (GOOD, "condition: memory_limit_reached and", "error", 16, "condition", "is no expression"),
        (GOOD, "condition: true", "error", 16, "condition", "is no expression"),
    ],
)
def test_a_fault_is_found_on_its_line(
    tmp_path: Path, old: str, new: str, level: str, line: int, key: str, message: str
) -> None:
    fault = found(tmp_path, (old, new), is_used=False)[0]
    assert (fault.level, fault.line, fault.key) == (level, line, f"{ENTRY}.{key}")
    assert message in fault.message


def test_a_job_that_does_not_come_back_after_a_kill_is_told(tmp_path: Path) -> None:
    change = (GOOD, "condition: walltime_reached and attempt < 3")
    [warning] = found(tmp_path, change)
    assert (warning.level, warning.line, warning.key) == ("warning", 15, "execution.environments.slurm.resubmit")
    assert "memory_limit_reached and attempt <= 3, environment: memory_rule" in warning.message
    assert found(tmp_path, change, is_used=False) == []


def test_where_a_job_goes_for_its_run_time_is_the_administrators_own(tmp_path: Path) -> None:
    entry = "        - {condition: walltime_reached and attempt < 2, environment: local}\n"
    assert found(tmp_path, (f"        - {GOOD}", f"{entry}        - {GOOD}")) == []
