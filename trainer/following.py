"""Tools whose peak follows their own request: a JVM whose heap is set from it, a sort that fills its buffer.

What such a tool uses says nothing of what it needs. Learned from as others are, each training would take the last
one's request for a need and put its margin on top, or take it off where a part is left unused, without an end.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.neighbors import NearestNeighbors

from galaxy_memory_rules.names import tool_names

from .distribution import Vector
from .families import family_of
from .features import FeatureSchema, Matrix
from .records import JobRecord

LEAST_JOBS = 30
# The newest tell most of the requests of today, and more cost seconds.
_MOST_JOBS = 3000
# Of hundreds of tools at the same time: a record takes 2 to 3 KB.
_MOST_WATCHED = 400
# A loop whose peak rises with less than the root of the request ends within the square of its margin; above, its end
# is the margin to the power of 1 / (1 - elasticity), and at 1 there is none.
_FOLLOWS_FROM = 0.5
_Z = 1.959964
# Below half a percent the requests of like jobs are alike.
_LEAST_SPREAD = 0.005
# How many jobs a job is compared with, and the share of jobs that have so many like them.
_LIKE_JOBS, _ALIKE_SHARE = 5, 0.75
_STRETCHES = 8
_TREES, _JOBS_PER_LEAF, _SEED = 30, 5, 13


class Verdict(Enum):
    """Whether a tool's peak follows its request."""

    FOLLOWS = "follows its request"
    DOES_NOT = "does not follow its request"
    UNKNOWN = "whether it follows its request cannot be told"


