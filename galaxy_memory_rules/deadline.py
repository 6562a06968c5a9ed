"""One total deadline over a whole HTTP exchange: an adapter for requests whose sockets never wait beyond it.

The timeout of `requests` bounds each single read, so a service that drips one byte at a time holds the caller for as
long as it likes (faults.md: more than 6 s at a timeout of 0.5 s). Here every operation of a socket gets what is left
of the caller's deadline. Name resolution, which no socket option bounds, runs in a thread that is waited for no
longer than that; the last good addresses of a host are kept.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Optional

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

# How long an address is used before the name is looked up again.
_FRESH_SECONDS = 60.0

_current = threading.local()
# when it was looked up, and what getaddrinfo answered
_addresses: dict[tuple[str, int], tuple[float, Sequence[Any]]] = {}
_lookups: dict[tuple[str, int], threading.Thread] = {}
_lookups_lock = threading.Lock()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give every socket operation of this thread, taken together, so many seconds."""
    _current.ends = time.monotonic() + seconds
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


class _Socket(socket.socket):
    """A plain socket; http.client reads by recv_into and writes by sendall."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(remaining_seconds())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        # sendall counts its timeout over all of its parts
        self.settimeout(remaining_seconds())
        super().sendall(*args, **kwargs)


class _SSLSocket(ssl.SSLSocket):
    """The same under TLS, whose handshake reads and writes too."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(remaining_seconds())
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(remaining_seconds())
        return super().send(*args, **kwargs)

    def do_handshake(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(remaining_seconds())
        super().do_handshake(*args, **kwargs)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class DeadlineAdapter(HTTPAdapter):
    """Opens the connections of a `requests.Session` so that they keep to the deadline of `within`."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Build the pools from our connections."""
        context = create_urllib3_context()
        context.sslsocket_class = _SSLSocket
        super().init_poolmanager(*args, ssl_context=context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def _connect(connection: HTTPConnection) -> socket.socket:
    """Connect to the first address that answers before the deadline."""
    failure: Optional[OSError] = None
    for family, kind, protocol, _, address in _resolve(connection):
        opened = _Socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.settimeout(remaining_seconds())
            opened.connect(address)
            return opened
        except OSError as error:
            opened.close()
            failure = error
    raise NewConnectionError(connection, f"cannot connect: {failure}")


def _resolve(connection: HTTPConnection) -> Sequence[Any]:
    host, port = connection.host.strip("[]"), int(connection.port or 0)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _resolve_name(connection, host, port)
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)


def _resolve_name(connection: HTTPConnection, host: str, port: int) -> Sequence[Any]:
    known = _addresses.get((host, port))
    if known is None:
        _lookup_of(host, port).join(remaining_seconds())
        known = _addresses.get((host, port))
    elif time.monotonic() - known[0] >= _FRESH_SECONDS:
        # the old address is used once more, so that a resolver that hangs costs nothing
        _lookup_of(host, port)
    if known is None:
        raise NameResolutionError(host, connection, socket.gaierror(f"{host} was not resolved in time"))
    return known[1]


def _lookup_of(host: str, port: int) -> threading.Thread:
    """Return the thread that looks a name up: one at a time, as it lives until a resolver that hangs gives up."""
    with _lookups_lock:
        thread = _lookups.get((host, port))
        if thread is None or not thread.is_alive():
            thread = threading.Thread(target=_look_up, args=(host, port), daemon=True, name="gmem-resolve")
            thread.start()
            _lookups[host, port] = thread
        return thread


def _look_up(host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return
    _addresses[host, port] = (time.monotonic(), found)
