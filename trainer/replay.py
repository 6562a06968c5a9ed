"""What requests would have cost on recorded jobs: wastage and failed first attempts, when a killed job asks for twice.

The definitions are those of Tovar et al. 2018 (https://doi.org/10.1109/TPDS.2017.2762310) and of the project's study:
a killed attempt wastes its whole request for as long as the job runs, the attempt that succeeds wastes what it does
not use, and ``rel`` = (used + wasted) / used, so that 1 is the oracle.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# the rule's own: what is replayed is what it will do
from galaxy_memory_rules.decision import RETRY_FACTOR

from .distribution import Vector


@dataclass(frozen=True)
class Replay:
    """The cost of a policy on recorded jobs.

    Parameters
    ----------
    rel : float
        (Used + wasted) / used memory, summed over the jobs.
    failure_rate : float
        Share of jobs whose first request is below their peak.
    """

    rel: float
    failure_rate: float


def replay(requests_bytes: Vector, peaks_bytes: Vector) -> Replay:
    """Run recorded jobs again under other requests.

    Parameters
    ----------
    requests_bytes : array of shape (n_jobs,)
        The first request of each job, above 0.
    peaks_bytes : array of shape (n_jobs,)
        What each job needs.
    """
    allocated = allocated_bytes(requests_bytes, peaks_bytes)
    return Replay(float(allocated.sum() / peaks_bytes.sum()), float((requests_bytes < peaks_bytes).mean()))


def allocated_bytes(requests_bytes: Vector, peaks_bytes: Vector) -> npt.NDArray[np.float64]:
    """Return the memory allocated to each job over all of its attempts, the last of which has enough."""
    kills = np.ceil(np.log2(np.maximum(peaks_bytes / requests_bytes, 1)))
    # r + 2 r + 4 r + ... + 2**kills r
    return np.asarray(requests_bytes * (RETRY_FACTOR ** (kills + 1) - 1))
