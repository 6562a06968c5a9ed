"""The cheapest request for each job, once a price is put on a failed first attempt."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Optional

import numpy as np

from .distribution import Beliefs, Vector, shares_of_bins, to_bytes
from .replay import allocated_bytes

# A finer grid of requests than this does not change what is wasted by a tenth of a percent.
_MOST_CANDIDATES = 128


@dataclass(frozen=True)
class Offers:
    """What each candidate request would cost each job, before a failure has a price.

    To waste least while no more than a share of all jobs fail is a problem with one constraint; its solutions are
    those of the problem without it in which each failure costs a price (Lagrange). A job whose peak is well known gets
    a high quantile for little, a job whose peak is not gets a lower one. The price is counted in the geometric mean of
    the job's own predicted peak and the tool's typical peak: counted in the first alone large jobs would be as safe as
    small ones, which costs most; in the second alone all failures would fall on the large ones.

    Parameters
    ----------
    candidates : array of shape (n_candidates,)
        Requests, natural logarithms of bytes, relative to each job's origin.
    wastage : array of shape (n_jobs or 1, n_candidates)
        Expected wastage when a killed job asks for twice as much, in units of each job's origin.
    exceedance : array of shape (n_jobs or 1, n_candidates)
        Probability that the peak is above the request.
    origins : array of shape (n_jobs,)
        Of the jobs, natural logarithms of bytes.
    failure_units : array of shape (n_jobs,)
        What a failure at a price of 1 costs, in units of each job's origin.
    """

    candidates: Vector
    wastage: Vector
    exceedance: Vector
    origins: Vector
    failure_units: Vector

    @classmethod
    def of(cls, beliefs: Beliefs, typical_bytes: float) -> "Offers":
        """Price what is believed of jobs.

        Parameters
        ----------
        beliefs : Beliefs
            Of n_jobs jobs.
        typical_bytes : float
            The tool's mean peak.
        """
        step = max((len(beliefs.edges) - 1) // _MOST_CANDIDATES, 1)
        places = np.arange(len(beliefs.edges) - 1, 0, -step)[::-1]
        units = np.sqrt(beliefs.predicted_peaks_bytes * typical_bytes) / to_bytes(beliefs.origins)
        return cls(
            beliefs.edges[places],
            shares_of_bins(beliefs.cumulative) @ _wastage_table(beliefs.edges.tobytes(), places.tobytes()).T,
            1 - beliefs.cumulative[:, places],
            beliefs.origins,
            units,
        )

    def cheapest_bytes(self, price: Optional[float]) -> Vector:
        """Return the request of each job that costs least, shape (n_jobs,).

        Parameters
        ----------
        price : float or None
            Of a failure; None is beyond any price, and requests the largest peak that is thought possible.
        """
        if price is None:
            cheapest = np.argmax(self.exceedance <= 1e-9, axis=1)
        else:
            cheapest = (self.wastage + price * self.failure_units[:, None] * self.exceedance).argmin(axis=1)
        return to_bytes(self.candidates[cheapest] + self.origins)


@lru_cache(maxsize=64)
def _wastage_table(edges_data: bytes, places_data: bytes) -> Vector:
    """Return what each candidate wastes on a peak in each bin, shape (n_candidates, n_bins), from an origin of 1."""
    edges, places = np.frombuffer(edges_data), np.frombuffer(places_data, dtype=np.int64)
    requests = np.exp(edges[places])[:, None]
    # a bin's jobs are killed if its upper end is, and use what its middle says
    upper, middle = np.exp(edges[1:])[None, :], np.exp((edges[1:] + edges[:-1]) / 2)[None, :]
    return allocated_bytes(requests, upper) - middle
