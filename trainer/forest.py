"""A forest as plain arrays: the recorded peaks in each leaf give the predictive distribution."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError

from .distribution import Beliefs, Grid, Rows, Vector
from .features import Matrix
from .walk import Nodes, Walk

# A bin's number fits a byte; over three decades of peaks a bin is 2.7 % wide, and quantiles are interpolated inside.
BINS = 256
# Rows that are predicted together: more would need much memory for what is counted.
_ROWS_AT_ONCE = 256


def binned(log_peaks: Vector) -> tuple[Vector, Rows]:
    """Return the borders of the bins over all peaks, and the bin of each."""
    edges = np.linspace(log_peaks.min(), log_peaks.max(), BINS + 1)
    return edges, np.clip(np.searchsorted(edges, log_peaks, side="right") - 1, 0, BINS - 1)


def laid_out(starts: Rows, lengths: Rows) -> Rows:
    """Return the places of runs, one run behind the other: position minus where the run began, plus its start."""
    ends = lengths.cumsum()
    return np.asarray(np.arange(ends[-1]) + np.repeat(starts - ends + lengths, lengths))


@dataclass(frozen=True)
class Forest:
    """Regression trees over log peaks, walked without scikit-learn.

    The trees stand one behind the other in arrays over all nodes, each level by level; the second child of a node
    stands behind the first. Each leaf has a run of training peaks. The histograms of these runs, averaged over the
    trees, are the distribution of a quantile regression forest (Meinshausen 2006,
    https://jmlr.org/papers/v7/meinshausen06a.html).

    Parameters
    ----------
    roots : int array of shape (n_trees,)
        First node of each tree.
    inner : bool array of shape (n_nodes,)
        Which nodes have children.
    feature, threshold : arrays of shape (n_inner,)
        A row goes to the second child of an inner node where its feature is above the threshold.
    lengths : int array of shape (n_leaves,)
        How many training peaks each leaf counts.
    bins : array of shape (n_counted,)
        The bins of these peaks, leaf by leaf.
    grid : Grid
        The edges of the bins, natural logarithms of bytes.
    n_columns : int
        Columns of the rows that are predicted.
    """

    roots: Nodes
    inner: npt.NDArray[np.bool_]
    feature: npt.NDArray[Any]
    threshold: npt.NDArray[np.float32]
    lengths: npt.NDArray[Any]
    bins: npt.NDArray[np.uint8]
    grid: Grid
    n_columns: int
    walk: Walk = field(init=False, repr=False, compare=False)
    _runs: Nodes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        walk = Walk.of(self.roots, self.inner, self.feature, self.threshold, self.n_columns)
        object.__setattr__(self, "walk", walk)
        object.__setattr__(self, "_runs", np.append(0, self.lengths.cumsum(dtype=np.intp)))

    def predict(self, matrix: Matrix) -> Beliefs:
        """Return the predictive distribution of each row.

        Parameters
        ----------
        matrix : array of shape (n_rows, n_columns)
            Rows of `FeatureSchema.encode`.
        """
        cumulative = np.zeros((len(matrix), BINS + 1))
        for first in range(0, len(matrix), _ROWS_AT_ONCE):
            leaves = self.walk.leaves(matrix[first : first + _ROWS_AT_ONCE])
            self._shares(leaves).cumsum(axis=1, out=cumulative[first : first + _ROWS_AT_ONCE, 1:])
        cumulative /= cumulative[:, -1:]
        return Beliefs(self.grid, cumulative, np.zeros(len(matrix)))

    def _shares(self, leaves: Nodes) -> Vector:
        """Add up the histograms of the leaves of each row, shape (n_rows, BINS)."""
        starts = self._runs.take(leaves.ravel())
        lengths = self._runs.take(leaves.ravel() + 1) - starts
        bins = self.bins.take(laid_out(starts, lengths))
        weights = (1 / lengths).repeat(lengths)
        if len(leaves) == 1:
            return np.asarray(np.bincount(bins, weights, BINS)[None, :], dtype=np.float64)
        counted = np.add.reduceat(lengths, np.arange(0, lengths.size, leaves.shape[1]))
        cells = bins + np.arange(0, len(leaves) * BINS, BINS).repeat(counted)
        counts = np.bincount(cells, weights, len(leaves) * BINS)
        return np.asarray(counts.reshape(len(leaves), BINS), dtype=np.float64)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that `from_arrays` reads."""
        return {
            "roots": self.roots.astype("<i4"),
            "inner": np.packbits(self.inner),
            "feature": _narrow(self.feature),
            "threshold": self.threshold.astype("<f4"),
            "lengths": _narrow(self.lengths),
            "bins": self.bins.astype("|u1"),
            "edges": self.grid.edges.astype("<f8"),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], n_columns: int) -> "Forest":
        """Build a forest from arrays, after checking that no walk can leave them.

        Raises
        ------
        BundleError
            Naming the array that is missing, of another type or length, or out of range.
        """
        for name, kinds in _KINDS.items():
            if name not in arrays or arrays[name].ndim != 1 or arrays[name].dtype.str not in kinds:
                raise BundleError(f"{name}: expected one row of {' or '.join(kinds)}; train this tool again")
        _check_values(arrays, n_columns)
        roots = arrays["roots"].astype(np.intp)
        inner = _inner_nodes(arrays["inner"], len(arrays["threshold"]), len(roots))
        lengths, bins = arrays["lengths"], arrays["bins"]
        _check_lengths(lengths, len(inner) - np.count_nonzero(inner), len(bins))
        grid = Grid(arrays["edges"])
        return cls(roots, inner, arrays["feature"], arrays["threshold"], lengths, bins, grid, n_columns)


