"""Jobs that stand for all: where there are too many different ones to look at each, some of every size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.distribution import Vector

from .attempts import Amounts
from .jobs import Group
from .tool import inputs_bytes

# Looking at one takes half a millisecond.
MOST_DIFFERENT = 3_000


@dataclass(frozen=True, eq=False)
class Standing:
    """Jobs of one tool, and what they stand for.

    Parameters
    ----------
    groups : sequence of Group, of length n_jobs
        The jobs.
    counts : int array of shape (n_jobs,)
        How many jobs each of them stands for, itself included.
    hours : array of shape (n_jobs,)
        How long these run on average.
    """

    groups: Sequence[Group]
    counts: Amounts
    hours: Vector


def stand_for(
    by_tool: Mapping[str, Sequence[Group]], run_seconds: Mapping[str, float], most: int = MOST_DIFFERENT
) -> dict[str, Standing]:
    """Choose the jobs that are looked at: all, or of each tool a share of as many sizes.

    Parameters
    ----------
    by_tool : mapping of str to sequence of Group
        All jobs.
    run_seconds : mapping of str to float
        How long those of a tool run that do not tell.
    most : int
        How many are chosen, and two more of each tool.
    """
    different = sum(map(len, by_tool.values()))
    share = min(most / max(different, 1), 1.0)
    return {tool: _standing(groups, run_seconds[tool], share) for tool, groups in by_tool.items()}


def _standing(groups: Sequence[Group], run_seconds: float, share: float) -> Standing:
    counts = np.array([group.count for group in groups], dtype=np.int64)
    hours = np.array([run_seconds if group.run_seconds is None else group.run_seconds for group in groups]) / 3600
    if share >= 1:
        return Standing(groups, counts, hours)
    order = np.argsort([inputs_bytes(group) for group in groups], kind="stable")
    # parts of equal length, and the largest job by itself: what fits nowhere is seen
    ends = np.unique(np.append(np.linspace(0, len(order) - 1, round(len(order) * share) + 2).astype(int), len(order)))
    starts = ends[:-1]
    chosen = order[(starts + ends[1:] - 1) // 2]
    in_order = counts[order]
    totals = np.add.reduceat(in_order, starts)
    run_hours = np.add.reduceat(in_order * hours[order], starts)
    return Standing([groups[place] for place in chosen], totals, run_hours / totals)
