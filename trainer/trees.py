"""Extremely randomised trees, each grown on a bag of groups of jobs, and what they believe of the jobs outside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.tree import ExtraTreeRegressor

from .candidates import SEED
from .distribution import Beliefs, Grid, Rows, Vector
from .features import Matrix
from .forest import BINS, binned

N_TREES = 100
# Smaller leaves make the spread too narrow, larger ones the prediction too coarse (bowtie2, hisat2: 2 to 5 within 2 %).
MIN_ROWS_PER_LEAF = 3
# What a bootstrap sample holds on average: 1 - 1/e.
BAG_SHARE = 0.632
# More rows make a tree no better, but slower (sizing-study.md, section 7).
MOST_ROWS_PER_TREE = 20_000


@dataclass(frozen=True)
class Grown:
    """Trees, and which rows each of them has seen.

    Parameters
    ----------
    trees : sequence of ExtraTreeRegressor, of length n_trees
        Geurts et al. 2006 (https://doi.org/10.1007/s10994-006-6226-1), over log peaks.
    in_bag, outside : bool arrays of shape (n_trees, n_rows)
        The rows that each tree was grown on, and those of whose groups it has seen none.
    """

    trees: Sequence[Any]
    in_bag: npt.NDArray[np.bool_]
    outside: npt.NDArray[np.bool_]

    @classmethod
    def on_bags(cls, matrix: Matrix, log_peaks: Vector, groups: Rows) -> "Grown":
        """Grow each tree on the rows of `BAG_SHARE` of the groups, drawn for it alone.

        Rows of one group are all inside a tree's bag or all outside: what the trees outside believe of a row is what
        a forest that never met its group would.
        """
        random = np.random.default_rng(SEED)
        drawn = np.array([_drawn(groups, random) for _ in range(N_TREES)])
        bags = np.array([_thinned(bag, random) for bag in drawn])
        seeds = random.integers(2**31 - 1, size=N_TREES)
        return cls([_grow(matrix[bag], log_peaks[bag], int(seed)) for bag, seed in zip(bags, seeds)], bags, ~drawn)

    def out_of_bag(self, matrix: Matrix, log_peaks: Vector) -> Beliefs:
        """Return what the trees that have not seen a row believe of it.

        The average of the histograms in its leaves: a quantile regression forest (Meinshausen 2006,
        https://jmlr.org/papers/v7/meinshausen06a.html) on the rows outside the bag.
        """
        edges, row_bins = binned(log_peaks)
        # no job of one group only is ever outside: there the whole forest has to answer
        asked = self.outside | ~self.outside.any(axis=0)
        shares = np.zeros((len(matrix), BINS), dtype=np.float32)
        for tree, bag, rows in zip(self.trees, self.in_bag, asked):
            leaves = tree.apply(matrix)
            shares[rows] += _histograms(leaves[bag], row_bins[bag], tree.tree_.node_count)[leaves[rows]]
        cumulative = np.zeros((len(matrix), BINS + 1))
        shares.cumsum(axis=1, out=cumulative[:, 1:])
        cumulative /= cumulative[:, -1:]
        return Beliefs(Grid(edges), cumulative, np.zeros(len(matrix)))


def _drawn(groups: Rows, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Say which rows are of the groups that are drawn for one tree."""
    count = int(groups.max()) + 1
    drawn = np.zeros(count, dtype=np.bool_)
    drawn[random.permutation(count)[: max(round(BAG_SHARE * count), 1)]] = True
    return drawn[groups]


def _thinned(drawn: npt.NDArray[np.bool_], random: np.random.Generator) -> npt.NDArray[np.bool_]:
    if drawn.sum() <= MOST_ROWS_PER_TREE:
        return drawn
    kept = np.zeros(len(drawn), dtype=np.bool_)
    kept[random.choice(np.flatnonzero(drawn), MOST_ROWS_PER_TREE, replace=False)] = True
    return kept


def _grow(matrix: Matrix, log_peaks: Vector, seed: int) -> Any:
    return ExtraTreeRegressor(min_samples_leaf=MIN_ROWS_PER_LEAF, max_features=1.0, random_state=seed).fit(
        matrix, log_peaks
    )


def _histograms(leaves: Rows, row_bins: Rows, n_nodes: int) -> npt.NDArray[np.float32]:
    """Return each leaf's share of rows in each bin, shape (n_nodes, BINS)."""
    counted = np.bincount(leaves * BINS + row_bins, minlength=n_nodes * BINS).reshape(n_nodes, BINS)
    shares = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1)
    return np.asarray(shares, dtype=np.float32)
