"""The walk through all trees at once."""

import numpy as np
import numpy.typing as npt
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
    walk = Walk.of(ROOTS, INNER, COLUMNS, THRESHOLDS, 2)
    assert walk.leaves(np.array([row], dtype=np.float32)).tolist() == [[leaf]]
    assert walk.leaves(np.array([row, row], dtype=np.float32)).tolist() == [[leaf], [leaf]]


@pytest.mark.parametrize("cell", [0.0, -0.0])
@pytest.mark.parametrize("threshold", [0.0, -0.0])
def test_zero_is_not_above_zero_whatever_their_signs(cell: float, threshold: float) -> None:
    walk = Walk.of(ROOTS, np.array([True, False, False]), np.array([0]), np.array([threshold], dtype=np.float32), 1)
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


def _laid_out(fitted: ExtraTreesRegressor) -> tuple[Walk, npt.NDArray[np.int64]]:
    """Lay scikit-learn's trees out level by level; beside the walk, the number of each tree's nodes as leaves."""
    trees = [estimator.tree_ for estimator in fitted.estimators_]
    told = np.full((len(trees), max(tree.node_count for tree in trees)), -1)
    roots: list[int] = []
    nodes: list[tuple[bool, int, float]] = []
    for tree, leaves in zip(trees, told, strict=True):
        roots.append(len(nodes))
        queue = [0]
        for node in queue:
            inner = bool(tree.children_left[node] >= 0)
            queue += [tree.children_left[node], tree.children_right[node]] if inner else []
            leaves[node] = -1 if inner else sum(not before for before, _, _ in nodes)
            # the cells are halves, and a random threshold is none in either width
            nodes.append((inner, int(tree.feature[node]), float(np.float32(tree.threshold[node]))))
    inside = [(column, threshold) for inner, column, threshold in nodes if inner]
    columns, thresholds = (np.array(values) for values in zip(*inside, strict=True))
    walk = Walk.of(
        np.array(roots, dtype=np.intp), np.array([one[0] for one in nodes]), columns, thresholds.astype(np.float32), 5
    )
    return walk, told
