"""The addresses of a host, looked up in a thread: no socket option bounds how long a name service takes."""

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Optional

# How long an address is used before the name is looked up again.
_FRESH_SECONDS = 60.0

_Name = tuple[str, int]

# when it was looked up, and what getaddrinfo answered
_addresses: dict[_Name, tuple[float, Sequence[Any]]] = {}
_lookups: dict[_Name, "_Lookup"] = {}
_lookups_lock = threading.Lock()


def resolve(host: str, port: int, seconds: float) -> Sequence[Any]:
    """Return the addresses of a host as getaddrinfo does; the last good ones are kept.

    Parameters
    ----------
    host : str
        A name or an address, an IPv6 address without its brackets.
    port : int
        Where the service listens.
    seconds : float
        How long to wait for a name that was never resolved.

    Raises
    ------
    OSError
        If the name has no address, or none in time.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _resolve_name((host, port), seconds)
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)


def _resolve_name(name: _Name, seconds: float) -> Sequence[Any]:
    known = _addresses.get(name)
    if known is None:
        return _lookup_of(name).wait(seconds)
    looked_up, found = known
    if time.monotonic() - looked_up >= _FRESH_SECONDS:
        # the old address is used once more, so that a resolver that hangs costs nothing
        _lookup_of(name)
    return found


class _Lookup(threading.Thread):
    """Looks one name up; it lives until a resolver that hangs gives up, and does not keep the process alive."""

    def __init__(self, name: _Name) -> None:
        super().__init__(daemon=True, name="gmem-resolve")
        self._of = name
        self._failure: Optional[OSError] = None

    def run(self) -> None:
        try:
            found = socket.getaddrinfo(*self._of, type=socket.SOCK_STREAM)
        except OSError as error:
            self._failure = error
        else:
            _addresses[self._of] = (time.monotonic(), found)

    def wait(self, seconds: float) -> Sequence[Any]:
        self.join(seconds)
        if self._failure is not None:
            # an error of its own for each caller: threads that share one would write into each other's traceback
            raise OSError(f"{self._of[0]}: {self._failure}")
        if self._of not in _addresses:
            raise TimeoutError(f"{self._of[0]} was not resolved in time")
        return _addresses[self._of][1]


def _lookup_of(name: _Name) -> _Lookup:
    """Return the thread that looks a name up, one at a time however many jobs wait."""
    with _lookups_lock:
        lookup = _lookups.get(name)
        if lookup is None or not lookup.is_alive():
            lookup = _lookups[name] = _Lookup(name)
            lookup.start()
        return lookup


def _forget_the_parent() -> None:
    # a thread of the parent may have held the lock at the very moment of the fork
    global _lookups_lock
    _lookups_lock = threading.Lock()
    _lookups.clear()


os.register_at_fork(after_in_child=_forget_the_parent)
