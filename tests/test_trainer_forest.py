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


def means(forest: Forest, matrix: Matrix) -> list[float]:
    """The mean of each row's distribution: that of its leaves, each peak known to half a bin."""
    beliefs = forest.predict(matrix)
    return [float(np.diff(cumulative) @ beliefs.grid.middles) for cumulative in beliefs.cumulative]


def half_a_bin(log_peaks: Vector) -> float:
    return float(np.ptp(log_peaks)) / BINS / 2 + 1e-9


@pytest.mark.parametrize("regressor", [RandomForestRegressor, ExtraTreesRegressor])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_row_falls_into_scikit_learns_leaves(regressor: type, shape: dict[str, int]) -> None:
    matrix, log_peaks = sample(200)
    fitted = regressor(**{"n_estimators": 10, "random_state": 0, "bootstrap": False, **shape}).fit(matrix, log_peaks)
    unseen, _ = sample(100, seed=1)
    forest = flatten(trees_of(fitted), matrix, log_peaks, min_rows=1)
    # a prediction is the mean of the leaves' peaks
    assert means(forest, unseen) == pytest.approx(fitted.predict(unseen), abs=half_a_bin(log_peaks))


def test_values_on_a_threshold_go_the_same_way_as_in_scikit_learn() -> None:
    # few distinct values, so that the thresholds lie between neighbours and float32 rounding could flip them
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 3, size=(200, 4)).astype(np.float32) * np.float32(0.1)
    log_peaks = np.asarray(rng.normal(size=200))
    fitted = RandomForestRegressor(10, random_state=0, bootstrap=False).fit(matrix, log_peaks)
    forest = flatten(trees_of(fitted), matrix, log_peaks, min_rows=1)
    assert means(forest, matrix) == pytest.approx(fitted.predict(matrix), abs=half_a_bin(log_peaks))


def test_each_tree_counts_the_rows_of_its_own_bag() -> None:
    matrix, log_peaks = sample(200)
    fitted = RandomForestRegressor(10, random_state=0, max_leaf_nodes=9, bootstrap=False).fit(matrix, log_peaks)
    bags = np.random.default_rng(0).random((10, 200)) < 0.5
    forest = flatten(trees_of(fitted), matrix, log_peaks, bags, min_rows=1)
    assert len(forest.bins) == np.count_nonzero(bags)
    # the leaves' mean peaks, over the rows in the bags
    leaves = fitted.apply(matrix[:1])[0]
    of_trees = [
        log_peaks[bag & (tree.apply(matrix) == leaf)].mean()
        for tree, bag, leaf in zip(fitted.estimators_, bags, leaves, strict=True)
    ]
    assert means(forest, matrix[:1]) == pytest.approx([np.mean(of_trees)], abs=half_a_bin(log_peaks))


def test_a_tree_that_never_splits_is_served_too() -> None:
    matrix, log_peaks = sample(50)
    fitted = RandomForestRegressor(3, min_samples_split=1.0, max_depth=1, min_samples_leaf=0.5, random_state=0)
    fitted.fit(np.zeros_like(matrix), log_peaks)
    forest = flatten(trees_of(fitted), np.zeros_like(matrix), log_peaks)
    assert not forest.inner.any()
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


def test_small_leaves_take_the_peaks_of_the_node_around_them() -> None:
    matrix, log_peaks = sample(100)
    fitted = ExtraTreesRegressor(5, random_state=0).fit(matrix, log_peaks)
    forest = flatten(trees_of(fitted), matrix, log_peaks)
    assert forest.lengths.min() >= MIN_ROWS_PER_HISTOGRAM
    # the leaves of trees that are fully grown have one row each; that of the first row takes its parent's as well
    tree = fitted.estimators_[0].tree_
    path = np.flatnonzero(tree.decision_path(matrix[:1]).toarray()[0])
    counted = [int(tree.n_node_samples[node]) for node in path]
    leaf = forest.walk.leaves(matrix[:1])[0, 0]
    assert forest.lengths[leaf] == min(rows for rows in counted if rows >= MIN_ROWS_PER_HISTOGRAM)


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
        assert np.array_equal(alone.cumulative, distribution.cumulative)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_forest_survives_the_disk(shape: dict[str, int]) -> None:
    matrix, log_peaks = sample(200)
    fitted = ExtraTreesRegressor(**{"n_estimators": 10, "random_state": 0, **shape}).fit(matrix, log_peaks)
    forest = flatten(trees_of(fitted), matrix, log_peaks)
    again = Forest.from_arrays(forest.to_arrays(), n_columns=4)
    for name in ("roots", "inner", "feature", "threshold", "lengths", "bins"):
        assert np.array_equal(getattr(again, name), getattr(forest, name)), name
    assert np.array_equal(again.predict(matrix).cumulative, forest.predict(matrix).cumulative)