_UNSIGNED = ("|u1", "<u2", "<u4")
# The same bytes on every machine.
_KINDS: Mapping[str, tuple[str, ...]] = {
    "roots": ("<i4",),
    "inner": ("|u1",),
    "feature": _UNSIGNED[:2],
    "threshold": ("<f4",),
    "lengths": _UNSIGNED,
    "bins": ("|u1",),
    "edges": ("<f8",),
}


def _narrow(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return whole numbers in the narrowest type that holds them."""
    most = int(numbers.max(initial=0))
    return numbers.astype(next(kind for kind in _UNSIGNED if most <= np.iinfo(kind).max))


def _check_values(arrays: Mapping[str, npt.NDArray[Any]], n_columns: int) -> None:
    edges = arrays["edges"]
    if len(edges) != BINS + 1 or not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
        raise BundleError(f"edges: expected {BINS + 1} ascending numbers; train this tool again")
    if len(arrays["feature"]) != len(arrays["threshold"]) or np.isnan(arrays["threshold"]).any():
        raise BundleError("feature, threshold: expected a number for each inner node; train this tool again")
    if (arrays["feature"] >= n_columns).any():
        raise BundleError(f"feature: there are {n_columns} columns; train this tool again")


def _inner_nodes(packed: npt.NDArray[Any], n_inner: int, n_trees: int) -> npt.NDArray[np.bool_]:
    """Say which nodes have children: each of `n_inner` has two, and each tree has a root beside them."""
    n_nodes = 2 * n_inner + n_trees
    inner = np.unpackbits(packed)[:n_nodes].astype(np.bool_)
    if not n_trees or len(inner) != n_nodes or np.count_nonzero(inner) != n_inner:
        raise BundleError("inner: not a bit for each node of these trees; train this tool again")
    return inner


def _check_lengths(lengths: npt.NDArray[Any], n_leaves: int | np.intp, n_counted: int) -> None:
    if len(lengths) != n_leaves or not lengths.all() or lengths.sum(dtype=np.int64) != n_counted:
        raise BundleError(f"lengths, bins: expected a run for each of {n_leaves} leaves; train this tool again")
