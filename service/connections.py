"""The open connections of a worker: which of them wait, since when, and how many requests are in hand."""

from typing import TYPE_CHECKING

from uvicorn.server import ServerState

from .lifecycle import Lifecycle
from .settings import ServiceSettings

if TYPE_CHECKING:
    from .protocol import Protocol


class Connections(ServerState):
    """What all connections of a worker share.

    Parameters
    ----------
    settings : ServiceSettings
        The limits.
    most : int
        How many connections may be open, where the system allows fewer than the settings.

    Attributes
    ----------
    working : int
        Requests that have arrived whole and are not answered yet.
    closing : bool
        Every answer is the last of its connection.
    idle, receiving : dict
        Connections on which nothing is happening, and those with a part of a request, each with the time since when
        and the longest first: time does not run backwards, and who comes anew comes last.
    """

    def __init__(self, settings: ServiceSettings, most: int) -> None:
        super().__init__()
        self.working = 0
        self.closing = False
        self.idle: dict[Protocol, float] = {}
        self.receiving: dict[Protocol, float] = {}
        self.most_working = settings.max_concurrency
        self._most = min(most, settings.max_connections)
        self._keep_alive_seconds = settings.keep_alive_seconds
        self._receive_seconds = settings.receive_seconds

    def admit(self) -> None:
        """Make room for a connection that has just come, at the cost of the one that has waited longest."""
        while len(self.connections) > self._most and (self.idle or self.receiving):
            first = [next(iter(waiting.items())) for waiting in (self.idle, self.receiving) if waiting]
            longest, _ = min(first, key=lambda found: found[1])
            self.forget(longest)
            longest.drop()
            Lifecycle.refused["connections"] += 1

    def forget(self, connection: "Protocol") -> None:
        """Take a connection from those that wait."""
        self.idle.pop(connection, None)
        self.receiving.pop(connection, None)

    def sweep(self, now: float) -> None:
        """Close what has been idle, or has been sending its request, for too long."""
        for connection in _since(self.idle, now - self._keep_alive_seconds):
            self.forget(connection)
            connection.drop()
        for connection in _since(self.receiving, now - self._receive_seconds):
            self.forget(connection)
            connection.refuse_slow()


def _since(waiting: dict["Protocol", float], before: float) -> list["Protocol"]:
    found = []
    for connection, since in waiting.items():
        if since > before:
            break
        found.append(connection)
    return found