@dataclass(frozen=True)
class Following:
    """What the records of a tool tell of its peak and its request.

    Parameters
    ----------
    verdict : Verdict
        Whether it follows.
    jobs : int
        First attempts that ended well and whose request is known.
    elasticity : float or None
        By how many percent the peak rises with 1 % more request, among jobs with like inputs; None where their
        requests do not vary.
    interval : tuple of float or None
        The ends of its 95 % interval.
    enough_bytes : array of shape (n_enough,)
        The requests that were enough, of whichever attempt.
    most_first_bytes : int
        The largest of them that a first attempt had; 0 where there is none.
    """

    verdict: Verdict
    jobs: int
    elasticity: Optional[float]
    interval: Optional[tuple[float, float]]
    enough_bytes: npt.NDArray[np.int64]
    most_first_bytes: int

    @property
    def why(self) -> str:
        """The evidence in words."""
        if self.elasticity is None or self.interval is None:
            return f"{self.verdict.value} ({self.jobs:,} jobs)"
        low, high = self.interval
        return (
            f"{self.verdict.value}: 1 % more makes its peak {self.elasticity:.2f} % larger ({low:.2f} to {high:.2f}, "
            f"{self.jobs:,} jobs)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what a bundle's facts tell of it."""
        interval = None if self.interval is None else list(self.interval)
        told = {"jobs": self.jobs, "elasticity": self.elasticity, "interval": interval}
        return {"verdict": self.verdict.name.lower(), **told}

    def hold_bytes(self, failure_cap: Optional[float]) -> Optional[int]:
        """Return what to request of a tool that follows: what was enough for all jobs but those that may fail.

        It is no more than some first attempt had, and has no margin: where more memory does not keep such jobs from
        being killed, their second attempts would else double it at each training.
        """
        if not self.most_first_bytes:
            return None
        covered = 0.95 if failure_cap is None else 1 - failure_cap
        return min(int(np.quantile(self.enough_bytes, covered, method="higher")), self.most_first_bytes)


class Watch:
    """Looks at records that pass by, of which only the newest of each tool are kept."""

    def __init__(self) -> None:
        self._by_tool: defaultdict[str, deque[JobRecord]] = defaultdict(lambda: deque(maxlen=_MOST_WATCHED))

    def through(self, records: Iterable[JobRecord]) -> Iterator[JobRecord]:
        """Yield the records."""
        for record in records:
            if record.outcome == "ok" and record.requested_bytes and record.peak_bytes:
                tool = tool_names(record.job.tool_id, record.job.tool_version)[0]
                self._by_tool[family_of(tool)].append(record)
            yield record

    def followers(self) -> dict[str, str]:
        """Return the tools whose peak follows their own request, with the evidence in words."""
        told = {tool: following(list(records)) for tool, records in sorted(self._by_tool.items())}
        return {tool: found.why for tool, found in told.items() if found.verdict is Verdict.FOLLOWS}


def following(records: Sequence[JobRecord]) -> Following:
    """Look at a tool's records for requests that explain its peaks beyond the inputs.

    Each job is compared with those that have the inputs most like its own: by how much its peak differs, how much its
    request, what the inputs still differ, and how peaks and requests move in the long run. Requests that only follow
    the inputs explain nothing then, nor do those that were learned from a need that has grown: the need grew before
    them. First attempts alone: a second one has more because the job needs more.

    Parameters
    ----------
    records : sequence of JobRecord
        Of one tool, without faulty ones.

    Returns
    -------
    Following
        With `Verdict.UNKNOWN` where no request is known, or all are alike.
    """
    ended_well = [record for record in records if record.outcome == "ok" and record.requested_bytes]
    enough = np.array([record.requested_bytes for record in ended_well], dtype=np.int64)
    first = [record for record in _newest(ended_well) if record.job.attempt == 1]
    most_first_bytes = max((record.requested_bytes or 0 for record in first), default=0)
    log_requests = np.log([record.requested_bytes or 1 for record in first])
    log_peaks = np.log([record.peak_bytes for record in first])
    found = _elasticity(first, log_requests, log_peaks) if _may_tell(log_requests) else None
    if found is None:
        return Following(Verdict.UNKNOWN, len(first), None, None, enough, most_first_bytes)
    elasticity, error = found
    interval = (elasticity - _Z * error, elasticity + _Z * error)
    return Following(_verdict(interval), len(first), elasticity, interval, enough, most_first_bytes)


def _may_tell(log_requests: Vector) -> bool:
    return len(log_requests) >= LEAST_JOBS and bool(log_requests.std() >= _LEAST_SPREAD)


def _newest(records: Sequence[JobRecord]) -> list[JobRecord]:
    if _in_order(records):
        records = sorted(records, key=lambda record: record.created_seconds or 0.0)
    return list(records[-_MOST_JOBS:])


def _in_order(records: Sequence[JobRecord]) -> bool:
    return all(record.created_seconds is not None for record in records)


def _inputs(records: Sequence[JobRecord]) -> Matrix:
    jobs = [record.job for record in records]
    return FeatureSchema.learn(jobs).matrix(jobs)


def _verdict(interval: tuple[float, float]) -> Verdict:
    low, high = interval
    if low >= _FOLLOWS_FROM:
        return Verdict.FOLLOWS
    return Verdict.DOES_NOT if high < _FOLLOWS_FROM else Verdict.UNKNOWN


def _elasticity(records: Sequence[JobRecord], log_requests: Vector, log_peaks: Vector) -> Optional[tuple[float, float]]:
    """Return the elasticity and its standard error; None where like jobs have like requests."""
    weighed = _weighed(_inputs(records), log_requests, log_peaks)
    distances, neighbours = NearestNeighbors(n_neighbors=_LIKE_JOBS + 1).fit(weighed).kneighbors(weighed)
    # those that have none like them are compared with what they are not like
    far = distances[:, -1]
    alike = far <= np.quantile(far, _ALIKE_SHARE)
    columns = np.column_stack([log_requests, log_peaks, weighed, _long_run(records)])
    # a job may be among its own neighbours: it makes all differences smaller alike
    requests, peaks, *others = (columns - columns[neighbours].mean(axis=1))[alike].T
    left_requests, left_peaks = (_left_over(column, np.array(others).T) for column in (requests, peaks))
    varied = float(left_requests @ left_requests)
    if np.sqrt(varied / len(peaks)) < _LEAST_SPREAD:
        return None
    elasticity = float(left_requests @ left_peaks) / varied
    residuals = left_peaks - elasticity * left_requests
    free = len(peaks) - len(others) - 1
    if free < 1:
        return None
    # two neighbours are in each other's mean: there are fewer differences than jobs
    return elasticity, float(np.sqrt(2 * (residuals @ residuals) / free / varied))


def _long_run(records: Sequence[JobRecord]) -> npt.NDArray[np.float64]:
    """Return a column for each stretch of time, in number of jobs; their sum is any line with bends between them."""
    if not _in_order(records):
        return np.zeros((len(records), 0))
    knots = np.linspace(0, len(records) - 1, _STRETCHES + 1)
    return np.column_stack([np.interp(np.arange(len(records)), knots, hat) for hat in np.eye(len(knots))])


def _weighed(inputs: Matrix, log_requests: Vector, log_peaks: Vector) -> npt.NDArray[np.float64]:
    """Stretch each column by how much it explains: jobs are alike where that is alike which matters."""
    targets = np.column_stack([_standardised(log_requests), _standardised(log_peaks)])
    forest = ExtraTreesRegressor(_TREES, min_samples_leaf=_JOBS_PER_LEAF, random_state=_SEED).fit(inputs, targets)
    spread = inputs.std(axis=0)
    return np.asarray(inputs / np.where(spread > 0, spread, 1) * forest.feature_importances_, dtype=np.float64)


def _left_over(column: Vector, inputs: npt.NDArray[np.float64]) -> Vector:
    """Return what a line over the others does not explain."""
    return np.asarray(column - inputs @ np.linalg.lstsq(inputs, column, rcond=None)[0])


def _standardised(column: Vector) -> Vector:
    return np.asarray((column - column.mean()) / (column.std() or 1.0))
