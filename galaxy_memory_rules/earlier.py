"""What Galaxy tells of the earlier attempts of a job, which differs from version to version."""

from dataclasses import dataclass
from typing import Any, Optional

from .destinations import ATTEMPT, own_memory_of, previous_request_bytes
from .messages import MAX_ATTEMPT

# What Galaxy writes beside a job that is resubmitted for its run time alone (its resubmit.py, MESSAGES).
_FOR_TIME = ("walltime", "time limit")


@dataclass(frozen=True)
class Earlier:
    """What is known of the attempts before this one.

    Parameters
    ----------
    attempt : int
        Which dispatch of the job this is.
    request_bytes : int or None
        What the attempt before requested, or this one if it was asked for already; None on the first.
    was_too_little : bool
        Whether the attempt before may have ended for want of memory.
    """

    attempt: int = 1
    request_bytes: Optional[int] = None
    was_too_little: bool = False


# Of a job that was never dispatched before.
FIRST = Earlier()


def earlier_attempts(job: Any) -> Earlier:
    """Read a job's history.

    Parameters
    ----------
    job : galaxy.model.Job
        The job; TPV's mock jobs lack much of it.

    Notes
    -----
    From 26.1 on the rule is asked when a resubmitted job is picked up again: the resubmission is in its history. Up
    to 26.0 it is asked inside the failure handler, before that: the job still runs, under its id at the scheduler.
    The params of the last attempt are there in all of them.
    """
    history = getattr(job, "state_history", None) or ()
    resubmitted = [entry for entry in history if _name(getattr(entry, "state", None)) == "resubmitted"]
    is_failing = _name(getattr(job, "state", None)) in ("queued", "running") and bool(
        getattr(job, "job_runner_external_id", None)
    )
    attempt = min(1 + len(resubmitted) + is_failing, MAX_ATTEMPT)
    if attempt == 1:
        return FIRST
    params = getattr(job, "destination_params", None) or {}
    told = "" if is_failing else str(getattr(resubmitted[-1], "info", None) or "")
    # the request of this very attempt, when Galaxy asks once more
    is_again = _number(params.get(ATTEMPT)) >= attempt
    return Earlier(
        attempt,
        previous_request_bytes(params) or own_memory_of(params),
        was_too_little=not is_again and not any(words in told for words in _FOR_TIME),
    )


def _name(state: Any) -> str:
    return str(getattr(state, "value", state))


def _number(text: Any) -> int:
    try:
        return int(text)
    except (TypeError, ValueError):
        return 0
