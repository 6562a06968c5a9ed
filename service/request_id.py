"""The id of a request: the caller's own where it is harmless, else one of ours."""

import re
import secrets
from contextvars import ContextVar

HEADER = b"x-request-id"
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered, for log lines and refusals; empty outside of one."""

_HARMLESS = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def choose(told: bytes | None) -> bytes:
    """Return the id that a request goes by from here on."""
    chosen = told if told and _HARMLESS.fullmatch(told) else secrets.token_hex(8).encode()
    REQUEST_ID.set(chosen.decode())
    return chosen
