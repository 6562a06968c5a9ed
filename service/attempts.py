"""A job's attempts under one policy: what each of them asks for, and how likely it comes to that."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.retry import RETRY_FACTOR
from trainer.distribution import Vector

from .peaks import Peaks

Amounts = npt.NDArray[np.int64]
# What is less likely than this is the dust of floats.
_NEVER = 1e-12


@dataclass(frozen=True, eq=False)
class Attempts:
    """The attempts of n_jobs jobs: the rule's own retries, `RETRY_FACTOR` times as much each, up to the ceiling.

    Parameters
    ----------
    requests_bytes : int array of shape (n_jobs, n_attempts)
        What each attempt asks for.
    reached : array of shape (n_jobs, n_attempts)
        Probability that it comes to the attempt: 1 for the first.
    never : array of shape (n_jobs,)
        Probability that the ceiling is not enough, so that no attempt is.
    """

    requests_bytes: Amounts
    reached: Vector
    never: Vector

    @classmethod
    def of(cls, first_bytes: Amounts, ceiling_bytes: int, peaks: Peaks) -> "Attempts":
        """Follow each first request until the peak fits, or nothing more may be asked for."""
        requests, reached = [first_bytes], [np.ones(len(first_bytes))]
        while True:
            exceedance = peaks.exceedance(requests[-1])
            killed = np.where(requests[-1] < ceiling_bytes, exceedance, 0.0)
            if not (killed > _NEVER).any():
                return cls(np.stack(requests, axis=1), np.stack(reached, axis=1), exceedance)
            requests.append(np.minimum(requests[-1] * RETRY_FACTOR, ceiling_bytes))
            reached.append(killed)

    @property
    def first_bytes(self) -> Amounts:
        """What is requested first, shape (n_jobs,)."""
        return self.requests_bytes[:, 0]

    @property
    def expected_retries(self) -> Vector:
        """How many retries a job has on average, shape (n_jobs,)."""
        return np.asarray(self.reached[:, 1:].sum(axis=1))

    @property
    def failure_rates(self) -> Vector:
        """Probability that the first attempt is followed by another, shape (n_jobs,)."""
        return self.reached[:, 1] if self.reached.shape[1] > 1 else np.zeros(len(self.reached))

    @property
    def allocated_bytes(self) -> Vector:
        """What all attempts ask for together on average, shape (n_jobs,)."""
        return np.asarray((self.requests_bytes * self.reached).sum(axis=1))
