"""Spares jobs the wait for a service that does not answer, and spares that service their questions."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

from .errors import JobRefused, PredictionUnavailable, ServiceBusy, UnknownTool

MOST_MISSES = 5
PROBE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0
_LONGEST_REASON = 300


class Breaker:
    """Opens after five misses in a row, and then lets one question through every five seconds until one is answered.

    Parameters
    ----------
    clock : callable
        Seconds of a clock that nobody sets: the hours of a wall clock jump.

    Notes
    -----
    A service that hangs costs a dispatching thread five deadlines, and then one in five seconds. That the service
    does not know a tool, or refuses one job, is an answer. A service that asks for a pause is given it, closed or
    open, up to a minute.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._misses = 0
        self._first_miss = 0.0
        self._next_probe = 0.0
        self._pause_ends = 0.0
        self._reason = ""

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Let one question through, and learn from how it ends.

        Raises
        ------
        PredictionUnavailable
            If the service is not to be asked now: since when, until when and why.
        """
        self._admit()
        try:
            yield
        except (UnknownTool, JobRefused):
            self._answered()
            raise
        # whatever it was, there was no answer
        except BaseException as error:
            self._missed(error)
            raise
        self._answered()

    def _admit(self) -> None:
        with self._lock:
            now = self._clock()
            closed_until = max(self._next_probe, self._pause_ends)
            if now < closed_until:
                raise PredictionUnavailable(self._story(now, closed_until))
            if self._misses >= MOST_MISSES:
                # this is the probe: the others wait for what becomes of it
                self._next_probe = now + PROBE_SECONDS

    def _answered(self) -> None:
        with self._lock:
            self._misses, self._next_probe = 0, 0.0

    def _missed(self, error: BaseException) -> None:
        with self._lock:
            now = self._clock()
            if not self._misses:
                self._first_miss = now
            self._misses += 1
            self._reason = str(error)[:_LONGEST_REASON] or type(error).__name__
            if self._misses >= MOST_MISSES:
                self._next_probe = now + PROBE_SECONDS
            if isinstance(error, ServiceBusy):
                self._pause_ends = now + min(error.retry_after_seconds, LONGEST_PAUSE_SECONDS)

    def _story(self, now: float, closed_until: float) -> str:
        misses = f"misses in a row: {self._misses}, the first {now - self._first_miss:.1f} s ago"
        return f"the service is not asked for another {closed_until - now:.1f} s; {misses}, the last: {self._reason}"
