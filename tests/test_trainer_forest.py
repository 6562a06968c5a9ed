"""Forests as plain arrays."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from galaxy_memory_rules.errors import BundleError
from trainer.distribution import Vector
from trainer.features import Matrix
from trainer.flatten import MIN_ROWS_PER_HISTOGRAM, flatten
from trainer.forest import BINS, Forest


def sample(rows: int, seed: int = 0) -> tuple[Matrix, Vector]:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, 4)).astype(np.float32)
    return matrix, np.asarray(20 + matrix[:, 0] + rng.normal(scale=0.1, size=rows))


def trees_of(regressor: Any) -> list[Any]:
    return [tree.tree_ for tree in regressor.estimators_]


@pytest.fixture(scope="module")
def forest() -> Forest:
    matrix, log_peaks = sample(300)
    return flatten(trees_of(RandomForestRegressor(20, random_state=0).fit(matrix, log_peaks)), matrix, log_peaks)


SHAPES = [
    {},
    {"max_depth": 3},
    {"max_leaf_nodes": 9},  # scikit-learn numbers the nodes of such trees in another order
    {"min_samples_leaf": 20},
    {"max_depth": 1, "n_estimators": 1},
]


@pytest.mark.parametrize("regressor", [RandomForestRegressor, ExtraTreesRegressor])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_point_prediction_is_scikit_learns(regressor: type, shape: dict[str, int]) -> None:
    matrix, log_peaks = sample(200)
    fitted = regressor(**{"n_estimators": 10, "random_state": 0, **shape}).fit(matrix, log_peaks)
    unseen, _ = sample(100, seed=1)
    points = [distribution.point for distribution in flatten(trees_of(fitted), matrix, log_peaks).predict(unseen)]
    assert points == pytest.approx(fitted.predict(unseen), abs=1e-5)


def test_values_on_a_threshold_go_the_same_way_as_in_scikit_learn() -> None:
    # few distinct values, so that the thresholds lie between neighbours and float32 rounding could flip them
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 3, size=(200, 4)).astype(np.float32) * np.float32(0.1)
    log_peaks = np.asarray(rng.normal(size=200))
    fitted = RandomForestRegressor(10, random_state=0).fit(matrix, log_peaks)
    points = [distribution.point for distribution in flatten(trees_of(fitted), matrix, log_peaks).predict(matrix)]
    assert points == pytest.approx(fitted.predict(matrix), abs=1e-5)


def test_a_tree_that_never_splits_is_served_too() -> None:
    matrix, log_peaks = sample(50)
    fitted = RandomForestRegressor(3, min_samples_split=1.0, max_depth=1, min_samples_leaf=0.5, random_state=0)
    fitted.fit(np.zeros_like(matrix), log_peaks)
    forest = flatten(trees_of(fitted), np.zeros_like(matrix), log_peaks)
    assert forest.depth == 0
    [distribution] = forest.predict(matrix[:1])
    # every row is in the one leaf: its distribution is that of all peaks
    assert distribution.quantile_bytes(0.5) == pytest.approx(np.exp(np.median(log_peaks)), rel=0.02)


def test_a_leafs_histogram_counts_the_training_peaks_around_it() -> None:
    # two groups of rows, told apart by the first feature, and one tree with a leaf for each
    matrix = np.repeat(np.array([[0.0], [1.0]], dtype=np.float32), 100, axis=0)
    log_peaks = np.concatenate([np.linspace(10, 11, 100), np.linspace(20, 21, 100)])
    fitted = ExtraTreesRegressor(1, max_depth=1, random_state=0).fit(matrix, log_peaks)
    low, high = flatten(trees_of(fitted), matrix, log_peaks).predict(np.array([[0.0], [1.0]], dtype=np.float32))
    # nine tenths of 10 to 11 is 10.9, within a bin of (21 - 10) / 256
    assert np.log(low.quantile_bytes(0.9)) == pytest.approx(10.9, abs=11 / BINS)
    assert np.log(high.quantile_bytes(0.5)) == pytest.approx(20.5, abs=11 / BINS)
    assert high.exceedance(int(np.exp(20))) > 0.95


def test_small_leaves_share_the_histogram_of_the_node_around_them() -> None:
    matrix, log_peaks = sample(100)
    forest = flatten(trees_of(ExtraTreesRegressor(5, random_state=0).fit(matrix, log_peaks)), matrix, log_peaks)
    leaves = np.flatnonzero(forest.first_child == np.arange(len(forest.first_child)))
    for histogram in forest.histogram[leaves]:
        run = forest.weights[forest.entries[histogram] : forest.entries[histogram + 1]]
        assert run.sum() == pytest.approx(1)
        # a weight is a count over the rows of the histogram: with fewer rows the smallest would be larger
        assert run.min() <= 1 / MIN_ROWS_PER_HISTOGRAM + 1e-6 or len(run) == 1


def test_quantiles_cover_what_they_promise() -> None:
    matrix, log_peaks = sample(2000)
    forest = flatten(trees_of(RandomForestRegressor(50, random_state=0).fit(matrix, log_peaks)), matrix, log_peaks)
    unseen, unseen_peaks = sample(1000, seed=1)
    requests = np.array([distribution.quantile_bytes(0.9) for distribution in forest.predict(unseen)])
    # 10 % may exceed it; the standard error of 1,000 rows is 1 %
    assert (np.exp(unseen_peaks) > requests).mean() == pytest.approx(0.10, abs=0.04)


def test_one_row_and_many_are_predicted_alike(forest: Forest) -> None:
    matrix, _ = sample(50, seed=2)
    together = forest.predict(matrix)
    for row, distribution in enumerate(together):
        [alone] = forest.predict(matrix[row : row + 1])
        assert alone.point == distribution.point
        assert np.array_equal(alone.cumulative, distribution.cumulative)


def test_a_forest_survives_the_disk(forest: Forest) -> None:
    again = Forest.from_arrays(forest.to_arrays(), forest.depth, n_columns=4)
    matrix, _ = sample(20, seed=3)
    assert [d.point for d in again.predict(matrix)] == [d.point for d in forest.predict(matrix)]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("roots", lambda a: a[:0]),
        ("roots", lambda a: a * 0 - 1),
        ("feature", lambda a: a * 0 + 4),  # there are 4 columns: 0 to 3
        ("feature", lambda a: a.astype("<i4")),
        ("first_child", lambda a: a * 0 + len(a)),
        ("first_child", lambda a: a * 0 + len(a) - 1),  # the last node has no second child behind it
        ("threshold", lambda a: a * np.float32(np.nan)),
        ("threshold", lambda a: a * 0),  # a leaf that sends rows on
        ("value", lambda a: a[:-1]),
        ("value", lambda a: a * np.float32(np.inf)),
        ("histogram", lambda a: a * 0 + 10**6),
        ("entries", lambda a: a[::-1]),
        ("entries", lambda a: a * 0),
        ("bins", lambda a: a[:-1]),
        ("weights", lambda a: -a),
        ("edges", lambda a: a[::-1].copy()),
        ("edges", lambda a: a.reshape(1, -1)),
    ],
)
def test_arrays_that_a_walk_could_leave_are_refused(forest: Forest, name: str, change: Any) -> None:
    arrays = forest.to_arrays()
    with np.errstate(invalid="ignore"):
        arrays[name] = change(arrays[name])
    with pytest.raises(BundleError, match="train this tool again"):
        Forest.from_arrays(arrays, forest.depth, n_columns=4)


@pytest.mark.parametrize("depth", [-1, 10**9])
def test_a_depth_that_no_tree_has_is_refused(forest: Forest, depth: int) -> None:
    with pytest.raises(BundleError, match="depth"):
        Forest.from_arrays(forest.to_arrays(), depth, n_columns=4)


@settings(max_examples=200)
@given(st.data())
def test_whatever_stands_in_the_arrays_a_walk_ends_or_they_are_refused(forest: Forest, data: st.DataObject) -> None:
    arrays = forest.to_arrays()
    name = data.draw(st.sampled_from(sorted(arrays)))
    raw = bytearray(arrays[name].tobytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    arrays[name] = np.frombuffer(bytes(raw), dtype=arrays[name].dtype)
    try:
        damaged = Forest.from_arrays(arrays, forest.depth, n_columns=4)
    except BundleError:
        return
    matrix, _ = sample(5)
    with np.errstate(over="ignore"):
        assert len(damaged.predict(matrix)) == 5
