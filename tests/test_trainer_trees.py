"""Trees on bags of groups, and what those believe that have not seen a job."""

from dataclasses import replace

import numpy as np
import pytest

from trainer import trees
from trainer.distribution import Beliefs
from trainer.flatten import flatten
from trainer.trees import N_TREES, Grown

# ten groups of six jobs; a job's only feature is its group's number, and its peak follows from that
GROUPS = np.repeat(np.arange(10), 6)
MATRIX = GROUPS[:, None].astype(np.float32)
DRAW = np.random.default_rng(1)
# group 0 needs about e**20 bytes, group 9 e**29
LOG_PEAKS = 20 + GROUPS + 0.1 * DRAW.random(60)


@pytest.fixture(scope="module")
def grown() -> Grown:
    return Grown.on_bags(MATRIX, LOG_PEAKS, GROUPS)


def everyones(grown: Grown) -> Beliefs:
    """What all trees believe of the jobs, each counting those of its own bag."""
    trees_ = [tree.tree_ for tree in grown.trees]
    return flatten(trees_, MATRIX, LOG_PEAKS, grown.in_bag, trees.MIN_ROWS_PER_LEAF).predict(MATRIX)


def test_a_group_is_inside_a_trees_bag_or_outside_of_it_as_a_whole(grown: Grown) -> None:
    assert grown.in_bag.shape == (N_TREES, 60)
    for bag in grown.in_bag:
        inside = {int(group) for group in GROUPS[bag]}
        assert set(GROUPS[~bag].tolist()).isdisjoint(inside)
        # 0.632 of ten groups
        assert len(inside) == 6


def test_every_job_is_outside_of_some_bags_and_inside_of_others(grown: Grown) -> None:
    # each group is outside of 4 bags in 10
    outside = (~grown.in_bag).sum(axis=0)
    assert outside.min() > 20
    assert outside.max() < 60


def test_a_job_is_believed_by_trees_that_never_saw_its_group(grown: Grown) -> None:
    believed = grown.out_of_bag(MATRIX, LOG_PEAKS)
    own = np.exp(LOG_PEAKS)
    # the largest peaks of all others are those of group 8, e**28 to e**28.1
    for row in np.flatnonzero(GROUPS == 9):
        assert believed[int(row)].quantile_bytes(1.0) < np.exp(28.1) * 1.05
        assert believed[int(row)].exceedance(int(own[row] / 2)) == 0.0
    # trees that have seen them know better
    everyone = everyones(grown)
    assert everyone[59].quantile_bytes(1.0) > np.exp(29)


def test_what_is_believed_of_a_job_does_not_depend_on_its_own_peak(grown: Grown) -> None:
    believed = grown.out_of_bag(MATRIX, LOG_PEAKS)
    for row in (10, 33):
        changed = LOG_PEAKS.copy()
        # anywhere between the least and the most of all peaks, so that the grid stays
        changed[row] = 21.5 if row == 33 else 27.5
        again = Grown.on_bags(MATRIX, changed, GROUPS).out_of_bag(MATRIX, changed)
        own_group = np.isin(GROUPS, GROUPS[row])
        assert np.array_equal(again.cumulative[own_group], believed.cumulative[own_group])
        # others learn from it
        assert not np.array_equal(again.cumulative, believed.cumulative)


def test_where_all_jobs_are_of_one_group_the_whole_forest_answers() -> None:
    one_group = np.zeros(60, dtype=np.int64)
    grown = Grown.on_bags(MATRIX, LOG_PEAKS, one_group)
    assert grown.in_bag.all()
    found, everyone = grown.out_of_bag(MATRIX, LOG_PEAKS), everyones(grown)
    assert found.cumulative == pytest.approx(everyone.cumulative, abs=1e-6)


def test_a_belief_is_the_average_of_the_trees_that_are_asked(grown: Grown) -> None:
    believed = grown.out_of_bag(MATRIX, LOG_PEAKS)
    outside = [tree for tree, bag in zip(grown.trees, grown.in_bag, strict=True) if not bag[0]]
    # the mean of a distribution is that of its parts: of each tree's leaf, known to half a bin
    middles = believed.grid.middles
    mean = np.diff(believed.cumulative[0]) @ middles
    half_a_bin = (believed.grid.edges[1] - believed.grid.edges[0]) / 2
    assert mean == pytest.approx(np.mean([tree.predict(MATRIX[:1])[0] for tree in outside]), abs=half_a_bin)
    assert np.allclose(believed.cumulative[:, [0, -1]], [0, 1])
    assert (np.diff(believed.cumulative, axis=1) >= 0).all()


def test_no_tree_is_grown_on_more_rows_than_make_it_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MOST_ROWS_PER_TREE", 20)
    grown = Grown.on_bags(MATRIX, LOG_PEAKS, np.arange(60))
    # 0.632 of 60 would be 38
    assert set(grown.in_bag.sum(axis=1).tolist()) == {20}


def test_where_rows_are_left_out_of_a_bag_no_tree_that_saw_their_group_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trees, "MOST_ROWS_PER_TREE", 20)
    grown = Grown.on_bags(MATRIX, LOG_PEAKS, GROUPS)
    believed = grown.out_of_bag(MATRIX, LOG_PEAKS)
    # the largest peak of all other groups is e**28.1
    assert believed[59].exceedance(int(np.exp(28.5))) == 0.0


def test_the_same_jobs_grow_the_same_trees(grown: Grown) -> None:
    again = Grown.on_bags(MATRIX, LOG_PEAKS, GROUPS)
    assert np.array_equal(again.in_bag, grown.in_bag)
    both = (one.out_of_bag(MATRIX, LOG_PEAKS) for one in (grown, replace(again)))
    first, second = (beliefs.cumulative for beliefs in both)
    assert np.array_equal(first, second)
