"""Fitted scikit-learn trees -> the arrays of a Forest, with the training peaks counted into histograms."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .distribution import Vector
from .features import Matrix
from .forest import BINS, Forest

Integers = npt.NDArray[np.int64]

# A histogram of fewer rows says nothing about the spread: smaller leaves share that of the node around them.
# On usegalaxy.org's bowtie2 and hisat2, the 0.95 quantile of fully grown trees is exceeded by 11-23 % of held-out
# jobs with histograms of 1 row, by 5-8 % with 5, while the point prediction wants leaves of 1.
MIN_ROWS_PER_HISTOGRAM = 5


def flatten(trees: Sequence[Any], matrix: Matrix, log_peaks: Vector, min_rows: int = MIN_ROWS_PER_HISTOGRAM) -> Forest:
    """Lay trees one behind the other and fill their leaves with the training peaks.

    Parameters
    ----------
    trees : sequence of sklearn.tree._tree.Tree
        The ``tree_`` of each estimator of a forest.
    matrix : array of shape (n_rows, n_columns)
        The training rows.
    log_peaks : array of shape (n_rows,)
        Their peaks, natural logarithms of bytes.
    min_rows : int
        Rows that a histogram counts at least.
    """
    roots = np.cumsum([0, *(tree.node_count for tree in trees)])
    edges = np.linspace(log_peaks.min(), log_peaks.max(), BINS + 1)
    row_bins = np.clip(np.searchsorted(edges, log_peaks, side="right") - 1, 0, BINS - 1)
    flat = [_FlatTree(tree, root) for tree, root in zip(trees, roots)]
    counted = [one.count(one.tree.apply(matrix).astype(np.int64), row_bins, min_rows) for one in flat]
    histogram, entries, bins, weights = _number([owner for owner, _ in counted], [pairs for _, pairs in counted])
    return Forest(
        roots=roots[:-1].astype(np.int32),
        feature=np.concatenate([one.moved(np.maximum(one.tree.feature, 0)) for one in flat]).astype(np.int16),
        threshold=np.concatenate([one.moved(one.thresholds()) for one in flat]),
        first_child=np.concatenate([one.moved(one.first_children()) for one in flat]).astype(np.int32),
        value=np.concatenate([one.moved(one.tree.value[:, 0, 0]) for one in flat]).astype(np.float32),
        histogram=np.concatenate([one.moved(own) for one, own in zip(flat, np.split(histogram, roots[1:-1]))]),
        entries=entries,
        bins=bins,
        weights=weights,
        edges=edges,
        depth=max(tree.max_depth for tree in trees),
    )


class _FlatTree:
    """One tree on its way into the arrays: its nodes are moved so that the two children of a node are neighbours."""

    def __init__(self, tree: Any, root: int) -> None:
        self.tree = tree
        self.leaf = tree.children_left < 0
        self.inner = np.flatnonzero(~self.leaf)
        place = np.zeros(tree.node_count, dtype=np.int64)
        place[tree.children_left[self.inner]] = 2 * np.arange(len(self.inner)) + 1
        place[tree.children_right[self.inner]] = 2 * np.arange(len(self.inner)) + 2
        self.place = place
        self.root = root

    def moved(self, of_nodes: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return an array over the tree's nodes in the order of the forest."""
        moved = np.empty_like(of_nodes)
        moved[self.place] = of_nodes
        return moved

    def thresholds(self) -> npt.NDArray[np.float32]:
        """Round the thresholds down to float32; for float32 rows the comparison stays the same."""
        exact = np.where(self.leaf, np.inf, self.tree.threshold)
        rounded = exact.astype(np.float32)
        return np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded)

    def first_children(self) -> Integers:
        """Return the forest's number of each node's first child; a leaf names itself."""
        return self.root + self.place[np.where(self.leaf, np.arange(len(self.leaf)), self.tree.children_left)]

    def count(self, leaf_of_row: Integers, row_bins: Integers, min_rows: int) -> tuple[Integers, Integers]:
        """Find whose histogram each leaf has, and the (node, bin) pairs that those histograms count, once a row."""
        lineage, counts = self._lineage(leaf_of_row)
        arrivals = np.concatenate([nodes[one] for nodes, one in zip(lineage, counts)])
        n_rows = np.bincount(arrivals, minlength=len(self.leaf))
        owner = np.where(self.leaf, np.arange(len(self.leaf)), 0)
        parent = self._parent()
        while (small := (n_rows[owner] < min_rows) & (owner > 0)).any():
            owner[small] = parent[owner[small]]
        owns = np.zeros(len(self.leaf), dtype=bool)
        owns[owner] = True
        pairs = [(nodes * BINS + row_bins)[one & owns[nodes]] for nodes, one in zip(lineage, counts)]
        return owner + self.root, np.concatenate(pairs) + self.root * BINS

    def _lineage(self, leaf_of_row: Integers) -> tuple[list[Integers], list[npt.NDArray[np.bool_]]]:
        """Walk all rows from their leaves to the root: where each is after each step, and whether it moved there."""
        parent = self._parent()
        lineage, moved = [leaf_of_row], [np.ones(len(leaf_of_row), dtype=bool)]
        while lineage[-1].any():
            moved.append(lineage[-1] > 0)
            lineage.append(parent[lineage[-1]])
        return lineage, moved

    def _parent(self) -> Integers:
        parent = np.zeros(len(self.leaf), dtype=np.int64)
        parent[self.tree.children_left[self.inner]] = self.inner
        parent[self.tree.children_right[self.inner]] = self.inner
        return parent


def _number(
    owners: Sequence[Integers], pairs: Sequence[Integers]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Number the histograms in the order of their nodes, and weigh each bin by its share of the rows."""
    distinct, counts = np.unique(np.concatenate(pairs), return_counts=True)
    nodes, histogram_of_pair = np.unique(distinct // BINS, return_inverse=True)
    entries = np.cumsum([0, *np.bincount(histogram_of_pair)]).astype(np.int32)
    n_rows = np.bincount(histogram_of_pair, weights=counts)
    weights = (counts / n_rows[histogram_of_pair]).astype(np.float32)
    histogram = np.searchsorted(nodes, np.concatenate(owners)).astype(np.int32)
    return histogram, entries, (distinct % BINS).astype(np.uint8), weights
