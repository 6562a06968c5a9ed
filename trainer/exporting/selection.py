"""Which jobs an administrator wants, and in which of their states."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Optional

# how a job ended of which something can be learned; the others were stopped by a person, or never ran
FINISHED = frozenset({"ok", "error", "failed"})
# a job in one of these may still become one of those
OPEN = frozenset({"new", "resubmitted", "upload", "waiting", "queued", "running", "paused", "stop"})


@dataclass(frozen=True)
class Selection:
    """What is exported; without anything told, everything.

    Parameters
    ----------
    tools, destinations : tuple of str
        Patterns as of a shell, for example ``*/bowtie2/*``; none stand for all.
    not_destinations : tuple of str
        Those that do not confine each job to a memory cgroup of its own: their peaks are the host's.
    since : datetime or None
        Jobs that were created earlier are left out; UTC, without a zone, as Galaxy's database writes it.
    """

    tools: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    not_destinations: tuple[str, ...] = ()
    since: Optional[datetime] = None

    def wants_tool(self, tool_id: str, created: Optional[datetime]) -> bool:
        """Whether a job of this tool, created then, is wanted wherever it will run."""
        recent = self.since is None or (created is not None and created >= self.since)
        return recent and (not self.tools or _matches(tool_id, self.tools))

    def wants_destination(self, destination_id: str) -> bool:
        """Whether what ran there is wanted."""
        wanted = not self.destinations or _matches(destination_id, self.destinations)
        return wanted and not _matches(destination_id, self.not_destinations)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
