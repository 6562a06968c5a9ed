"""The recorded jobs of one tool as columns: what our sizing policy and the peers learn from and are tried on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.messages import JobDescription

from .distribution import Rows, Vector
from .records import JobRecord

# A job that was killed for its memory needs more than its peak, nearly all get by with twice as much. With a tenth of
# bowtie2's and hisat2's jobs killed at half to all of their need, training on 1 times the peak gives a rel of 1.40
# and 1.18 at 3.3 and 3.0 % failures, on 1.2 times 1.43 and 1.19 at 2.8 and 2.2 %, on 1.41 times 1.48 and 1.22 at 2.4
# and 1.2 %; without such jobs it is 1.39 and 1.17 at 3.2 and 1.6 %.
KILLED_NEEDS = 1.2


@dataclass(frozen=True)
class History:
    """Recorded jobs of one tool, the oldest first where they have times.

    Parameters
    ----------
    jobs : sequence of JobDescription, of length n_jobs
        What was known before each job.
    peaks_bytes : array of shape (n_jobs,)
        What each job needs, above 0: what it used at most, and `KILLED_NEEDS` times as much where it was killed for it.
    run_hours : array of shape (n_jobs,)
        How long each job ran; 1 in every row where it was not recorded, so that GB·h reads GB·job.
    requested_bytes : array of shape (n_jobs,)
        What was requested for each job, NaN where unknown.
    times_seconds : array of shape (n_jobs,)
        When each job was created, seconds since 1970, NaN where unknown.
    censored : bool array of shape (n_jobs,)
        Whether the peak is that of a memory limit, see `hygiene`.
    """

    jobs: Sequence[JobDescription]
    peaks_bytes: Vector
    run_hours: Vector
    requested_bytes: Vector
    times_seconds: Vector
    censored: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, records: Sequence[JobRecord], censored: Optional[npt.NDArray[np.bool_]] = None) -> "History":
        """Lay records out as columns, in the order of their times where all of them have one."""
        times = _column([record.created_seconds for record in records])
        hours = _column([record.run_seconds for record in records]) / 3600
        order = np.argsort(times, kind="stable") if np.isfinite(times).all() else np.arange(len(records))
        history = cls(
            [record.job for record in records],
            _column([_need_bytes(record) for record in records]),
            # a mixture would weigh the jobs without a run time against hours they did not run
            hours if np.isfinite(hours).all() and (hours > 0).all() else np.ones(len(records)),
            _column([record.requested_bytes for record in records]),
            times,
            np.zeros(len(records), dtype=np.bool_) if censored is None else censored,
        )
        return history.part(order)

    def part(self, rows: Rows) -> "History":
        """Return some of the rows."""
        return History(
            [self.jobs[row] for row in rows],
            self.peaks_bytes[rows],
            self.run_hours[rows],
            self.requested_bytes[rows],
            self.times_seconds[rows],
            self.censored[rows],
        )

    def __len__(self) -> int:
        return len(self.jobs)

    @property
    def in_time_order(self) -> bool:
        """Whether every job has a time, so that the rows stand in the order in which they came."""
        return len(self) > 0 and bool(np.isfinite(self.times_seconds).all())

    @property
    def unit(self) -> str:
        """What wastage is counted in: hours where all jobs tell how long they ran, else each job alike."""
        return "GB·job" if bool((self.run_hours == 1).all()) else "GB·h"

    @property
    def totals_bytes(self) -> Vector:
        """The size of all inputs of each job together."""
        totals = [sum(dataset.size_bytes or 0 for dataset in job.inputs) for job in self.jobs]
        return np.array(totals, dtype=np.float64)


def _need_bytes(record: JobRecord) -> float:
    return record.peak_bytes * (KILLED_NEEDS if record.outcome == "out_of_memory" else 1.0)


def _column(values: Sequence[float | int | None]) -> Vector:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
