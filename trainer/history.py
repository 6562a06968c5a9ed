"""The recorded jobs of one tool as columns: what our sizing policy and the peers learn from and are tried on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.messages import JobDescription

from .distribution import Vector
from .records import JobRecord

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class History:
    """Recorded jobs of one tool, the oldest first where they have times.

    Parameters
    ----------
    jobs : sequence of JobDescription, of length n_jobs
        What was known before each job.
    peaks_bytes : array of shape (n_jobs,)
        What each job used at most, above 0.
    run_hours : array of shape (n_jobs,)
        How long each job ran; 1 in every row where it was not recorded, so that GB·h reads GB·job.
    requested_bytes : array of shape (n_jobs,)
        What was requested for each job, NaN where unknown.
    times_seconds : array of shape (n_jobs,)
        When each job was created, seconds since 1970, NaN where unknown.
    """

    jobs: Sequence[JobDescription]
    peaks_bytes: Vector
    run_hours: Vector
    requested_bytes: Vector
    times_seconds: Vector

    @classmethod
    def of(cls, records: Sequence[JobRecord]) -> "History":
        """Lay records out as columns, in the order of their times where all of them have one."""
        times = _column([record.created_seconds for record in records])
        hours = _column([record.run_seconds for record in records]) / 3600
        order = np.argsort(times, kind="stable") if np.isfinite(times).all() else np.arange(len(records))
        history = cls(
            [record.job for record in records],
            _column([record.peak_bytes for record in records]),
            # a mixture would weigh the jobs without a run time against hours they did not run
            hours if np.isfinite(hours).all() and (hours > 0).all() else np.ones(len(records)),
            _column([record.requested_bytes for record in records]),
            times,
        )
        return history.part(order)

    def part(self, rows: Rows) -> "History":
        """Return some of the rows."""
        columns = (self.peaks_bytes, self.run_hours, self.requested_bytes, self.times_seconds)
        return History([self.jobs[row] for row in rows], *(column[rows] for column in columns))

    def __len__(self) -> int:
        return len(self.jobs)

    @property
    def in_time_order(self) -> bool:
        """Whether every job has a time, so that the rows stand in the order in which they came."""
        return len(self) > 0 and bool(np.isfinite(self.times_seconds).all())

    @property
    def totals_bytes(self) -> Vector:
        """The size of all inputs of each job together."""
        totals = [sum(dataset.size_bytes or 0 for dataset in job.inputs) for job in self.jobs]
        return np.array(totals, dtype=np.float64)


def _column(values: Sequence[float | int | None]) -> Vector:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
