"""The walk through all trees of a forest at once, from their roots to the leaf of each row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError

from .features import Matrix

# numpy's own index type: any other would be converted in each step of a walk
Nodes = npt.NDArray[np.intp]
Keys = npt.NDArray[np.int64]

# How often a walk looks whether trees have reached their leaves: a look costs as much as two steps of one row.
_STEPS_BETWEEN_LOOKS, _STEPS_OF_MANY = 8, 4
_MAGNITUDE = np.int32(0x7FFFFFFF)


@dataclass(frozen=True)
class Walk:
    """The inner nodes of all trees, sorted by column and threshold, before the leaves, which keep their order.

    Sorted so, the nodes that send a row to their second child are those of each column before the row's own place
    among the thresholds: 60 binary searches answer all 50,000 questions of a forest, and a step is three calls of
    numpy for all trees together. A node's number is doubled, as its children stand at that place of `children` and
    the next.

    Parameters
    ----------
    keys : int array of shape (n_inner,)
        Column and threshold of each inner node in one number, ascending.
    columns : int array of shape (n_columns,)
        The column's part of a key.
    borders : int array of shape (n_columns + 1,)
        Where the nodes of each column begin, doubled, and where those of the last one end.
    children : int array of shape (2 * n_nodes,)
        Both children of each node, doubled; a leaf is its own first child.
    roots : int array of shape (n_trees,)
        Doubled.
    depth : int
        Steps from a root to the deepest leaf.
    """

    keys: Keys
    columns: Keys
    borders: Nodes
    children: Nodes
    roots: Nodes
    depth: int

    @classmethod
    def of(
        cls,
        roots: Nodes,
        inner: npt.NDArray[np.bool_],
        feature: npt.NDArray[Any],
        threshold: npt.NDArray[np.float32],
        n_columns: int,
    ) -> "Walk":
        """Lay out trees over rows of `n_columns`; see `Forest` for the arrays.

        Raises
        ------
        BundleError
            If they are not those of whole trees.
        """
        first_child = _first_children(inner, roots)
        keys = _column_part(feature) + _value_part(threshold)
        order = keys.argsort()
        keys = keys[order]
        columns = _column_part(np.arange(n_columns + 1))
        borders = 2 * keys.searchsorted(columns - 2**31)
        nodes = np.flatnonzero(inner)[order]
        number = np.empty(len(inner), dtype=np.intp)
        number[nodes] = np.arange(0, 2 * len(nodes), 2)
        number[~inner] = leaves = np.arange(2 * len(nodes), 2 * len(inner), 2)
        first = first_child[nodes]
        children = np.concatenate([np.column_stack([number[first], number[first + 1]]).ravel(), leaves.repeat(2)])
        return cls(keys, columns[:-1], borders, children, number[roots], _depth(roots, first_child))

    def leaves(self, matrix: Matrix) -> Nodes:
        """Return the number of the leaf of each row in each tree, counted over all trees, shape (n_rows, n_trees)."""
        # thresholds of a lower column, or of the same and below the cell
        passed = 2 * self.keys.searchsorted(self.columns + _value_part(matrix))
        nodes = self._of_one(passed[0])[None, :] if len(matrix) == 1 else self._of_many(passed)
        return (nodes >> 1) - len(self.keys)

    def _of_one(self, passed: Nodes) -> Nodes:
        """Write down all nodes' answers, then walk: twice as fast, for one row, as to compare on the way."""
        lengths = np.empty((len(passed) + 1, 2), dtype=np.intp)
        np.subtract(passed, self.borders[:-1], out=lengths[:-1, 0])
        np.subtract(self.borders[1:], passed, out=lengths[:-1, 1])
        # the last answer stands for all leaves
        lengths[-1] = 0, 1
        answers = _SECOND_OR_FIRST[: lengths.size].repeat(lengths.ravel())
        nodes = self.roots
        for step in range(1, self.depth + 1):
            before, nodes = nodes, self.children.take(nodes + answers.take(nodes, mode="clip"))
            if step % _STEPS_BETWEEN_LOOKS == 0 and (before == nodes).all():
                break
        return nodes

    def _of_many(self, passed: Nodes) -> Nodes:
        """Compare on the way, and go on with those that have not arrived."""
        n_rows, n_columns = passed.shape
        arrived = np.tile(self.roots, n_rows)
        walking, nodes = np.arange(len(arrived)), arrived
        first_cell = (np.arange(n_rows) * n_columns).repeat(len(self.roots))
        for step in range(1, self.depth + 1):
            column = self.keys.take(nodes >> 1, mode="clip") >> 32
            nodes = self.children.take(nodes + (nodes < passed.take(first_cell + column)))
            if step % _STEPS_OF_MANY == 0 or step == self.depth:
                arrived[walking] = nodes
                on = nodes < 2 * len(self.keys)
                walking, nodes, first_cell = walking[on], nodes[on], first_cell[on]
        return arrived.reshape(n_rows, -1)


# What the nodes of each column answer, up to the row's own place and from there on: as many as a bundle may have.
_SECOND_OR_FIRST = np.tile(np.array([1, 0], dtype=np.uint8), 2**16 + 1)


def _column_part(column: npt.NDArray[Any]) -> Keys:
    """Return numbers between which those of `_value_part`, of 32 bits with a sign, find room."""
    return (column.astype(np.int64) << 32) + 2**31


def _value_part(value: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    """Return integers that are ordered as the values are."""
    # the bits of a float are ordered as an integer's, those of negative ones the other way round; -0 + 0 is 0
    bits = (value + np.float32(0)).view(np.int32)
    return np.asarray(bits ^ ((bits >> 31) & _MAGNITUDE))


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


def _depth(roots: Nodes, first_child: Nodes) -> int:
    """Count the steps until no tree has an inner node left; as children stand behind their parents, there is an end."""
    depth, nodes = 0, roots
    while len(nodes := nodes[first_child[nodes] != nodes]):
        depth, nodes = depth + 1, np.concatenate([first_child[nodes], first_child[nodes] + 1])
    return depth
