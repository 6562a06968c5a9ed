"""One process that answers: uvicorn's server with our connections, and an end in which no accepted request is lost."""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn

from galaxy_memory_rules.errors import MemoryRulesError

from .connections import Connections
from .entrance import Entrance
from .lifecycle import Lifecycle
from .orders import BEAT, RELOAD, STOP
from .protocol import Protocol
from .settings import ServiceSettings

APPLICATION = "service.app:from_environment"
# Files that a process has open besides its connections: bundles while they are read, logs, modules.
_RESERVED_FILES = 256
# How long a client that has begun to send its request may take to finish it, when the doors are closed.
_PATIENCE_SECONDS = 1.0
# How long the door stays in view when it is closed: what a client had sent by then is here.
_GLANCE_SECONDS = 0.1
# Python's own number is 700: two requests.
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
# What the interpreter takes to end.
_END_SECONDS = 0.5

log = logging.getLogger(__name__)


def serve(settings: ServiceSettings, listening: socket.socket, control: socket.socket | None = None) -> int:
    """Answer until told to stop, by a signal or by `control`.

    Parameters
    ----------
    settings : ServiceSettings
        What the administrator set.
    listening : socket.socket
        Listens already.
    control : socket.socket or None
        Through it a parent says `STOP` and `RELOAD`, and hears a `BEAT` every second; its end is the end of the parent.

    Returns
    -------
    int
        The exit status: 0, 1 if requests were cut off, 2 if the application cannot start.
    """
    config = uvicorn.Config(
        APPLICATION,
        factory=True,
        http=Protocol,
        ws="none",
        log_config=None,
        log_level=settings.log_level,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    server = Server(settings, config, control)
    try:
        server.run(sockets=[listening])
    except MemoryRulesError as error:
        log.error("cannot start: %s", error)
        return 2
    return 0 if server.all_answered else 1


class Server(uvicorn.Server):
    """A server that says that it is about to stop, before it does; see `serve`."""

    def __init__(self, settings: ServiceSettings, config: uvicorn.Config, control: socket.socket | None) -> None:
        super().__init__(config)
        self.all_answered = True
        self._settings = settings
        self._control = control
        self._state = Connections(settings, _raise_file_limit() - _RESERVED_FILES)
        self.server_state = self._state
        self._entrances: list[Entrance] = []
        self._deadline = float("inf")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the loop handles them, once it runs."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await self.lifespan.startup()
        self.should_exit = self.lifespan.should_exit
        self._listen_to_signals()
        # what is loaded now stays: the collector need not look at it ever again, and seldom at what requests leave
        # behind, which is in no cycles; it would take a tenth of the time
        gc.collect()
        gc.freeze()
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        self._entrances = [
            Entrance(listening, self._connection, self.config.ssl, self._settings.receive_seconds)
            for listening in sockets or []
        ]
        self.started = True

    async def main_loop(self) -> None:
        """Answer, look for connections that have waited too long, and tell the parent that all is well."""
        tick = 0
        while not await self.on_tick(tick):
            self._state.sweep(asyncio.get_running_loop().time())
            if self._control is not None and tick % 10 == 0:
                with contextlib.suppress(OSError):
                    self._control.send(BEAT)
            tick = (tick + 1) % 864_000
            await asyncio.sleep(0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take what stands at the door, close it, and answer all that has come in."""
        self._state.closing = True
        for entrance in self._entrances:
            await entrance.close()
        closed = asyncio.get_running_loop().time()
        answered = await self._wait_while(lambda: self._is_answering(closed))
        for connection in list(self._state.connections):
            connection.transport.close()
        sent = await self._wait_while(self._is_sending)
        for connection in list(self._state.connections):
            connection.transport.abort()
        self.all_answered = answered and sent
        await self.lifespan.shutdown()
        log.info("stopped", extra={"fields": {"all_answered": self.all_answered}})

    async def _wait_while(self, busy: Callable[[], bool]) -> bool:
        """Wait until it is done; tell whether it was before the time was over, or somebody could not wait."""
        while busy():
            if self.force_exit or asyncio.get_running_loop().time() >= self._deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    def _is_answering(self, closed: float) -> bool:
        elapsed_seconds = asyncio.get_running_loop().time() - closed
        arriving = self._state.receiving and elapsed_seconds < _PATIENCE_SECONDS
        waiting = self._state.working or self._state.held or self._state.unread
        return bool(waiting or arriving or elapsed_seconds < _GLANCE_SECONDS)

    def _is_sending(self) -> bool:
        return any(connection.transport.get_write_buffer_size() for connection in self._state.connections)

    def stop(self) -> None:
        """Be not ready from now on, and close the door a little later."""
        if Lifecycle.stopping:
            return
        log.info("stopping")
        Lifecycle.stopping = self._state.closing = True
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + self._settings.shutdown_seconds - _END_SECONDS
        loop.call_later(self._settings.drain_seconds, setattr, self, "should_exit", True)

    def _stop_by_signal(self) -> None:
        # who asks twice does not want to wait; workers are asked by both their parent and systemd
        if Lifecycle.stopping and self._control is None:
            self.force_exit = self.should_exit = True
        self.stop()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_by_signal)
        loop.add_signal_handler(signal.SIGHUP, reload)
        if self._control is not None:
            self._control.setblocking(False)
            loop.add_reader(self._control, self._obey, self._control)

    def _obey(self, control: socket.socket) -> None:
        try:
            orders = control.recv(64)
        # the parent ended without having heard our last beat
        except ConnectionError:
            orders = b""
        if RELOAD in orders:
            reload()
        # nothing at all: the parent is no more
        if STOP in orders or not orders:
            asyncio.get_running_loop().remove_reader(control)
            self.stop()

    def _connection(self) -> Protocol:
        return Protocol(config=self.config, server_state=self._state, app_state=self.lifespan.state)


def reload() -> None:
    """Load new bundles, in a thread of its own: requests go on."""
    threading.Thread(target=_reload, name="reload", daemon=True).start()


def _reload() -> None:
    try:
        log.info("loading bundles anew, as SIGHUP asks")
        Lifecycle.reload()
    except Exception:
        log.exception("bundles could not be loaded anew; those loaded stay")


def _raise_file_limit() -> int:
    """Allow as many open files as the system lets us, and return how many."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # not everywhere may a process ask for what it is allowed
    except (OSError, ValueError) as error:
        log.warning("the limit of open files stays at %d: %s", now, error)
        most = now
    return most if most != resource.RLIM_INFINITY else 2**31
