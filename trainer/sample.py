"""Jobs as a model is fitted on them, and the share of them that is held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold, train_test_split

from galaxy_memory_rules.errors import RecordsError
from galaxy_memory_rules.messages import JobDescription

from .candidates import SEED
from .distribution import Vector
from .features import FeatureSchema, Matrix
from .records import ToolRecords

# With fewer rows neither a fold nor a test share says anything.
MIN_ROWS = 30
TEST_SHARE = 0.2
FOLDS = 5


@dataclass(frozen=True)
class Sample:
    """Jobs as a model is fitted on them.

    Parameters
    ----------
    jobs : sequence of JobDescription, of length n_rows
        What was known before each job.
    schema : FeatureSchema
        Learned from a sample's own jobs, or from those it is compared with.
    matrix : array of shape (n_rows, n_columns)
        The jobs as the schema's rows.
    peaks_bytes : array of shape (n_rows,)
        What each job used at most.
    groups : int array of shape (n_rows,)
        The same number for jobs with identical inputs.
    """

    jobs: Sequence[JobDescription]
    schema: FeatureSchema
    matrix: Matrix
    peaks_bytes: Vector
    groups: npt.NDArray[np.int64]

    @classmethod
    def of(cls, jobs: Sequence[JobDescription], peaks_bytes: Vector, schema: FeatureSchema) -> "Sample":
        """Describe `jobs` by `schema`."""
        numbers: dict[Any, int] = {}
        groups = np.array([numbers.setdefault(job.inputs, len(numbers)) for job in jobs], dtype=np.int64)
        return cls(jobs, schema, schema.matrix(jobs), peaks_bytes, groups)

    @property
    def log_peaks(self) -> Vector:
        """The target: on the log scale a forest's errors on small jobs count like those on large ones."""
        return np.log(self.peaks_bytes)

    @property
    def folds(self) -> GroupKFold:
        """Folds in which jobs with identical inputs never stand on both sides."""
        return GroupKFold(min(FOLDS, len(set(self.groups.tolist()))))

    def part(self, rows: npt.NDArray[np.int64]) -> "Sample":
        """Return some of the rows, described as here."""
        jobs = [self.jobs[row] for row in rows]
        return Sample(jobs, self.schema, self.matrix[rows], self.peaks_bytes[rows], self.groups[rows])


def usable(found: ToolRecords) -> tuple[list[JobDescription], Vector]:
    """Return jobs and peaks of records that can teach something.

    Raises
    ------
    RecordsError
        If they cannot be used, are too few, or do not vary.
    """
    if found.fault is not None:
        raise found.fault
    peaks_bytes = np.array([record.peak_bytes for record in found.records], dtype=np.float64)
    if len(peaks_bytes) < MIN_ROWS:
        dropped = "".join(f", {count} with {reason}" for reason, count in found.dropped.items())
        raise RecordsError(f"{found.file}: {len(peaks_bytes)} usable rows{dropped}; expected at least {MIN_ROWS}")
    if np.ptp(peaks_bytes) == 0:
        raise RecordsError(f"{found.file}: {found.label} is {int(peaks_bytes[0])} in every row; nothing to learn")
    return [record.job for record in found.records], peaks_bytes


def split(jobs: Sequence[JobDescription], peaks_bytes: Vector) -> tuple[Sample, Sample]:
    """Hold out the seed's share of the rows; the schema is learned without them."""
    kept, held_out = train_test_split(np.arange(len(jobs)), test_size=TEST_SHARE, random_state=SEED)
    schema = FeatureSchema.learn([jobs[row] for row in kept])
    if not schema.columns:
        raise RecordsError("no column but the label varies; nothing to predict from")
    train, test = (Sample.of([jobs[row] for row in rows], peaks_bytes[rows], schema) for rows in (kept, held_out))
    if len(set(train.groups.tolist())) < 2:
        raise RecordsError("all jobs have identical inputs; expected at least two different ones")
    return train, test
