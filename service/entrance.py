"""Where connections come in: many at a time, and to the last one when the doors are closed."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

# How many come in before those inside have their turn again. uvloop's own server lets in one: when it is busy, the
# others would stand at the door for seconds.
_AT_A_TIME = 256
# How many may be shaking hands (TLS) at a time; beyond, the one that has been at it the longest has to go.
_MOST_ENTERING = 1024
# How long nobody is let in when the system has no more files for them.
_PAUSE_SECONDS = 0.5

log = logging.getLogger(__name__)


class Entrance:
    """Lets in who comes to a socket.

    Parameters
    ----------
    listening : socket.socket
        Listens already; several processes may share it.
    connection : callable
        Makes the protocol of a connection.
    context : ssl.SSLContext or None
        Shows the certificate; None for connections without TLS.
    handshake_seconds : float
        How long TLS may take to begin.
    """

    def __init__(
        self,
        listening: socket.socket,
        connection: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext | None,
        handshake_seconds: float,
    ) -> None:
        listening.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._listening = listening
        self._connection = connection
        self._context = context
        self._handshake_seconds = handshake_seconds if context else None
        self._entering: dict[asyncio.Task[None], None] = {}
        self._open()

    async def close(self) -> None:
        """Let in those whom the system has taken in already, and nobody after them."""
        self._loop.remove_reader(self._listening)
        # nobody new: closing the socket cuts off those who stand before it
        self._listening.listen(0)
        while self._let_in():
            pass
        self._listening.close()
        # with TLS, those who are slow to begin are not waited for
        await asyncio.wait([*self._entering, asyncio.ensure_future(asyncio.sleep(0))], timeout=1.0)

    def _open(self) -> None:
        self._loop.add_reader(self._listening, self._let_in)

    def _let_in(self) -> bool:
        """Let in some; tell whether there may be more."""
        for _ in range(_AT_A_TIME):
            try:
                accepted, _ = self._listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return False
            except OSError as error:
                log.error("nobody is let in for a moment: %s", error)
                self._loop.remove_reader(self._listening)
                self._loop.call_later(_PAUSE_SECONDS, self._open)
                return False
            self._begin(accepted)
        return True

    def _begin(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        task = self._loop.create_task(self._take_in(accepted))
        self._entering[task] = None
        task.add_done_callback(self._entering.pop)
        if len(self._entering) > _MOST_ENTERING:
            next(iter(self._entering)).cancel()

    async def _take_in(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._connection, accepted, ssl=self._context, ssl_handshake_timeout=self._handshake_seconds
            )
        # it has gone, or what it said was not TLS
        except OSError as error:
            log.debug("a connection did not come about: %s", error)
