"""A forest as plain arrays: a histogram of the recorded peaks for every leaf gives the predictive distribution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError

from .distribution import Beliefs, Vector
from .features import Matrix

Nodes = npt.NDArray[np.int32]

# A bin's number fits a byte; over three decades of peaks a bin is 2.7 % wide, and quantiles are interpolated inside.
BINS = 256
# The walk looks this often whether every tree has reached its leaf.
_STEPS_BETWEEN_LOOKS = 8
# The same bytes on every machine.
_DTYPES: Mapping[str, str] = {
    "roots": "<i4",
    "feature": "<i2",
    "threshold": "<f4",
    "first_child": "<i4",
    "value": "<f4",
    "histogram": "<i4",
    "entries": "<i4",
    "bins": "|u1",
    "weights": "<f4",
    "edges": "<f8",
}


@dataclass(frozen=True)
class Forest:
    """Regression trees over log peaks, walked without scikit-learn.

    The trees stand one behind the other in arrays over all nodes. The second child of a node stands behind the
    first, and a leaf is its own child, so that all trees are walked together, as many steps as the deepest one needs.
    Each leaf has a histogram of the training peaks around it. Averaged over the trees, these histograms are the
    distribution of a quantile regression forest (Meinshausen 2006, https://jmlr.org/papers/v7/meinshausen06a.html).

    Parameters
    ----------
    roots : int array of shape (n_trees,)
        First node of each tree.
    feature, threshold : arrays of shape (n_nodes,)
        A row goes to the second child where its feature is above the threshold.
    first_child : int array of shape (n_nodes,)
        First child of each node; a leaf names itself, under a threshold that nothing is above.
    value : float array of shape (n_nodes,)
        Mean log peak of the node, as scikit-learn predicts it.
    histogram : int array of shape (n_nodes,)
        Number of each leaf's histogram.
    entries : int array of shape (n_histograms + 1,)
        Where each histogram's run of `bins` and `weights` begins.
    bins, weights : arrays of shape (n_entries,)
        Bin and its share of the histogram.
    edges : float array of shape (BINS + 1,)
        Borders of the bins, natural logarithms of bytes.
    depth : int
        Steps from a root to the deepest leaf.
    """

    roots: Nodes
    feature: npt.NDArray[np.int16]
    threshold: npt.NDArray[np.float32]
    first_child: Nodes
    value: npt.NDArray[np.float32]
    histogram: Nodes
    entries: Nodes
    bins: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.float32]
    edges: Vector
    depth: int

    def predict(self, matrix: Matrix) -> Beliefs:
        """Return the predictive distribution of each row.

        Parameters
        ----------
        matrix : array of shape (n_rows, n_columns)
            Rows of `FeatureSchema.encode`.
        """
        walked = self._leaves(matrix)
        cumulative = np.array([self._cumulative(leaves) for leaves in walked]).reshape(len(matrix), BINS + 1)
        points = self.value.take(walked).mean(axis=1, dtype=np.float64)
        return Beliefs(self.edges, cumulative, np.zeros(len(matrix)), points)

    def _leaves(self, matrix: Matrix) -> npt.NDArray[np.intp]:
        """Walk every tree for every row, shape (n_rows, n_trees)."""
        cells = np.ascontiguousarray(matrix).ravel()
        first_cell = np.arange(0, cells.size, matrix.shape[1])[:, None]
        # numpy's own index type: any other would be converted in each of the three looks of a step
        nodes = np.broadcast_to(self.roots.astype(np.intp), (len(matrix), len(self.roots)))
        for step in range(1, self.depth + 1):
            cell = self.feature.take(nodes)
            if len(matrix) > 1:
                cell = cell + first_cell
            above = cells.take(cell) > self.threshold.take(nodes)
            before, nodes = nodes, np.add(self.first_child.take(nodes), above, dtype=np.intp)
            if step % _STEPS_BETWEEN_LOOKS == 0 and np.array_equal(before, nodes):
                break
        return nodes

    def _cumulative(self, leaves: npt.NDArray[np.intp]) -> Vector:
        histograms = self.histogram.take(leaves)
        starts = self.entries.take(histograms)
        lengths = self.entries.take(histograms + 1) - starts
        ends = lengths.cumsum()
        # the runs of all leaves laid one behind the other: position minus where the run began, plus its start
        taken = np.arange(ends[-1]) + np.repeat(starts - ends + lengths, lengths)
        shares = np.bincount(self.bins.take(taken), weights=self.weights.take(taken), minlength=BINS)
        cumulative = np.zeros(BINS + 1)
        shares.cumsum(out=cumulative[1:])
        cumulative /= cumulative[-1]
        return cumulative

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return {name: getattr(self, name).astype(dtype) for name, dtype in _DTYPES.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], depth: int, n_columns: int) -> "Forest":
        """Build a forest from arrays, after checking that no walk can leave them.

        Raises
        ------
        BundleError
            Naming the array that is missing, of another type or length, or out of range.
        """
        _check(arrays, n_columns)
        if not 0 <= depth <= len(arrays["feature"]):
            raise BundleError(f"depth: {depth} is no depth of trees with {len(arrays['feature'])} nodes")
        return cls(**{name: arrays[name] for name in _DTYPES}, depth=depth)


def _check(arrays: Mapping[str, npt.NDArray[Any]], n_columns: int) -> None:
    for name, dtype in _DTYPES.items():
        if name not in arrays or arrays[name].ndim != 1 or arrays[name].dtype != np.dtype(dtype):
            raise BundleError(f"{name}: expected one row of {dtype}; train this tool again")
    n_nodes, n_entries = len(arrays["feature"]), len(arrays["bins"])
    lengths = dict.fromkeys(("threshold", "first_child", "value", "histogram"), n_nodes)
    for name, length in {**lengths, "weights": n_entries, "edges": BINS + 1}.items():
        if len(arrays[name]) != length:
            raise BundleError(f"{name}: {len(arrays[name])} numbers where {length} belong; train this tool again")
    itself = arrays["first_child"] == np.arange(n_nodes)
    highest = {
        "roots": n_nodes - 1,
        "feature": n_columns - 1,
        # an inner node's second child stands behind the first
        "first_child": n_nodes - 1 - (~itself),
        "histogram": len(arrays["entries"]) - 2,
        "entries": n_entries,
    }
    for name, limit in highest.items():
        if not len(arrays[name]) or (arrays[name] < 0).any() or (arrays[name] > limit).any():
            raise BundleError(f"{name}: an index points outside; train this tool again")
    ascending = (np.diff(arrays["entries"]) > 0).all() and (np.diff(arrays["edges"]) > 0).all()
    finite = all(np.isfinite(arrays[name]).all() for name in ("value", "edges", "weights"))
    closed = np.isposinf(arrays["threshold"][itself]).all() and not np.isnan(arrays["threshold"]).any()
    if not ascending or not finite or not closed or not (arrays["weights"] > 0).all():
        raise BundleError("entries, edges, value, threshold or weights: not what a walk can use; train this tool again")
