"""Jobs as a model is fitted on them, and how they are divided into those seen and those not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, train_test_split

from galaxy_memory_rules.messages import JobDescription

from .candidates import SEED
from .distribution import Rows, Vector
from .features import FeatureSchema, Matrix
from .history import History
from .reference import reference_key, told_reference

TEST_SHARE = 0.2
FOLDS = 5
# A fold of a small sample has to leave enough to fit on.
_FOLDS_OF_FEW, _FEW = 10, 50
# From here on the past is long enough to be lived through again in blocks; before, folds tell more.
_IN_BLOCKS_FROM = 400
# In time order, the first block has no model before it; the others each have one that knows all blocks before.
_FIRST_BLOCK_SHARE, _BLOCKS = 0.25, 12
# With fewer references told apart, one more says nothing of what a new one would be like.
_MIN_REFERENCES = 8

Fold = tuple[Rows, Rows]


@dataclass(frozen=True)
class Sample:
    """Jobs as a model is fitted on them.

    Parameters
    ----------
    history : History, of n_rows jobs
        What was known before each job, and what was measured of it.
    schema : FeatureSchema
        Learned from a sample's own jobs, or from those it is compared with.
    matrix : array of shape (n_rows, n_columns)
        The jobs as the schema's rows.
    groups : int array of shape (n_rows,)
        The same number for jobs with identical inputs.
    references : int array of shape (n_rows,)
        The same number for jobs with the same reference, see `reference_key`.
    """

    history: History
    schema: FeatureSchema
    matrix: Matrix
    groups: Rows
    references: Rows

    @classmethod
    def of(cls, history: History, schema: FeatureSchema) -> "Sample":
        """Describe the jobs of `history` by `schema`."""
        groups = _numbered([job.inputs for job in history.jobs])
        references = _numbered([reference_key(job) for job in history.jobs])
        return cls(history, schema, schema.matrix(history.jobs), groups, references)

    def __len__(self) -> int:
        return len(self.history)

    @property
    def jobs(self) -> Sequence[JobDescription]:
        """What was known before each job."""
        return self.history.jobs

    @property
    def peaks_bytes(self) -> Vector:
        """What each job needs, shape (n_rows,)."""
        return self.history.peaks_bytes

    @property
    def log_peaks(self) -> Vector:
        """The target: on the log scale a forest's errors on small jobs count like those on large ones."""
        return np.log(self.peaks_bytes)

    @property
    def folds(self) -> list[Fold]:
        """Pairs of rows to fit on and rows to try on.

        In time order each block is tried by what came before it; else, or where there are few jobs, jobs with
        identical inputs never stand on both sides.
        """
        return _blocks(len(self)) if self.in_blocks else self.folds_by_inputs

    @property
    def in_blocks(self) -> bool:
        """Whether the jobs are tried in time order."""
        return self.history.in_time_order and len(self) >= _IN_BLOCKS_FROM

    @property
    def folds_by_inputs(self) -> list[Fold]:
        """Folds in which jobs with identical inputs never stand on both sides, unless all of them are identical."""
        return grouped_folds(self.groups) or grouped_folds(np.arange(len(self)))

    @property
    def tells_references(self) -> bool:
        """Whether enough jobs name their reference to learn what an unseen one does."""
        told = {reference for job in self.jobs if (reference := told_reference(job))}
        return len(told) >= _MIN_REFERENCES

    def part(self, rows: Rows) -> "Sample":
        """Return some of the rows, described as here."""
        return Sample(
            self.history.part(rows),
            self.schema,
            self.matrix[rows],
            _renumbered(self.groups[rows]),
            _renumbered(self.references[rows]),
        )


def split(history: History) -> tuple[Rows, Rows]:
    """Hold out the seed's share of the rows: the newest where times are known."""
    rows = np.arange(len(history))
    if history.in_time_order:
        kept = round(len(rows) * (1 - TEST_SHARE))
        return rows[:kept], rows[kept:]
    kept_rows, held_out = train_test_split(rows, test_size=TEST_SHARE, random_state=SEED)
    return kept_rows, held_out


def _numbered(keys: Sequence[Any]) -> Rows:
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _renumbered(numbers: Rows) -> Rows:
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


def _blocks(count: int) -> list[Fold]:
    edges = np.unique(np.linspace(max(round(_FIRST_BLOCK_SHARE * count), 1), count, _BLOCKS + 1).astype(int))
    rows = np.arange(count)
    return [(rows[:begin], rows[begin:end]) for begin, end in zip(edges[:-1], edges[1:])]


def grouped_folds(groups: Rows) -> list[Fold]:
    """Return pairs of rows to fit on and to try on, in which no group stands on both sides; none for one group."""
    count = int(groups.max()) + 1
    if count < 2:
        return []
    shuffled = np.random.default_rng(SEED).permutation(count)[groups]
    folds = FOLDS if len(groups) >= _FEW else _FOLDS_OF_FEW
    return list(GroupKFold(min(folds, count)).split(groups, groups=shuffled))
