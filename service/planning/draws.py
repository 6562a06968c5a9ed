"""Seeded simulation: what the jobs of one tool use, and what their retries take, in each of many scenarios.

Only what is left to chance is drawn. Every job has a first attempt, so what these ask for is known; a job's peak
decides what it uses, and how often it asks again. An attempt that is killed runs as long as the job, as in
`trainer.replay` (f = 1).

A row that stands for more jobs than are drawn of it has some of them drawn, m of c, each with the weight sqrt(c / m),
and the rest at its expectation: the mean stays, and so does the variance.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.distribution import Vector

from .attempts import Amounts, Attempts
from .peaks import PARTS
from .tool import ToolJobs

# A draw is one of so many numbers, of which the PARTS of a distribution have as many each.
_NUMBERS = 2**16
_SHIFT = (_NUMBERS // PARTS).bit_length() - 1
# Draws that are held at a time.
_DRAWS_AT_ONCE = 1 << 20
# Retries whose requests differ by less than this part of their power of two are taken for the larger one.
_FINENESS_BITS = 9

Draws = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Retries:
    """The attempts after the first, by what they ask for.

    Parameters
    ----------
    first_bytes, requests_bytes, slots : int arrays of shape (n_kinds,)
        The job's first request, the retry's, and its cores.
    hours : array of shape (n_kinds, n_scenarios)
        How long all of them run together.
    """

    first_bytes: Amounts
    requests_bytes: Amounts
    slots: Amounts
    hours: Vector

    @property
    def byte_hours(self) -> Vector:
        """What they ask for, shape (n_scenarios,)."""
        return np.asarray(self.requests_bytes @ self.hours)


@dataclass(frozen=True, eq=False)
class Drawn:
    """What came of the jobs of one tool.

    Parameters
    ----------
    used_bytes : array of shape (n_scenarios,)
        Their peaks, added up.
    used_byte_hours : array of shape (n_scenarios,)
        The same times their hours.
    retries : mapping of str to Retries
        By policy.
    """

    used_bytes: Vector
    used_byte_hours: Vector
    retries: Mapping[str, Retries]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Some jobs one by one: the row of each among those of its tool, its weight, and its draws."""

    rows: npt.NDArray[np.intp]
    weights: Vector
    draws: Draws


def draw(jobs: ToolJobs, parts_bytes: Vector, scenarios: int, most_drawn: int, seed: int) -> Drawn:
    """Let all jobs of a tool run in each scenario.

    Parameters
    ----------
    jobs : ToolJobs
        The jobs.
    parts_bytes : array of shape (n_jobs, PARTS)
        Their peaks, see `Peaks`.
    scenarios : int
        How often all of them run.
    most_drawn : int
        How many jobs of a row are drawn.
    seed : int
        The random numbers of a tool are its own: they stay when the jobs of another change.
    """
    kinds = {name: _Kinds(jobs, attempts, scenarios) for name, attempts in jobs.attempts.items()}
    rest = _rest(jobs.counts, most_drawn)
    used_bytes = np.full(scenarios, float(rest @ jobs.means_bytes))
    used_byte_hours = np.full(scenarios, float((rest * jobs.hours) @ jobs.means_bytes))
    for some in _drawn_rows(jobs, scenarios, most_drawn, np.random.default_rng([seed, zlib.crc32(jobs.tool.encode())])):
        parts = parts_bytes.ravel().take(some.rows[:, None] * PARTS + (some.draws >> _SHIFT))
        used_bytes += some.weights @ parts
        used_byte_hours += (some.weights * jobs.hours[some.rows]) @ parts
        for of_policy in kinds.values():
            of_policy.add(some)
    return Drawn(used_bytes, used_byte_hours, {name: of_policy.retries(rest) for name, of_policy in kinds.items()})


def _rest(counts: Amounts, most_drawn: int) -> Vector:
    """Return how many jobs of each row stand at their expectation; see above."""
    drawn = np.minimum(counts, most_drawn)
    return np.asarray(counts - np.sqrt(counts * drawn.astype(np.float64)))


def _drawn_rows(jobs: ToolJobs, scenarios: int, most_drawn: int, chance: np.random.Generator) -> Iterator[_Rows]:
    drawn = np.minimum(jobs.counts, most_drawn)
    weights = np.sqrt(jobs.counts / drawn)
    rows = np.arange(len(jobs)).repeat(drawn)
    step = max(_DRAWS_AT_ONCE // scenarios, 1)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        yield _Rows(some, weights[some], chance.integers(0, _NUMBERS, (len(some), scenarios), dtype=np.uint16))


class _Kinds:
    """The retries of one tool under one policy, added up by what they ask for."""

    def __init__(self, jobs: ToolJobs, attempts: Attempts, scenarios: int) -> None:
        self._jobs, self._scenarios = jobs, scenarios
        self._reached = attempts.reached[:, 1:]
        # an attempt comes to pass where the draw is above this
        self._above = np.clip(np.rint((1 - self._reached) * _NUMBERS) - 1, 0, _NUMBERS - 1).astype(np.uint16)
        told = (_coarse(attempts.first_bytes)[:, None], _coarse(attempts.requests_bytes[:, 1:]), jobs.slots[:, None])
        keys = np.stack([part.ravel() for part in np.broadcast_arrays(*told)], axis=1).reshape(-1, 3)
        self._kinds, kind_of = np.unique(keys, axis=0, return_inverse=True)
        self._kind_of = kind_of.reshape(self._reached.shape)
        self._hours = np.zeros((len(self._kinds), scenarios))

    def add(self, some: _Rows) -> None:
        """Add the retries of some jobs."""
        if not self._reached.shape[1]:
            return
        drawn, scenarios = (some.draws > self._above[some.rows, 0][:, None]).nonzero()
        for attempt in range(self._reached.shape[1]):
            comes = some.draws[drawn, scenarios] > self._above[some.rows[drawn], attempt]
            drawn, scenarios = drawn[comes], scenarios[comes]
            rows = some.rows[drawn]
            cells = self._kind_of[rows, attempt] * self._scenarios + scenarios
            hours = some.weights[drawn] * self._jobs.hours[rows]
            self._hours += np.bincount(cells, hours, self._hours.size).reshape(self._hours.shape)

    def retries(self, rest: Vector) -> Retries:
        """Return them all, those that were not drawn at their expectation."""
        expected = (rest * self._jobs.hours)[:, None] * self._reached
        hours = self._hours + np.bincount(self._kind_of.ravel(), expected.ravel(), len(self._kinds))[:, None]
        there = hours.any(axis=1)
        first, requests, slots = self._kinds[there].T
        return Retries(first, requests, slots, hours[there])


def _coarse(amounts_bytes: Amounts) -> Amounts:
    """Round amounts up to `_FINENESS_BITS` bits, so that there are few of them."""
    bits = np.maximum(np.frexp(amounts_bytes.astype(np.float64))[1] - _FINENESS_BITS, 0)
    return np.asarray(-(-amounts_bytes >> bits) << bits, dtype=np.int64)
