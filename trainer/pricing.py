"""The cheapest request for each job, once a price is put on a failed first attempt."""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from galaxy_memory_rules.retry import RETRY_FACTOR

from .distribution import Beliefs, Vector, to_bytes


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
    allocated : array of shape (n_jobs or 1, n_candidates)
        Expected memory of all attempts, in units of each job's origin: what is wasted, and beside it what is used,
        which is the same whatever is requested.
    exceedance : array of shape (n_jobs or 1, n_candidates)
        Probability that the peak is above the request.
    origins : array of shape (n_jobs,)
        Of the jobs, natural logarithms of bytes.
    failure_units : array of shape (n_jobs,)
        What a failure at a price of 1 costs, in units of each job's origin.
    """

    candidates: Vector
    allocated: Vector
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
        grid = beliefs.grid
        # an attempt is killed by what is beyond the last edge it is enough for, and followed by one that asks for more
        killed = (1 - beliefs.cumulative).take(grid.attempts, axis=1)
        further = float(RETRY_FACTOR) ** np.arange(1, grid.attempts.shape[1] + 1)
        units = np.sqrt(beliefs.predicted_peaks_bytes * typical_bytes) / to_bytes(beliefs.origins)
        return cls(
            grid.edges[grid.candidates],
            grid.candidate_bytes * (1 + killed @ further),
            killed[:, :, 0],
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
            cheapest = (self.allocated + price * self.failure_units[:, None] * self.exceedance).argmin(axis=1)
        return to_bytes(self.candidates[cheapest] + self.origins)
