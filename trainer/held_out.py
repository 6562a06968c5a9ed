"""What a policy would have requested for jobs that nothing was learned from: the whole one, and one number for all."""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from .distribution import Vector
from .history import History
from .learning import Learned
from .policy import limited_bytes
from .replay import Replay, replay
from .sizing_rule import Limits


@dataclass(frozen=True)
class HeldOut:
    """How the whole policy, guards and rounding included, does on jobs that nothing was learned from.

    Parameters
    ----------
    past, jobs : History
        What was learned from, and the jobs that were held out.
    requests_bytes : array of shape (n_jobs,)
        First requests.
    outcome : Replay
        What they cost, with the policy's own second attempts.
    """

    past: History
    jobs: History
    requests_bytes: Vector
    outcome: Replay


@dataclass(frozen=True)
class Constant:
    """The rule that requests the same for every job of the tool.

    Parameters
    ----------
    memory_bytes : int
        What it requests.
    outcome : Replay
        What that costs; a job that is killed asks for twice as much.
    """

    memory_bytes: int
    outcome: Replay


def hold_out(learned: Learned, past: History, jobs: History) -> HeldOut:
    """Size jobs that nothing was learned from, as the service will."""
    first_bytes = np.array([request.memory_bytes for request in learned.requests(jobs)], dtype=np.float64)
    then = learned.requests(jobs, first_bytes)
    then_bytes = np.array([request.memory_bytes for request in then], dtype=np.float64)
    outcome = replay(first_bytes, jobs.peaks_bytes, jobs.run_hours, then_bytes)
    return HeldOut(past, jobs, first_bytes, outcome)


def constant(held_out: HeldOut, failure_cap: Optional[float], limits: Limits) -> Constant:
    """Size the same jobs by the constant that keeps the failure cap on those before.

    Parameters
    ----------
    held_out : HeldOut
        What was known, and what is asked for.
    failure_cap : float or None
        Share of first attempts that may run out of memory; None requests the largest peak.
    limits : Limits
        Floor, ceiling and rounding, as of every other request.
    """
    enough_bytes = np.quantile(held_out.past.peaks_bytes, 1 - (failure_cap or 0), method="higher")
    memory_bytes, jobs = limited_bytes(float(enough_bytes), limits), held_out.jobs
    requests_bytes = np.full(len(jobs), float(memory_bytes))
    return Constant(memory_bytes, replay(requests_bytes, jobs.peaks_bytes, jobs.run_hours))
