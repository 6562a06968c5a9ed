"""Remembers for a minute which tools the service has no bundle for: at first these are most."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable, Optional

from .errors import UnknownTool
from .messages import JobDescription

REMEMBER_SECONDS = 60.0
MOST_TOOLS = 1024

_Tool = tuple[str, Optional[str]]


class UnknownTools:
    """The tools, by id and version, that the service lately did not know.

    Parameters
    ----------
    clock : callable
        Seconds of a clock that nobody sets.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # until when, and what the service said; the oldest first
        self._remembered: dict[_Tool, tuple[float, str]] = {}

    @contextmanager
    def sparing(self, job: JobDescription) -> Iterator[None]:
        """Ask only about a tool that the service may know, and remember it if it does not.

        Raises
        ------
        UnknownTool
            If the service lately did not know the tool: with what it said then.
        """
        tool = (job.tool_id, job.tool_version)
        self._recall(tool)
        try:
            yield
        except UnknownTool as error:
            self._remember(tool, str(error))
            raise

    def _recall(self, tool: _Tool) -> None:
        with self._lock:
            until, said = self._remembered.get(tool, (0.0, ""))
        if self._clock() < until:
            raise UnknownTool(said)

    def _remember(self, tool: _Tool, said: str) -> None:
        with self._lock:
            self._remembered.pop(tool, None)
            self._remembered[tool] = (self._clock() + REMEMBER_SECONDS, said)
            if len(self._remembered) > MOST_TOOLS:
                del self._remembered[next(iter(self._remembered))]
