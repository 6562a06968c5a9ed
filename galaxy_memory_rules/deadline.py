"""One deadline and one length for a whole HTTP exchange: an adapter for requests with sockets that keep to them.

The timeout of `requests` bounds each single read, so a service that drips one byte at a time holds the caller for as
long as it likes (faults.md: more than 6 s at a timeout of 0.5 s), and nothing bounds how much it sends. Here every
operation of a socket gets what is left of the caller's deadline, and headers and body together have an end.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from .addresses import resolve

_current = threading.local()


class StaleConnection(Exception):
    """The server had closed a kept connection: it answered before on it, and not with a single byte this time.

    urllib3 notices most of them before it sends; this is the one that is closed just then.
    """


@contextmanager
def within(seconds: float, most_bytes: int) -> Iterator[None]:
    """Give the socket operations of this thread, taken together, so many seconds and so many bytes to read."""
    _current.ends = time.monotonic() + seconds
    _current.most_bytes = _current.left_bytes = most_bytes
    try:
        yield
    finally:
        del _current.ends


def remaining_seconds() -> float:
    """Return what is left of this thread's deadline.

    Raises
    ------
    TimeoutError
        If nothing is left.
    """
    left = float(_current.ends) - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


class _Reading(socket.socket):
    """Reads within the deadline, and counts the bytes; http.client reads by recv_into."""

    received_bytes = 0

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(remaining_seconds())
        count = super().recv_into(*args, **kwargs)
        self.received_bytes += count
        _current.left_bytes -= count
        if _current.left_bytes < 0:
            raise OSError(f"answered more than {_current.most_bytes:,} bytes")
        return count


class _Socket(_Reading):
    """A plain socket; http.client writes by sendall, which counts its timeout over all of its parts."""

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(remaining_seconds())
        super().sendall(*args, **kwargs)


class _SSLSocket(_Reading, ssl.SSLSocket):
    """The same under TLS, whose handshake reads and writes too."""

    def send(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(remaining_seconds())
        return super().send(*args, **kwargs)

    def do_handshake(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(remaining_seconds())
        super().do_handshake(*args, **kwargs)


class _Connection(HTTPConnection):
    """Opens a socket of ours, and tells a connection that went stale from one that fails."""

    _received_before = 0

    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._received_before = getattr(self.sock, "received_bytes", 0)
        with self._noticing_staleness():
            super().request(*args, **kwargs)

    def getresponse(self) -> Any:
        with self._noticing_staleness():
            return super().getresponse()

    @contextmanager
    def _noticing_staleness(self) -> Iterator[None]:
        # http.client drops its socket before it raises
        used = self.sock
        try:
            yield
        # a pipe that broke while sending, a reset, an end without a byte; TLS has its own words for the end
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            if 0 < self._received_before == getattr(used, "received_bytes", None):
                raise StaleConnection from error
            raise


class _SecureConnection(_Connection, HTTPSConnection):
    """The same under TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class DeadlineAdapter(HTTPAdapter):
    """Opens connections that keep to the deadline of `within`."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Build the pools from our connections."""
        context = create_urllib3_context()
        context.sslsocket_class = _SSLSocket
        super().init_poolmanager(*args, ssl_context=context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def _connect(connection: HTTPConnection) -> socket.socket:
    """Connect to the first address that answers; one that does not takes no more than its share of the deadline."""
    failure: Optional[OSError] = None
    try:
        found = resolve(connection.host.strip("[]"), int(connection.port or 0), remaining_seconds())
    except OSError as error:
        raise NewConnectionError(connection, f"cannot resolve: {error}") from error
    for tried, (family, kind, protocol, _, address) in enumerate(found):
        opened = _Socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.settimeout(remaining_seconds() / (len(found) - tried))
            opened.connect(address)
            return opened
        except OSError as error:
            opened.close()
            failure = error
    raise NewConnectionError(connection, f"cannot connect: {failure}")
