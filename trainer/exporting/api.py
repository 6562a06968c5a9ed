"""Galaxy's API, asked politely: the key in a header, few questions at the same time, again where it is busy."""

from collections.abc import Mapping
from typing import Any, Optional
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from galaxy_memory_rules.errors import ConfigError, SourceError

# jobs that are asked for at the same time: a busy Galaxy has more web threads than these
THREADS = 4
_TRIES = 4
_BUSY = (429, 500, 502, 503, 504)
_NOT_THERE = (400, 403, 404)


class GalaxyApi:
    """The API of one Galaxy.

    Parameters
    ----------
    address : str
        Where Galaxy is, ``https://galaxy.example.org``.
    key : str
        An API key; an administrator's sees the jobs of all users, and what they used of memory.
    timeout_seconds : float
        How long one answer may take.

    Raises
    ------
    ConfigError
        If the address is none, or the key cannot be sent.
    """

    def __init__(self, address: str, key: str, timeout_seconds: float) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ConfigError(
                f"--galaxy: {parts.hostname or address} is no address; expected https://galaxy.example.org"
            )
        if not key.isascii() or not key.isprintable() or not key:
            raise ConfigError("the API key is empty or cannot be sent; copy it again from Galaxy's preferences")
        self.host = parts.hostname
        self._address, self._timeout_seconds = address.rstrip("/"), timeout_seconds
        self._session = requests.Session()
        self._session.headers["x-api-key"] = key
        again = Retry(_TRIES, connect=1, backoff_factor=0.5, status_forcelist=_BUSY, raise_on_status=False)
        adapter = HTTPAdapter(pool_maxsize=THREADS, max_retries=again)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of an answer.

        Raises
        ------
        SourceError
            If Galaxy cannot be reached, refuses, or answers with anything else.
        """
        return _json(self._asked(path, query))

    def find(self, path: str, **query: Any) -> Optional[Mapping[str, Any]]:
        """Return a JSON object, or None where this key may not see it or it is not there any more.

        Raises
        ------
        SourceError
            If Galaxy cannot be reached, or answers with anything else.
        """
        found = self._asked(path, query)
        told = None if found.status_code in _NOT_THERE else _json(found)
        return told if isinstance(told, dict) else None

    def _asked(self, path: str, query: Mapping[str, Any]) -> requests.Response:
        where = f"{self._address}/api/{path}"
        try:
            # a key must not follow to wherever a redirection leads
            return self._session.get(where, params=query, timeout=self._timeout_seconds, allow_redirects=False)
        except requests.RequestException as error:
            raise SourceError(f"{where}: {error}; is this the address of a Galaxy?") from error


def _json(answer: requests.Response) -> Any:
    if answer.status_code != 200:
        raise SourceError(f"{answer.url}: {_refusal(answer.status_code)}")
    try:
        return answer.json()
    except ValueError as error:
        raise SourceError(f"{answer.url}: no JSON ({error}); is this the address of a Galaxy?") from error


def _refusal(status: int) -> str:
    if status in (401, 403):
        return f"refused ({status}); expected the API key of an administrator"
    return f"status {status}; is this the address of a Galaxy?"
