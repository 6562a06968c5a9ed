"""A prediction service that misbehaves in another way every 100 ms; a process of its own, to be killed at any time."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

Fault = Callable[[asyncio.StreamWriter], Awaitable[None]]

CHANGES_EVERY_SECONDS = 0.1
GIB = 1024**3
GOOD = {
    "memory_bytes": GIB,
    "predicted_peak_bytes": GIB,
    "quantiles": {},
    "failure_probability": 0.03,
    "tool": "bowtie2",
    "source": "forest",
    "bundle": "bowtie2/1",
}


def reply(body: bytes, status: str = "200 OK") -> Fault:
    """Answer whole."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        described = f"Content-Type: application/json\r\nContent-Length: {len(body)}"
        writer.write(f"HTTP/1.1 {status}\r\n{described}\r\n\r\n".encode() + body)
        await writer.drain()

    return answer


async def hang(writer: asyncio.StreamWriter) -> None:
    """Say nothing for longer than anybody waits."""
    await asyncio.sleep(30)


async def drip(writer: asyncio.StreamWriter) -> None:
    """Answer by a byte at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(writer: asyncio.StreamWriter) -> None:
    """Answer much more than was asked for."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1024**2)
    await writer.drain()
    writer.close()


async def garbage(writer: asyncio.StreamWriter) -> None:
    """Answer no HTTP at all."""
    writer.write(b"\x16\x03\x01\x00\xff\r\n\r\n")
    writer.close()


async def reset(writer: asyncio.StreamWriter) -> None:
    """Tear the connection down."""
    writer.transport.abort()


WELL = reply(json.dumps(GOOD).encode())
FAULTS: tuple[Fault, ...] = (
    WELL,
    reply(b'{"error": "overloaded"}', "503 Service Unavailable"),
    hang,
    WELL,
    reply(b"<html>It works!</html>"),
    drip,
    reset,
    WELL,
    flood,
    reply(json.dumps({**GOOD, "memory_bytes": float("nan")}).encode()),
    garbage,
)


async def serve(faults: Sequence[Fault], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read requests for as long as they come, and answer each by the fault of the moment."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            await faults[int(time.monotonic() / CHANGES_EVERY_SECONDS) % len(faults)](writer)
    except (OSError, asyncio.IncompleteReadError):
        writer.close()


async def main(port: int, faults: Sequence[Fault]) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(partial(serve, faults), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), (WELL,) if sys.argv[2:] == ["calm"] else FAULTS))
