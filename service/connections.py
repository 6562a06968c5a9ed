"""The open connections of a worker: which of them wait, since when, and how many requests are in hand."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from uvicorn.server import ServerState

from .lifecycle import Lifecycle
from .settings import ServiceSettings

if TYPE_CHECKING:
    from .protocol import Protocol

# How many requests are begun before the loop looks at its connections again: refusals must not wait for all in hand.
STARTS_IN_A_TURN = 8
# Within how long a request that is too much is refused.
HOLD_SECONDS = 0.05


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
    unread : dict
        Connections whose clients do not fetch their answers, with the time since when, the longest first.
    held : list
        Connections that are about to hear that there is too much to do.
    """

    def __init__(self, settings: ServiceSettings, most: int) -> None:
        super().__init__()
        self.working = 0
        self.closing = False
        self.idle: dict[Protocol, float] = {}
        self.receiving: dict[Protocol, float] = {}
        self.unread: dict[Protocol, float] = {}
        self.held: list[Protocol] = []
        self._lined_up: deque[Callable[[], None]] = deque()
        self._starts = 0
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
            # it is counted no more, though the loop has yet to close it
            self.connections.discard(longest)
            Lifecycle.refused["connections"] += 1

    def forget(self, connection: "Protocol") -> None:
        """Take a connection from those that wait."""
        self.idle.pop(connection, None)
        self.receiving.pop(connection, None)

    def line_up(self, start: Callable[[], None]) -> None:
        """Start to answer a request: now, or after those before it, with a look at who else has come in between."""
        if self._starts == 0:
            asyncio.get_running_loop().call_soon(self._next_turn)
        self._starts += 1
        if self._starts <= STARTS_IN_A_TURN:
            start()
        else:
            self._lined_up.append(start)

    def _next_turn(self) -> None:
        self._starts = 0
        for _ in range(min(STARTS_IN_A_TURN, len(self._lined_up))):
            self.line_up(self._lined_up.popleft())

    def hold(self, connection: "Protocol") -> None:
        """Let a refusal wait a little: who asks again at once takes time from those who are being answered."""
        if not self.held:
            asyncio.get_running_loop().call_later(HOLD_SECONDS, self._say_busy)
        self.held.append(connection)

    def _say_busy(self) -> None:
        held, self.held = self.held, []
        for connection in held:
            connection.say_busy()

    def sweep(self, now: float) -> None:
        """Close what has been idle, sending its request, or not fetching its answer for too long."""
        for connection in _since(self.idle, now - self._keep_alive_seconds):
            self.forget(connection)
            connection.drop()
        for connection in _since(self.receiving, now - self._receive_seconds):
            self.forget(connection)
            connection.refuse_slow()
        for connection in _since(self.unread, now - self._keep_alive_seconds):
            self.unread.pop(connection)
            connection.drop()


def _since(waiting: dict["Protocol", float], before: float) -> list["Protocol"]:
    found = []
    for connection, since in waiting.items():
        if since > before:
            break
        found.append(connection)
    return found
