"""A forest as plain arrays: the recorded peaks in each leaf give the predictive distribution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError

from .distribution import Beliefs, Rows, Vector
from .features import Matrix

# numpy's own index type: any other would be converted in each look of each step of a walk
Nodes = npt.NDArray[np.intp]

# A bin's number fits a byte; over three decades of peaks a bin is 2.7 % wide, and quantiles are interpolated inside.
BINS = 256
# The walk looks this often whether every tree has reached its leaf.
_STEPS_BETWEEN_LOOKS = 8


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

    The trees stand one behind the other in arrays over all nodes, each level by level. The second child of a node
    stands behind the first, and a leaf is its own child, so that all trees are walked together, as many steps as the
    deepest one needs. Each leaf has a run of training peaks. The histograms of these runs, averaged over the trees,
    are the distribution of a quantile regression forest (Meinshausen 2006,
    https://jmlr.org/papers/v7/meinshausen06a.html).

    Parameters
    ----------
    roots : int array of shape (n_trees,)
        First node of each tree.
    feature, threshold : arrays of shape (n_nodes,)
        A row goes to the second child where its feature is above the threshold.
    first_child : int array of shape (n_nodes,)
        First child of each node; a leaf names itself, under a threshold that nothing is above.
    runs : int array of shape (n_nodes + 1,)
        Where each node's run of `bins` begins; only those of leaves hold any.
    bins : array of shape (n_counted,)
        The bins of the training peaks.
    edges : float array of shape (BINS + 1,)
        Borders of the bins, natural logarithms of bytes.
    depth : int
        Steps from a root to the deepest leaf.
    """

    roots: Nodes
    feature: npt.NDArray[np.int16]
    threshold: npt.NDArray[np.float32]
    first_child: Nodes
    runs: Nodes
    bins: npt.NDArray[np.uint8]
    edges: Vector
    depth: int

    def predict(self, matrix: Matrix) -> Beliefs:
        """Return the predictive distribution of each row.

        Parameters
        ----------
        matrix : array of shape (n_rows, n_columns)
            Rows of `FeatureSchema.encode`.
        """
        cumulative = np.array([self._cumulative(leaves) for leaves in self._leaves(matrix)])
        return Beliefs(self.edges, cumulative.reshape(len(matrix), BINS + 1), np.zeros(len(matrix)))

    def _leaves(self, matrix: Matrix) -> Nodes:
        """Walk every tree for every row, shape (n_rows, n_trees)."""
        cells = np.ascontiguousarray(matrix).ravel()
        first_cell = np.arange(0, cells.size, matrix.shape[1])[:, None]
        nodes = np.repeat(self.roots[None, :], len(matrix), axis=0)
        for step in range(1, self.depth + 1):
            cell = self.feature.take(nodes)
            if len(matrix) > 1:
                cell = cell + first_cell
            above = cells.take(cell) > self.threshold.take(nodes)
            before, nodes = nodes, self.first_child.take(nodes)
            nodes += above
            if step % _STEPS_BETWEEN_LOOKS == 0 and np.array_equal(before, nodes):
                break
        return nodes

    def _cumulative(self, leaves: Nodes) -> Vector:
        starts = self.runs.take(leaves)
        lengths = self.runs.take(leaves + 1) - starts
        shares = np.bincount(
            self.bins.take(laid_out(starts, lengths)), weights=np.repeat(1 / lengths, lengths), minlength=BINS
        )
        cumulative = np.zeros(BINS + 1)
        shares.cumsum(out=cumulative[1:])
        cumulative /= cumulative[-1]
        return cumulative

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that `from_arrays` reads: what follows from the order of the nodes is left out."""
        inner = self.first_child != np.arange(len(self.first_child))
        return {
            "roots": self.roots.astype("<i4"),
            "inner": np.packbits(inner),
            "feature": _narrow(self.feature[inner]),
            "threshold": self.threshold[inner].astype("<f4"),
            "lengths": _narrow(np.diff(self.runs)[~inner]),
            "bins": self.bins.astype("|u1"),
            "edges": self.edges.astype("<f8"),
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
        roots = arrays["roots"].astype(np.intp)
        _check_values(arrays, n_columns)
        inner = _inner_nodes(arrays["inner"], len(arrays["threshold"]), len(roots))
        first_child = _first_children(inner, roots)
        feature, threshold = np.zeros(len(inner), dtype=np.int16), np.full(len(inner), np.inf, dtype=np.float32)
        feature[inner], threshold[inner] = arrays["feature"], arrays["threshold"]
        runs = _runs(inner, arrays["lengths"], len(arrays["bins"]))
        depth = _depth(roots, first_child)
        return cls(roots, feature, threshold, first_child, runs, arrays["bins"], arrays["edges"], depth)


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


def _first_children(inner: npt.NDArray[np.bool_], roots: Nodes) -> Nodes:
    """Return the first child of each node: level by level, the children of a tree's k-th inner node come k-th.

    With k counted over all trees from 0, two nodes for each inner node before it and one root for each tree up to its
    own stand before its first child.
    """
    numbers = np.arange(len(inner))
    # how many inner nodes stand before each node, and behind the last
    before = np.concatenate([[0], np.cumsum(inner)])
    is_root = np.zeros(len(inner), dtype=np.bool_)
    if (roots < 0).any() or (roots >= len(inner)).any() or not (np.diff(roots) > 0).all():
        raise BundleError("roots: expected ascending nodes; train this tool again")
    is_root[roots] = True
    if not np.array_equal(roots, 2 * before[roots] + np.arange(len(roots))):
        raise BundleError("roots, inner: not those of whole trees; train this tool again")
    first_child = np.where(inner, 2 * before[:-1] + np.cumsum(is_root), numbers)
    if not (first_child[inner] > numbers[inner]).all():
        raise BundleError("inner: a node stands before its parent; train this tool again")
    return np.asarray(first_child, dtype=np.intp)


def _runs(inner: npt.NDArray[np.bool_], lengths: npt.NDArray[Any], n_counted: int) -> Nodes:
    of_nodes = np.zeros(len(inner), dtype=np.int64)
    n_leaves = np.count_nonzero(~inner)
    if len(lengths) != n_leaves or not lengths.all() or lengths.sum(dtype=np.int64) != n_counted:
        raise BundleError(f"lengths, bins: expected a run for each of {n_leaves} leaves; train this tool again")
    of_nodes[~inner] = lengths
    return np.concatenate([[0], of_nodes.cumsum()]).astype(np.intp)


def _depth(roots: Nodes, first_child: Nodes) -> int:
    """Count the steps until no tree has an inner node left; as children stand behind their parents, there is an end."""
    depth, nodes = 0, roots
    while len(nodes := nodes[first_child[nodes] != nodes]):
        depth, nodes = depth + 1, np.concatenate([first_child[nodes], first_child[nodes] + 1])
    return depth
