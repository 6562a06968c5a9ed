"""What was found out a moment ago, by key and for a while: decisions, and tools that the service does not know."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Optional, TypeVar

_T = TypeVar("_T")


class Remembered(Generic[_T]):
    """Values by key, each for a while; the oldest go where they become too many. Safe under threads.

    Parameters
    ----------
    most : int
        How many are kept.
    clock : callable
        Seconds of a clock that nobody sets.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        # value and when it is forgotten
        self._values: OrderedDict[Hashable, tuple[_T, float]] = OrderedDict()

    def get(self, key: Hashable) -> Optional[_T]:
        """Return what is remembered, or None."""
        with self._lock:
            value, ends = self._values.get(key, (None, 0.0))
            return value if self._clock() < ends else None

    def put(self, key: Hashable, value: _T, seconds: float) -> None:
        """Remember a value for so many seconds."""
        with self._lock:
            self._values[key] = (value, self._clock() + seconds)
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
