"""How the recorded jobs of a tool are divided into past jobs, to learn from, and jobs that are then asked for."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

from galaxy_memory_rules.errors import RecordsError

from .candidates import SEED
from .distribution import Rows
from .history import History
from .reference import reference_key
from .sample import FOLDS

# In time order: what is there before the first job is asked for.
_FIRST_SHARE = 0.25
# sizing-study.md, section 8: train again after 5 % new jobs, but neither for a handful nor only after very many.
_STEP_SHARE, _LEAST_STEP, _MOST_STEP = 0.05, 50, 150
# Sizey's own share of past jobs and its seed.
_ARRIVED_SHARE, _ARRIVALS_SEED = 0.3, 1996


@dataclass(frozen=True)
class Division:
    """Past jobs and jobs asked for.

    Parameters
    ----------
    past_rows : int array of shape (n_past,)
        What a policy learns from, ascending: a history in time order stays one.
    asked_rows : int array of shape (n_asked,)
        What it is then asked for.
    """

    past_rows: Rows
    asked_rows: Rows


def chosen(history: History, how: str) -> str:
    """Return what ``auto`` means for these jobs: ``time`` where all have times, else ``inputs``."""
    if how != "auto":
        return how
    return "time" if history.in_time_order else "inputs"


def divide(history: History, how: str, seed: Optional[int] = None, step: Optional[int] = None) -> list[Division]:
    """Divide jobs so that each is asked for at most once, of policies that have not seen it.

    Parameters
    ----------
    history : History, of n_jobs
        The jobs.
    how : str
        ``random``: in 5 folds; ``inputs`` and ``reference``: in 5 folds, where jobs with identical inputs or with the
        same reference never stand on both sides; ``time``: the oldest 25 % come first, and all that came before is
        learned anew for every `step` jobs; ``arrivals``: as Sizey was evaluated (Bader et al. 2024,
        https://arxiv.org/abs/2407.16353), 30 % of the jobs at random come first, the others arrive one by one in
        random order, and all that came before is learned anew for each of them; ``auto``: see `chosen`.
    seed : int, optional
        Of the shuffling; 13 for folds, and 1996 for arrivals, where it is not told.
    step : int, optional
        Jobs in time order between one training and the next; where it is not told 5 % of the past, but at least 50
        and at most 150.

    Returns
    -------
    list of Division
        In the order in which they happen.

    Raises
    ------
    RecordsError
        If the jobs cannot be divided like that: there are too few, all are of one group, or times are missing.

    Notes
    -----
    Arrivals are drawn by the generator that pandas draws from with the same ``random_state``, but Sizey's published
    runs are not repeated to the job: that would also take their files in their order.
    """
    if len(history) < 2:
        raise RecordsError(f"{len(history)} usable recorded jobs cannot be divided into past ones and others")
    return _WAYS[chosen(history, how)](history, seed, step)


def _random(history: History, seed: Optional[int], step: Optional[int]) -> list[Division]:
    folds = KFold(min(FOLDS, len(history)), shuffle=True, random_state=SEED if seed is None else seed)
    return [Division(past, asked) for past, asked in folds.split(history.jobs)]


def _inputs(history: History, seed: Optional[int], step: Optional[int]) -> list[Division]:
    return _grouped([job.inputs for job in history.jobs], "inputs", seed)


def _reference(history: History, seed: Optional[int], step: Optional[int]) -> list[Division]:
    return _grouped([reference_key(job) for job in history.jobs], "reference", seed)


def _grouped(keys: Sequence[Hashable], what: str, seed: Optional[int]) -> list[Division]:
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    if len(numbers) < 2:
        raise RecordsError(f"all recorded jobs have the same {what}; divide them at random instead")
    shuffled = np.random.default_rng(SEED if seed is None else seed).permutation(len(numbers))
    groups = [shuffled[numbers[key]] for key in keys]
    folds = GroupKFold(min(FOLDS, len(numbers)))
    return [Division(past, asked) for past, asked in folds.split(groups, groups=groups)]


def _time(history: History, seed: Optional[int], step: Optional[int]) -> list[Division]:
    if not history.in_time_order:
        raise RecordsError("not every recorded job has a time; divide them by inputs instead")
    rows, divisions = np.arange(len(history)), []
    begin = max(round(_FIRST_SHARE * len(rows)), 1)
    while begin < len(rows):
        end = begin + (step or usual_step(begin))
        divisions.append(Division(rows[:begin], rows[begin:end]))
        begin = end
    return divisions


def usual_step(n_past: int) -> int:
    """Return after how many new jobs to learn anew."""
    return max(_LEAST_STEP, min(_MOST_STEP, round(_STEP_SHARE * n_past)))


def _arrivals(history: History, seed: Optional[int], step: Optional[int]) -> list[Division]:
    order = np.random.RandomState(_ARRIVALS_SEED if seed is None else seed).permutation(len(history))
    first = max(round(_ARRIVED_SHARE * len(order)), 1)
    return [Division(np.sort(order[:place]), order[place : place + 1]) for place in range(first, len(order))]


_WAYS: dict[str, Callable[[History, Optional[int], Optional[int]], list[Division]]] = {
    "random": _random,
    "inputs": _inputs,
    "reference": _reference,
    "time": _time,
    "arrivals": _arrivals,
}
