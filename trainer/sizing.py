"""Chooses what to request: the model, price and factor that waste least under the failure cap, by replay.

Only requests count that a model made for jobs it had not seen: out of its trees' bags, in folds, or later in time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional, Protocol, TypeVar

import numpy as np

from .choice import Choice
from .distribution import Rows, Vector
from .history import History
from .replay import Replay, replay
from .unseen import PRICES

FACTORS = (
    *(0.9, 0.95, 0.975, 0.99, 1.0, 1.0025, 1.005, 1.01, 1.025, 1.05, 1.075),
    *(1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0),
)
# A simpler model that wastes up to this much more is taken: what it gains on new jobs is worth more.
SIMPLER_WITHIN = 0.01
# How many standard errors below the cap the failure rate has to stay: none where jobs are like those recorded, one
# where references are new, as few of them decide (bowtie2 by reference: 6.0 % without, 5.1 % with).
CAUTION, CAUTION_BY_REFERENCE = 0.0, 1.0
# The least and the most that is added on top of a request that few jobs chose, and how many are few.
_HEADROOM = (0.002, 0.03)
_FEW_JOBS = 30
# How fast the tracker follows: a failed job raises the requests by 2 %.
TRACKING_RATE = 0.02


@dataclass(frozen=True)
class Trial:
    """A choice and how it did on jobs that the models had not seen.

    Parameters
    ----------
    choice : Choice
        What was requested.
    requests_bytes : array of shape (n_jobs,)
        For each job, NaN where no model came before it.
    outcome : Replay
        What it cost.
    failure_bound : float
        The cautious estimate of its failure rate.
    """

    choice: Choice
    requests_bytes: Vector
    outcome: Replay
    failure_bound: float


def tried(bids_bytes: Vector, history: History, groups: Rows, caution: float = CAUTION) -> list[Trial]:
    """Replay each price and factor for one model.

    Parameters
    ----------
    bids_bytes : array of shape (n_prices, n_jobs)
        What would be requested at each of `PRICES`, NaN where no model came before a job.
    history : History, of n_jobs
        What the jobs needed.
    groups : int array of shape (n_jobs,)
        Jobs that tend to fail together, for the standard error of the failure rate.
    caution : float
        Standard errors that the failure rate is taken to be higher.
    """
    rows = np.flatnonzero(np.isfinite(bids_bytes).all(axis=0))
    peaks_bytes, hours, groups = history.peaks_bytes[rows], history.run_hours[rows], groups[rows]
    trials = []
    for price, bids in zip(PRICES, bids_bytes):
        factors = FACTORS if len(rows) else ()
        for factor in factors:
            requests_bytes = bids[rows] * factor
            outcome = replay(requests_bytes, peaks_bytes, hours)
            failure_bound = _cautious_rate(requests_bytes < peaks_bytes, groups, caution)
            trials.append(Trial(Choice(price, factor), bids * factor, outcome, failure_bound))
    return trials


def best_trial(trials: Sequence[Trial], history: History, failure_cap: Optional[float]) -> Trial:
    """Choose the price and the factor for one model, and add what few jobs cannot tell.

    Parameters
    ----------
    trials : sequence of Trial
        All that were `tried`.
    history : History
        What the jobs needed.
    failure_cap : float or None
        Share of first attempts that may run out of memory; None counts the cost alone.

    Returns
    -------
    Trial
        Where none keeps the cap, the one that comes nearest.
    """
    best = min(trials, key=lambda trial: _order(trial, failure_cap))
    factor = best.choice.factor * (1 + _headroom(best, history))
    return replace(best, choice=Choice(best.choice.price, round(factor, 6)))


def _headroom(trial: Trial, history: History) -> float:
    """Return what to add because the next job may need a little more than all of a few recorded ones did.

    A share of the median deviation of the errors, as the study found (sizing-study.md, 8.3), which fades as the jobs
    become many and tell their tail themselves.
    """
    errors = np.log(history.peaks_bytes / trial.requests_bytes)
    errors = errors[np.isfinite(errors)]
    spread = float(np.median(np.abs(errors - np.median(errors))))
    return float(np.clip(1.1 * spread, *_HEADROOM)) * min(_FEW_JOBS / len(errors), 1.0)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Model = TypeVar("_Model", bound=_Named)


def choose(trials: Mapping[str, Trial], rungs: Sequence[_Model], failure_cap: Optional[float]) -> _Model:
    """Choose the model: the least wastage of those that keep the cap, or the simplest one within 1 % of it.

    Parameters
    ----------
    trials : mapping of str to Trial
        The best trial of each rung, by its name.
    rungs : sequence of Rung, or of others that have a name
        The simplest first.
    failure_cap : float or None
        Share of first attempts that may run out of memory.
    """
    best = min(trials.values(), key=lambda trial: _order(trial, failure_cap))
    most_gbh = best.outcome.wastage_gbh * (1 + SIMPLER_WITHIN)
    for rung in rungs:
        beyond_cap, wastage_gbh = _order(trials[rung.name], failure_cap)
        if wastage_gbh <= most_gbh and beyond_cap <= _order(best, failure_cap)[0]:
            return rung
    raise AssertionError("the best trial is within 1 % of itself")


def tracked_factor(requests_bytes: Vector, peaks_bytes: Vector, failure_cap: Optional[float]) -> float:
    """Follow the failures of jobs in time order, and return the factor that has become necessary.

    A failed job raises the logarithm of the factor by ``TRACKING_RATE * (1 - cap)``, any other lowers it by
    ``TRACKING_RATE * cap``: it stands still where the cap is met (adaptive conformal inference, Gibbs & Candès 2021,
    https://arxiv.org/abs/2106.00170, on the log scale). Never below 1: that a tool has been quiet is no reason to ask
    for less than the replay found necessary.

    Parameters
    ----------
    requests_bytes : array of shape (n_jobs,)
        First requests of models that knew only older jobs, NaN where there was none.
    peaks_bytes : array of shape (n_jobs,)
        What the jobs needed, the oldest first.
    failure_cap : float or None
        Share of first attempts that may run out of memory.
    """
    if failure_cap is None:
        return 1.0
    log_factor = 0.0
    for log_shortfall in np.log(peaks_bytes / requests_bytes)[np.isfinite(requests_bytes)]:
        log_factor += TRACKING_RATE * (float(log_shortfall > log_factor) - failure_cap)
        log_factor = max(log_factor, 0.0)
    return float(np.exp(log_factor))


def _order(trial: Trial, failure_cap: Optional[float]) -> tuple[float, float]:
    """Return what makes a trial worse: by how much it exceeds the cap, then what it wastes."""
    beyond_cap = 0.0 if failure_cap is None else max(trial.failure_bound - failure_cap, 0.0)
    return beyond_cap, trial.outcome.wastage_gbh


def _cautious_rate(failed: Vector, groups: Rows, caution: float) -> float:
    """Return the failure rate with its error bar.

    The standard error is that of groups that fail together (Liang & Zeger 1986,
    https://doi.org/10.1093/biomet/73.1.13).
    """
    rate = failed.mean()
    sums = np.bincount(groups, weights=failed - rate)
    return float(rate + caution * np.sqrt(sums @ sums) / len(failed))
