"""What is known of a job's earlier attempts, as each version of Galaxy tells it."""

from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
from galaxy_stand_ins import Job, State

from galaxy_memory_rules.earlier import FIRST, Earlier, earlier_attempts

GIB = 1024**3
KEPT = {"gmem_request_bytes": str(GIB), "gmem_attempt": "1", "native_specification": "--mem=1024M"}
FOR_TIME = "This job was resubmitted to the queue because it reached the walltime on its compute resource."
FOR_MEMORY = "This job was resubmitted to the queue because it exceeded the amount of allocated memory on its compute"


def resubmitted(info: str = FOR_MEMORY, **more: Any) -> Job:
    """A job that Galaxy picks up again: from 26.1 on the rule is asked then."""
    history = [State("queued"), State("running"), State("resubmitted", info)]
    return Job(**{"state": "resubmitted", "state_history": history, "destination_params": KEPT, **more})


def failing(**more: Any) -> Job:
    """A job inside the failure handler: up to 26.0 the rule is asked there."""
    history = [State("queued"), State("running")]
    told = {"state": "running", "job_runner_external_id": "5", "state_history": history, "destination_params": KEPT}
    return Job(**{**told, **more})


def test_a_job_that_was_never_dispatched_has_none() -> None:
    assert earlier_attempts(Job()) is FIRST
    # what is left of a job_conf environment's own params says nothing
    assert earlier_attempts(Job(destination_params=KEPT)) is FIRST


@pytest.mark.parametrize("job", [resubmitted(), failing()])
def test_a_killed_job_tells_its_last_request(job: Job) -> None:
    assert earlier_attempts(job) == Earlier(2, GIB, was_too_little=True)


def test_a_third_attempt_counts_two_before_it() -> None:
    again = State("resubmitted", FOR_MEMORY)
    kept = {**KEPT, "gmem_attempt": "2"}
    assert earlier_attempts(resubmitted(state_history=[again, again], destination_params=kept)).attempt == 3
    assert earlier_attempts(failing(state_history=[again], destination_params=kept)).attempt == 3


def test_a_job_that_waits_again_after_a_restart_is_not_a_failing_one() -> None:
    # dispatched, but the scheduler never gave it an id
    assert earlier_attempts(failing(state="queued", job_runner_external_id=None)) is FIRST


@pytest.mark.parametrize(
    ("info", "was_too_little"),
    [
        (FOR_MEMORY, True),
        (FOR_TIME, False),
        (FOR_TIME.replace("reached the walltime", "exceeded the tool's time limit"), False),
        # it may have been the memory
        (FOR_TIME.replace("reached the walltime", "encountered an unknown error"), True),
        ("", True),
        (None, True),
    ],
)
def test_why_the_last_one_ended_is_in_the_history(info: Any, was_too_little: bool) -> None:
    assert earlier_attempts(resubmitted(info)).was_too_little == was_too_little


@pytest.mark.parametrize("told", ["2", 2, "3"])
def test_an_attempt_that_was_decided_already_is_asked_for_again(told: Any) -> None:
    kept = {"gmem_request_bytes": str(2 * GIB), "gmem_attempt": told}
    assert earlier_attempts(resubmitted(destination_params=kept)) == Earlier(2, 2 * GIB, was_too_little=False)


def test_what_a_destination_requested_by_itself_is_a_last_request_too() -> None:
    kept = {"native_specification": "--ntasks=1 --mem=6G"}
    assert earlier_attempts(resubmitted(destination_params=kept)) == Earlier(2, 6 * GIB, was_too_little=True)


@pytest.mark.parametrize("params", [None, {}, {"gmem_request_bytes": "many", "gmem_attempt": None}])
def test_params_that_tell_nothing_are_no_last_request(params: Any) -> None:
    assert earlier_attempts(resubmitted(destination_params=params)) == Earlier(2, None, was_too_little=True)


def test_states_may_be_an_enumeration_and_a_mock_job_may_lack_everything() -> None:
    class States(str, Enum):
        RESUBMITTED = "resubmitted"

    job = SimpleNamespace(state_history=[SimpleNamespace(state=States.RESUBMITTED)])
    assert earlier_attempts(job) == Earlier(2, None, was_too_little=True)
    assert earlier_attempts(SimpleNamespace()) is FIRST
