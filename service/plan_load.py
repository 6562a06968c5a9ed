"""All jobs of a forecast under one policy, as columns: what is to be fitted on nodes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.distribution import Vector
from trainer.replay import GB

from .attempts import Amounts, Attempts
from .draws import Retries
from .forecast import ToolForecast

_DUST = 1e-12


@dataclass(frozen=True, eq=False)
class Load:
    """All jobs under one policy.

    Parameters
    ----------
    first_bytes, slots, counts : int arrays of shape (n_jobs,)
        What each row of jobs requests first, its cores, and how many jobs it stands for.
    hours : array of shape (n_jobs,)
        How long each job runs.
    attempts : Attempts
        All their attempts.
    retries : Retries
        What these took in each scenario.
    requested_gbh, used_gbh, used_bytes : array of shape (n_scenarios,)
        What all attempts asked for, what the jobs used of it, and their peaks added up.
    """

    first_bytes: Amounts
    slots: Amounts
    counts: Amounts
    hours: Vector
    attempts: Attempts
    retries: Retries
    requested_gbh: Vector
    used_gbh: Vector
    used_bytes: Vector

    @property
    def wasted_gbh(self) -> Vector:
        """What was asked for and not used, shape (n_scenarios,)."""
        return without_dust(self.requested_gbh - self.used_gbh, self.requested_gbh)

    @classmethod
    def of(cls, tools: Sequence[ToolForecast], policy: str, scenarios: int) -> "Load":
        """Put some tools of a forecast together."""
        attempts = _joined([tool.jobs.attempts[policy] for tool in tools])
        retries = _retries([tool.drawn.retries[policy] for tool in tools], scenarios)
        counts, hours = _column([tool.jobs.counts for tool in tools], int), _column([tool.jobs.hours for tool in tools])
        first_byte_hours = float((counts * hours) @ attempts.first_bytes)
        return cls(
            attempts.first_bytes,
            _column([tool.jobs.slots for tool in tools], int),
            counts,
            hours,
            attempts,
            retries,
            (first_byte_hours + retries.byte_hours) / GB,
            _sum([tool.drawn.used_byte_hours for tool in tools], scenarios) / GB,
            _sum([tool.drawn.used_bytes for tool in tools], scenarios),
        )


def expected_gbh(tools: Sequence[ToolForecast], policy: str) -> tuple[float, float, float]:
    """Return what all attempts of some tools' jobs ask for on average, what they use of it, and what they do not."""
    requested = used = 0.0
    for tool in tools:
        job_hours = tool.jobs.counts * tool.jobs.hours
        requested += float(job_hours @ tool.jobs.attempts[policy].allocated_bytes)
        used += float(job_hours @ tool.jobs.means_bytes)
    wasted = float(without_dust(np.array(requested - used), np.array(requested)))
    return requested / GB, used / GB, wasted / GB


def without_dust(wasted: Vector, requested: Vector) -> Vector:
    """Return what is wasted, and nothing where it is but the dust of floats."""
    return np.where(wasted > _DUST * requested, wasted, 0.0)


def _joined(of_tools: Sequence[Attempts]) -> Attempts:
    most = max((one.reached.shape[1] for one in of_tools), default=1)
    # an attempt that it never comes to asks for what the last one did
    requests = [np.pad(one.requests_bytes, ((0, 0), (0, most - one.reached.shape[1])), "edge") for one in of_tools]
    reached = [np.pad(one.reached, ((0, 0), (0, most - one.reached.shape[1]))) for one in of_tools]
    none = np.zeros((0, most))
    return Attempts(
        np.concatenate([none.astype(np.int64), *requests]),
        np.concatenate([none, *reached]),
        _column([one.never for one in of_tools]),
    )


def _retries(of_tools: Sequence[Retries], scenarios: int) -> Retries:
    return Retries(
        _column([one.first_bytes for one in of_tools], int),
        _column([one.requests_bytes for one in of_tools], int),
        _column([one.slots for one in of_tools], int),
        np.concatenate([np.zeros((0, scenarios)), *(one.hours for one in of_tools)]),
    )


def _column(parts: Sequence[np.ndarray], kind: type = float) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype=kind), *parts])


def _sum(parts: Sequence[Vector], scenarios: int) -> Vector:
    return np.asarray(sum(parts, np.zeros(scenarios)))
