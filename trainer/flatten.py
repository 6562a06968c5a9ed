"""Fitted scikit-learn trees -> the arrays of a Forest, with the training peaks of each leaf."""

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from .distribution import Grid, Vector
from .features import Matrix
from .forest import BINS, Forest, binned, laid_out

Integers = npt.NDArray[np.int64]

# A histogram of fewer rows says nothing about the spread: smaller leaves take that of the node around them.
# On usegalaxy.org's bowtie2 and hisat2, the 0.95 quantile of fully grown trees is exceeded by 11-23 % of held-out
# jobs with histograms of 1 row, by 5-8 % with 5.
MIN_ROWS_PER_HISTOGRAM = 5


def flatten(
    trees: Sequence[Any],
    matrix: Matrix,
    log_peaks: Vector,
    bags: Optional[npt.NDArray[np.bool_]] = None,
    min_rows: int = MIN_ROWS_PER_HISTOGRAM,
) -> Forest:
    """Lay trees one behind the other and put the training peaks into their leaves.

    Parameters
    ----------
    trees : sequence of sklearn.tree._tree.Tree
        The ``tree_`` of each estimator of a forest.
    matrix : array of shape (n_rows, n_columns)
        The training rows.
    log_peaks : array of shape (n_rows,)
        Their peaks, natural logarithms of bytes.
    bags : bool array of shape (n_trees, n_rows), optional
        The rows that each tree counts; all of them where it is not given.
    min_rows : int
        Rows that a leaf counts at least.
    """
    edges, row_bins = binned(log_peaks)
    bags = np.ones((len(trees), len(matrix)), dtype=np.bool_) if bags is None else bags
    flat = [_FlatTree(tree) for tree in trees]
    counted = [one.count(matrix[bag], row_bins[bag], min_rows) for one, bag in zip(flat, bags)]
    roots = np.cumsum([0, *(tree.node_count for tree in trees)])
    return Forest(
        roots=roots[:-1].astype(np.intp),
        inner=np.concatenate([~one.leaf for one in flat]),
        feature=np.concatenate([one.features() for one in flat]),
        threshold=np.concatenate([one.thresholds() for one in flat]),
        lengths=np.concatenate([lengths for lengths, _ in counted]),
        bins=np.concatenate([bins for _, bins in counted]).astype(np.uint8),
        grid=Grid(edges),
        n_columns=matrix.shape[1],
    )


class _FlatTree:
    """One tree on its way into the arrays: its nodes stand level by level, the two children of a node together."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self.order = _by_level(tree)
        self.leaf = tree.children_left[self.order] < 0
        self.place = np.empty(tree.node_count, dtype=np.int64)
        self.place[self.order] = np.arange(tree.node_count)

    def features(self) -> Integers:
        """Return the column that each inner node looks at."""
        return np.asarray(self.tree.feature[self.order][~self.leaf])

    def thresholds(self) -> npt.NDArray[np.float32]:
        """Round the thresholds down to float32; for float32 rows the comparison stays the same."""
        exact = self.tree.threshold[self.order][~self.leaf]
        rounded = exact.astype(np.float32)
        return np.asarray(np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded))

    def count(self, matrix: Matrix, row_bins: Integers, min_rows: int) -> tuple[Integers, Integers]:
        """Return how many rows each leaf counts, and the bins of these rows, ascending."""
        parent = self._parent()
        # every row in every node that it came through, sorted by node and bin
        lineage = _lineage(self.place[self.tree.apply(matrix)], parent)
        passed = np.sort(np.concatenate([nodes * BINS + row_bins[rows] for nodes, rows in lineage]))
        n_rows = np.bincount(passed // BINS, minlength=len(self.leaf))
        owner = np.arange(len(self.leaf))
        while (small := self.leaf & (n_rows[owner] < min_rows) & (owner > 0)).any():
            owner[small] = parent[owner[small]]
        owner = owner[self.leaf]
        starts = np.cumsum(n_rows) - n_rows
        return n_rows[owner], passed[laid_out(starts[owner], n_rows[owner])] % BINS

    def _parent(self) -> Integers:
        parent = np.zeros(len(self.leaf), dtype=np.int64)
        inner = np.flatnonzero(~self.leaf)
        first_child = self.place[self.tree.children_left[self.order[inner]]]
        parent[first_child], parent[first_child + 1] = inner, inner
        return parent


def _by_level(tree: Any) -> Integers:
    """Return the tree's nodes from the root down, from the first child to the second."""
    levels = [np.zeros(1, dtype=np.int64)]
    while len(inner := levels[-1][tree.children_left[levels[-1]] >= 0]):
        levels.append(np.column_stack([tree.children_left[inner], tree.children_right[inner]]).ravel())
    return np.concatenate(levels)


def _lineage(leaf_of_row: Integers, parent: Integers) -> list[tuple[Integers, Integers]]:
    """Walk all rows from their leaves to the root: after each step, the nodes just reached and the rows in them."""
    nodes, rows = leaf_of_row, np.arange(len(leaf_of_row))
    lineage = [(nodes, rows)]
    while (moves := nodes > 0).any():
        nodes, rows = parent[nodes[moves]], rows[moves]
        lineage.append((nodes, rows))
    return lineage
