"""Bytes to a server and what came back, without a client that would repair or refuse them."""

import asyncio
import contextlib
import socket
import struct
from typing import NamedTuple

# so that a closed connection leaves no port waiting behind: there are only 28,000 of them
_RESET_WHEN_CLOSED = struct.pack("ii", 1, 0)


class Answer(NamedTuple):
    """One answer; the status is 0 where the server closed or was silent, as for a request that never ends."""

    status: int
    content: bytes


class HalfAnswer(ConnectionError):
    """The connection ended in the middle of an answer."""


async def exchange(port: int, request: bytes, patience_seconds: float) -> Answer:
    """Send bytes on a connection of their own and read one answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_WHEN_CLOSED)
        # a server may refuse, and close, before it has read all of it
        with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
            writer.write(request)
            return await asyncio.wait_for(read_answer(reader), patience_seconds)
        return Answer(0, b"")
    finally:
        writer.transport.abort()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one answer; status 0 if the connection ends before its first byte.

    Raises
    ------
    HalfAnswer
        If it ends in the middle of the answer, or is none.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 100 "):
            return await read_answer(reader)
        return Answer(int(head.split(b" ", 2)[1]), head + await _body(reader, head.lower()))
    except asyncio.IncompleteReadError as error:
        if error.partial or error.expected is not None:
            raise HalfAnswer(f"half an answer: {error.partial[:200]!r}") from error
        return Answer(0, b"")
    except (ValueError, IndexError, asyncio.LimitOverrunError) as error:
        raise HalfAnswer(f"no answer of HTTP: {error}") from error


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """Read a body of known length, or the first piece of another."""
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
    if lengths:
        return await reader.readexactly(int(lengths[0]))
    has_none = head.split(b" ", 2)[1] in (b"101", b"204", b"304")
    return b"" if has_none else await reader.read(65536)


def post(path: str, body: bytes) -> bytes:
    """Return the bytes of a proper request around a body."""
    return head("POST", path, f"Content-Length: {len(body)}", "Content-Type: application/json") + body


def head(method: str, path: str, *headers: str) -> bytes:
    """Return the bytes of a request's head."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()
