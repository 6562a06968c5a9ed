"""How a plan's jobs fit on nodes: how many run at once, how many nodes a window takes, what fits nowhere.

A job's share of a node is one over how many jobs like it run on the node at once, by memory and by cores. The nodes
needed are the hours of all attempts, each times its share, over the length of the window, rounded up: as if the jobs
came evenly, and equal ones shared nodes. What is lost where jobs of different sizes leave gaps, or where all come at
once, is on top. A retry that asks for more than the node has is given the whole node, as the rule does with a
destination's largest request.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.distribution import Vector

from .attempts import Amounts
from .nodes import NodeType
from .plan_load import Load
from .plan_numbers import bounds, rounded

# What is above a whole number of nodes by less than this is the dust of floats.
_DUST = 1e-9
Mask = npt.NDArray[np.bool_]


def at_once(requests_bytes: Amounts, slots: Amounts, node: NodeType) -> Amounts:
    """Return how many jobs like each run at once on a node of this type: 0 where it does not fit."""
    by_memory = node.memory_bytes // requests_bytes
    return by_memory if node.cores is None else np.minimum(by_memory, node.cores // slots)


def fits_somewhere(requests_bytes: Amounts, slots: Amounts, nodes: Sequence[NodeType]) -> Mask:
    """Say which jobs fit on any node; without nodes, all do."""
    fitting = [at_once(requests_bytes, slots, node) > 0 for node in nodes]
    return np.any(fitting, axis=0) if fitting else np.ones(len(requests_bytes), dtype=np.bool_)


def fit(load: Load, node: NodeType, window_hours: float) -> dict[str, Any]:
    """Put all jobs that fit on nodes of one type."""
    count = at_once(load.first_bytes, load.slots, node)
    fitting = count > 0
    jobs = load.counts * fitting
    alone_hours = float((jobs * load.hours) @ (1 / np.maximum(count, 1)))
    hours = alone_hours + _retry_shares(load, node) @ load.retries.hours
    there = count[fitting]
    return {
        "name": node.name,
        "at_once": rounded(float(jobs @ count.astype(np.float64)) / max(int(jobs.sum()), 1)),
        "at_once_least": int(there.min(initial=np.iinfo(np.int64).max)) if len(there) else 0,
        "at_once_most": int(there.max(initial=0)),
        "jobs_fit": int(jobs.sum()),
        "jobs_too_large": int(load.counts.sum() - jobs.sum()),
        "retries_too_large": rounded(_retries_beyond(load, fitting, [node])),
        **_needed(hours if len(there) else None, node, window_hours),
    }


def mix(load: Load, nodes: Sequence[NodeType], window_hours: float) -> list[dict[str, Any]]:
    """Put each attempt on the type of node on which its share costs least, where prices are told for all.

    Without prices, it goes to the node with the least memory that it fits on.
    """
    first = _cheapest(load.first_bytes, load.slots, nodes)
    again = _cheapest(load.retries.requests_bytes, load.retries.slots, nodes)
    placed = fits_somewhere(load.retries.first_bytes, load.retries.slots, nodes)
    # what fits nowhere any more gets the largest node that has the cores
    again[again < 0] = _largest(load.retries.slots, nodes)[again < 0]
    answers = []
    for place, node in enumerate(nodes):
        here, again_here = first == place, placed & (again == place)
        count = at_once(load.first_bytes, load.slots, node)
        alone_hours = float((load.counts * here * load.hours) @ (1 / np.maximum(count, 1)))
        hours = alone_hours + (again_here * _shares(load.retries.requests_bytes, load.retries.slots, node)) @ (
            load.retries.hours
        )
        jobs = int((load.counts * here).sum())
        answers.append({"name": node.name, "jobs": jobs, **_needed(hours, node, window_hours)})
    return answers


def fit_nowhere(load: Load, nodes: Sequence[NodeType]) -> dict[str, Any]:
    """Count the jobs whose first request fits on no node, and the expected retries that fit on none."""
    fitting = fits_somewhere(load.first_bytes, load.slots, nodes)
    beyond = load.first_bytes[~fitting]
    return {
        "jobs": int(load.counts[~fitting].sum()),
        "largest_request_bytes": int(beyond.max()) if len(beyond) else None,
        "retries_nowhere": rounded(_retries_beyond(load, fitting, nodes)),
    }


def _retries_beyond(load: Load, fitting: Mask, nodes: Sequence[NodeType]) -> float:
    """Return how many retries of jobs that fit are expected to ask for more than these nodes have."""
    beyond = [~fits_somewhere(requests, load.slots, nodes) for requests in load.attempts.requests_bytes.T[1:]]
    reached = load.attempts.reached.T[1:]
    return float(sum((load.counts * fitting * too_large) @ share for too_large, share in zip(beyond, reached)))


def _shares(requests_bytes: Amounts, slots: Amounts, node: NodeType) -> Vector:
    return np.asarray(1 / np.maximum(at_once(requests_bytes, slots, node), 1))


def _retry_shares(load: Load, node: NodeType) -> Vector:
    """Return the share of a node that each kind of retry takes: none where the first attempt did not fit."""
    retries = load.retries
    placed = at_once(retries.first_bytes, retries.slots, node) > 0
    return np.asarray(placed * _shares(retries.requests_bytes, retries.slots, node))


def _cheapest(requests_bytes: Amounts, slots: Amounts, nodes: Sequence[NodeType]) -> Amounts:
    """Return the place of the node type that each goes to, -1 where it fits on none."""
    priced = all(node.price_per_hour is not None for node in nodes)
    costs = []
    for node in nodes:
        count = at_once(requests_bytes, slots, node)
        cost = (node.price_per_hour or 0.0) / np.maximum(count, 1) if priced else np.full(len(count), node.memory_bytes)
        costs.append(np.where(count > 0, cost, np.inf))
    if not costs:
        return np.full(len(requests_bytes), -1)
    return np.where(np.isfinite(np.min(costs, axis=0)), np.argmin(costs, axis=0), -1)


def _largest(slots: Amounts, nodes: Sequence[NodeType]) -> Amounts:
    """Return the place of the node type with the most memory among those with the cores."""
    memories = [np.where((node.cores or np.inf) >= slots, node.memory_bytes, -1) for node in nodes]
    return np.argmax(memories, axis=0) if memories else np.full(len(slots), -1)


def _needed(hours: Vector | None, node: NodeType, window_hours: float) -> dict[str, Any]:
    if hours is None:
        return {"busy": None, "needed": None, "enough": None, "cost": None}
    needed = bounds(np.ceil(hours / window_hours - _DUST))
    told = {bound: int(value) for bound, value in needed.items()}
    price = node.price_per_hour
    return {
        "busy": bounds(hours / window_hours),
        "needed": told,
        "enough": None if node.count is None else told["p95"] <= node.count,
        "cost": None if price is None else {name: rounded(n * price * window_hours) for name, n in told.items()},
    }
