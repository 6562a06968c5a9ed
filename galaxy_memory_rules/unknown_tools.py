"""Remembers for a minute which tools the service has no bundle for: at first these are most."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

from .errors import UnknownTool
from .messages import JobDescription
from .remembered import Remembered

REMEMBER_SECONDS = 60.0
MOST_TOOLS = 1024


class UnknownTools:
    """The tools, by id and version, that the service lately did not know.

    Parameters
    ----------
    clock : callable
        Seconds of a clock that nobody sets.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        # what the service said
        self._said: Remembered[str] = Remembered(MOST_TOOLS, clock)

    @contextmanager
    def sparing(self, job: JobDescription) -> Iterator[None]:
        """Ask only about a tool that the service may know, and remember it if it does not.

        Raises
        ------
        UnknownTool
            If the service lately did not know the tool: with what it said then.
        """
        tool = (job.tool_id, job.tool_version)
        said = self._said.get(tool)
        if said is not None:
            raise UnknownTool(said)
        try:
            yield
        except UnknownTool as error:
            self._said.put(tool, str(error), REMEMBER_SECONDS)
            raise
