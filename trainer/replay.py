"""What requests would have cost on recorded jobs: wastage and failed first attempts, when a killed job asks for more.

The definitions are those of Tovar et al. 2018 (https://doi.org/10.1109/TPDS.2017.2762310) and of the project's study:
a killed attempt wastes its whole request for as long as the job runs (or a fraction of it), the attempt that succeeds
wastes what it does not use, and ``rel`` = (used + wasted) / used, so that 1 is the oracle. 1 GB is 10**9 bytes.
"""

import math
from dataclasses import dataclass
from typing import Optional

import numpy as np

# the rule's own: what is replayed is what it will do
from galaxy_memory_rules.retry import RETRY_FACTOR

from .distribution import Vector

GB = 1e9
# 95 % of a normal distribution lie within as many standard deviations
_Z = 1.959964


@dataclass(frozen=True)
class Replay:
    """The cost of a policy on recorded jobs.

    Parameters
    ----------
    jobs, failures : int
        How many jobs there were, and how many had a first request below their peak.
    attempts : float
        Mean number of attempts.
    used_gbh, requested_gbh : float
        Peaks and first requests, times the run times.
    wastage_gbh, wastage_half_gbh : float
        What was allocated and not used where a killed attempt runs as long as the job (f = 1), or half as long.
    """

    jobs: int
    failures: int
    attempts: float
    used_gbh: float
    requested_gbh: float
    wastage_gbh: float
    wastage_half_gbh: float

    @property
    def rel(self) -> float:
        """(Used + wasted) / used memory, killed attempts run to the end (f = 1)."""
        return 1 + self.wastage_gbh / self.used_gbh

    @property
    def rel_half(self) -> float:
        """The same where killed attempts run half as long (f = 0.5)."""
        return 1 + self.wastage_half_gbh / self.used_gbh

    @property
    def failure_rate(self) -> float:
        """Share of jobs whose first request is below their peak."""
        return self.failures / self.jobs

    @property
    def failure_interval(self) -> tuple[float, float]:
        """The 95 % interval of the failure rate (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953)."""
        return wilson_interval(self.failures, self.jobs)

    @property
    def requested_per_used(self) -> float:
        """First requests over peaks."""
        return self.requested_gbh / self.used_gbh


def replay(
    requests_bytes: Vector,
    peaks_bytes: Vector,
    run_hours: Optional[Vector] = None,
    then_bytes: Optional[Vector] = None,
) -> Replay:
    """Run recorded jobs again under other requests.

    Parameters
    ----------
    requests_bytes : array of shape (n_jobs,)
        The first request of each job, above 0.
    peaks_bytes : array of shape (n_jobs,)
        What each job needs.
    run_hours : array of shape (n_jobs,), optional
        How long each job runs; 1 for all where it is not told.
    then_bytes : array of shape (n_jobs,), optional
        What the second attempt asks for at least; every attempt asks for at least twice the one before.
    """
    hours = np.ones(len(peaks_bytes)) if run_hours is None else run_hours
    killed = requests_bytes < peaks_bytes
    second = requests_bytes * RETRY_FACTOR if then_bytes is None else np.maximum(requests_bytes * 2, then_bytes)
    later = np.where(killed, np.ceil(np.log2(np.maximum(peaks_bytes / second, 1))), 0)
    # the attempts after the first ask for s, 2 s, 4 s ... 2**later s; all but the last of them are killed
    last = np.where(killed, second * RETRY_FACTOR**later, requests_bytes)
    lost = np.where(killed, requests_bytes + second * (RETRY_FACTOR**later - 1), 0)
    unused = last - peaks_bytes
    return Replay(
        jobs=len(peaks_bytes),
        failures=int(killed.sum()),
        attempts=float((1 + killed + later).mean()),
        used_gbh=_gbh(peaks_bytes, hours),
        requested_gbh=_gbh(requests_bytes, hours),
        wastage_gbh=_gbh(unused + lost, hours),
        wastage_half_gbh=_gbh(unused + lost / 2, hours),
    )


def wilson_interval(failures: int, jobs: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a rate (Wilson 1927)."""
    rate, square = failures / jobs, _Z**2 / jobs
    centre = (rate + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(rate * (1 - rate) / jobs + square / (4 * jobs))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def allocated_bytes(requests_bytes: Vector, peaks_bytes: Vector) -> Vector:
    """Return the memory allocated over all attempts, the last of which has enough, of each request for each peak."""
    kills = np.ceil(np.log2(np.maximum(peaks_bytes / requests_bytes * (1 - 1e-12), 1)))
    # r + 2 r + 4 r + ... + 2**kills r
    return np.asarray(requests_bytes * (RETRY_FACTOR ** (kills + 1) - 1), dtype=np.float64)


def _gbh(amounts_bytes: Vector, hours: Vector) -> float:
    return float(amounts_bytes @ hours) / GB