def test_a_forest_on_disk_takes_a_byte_for_each_row_and_eight_for_each_leaf(forest: Forest) -> None:
    arrays = forest.to_arrays()
    n_leaves = len(arrays["lengths"])
    # for each leaf but one a tree has an inner node: a threshold of 4 bytes, a feature of 1, and 2 bits to tell both
    # kinds apart; a run's length is 1 byte more
    most = len(forest.bins) + n_leaves * (4 + 1 + 1 + 0.25) + arrays["roots"].nbytes + arrays["edges"].nbytes + 1
    assert sum(array.nbytes for array in arrays.values()) <= most


def test_numbers_too_large_for_a_byte_take_two() -> None:
    matrix = np.zeros((600, 300), dtype=np.float32)
    # the last of 300 columns tells 300 rows from 300
    matrix[300:, 299] = 1
    log_peaks = np.repeat([10.0, 20.0], 300) + np.tile([0.0, 0.1], 300)
    fitted = RandomForestRegressor(3, max_depth=1, max_features=None, bootstrap=False).fit(matrix, log_peaks)
    arrays = flatten(trees_of(fitted), matrix, log_peaks).to_arrays()
    assert arrays["feature"].tolist() == [299] * 3
    assert arrays["lengths"].tolist() == [300] * 6
    assert [arrays[name].dtype for name in ("feature", "lengths")] == ["<u2", "<u2"]
    assert Forest.from_arrays(arrays, n_columns=300).feature.max() == 299


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("roots", lambda a: a[:0]),
        ("roots", lambda a: a * 0 - 1),
        ("roots", lambda a: a[::-1].copy()),
        ("roots", lambda a: a + (np.arange(len(a)) == 3).astype("<i4")),
        ("inner", lambda a: a[:-1]),
        ("inner", lambda a: ~a),
        ("inner", lambda a: a[::-1].copy()),
        ("feature", lambda a: a * 0 + 4),  # there are 4 columns: 0 to 3
        ("feature", lambda a: a.astype("<i4")),
        ("feature", lambda a: a[:-1]),
        ("threshold", lambda a: a * np.float32(np.nan)),
        ("threshold", lambda a: a[:-1]),
        ("lengths", lambda a: a[:-1]),
        ("lengths", lambda a: a * 0),
        ("lengths", lambda a: a + 1),
        ("bins", lambda a: a[:-1]),
        ("edges", lambda a: a[::-1].copy()),
        ("edges", lambda a: a[:-1]),
        ("edges", lambda a: a * np.inf),
        ("edges", lambda a: a.reshape(1, -1)),
    ],
)
def test_arrays_that_a_walk_could_leave_are_refused(forest: Forest, name: str, change: Any) -> None:
    arrays = forest.to_arrays()
    with np.errstate(invalid="ignore"):
        arrays[name] = change(arrays[name])
    with pytest.raises(BundleError, match="train this tool again"):
        Forest.from_arrays(arrays, n_columns=4)


@settings(max_examples=200)
@given(st.data())
def test_whatever_stands_in_the_arrays_a_walk_ends_or_they_are_refused(forest: Forest, data: st.DataObject) -> None:
    arrays = forest.to_arrays()
    name = data.draw(st.sampled_from(sorted(arrays)))
    raw = bytearray(arrays[name].tobytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    arrays[name] = np.frombuffer(bytes(raw), dtype=arrays[name].dtype)
    try:
        damaged = Forest.from_arrays(arrays, n_columns=4)
    except BundleError:
        return
    matrix, _ = sample(5)
    with np.errstate(over="ignore"):
        assert len(damaged.predict(matrix)) == 5
