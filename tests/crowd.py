"""A crowd of clients that harm by waiting; run in a process of its own: python crowd.py PORT IDLE SLOW.

It prints one line when all of them are connected, and on each line of stdin how many idle ones still are.
"""

import asyncio
import contextlib
import itertools
import resource
import socket
import sys
from collections.abc import Awaitable, Callable

from raw_exchange import head, read_answer

_DRIP_SECONDS = 1.0
_UNREAD_SECONDS = 30.0
_AT_ONCE = 200


async def idle(port: int, gate: asyncio.Semaphore) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask once, and stay connected."""
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head("GET", "/health/live"))
        await read_answer(reader)
    # a writer that nobody holds closes its connection
    return reader, writer


async def drip_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a header that never ends."""
    writer.write(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n")
    for number in itertools.count():
        writer.write(f"X-{number}: {number}\r\n".encode())
        await _rest(reader, writer)


async def drip_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a body byte by byte."""
    writer.write(head("POST", "/v1/predict", "Content-Length: 60000"))
    while True:
        writer.write(b" ")
        await _rest(reader, writer)


async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ask for much, and read nothing of it."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(head("GET", "/openapi.json") * 3)
    await asyncio.sleep(_UNREAD_SECONDS)


async def _rest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    await asyncio.sleep(_DRIP_SECONDS)
    if reader.at_eof():
        raise ConnectionError("the server has closed")


Slowness = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def slow(port: int, slowness: Slowness, connected: asyncio.Event) -> None:
    """Be slow, and come back as often as the server closes."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            connected.set()
            with contextlib.closing(writer):
                await slowness(reader, writer)
        await asyncio.sleep(0.1)


async def main(port: int, idle_clients: int, slow_clients: int) -> None:
    """Connect all, tell so, and answer questions until stdin ends."""
    gate = asyncio.Semaphore(_AT_ONCE)
    idlers = await asyncio.gather(*(idle(port, gate) for _ in range(idle_clients)))
    connected = [asyncio.Event() for _ in range(slow_clients)]
    kinds = itertools.cycle((drip_head, drip_body, never_read))
    tasks = [asyncio.create_task(slow(port, kind, event)) for kind, event in zip(kinds, connected)]
    await asyncio.gather(*(event.wait() for event in connected))
    print(f"connected {len(idlers)} {len(tasks)}", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(sum(not reader.at_eof() for reader, _ in idlers), flush=True)


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(main(*(int(argument) for argument in sys.argv[1:4])))
