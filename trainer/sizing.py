"""Chooses what to request of a distribution: least wastage under the failure cap, by replay on jobs not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .distribution import Distribution, Vector
from .replay import replay

QUANTILES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 1.0)
FACTORS = (0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0)


@dataclass(frozen=True)
class Choice:
    """What to request: a quantile of the distribution, times a factor.

    Parameters
    ----------
    quantile : float
        Quantile of the predictive distribution.
    factor : float
        What it is multiplied by.
    """

    quantile: float
    factor: float

    def requests_bytes(self, distributions: Sequence[Distribution]) -> Vector:
        """Return the first request for each distribution, before guards and rounding."""
        quantiles = [distribution.quantile_bytes(self.quantile) for distribution in distributions]
        return np.array(quantiles, dtype=np.float64) * self.factor


def choose(distributions: Sequence[Distribution], peaks_bytes: Vector, failure_cap: float) -> Choice:
    """Choose the quantile and factor that waste least, of those that keep the failure cap.

    Parameters
    ----------
    distributions : sequence of Distribution, of length n_jobs
        What models believed that had not seen the jobs.
    peaks_bytes : array of shape (n_jobs,)
        What the jobs needed.
    failure_cap : float
        Share of first attempts that may run out of memory.

    Returns
    -------
    Choice
        Where none keeps the cap, the one that fails least.
    """
    tried = []
    for quantile in QUANTILES:
        plain = Choice(quantile, 1.0).requests_bytes(distributions)
        for factor in FACTORS:
            outcome = replay(plain * factor, peaks_bytes)
            beyond_cap = max(outcome.failure_rate - failure_cap, 0.0)
            tried.append(((beyond_cap, outcome.rel), Choice(quantile, factor)))
    return min(tried, key=lambda one: one[0])[1]
