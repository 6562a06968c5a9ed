"""The id of a request: the caller's own where it is harmless, else one of ours."""

import re
import secrets

from . import logs

HEADER = b"x-request-id"
_HARMLESS = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def choose(told: bytes | None) -> bytes:
    """Return the id that a request goes by from here on."""
    chosen = told if told and _HARMLESS.fullmatch(told) else secrets.token_hex(8).encode()
    logs.request_id.set(chosen.decode())
    return chosen
