"""The walk through all trees at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesRegressor

from trainer.walk import Walk

# one tree: column 0 above 1.5? no: leaf 0; yes: column 1 above -2? no: leaf 1; yes: leaf 2
ROOTS = np.array([0], dtype=np.intp)
INNER = np.array([True, False, True, False, False])
COLUMNS = np.array([0, 1])
THRESHOLDS = np.array([1.5, -2.0], dtype=np.float32)
HUGE = float(np.finfo(np.float32).max)


@pytest.mark.parametrize(
    ("row", "leaf"),
    [
        ([1.5, 0.0], 0),  # on a threshold is not above it
        ([1.6, -2.0], 1),
        ([1.6, -1.9], 2),
        ([1.6, -3.0], 1),
        ([1.6, 0.0], 2),
        ([-HUGE, HUGE], 0),
        ([HUGE, -HUGE], 1),
        ([np.inf, np.inf], 2),
    ],
)
def test_a_row_goes_to_the_second_child_where_its_cell_is_above_the_threshold(row: list[float], leaf: int) -> None:
    walk = Walk.of(ROOTS, INNER, COLUMNS, THRESHOLDS)
    assert walk.leaves(np.array([row], dtype=np.float32)).tolist() == [[leaf]]
    assert walk.leaves(np.array([row, row], dtype=np.float32)).tolist() == [[leaf], [leaf]]


@pytest.mark.parametrize("cell", [0.0, -0.0])
@pytest.mark.parametrize("threshold", [0.0, -0.0])
def test_zero_is_not_above_zero_whatever_their_signs(cell: float, threshold: float) -> None:
    walk = Walk.of(ROOTS, np.array([True, False, False]), np.array([0]), np.array([threshold], dtype=np.float32))
    assert walk.leaves(np.array([[cell]], dtype=np.float32)).tolist() == [[0]]


@given(st.integers(0, 2**32 - 1))
def test_rows_alone_and_together_reach_scikit_learns_leaves(seed: int) -> None:
    random = np.random.default_rng(seed)
    # few distinct values, negative ones and ones on the thresholds among them
    matrix = (random.integers(-3, 4, size=(60, 5)) / 2).astype(np.float32)
    fitted = ExtraTreesRegressor(7, random_state=seed, min_samples_leaf=int(random.integers(1, 9)))
    fitted.fit(matrix, random.normal(size=60))
    walk, told = _laid_out(fitted)
    expected = told[np.arange(7), fitted.apply(matrix)]
    assert np.array_equal(walk.leaves(matrix), expected)
    assert np.array_equal(np.concatenate([walk.leaves(matrix[row : row + 1]) for row in range(60)]), expected)


def _laid_out(fitted: ExtraTreesRegressor) -> tuple[Walk, np.ndarray]:
    """Lay scikit-learn's trees out level by level; beside the walk, the number of each tree's nodes as leaves."""
    roots, inner, columns, thresholds = [], [], [], []
    told = np.full((len(fitted.estimators_), max(one.tree_.node_count for one in fitted.estimators_)), -1)
    for place, estimator in enumerate(fitted.estimators_):
        tree = estimator.tree_
        roots.append(len(inner))
        queue = [0]
        for node in queue:
            has_children = bool(tree.children_left[node] >= 0)
            if has_children:
                queue += [tree.children_left[node], tree.children_right[node]]
                columns.append(int(tree.feature[node]))
                thresholds.append(
                    float(
                        np.nextafter(np.float32(tree.threshold[node]), np.float32(-np.inf))
                        if np.float32(tree.threshold[node]) > tree.threshold[node]
                        else np.float32(tree.threshold[node])
                    )
                )
            else:
                told[place, node] = inner.count(False)
            inner.append(has_children)
    arrays = np.array(roots, dtype=np.intp), np.array(inner), np.array(columns), np.array(thresholds, dtype=np.float32)
    return Walk.of(*arrays), told
