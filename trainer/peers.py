"""The peers of our sizing policy: the other ways to size memory requests that a backtest compares it with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from galaxy_memory_rules.errors import RecordsError
from galaxy_memory_rules.memory import format_bytes
from galaxy_memory_rules.retry import RETRY_FACTOR

from .candidates import SEED
from .distribution import Vector
from .features import FeatureSchema
from .history import History
from .peer_regressions import Sizer, sizey_style, witt_low_wastage, witt_lr

MARGINS = (0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Requests:
    """What a policy asks for.

    Parameters
    ----------
    first_bytes : array of shape (n_jobs,)
        The first request of each job, above 0.
    then_bytes : array of shape (n_jobs,), optional
        What the second attempt asks for at least; every attempt asks for at least twice the one before, and where
        this is not told for just that.
    """

    first_bytes: Vector
    then_bytes: Optional[Vector] = None


# Jobs to come -> their requests. It reads what was known before they ran; only the oracle and hindsight read peaks.
Requester = Callable[[History], Requests]


@dataclass(frozen=True)
class Policy:
    """A way to size requests.

    Parameters
    ----------
    name : str
        What a report calls it.
    learn : callable
        From past jobs, at least one, to what it would request for others.
    """

    name: str
    learn: Callable[[History], Requester]


def peers() -> dict[str, Policy]:
    """Return every peer by its name, in the order of a report.

    The constants (mean, 0.95 and 0.99 quantile, maximum, least wastage) retry by doubling, as all do but `tovar`.
    `best-static-in-hindsight` and `oracle` know the peaks that they are asked for: bounds, not rivals.
    """
    policies = [
        _static("static-mean", lambda past: float(past.peaks_bytes.mean())),
        _static("static-p95", lambda past: float(np.quantile(past.peaks_bytes, 0.95))),
        _static("static-p99", lambda past: float(np.quantile(past.peaks_bytes, 0.99))),
        _static("max-ever", lambda past: float(past.peaks_bytes.max())),
        _static("static-least-wastage", least_wastage_bytes),
        Policy("best-static-in-hindsight", lambda past: lambda jobs: _constantly(least_wastage_bytes(jobs))(jobs)),
        *mean_policies(),
        Policy("tovar", tovar),
        _by_total("witt-lr", witt_lr),
        _by_total("witt-low-wastage", witt_low_wastage),
        _by_total("sizey-style", sizey_style),
        Policy("oracle", lambda past: lambda jobs: Requests(jobs.peaks_bytes)),
    ]
    return {policy.name: policy for policy in policies}


def constant(request_bytes: int) -> Policy:
    """Return the administrator's own rule where it is one number.

    Parameters
    ----------
    request_bytes : int
        What every job of the tool gets, above 0.
    """
    return _static(f"constant {format_bytes(request_bytes)}", lambda past: request_bytes)


def requested() -> Policy:
    """Return the administrator's own rule as the records tell it: what was requested for each job.

    Where it is unknown, the median of what was requested for past jobs stands in; the requester raises `RecordsError`
    where that is unknown too.
    """
    return Policy("requested", _requested)


def mean_policies() -> list[Policy]:
    """Return the seed's way, a forest's mean of the peak, as it is and with margins.

    The seed is https://github.com/kxk302/galaxy_job_analysis; the features are the project's own. The fit on one
    `History` serves all of these policies for as long as they are not shown another.
    """
    fits: list[tuple[History, Requester]] = []

    def learn(past: History) -> Requester:
        if not fits or fits[0][0] is not past:
            fits[:] = [(past, _mean(past))]
        return fits[0][1]

    def learn_with(margin: float) -> Callable[[History], Requester]:
        return lambda past: _times(1 + margin, learn(past))

    return [Policy("mean", learn), *(Policy(f"mean+{margin:.0%}", learn_with(margin)) for margin in MARGINS)]


def tovar(past: History) -> Requester:
    """Choose the first allocation with the least expected wastage where the second is the largest peak seen.

    Tovar et al. 2018, A job sizing strategy for high-throughput scientific workflows, equation 1
    (https://doi.org/10.1109/TPDS.2017.2762310). Of the past jobs' peaks a, with run times t, the smallest of
    a sum(t) + max(a) sum(t of the jobs above a).

    Parameters
    ----------
    past : History, of at least one job
        What to learn from.
    """
    most_bytes = float(past.peaks_bytes.max())
    allocated = past.peaks_bytes * past.run_hours.sum() + most_bytes * _hours_above(past)(past.peaks_bytes)
    first_bytes = float(past.peaks_bytes[allocated.argmin()])
    return lambda jobs: Requests(np.full(len(jobs), first_bytes), np.full(len(jobs), most_bytes))


def least_wastage_bytes(jobs: History) -> float:
    """Return the constant request that wastes least on jobs, exactly, with retry by doubling.

    From one amount that is a peak, or becomes one by doubling, to the next, wastage only grows: the best is one of
    these. Of equals it is the largest, which fails least.

    Parameters
    ----------
    jobs : History, of at least one job
        What it is best for; wastage is weighted by their run times.
    """
    least_bytes, most_bytes = jobs.peaks_bytes.min(), jobs.peaks_bytes.max()
    factors = RETRY_FACTOR ** np.arange(np.ceil(np.log2(most_bytes / least_bytes)) + 1)
    candidates = np.unique(np.divide.outer(jobs.peaks_bytes, factors))[::-1]
    # what kills every job wastes more than its double
    candidates = candidates[candidates >= least_bytes]
    hours_above = _hours_above(jobs)
    # a job that is killed with c is given 2 c in addition, one that is killed with 2 c then 4 c ...
    retried = sum(RETRY_FACTOR * factor * hours_above(candidates * factor) for factor in factors)
    allocated = candidates * (jobs.run_hours.sum() + retried)
    return float(candidates[allocated.argmin()])


def _hours_above(jobs: History) -> Callable[[Vector], Vector]:
    """Return how long the jobs run together whose peaks are above given amounts."""
    order = np.argsort(jobs.peaks_bytes)
    peaks_bytes, hours = jobs.peaks_bytes[order], np.append(0, np.cumsum(jobs.run_hours[order]))
    return lambda amounts_bytes: hours[-1] - hours[np.searchsorted(peaks_bytes, amounts_bytes, side="right")]


def _constantly(request_bytes: float) -> Requester:
    return lambda jobs: Requests(np.full(len(jobs), request_bytes, dtype=np.float64))


def _static(name: str, choose_bytes: Callable[[History], float]) -> Policy:
    return Policy(name, lambda past: _constantly(choose_bytes(past)))


def _times(factor: float, requester: Requester) -> Requester:
    return lambda jobs: Requests(requester(jobs).first_bytes * factor)


def _by_total(name: str, learn: Callable[[History], Sizer]) -> Policy:
    def learn_requester(past: History) -> Requester:
        size = learn(past)
        return lambda jobs: Requests(size(jobs.totals_bytes))

    return Policy(name, learn_requester)


def _mean(past: History) -> Requester:
    schema = FeatureSchema.learn(past.jobs)
    if not schema.columns:
        return _constantly(float(past.peaks_bytes.mean()))
    forest = RandomForestRegressor(n_estimators=100, min_samples_leaf=1, random_state=SEED)
    forest.fit(schema.matrix(past.jobs), past.peaks_bytes)
    return lambda jobs: Requests(forest.predict(schema.matrix(jobs.jobs)))


def _requested(past: History) -> Requester:
    known_bytes = past.requested_bytes[past.requested_bytes > 0]

    def request(jobs: History) -> Requests:
        told = jobs.requested_bytes > 0
        if not told.all() and not len(known_bytes):
            raise RecordsError("no past job tells what was requested for it; compare with a constant request instead")
        usual_bytes = np.median(known_bytes) if len(known_bytes) else np.nan
        return Requests(np.where(told, jobs.requested_bytes, usual_bytes))

    return request
