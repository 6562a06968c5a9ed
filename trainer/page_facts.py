"""All that an administrator's page tells of one tool, in numbers: before anything is drawn or written of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import RecordsError

from .distribution import Vector


@dataclass(frozen=True)
class PolicyLine:
    """What one way to request memory would have cost on a tool's held-out jobs.

    Parameters
    ----------
    name : str
        The policy, as the administrator knows it.
    rel : float
        (Used + wasted) / used memory.
    wastage_gbh : float
        Wasted memory in the unit of the page, GB·h or GB·job.
    failure_rate : float
        Share of jobs whose first request is below their peak.
    failure_interval : tuple of float
        The ends of its 95 % interval.
    attempts : float
        Mean number of attempts a job needs.
    requested_per_used : float
        First requests over peaks, both summed over the jobs.
    in_force : bool
        Whether this is what the server does today.
    """

    name: str
    rel: float
    wastage_gbh: float
    failure_rate: float
    failure_interval: tuple[float, float]
    attempts: float
    requested_per_used: float
    in_force: bool = False


@dataclass(frozen=True)
class CapPoint:
    """What another failure cap would have cost.

    Parameters
    ----------
    failure_cap : float or None
        The cap, as a share of first attempts; None is no cap.
    rel, wastage_gbh, achieved_failure : float
        As in `PolicyLine`, on held-out jobs.
    """

    failure_cap: float | None
    rel: float
    wastage_gbh: float
    achieved_failure: float


@dataclass(frozen=True)
class ToolPage:
    """All that the page tells of one tool.

    Parameters
    ----------
    tool : str
        The tool's id, as recorded: from outside, and escaped wherever it is written.
    jobs : int
        How many recorded jobs were learned from.
    model : str
        The model that is served.
    choice : str
        What is requested of it, in words.
    failure_cap : float or None
        The promised share of first attempts that run out of memory at most; None where nothing is promised.
    achieved_failure : float
        That share on held-out jobs.
    achieved_interval : tuple of float
        The ends of its 95 % interval.
    rel : float
        (Used + wasted) / used memory on held-out jobs.
    dropped, flagged : mapping of str to int
        How many rows were left out, and kept under suspicion, by reason in words.
    input_bytes : array of shape (n_jobs,)
        The size of all inputs of each job, 0 where it has none.
    peaks_bytes : array of shape (n_jobs,)
        What each job used at most, above 0.
    requests_bytes : array of shape (n_jobs,)
        What would have been requested for each job by a model that has not seen it, above 0.
    censored : array of bool, of shape (n_jobs,)
        Whether the job needed more than its recorded peak, because its limit cut it off.
    limit_bytes : float or None
        The memory that jobs were confined to, None where unknown.
    policies : sequence of PolicyLine
        Ours first.
    cap_curve : sequence of CapPoint
        From the strictest cap to none.
    unit : str
        Of all wastage: "GB·h", or "GB·job" where run times are unknown.

    Raises
    ------
    RecordsError
        If there is no job, or the arrays differ in length.
    """

    tool: str
    jobs: int
    model: str
    choice: str
    failure_cap: float | None
    achieved_failure: float
    achieved_interval: tuple[float, float]
    rel: float
    dropped: Mapping[str, int]
    flagged: Mapping[str, int]
    input_bytes: Vector
    peaks_bytes: Vector
    requests_bytes: Vector
    censored: npt.NDArray[np.bool_]
    limit_bytes: float | None
    policies: Sequence[PolicyLine]
    cap_curve: Sequence[CapPoint]
    unit: str = "GB·h"

    def __post_init__(self) -> None:
        lengths = {len(column) for column in (self.input_bytes, self.peaks_bytes, self.requests_bytes, self.censored)}
        if len(lengths) != 1 or 0 in lengths:
            raise RecordsError(f"{self.tool}: a page needs as many inputs, peaks, requests and flags, and at least one")

    @property
    def in_force_gbh(self) -> float | None:
        """What the rule in force wastes, None where it is not known."""
        return next((line.wastage_gbh for line in self.policies if line.in_force), None)
