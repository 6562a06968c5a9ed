"""A request's body, read no further than it may be long."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive

Headers = Mapping[bytes, bytes]


async def read_body(headers: Headers, receive: Receive, most_bytes: int) -> bytes:
    """Read the whole body of a request.

    Parameters
    ----------
    headers : mapping of bytes to bytes
        The request's headers, in lower case.
    receive : Receive
        Where it comes from.
    most_bytes : int
        How long it may be.

    Raises
    ------
    HTTPException
        413 if it says that it is longer, before any of it is read, or turns out to be; 415 if it is compressed.
    ClientDisconnect
        If the client has gone.
    """
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise HTTPException(415, "expected JSON as it is, without a content encoding")
    told = headers.get(b"content-length", b"0")
    if told.isdigit() and int(told[:20]) > most_bytes:
        raise _too_large(most_bytes)
    body, more = await _part(receive)
    if more:
        return await _rest(bytearray(body), receive, most_bytes)
    if len(body) > most_bytes:
        raise _too_large(most_bytes)
    return body


async def _rest(body: bytearray, receive: Receive, most_bytes: int) -> bytes:
    more = True
    while more:
        part, more = await _part(receive)
        body += part
        if len(body) > most_bytes:
            raise _too_large(most_bytes)
    return bytes(body)


async def _part(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect()
    return message.get("body", b""), message.get("more_body", False)


def _too_large(most_bytes: int) -> HTTPException:
    return HTTPException(413, f"expected a body of at most {most_bytes:,} bytes")
