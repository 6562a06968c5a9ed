"""JSON in and out: as the standard library reads it, several times faster."""

from typing import Any

import msgspec

from galaxy_memory_rules.errors import InvalidMessage
from galaxy_memory_rules.messages import read_json

Unread = msgspec.Raw
"""A part of a message whose beginning and end are known, and nothing more."""


class _Batch(msgspec.Struct):
    jobs: list[Unread]


_decoder = msgspec.json.Decoder()
_batch_decoder = msgspec.json.Decoder(_Batch)
_fields_decoder = msgspec.json.Decoder(dict[str, Unread])
_entries_decoder = msgspec.json.Decoder(list[Unread])
_encoder = msgspec.json.Encoder()


# ValueError is bad UTF-8; NaN, infinities and lone surrogates come as DecodeError.
_NOT_TAKEN = (msgspec.DecodeError, ValueError, RecursionError)


def decode(body: bytes | Unread) -> Any:
    """Read JSON; what the fast reader does not take is read by the other one, so that errors name the bad field.

    Raises
    ------
    InvalidMessage
        If the body is no JSON, or is nested too deeply.
    """
    try:
        return _decoder.decode(body)
    except _NOT_TAKEN:
        return read_json(bytes(body))


def decode_batch(body: bytes) -> Any:
    """Read a batch no further than to where its jobs begin and end: 16 MiB at once would hold up everyone else.

    Returns
    -------
    Any
        An object whose ``jobs`` are still to be read by `decode`; what is no batch as `decode` returns it.
    """
    try:
        return {"jobs": _batch_decoder.decode(body).jobs}
    except _NOT_TAKEN:
        return read_json(body)


def decode_fields(body: bytes) -> Any:
    """Read an object no further than to where its fields begin and end; see `decode_batch`."""
    try:
        return _fields_decoder.decode(body)
    except _NOT_TAKEN:
        return read_json(body)


def decode_entries(part: Any, path: str) -> Any:
    """Read a list that was left unread no further than to where its entries begin and end.

    Raises
    ------
    InvalidMessage
        Naming the path, if it is no JSON.
    """
    try:
        return _entries_decoder.decode(part) if isinstance(part, Unread) else part
    except _NOT_TAKEN:
        return decode_part(part, path)


def decode_part(part: Any, path: str) -> Any:
    """Read what was left unread.

    Raises
    ------
    InvalidMessage
        Naming the path, if it is no JSON.
    """
    try:
        return decode(part) if isinstance(part, Unread) else part
    except InvalidMessage as error:
        raise InvalidMessage(path, error.expected) from error


def encode(content: Any) -> bytes:
    """Write a message, or what JSON knows, as JSON."""
    return _encoder.encode(content)
