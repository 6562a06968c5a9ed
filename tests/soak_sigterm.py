"""SIGTERM at a random moment under load (S6)."""

import asyncio
import json
import random
import signal
import time
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import servers
import trained_forest
from goals import Pace, Row
from raw_exchange import Answer, HalfAnswer, head, post, read_answer
from servers import Server

STOPS = 20
MOST_EXIT_SECONDS = 10.0
_KEEP_ALIVE, _FRESH, _BATCH_JOBS = 16, 4, 1_000
_PATIENCE_SECONDS = 15.0


class Stop(NamedTuple):
    """How one stop went; a lost request was sent whole before SIGTERM, or answered in half at any time."""

    asked: int
    lost: int
    turned_away: int
    was_unready: bool
    exit_code: int
    exit_seconds: float


class Tally:
    """What all clients of one stop saw."""

    def __init__(self) -> None:
        self.asked = self.lost = self.turned_away = 0
        self.was_unready = False
        self.signalled = asyncio.Event()


def sigterm(pace: Pace) -> Iterator[Row]:
    """Stop a service many times, with one process and with several."""
    dice, count = random.Random(5), pace.count(STOPS)
    with TemporaryDirectory() as folder:
        trained_forest.publish(trained_forest.train(), Path(folder))
        for workers in (1, 2):
            stops = []
            for _ in range(count):
                with servers.ours(Path(folder), "--workers", str(workers)) as us:
                    stops.append(asyncio.run(_stop(us, dice.uniform(0.3, 1.0))))
            yield _row(stops, f"{count} x SIGTERM under load, --workers {workers}")


def _row(stops: Sequence[Stop], what: str) -> Row:
    lost, codes = sum(stop.lost for stop in stops), {stop.exit_code for stop in stops}
    longest, unready = max(stop.exit_seconds for stop in stops), sum(stop.was_unready for stop in stops)
    asked, away = sum(stop.asked for stop in stops), sum(stop.turned_away for stop in stops)
    told = f"{lost} lost of {asked:,}, {away} turned away after; exit {sorted(codes)} within {longest:.1f} s; "
    told += f"ready said 503 first in {unready} of {len(stops)}"
    goal = f"0 lost, exit 0 within {MOST_EXIT_SECONDS:.0f} s, ready 503 first"
    is_met = not lost and codes == {0} and longest <= MOST_EXIT_SECONDS and unready == len(stops)
    return Row(what, told, goal, is_met)


async def _stop(us: Server, after_seconds: float) -> Stop:
    tally, jobs = Tally(), trained_forest.different_jobs()
    one = post("/v1/predict", json.dumps(jobs[0]).encode())
    batch = post("/v1/predict/batch", json.dumps({"jobs": (jobs * _BATCH_JOBS)[:_BATCH_JOBS]}).encode())
    clients: list[Awaitable[None]] = [_client(us.port, one, tally, True) for _ in range(_KEEP_ALIVE)]
    clients += [_client(us.port, one, tally, False) for _ in range(_FRESH)]
    clients += [_client(us.port, batch, tally, True), _watch_ready(us.port, tally)]
    running = asyncio.gather(*clients)
    await asyncio.sleep(after_seconds)
    us.process.send_signal(signal.SIGTERM)
    tally.signalled.set()
    begin = time.monotonic()
    code = await asyncio.to_thread(us.process.wait, _PATIENCE_SECONDS)
    took = time.monotonic() - begin
    await running
    return Stop(tally.asked, tally.lost, tally.turned_away, tally.was_unready, code, took)


async def _client(port: int, request: bytes, tally: Tally, keeps_alive: bool) -> None:
    """Ask one request after the other until the service takes no more."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            # before SIGTERM, every client is let in
            tally.lost += not tally.signalled.is_set()
            return
        is_open = True
        while is_open:
            is_open = await _ask(reader, writer, request, tally) and keeps_alive
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, tally: Tally) -> bool:
    """Ask once; return whether the connection can be used again."""
    was_before = not tally.signalled.is_set()
    tally.asked += 1
    try:
        writer.write(request)
        await writer.drain()
        answer = await asyncio.wait_for(read_answer(reader), _PATIENCE_SECONDS)
    except HalfAnswer:
        tally.lost += 1
        return False
    except (OSError, asyncio.TimeoutError):
        answer = Answer(0, b"")
    if answer.status == 200:
        return b"connection: close" not in answer.content[:1000].lower()
    # closed or refused, which its client may repeat, is lost where the request was there before SIGTERM
    may_be = not was_before and answer.status in (0, 503)
    tally.turned_away += may_be
    tally.lost += not may_be
    return False


async def _watch_ready(port: int, tally: Tally) -> None:
    """See whether the service says 503 while it still lets new clients in."""
    while not tally.was_unready:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head("GET", "/health/ready", "Connection: close"))
            tally.was_unready = (await read_answer(reader)).status == 503 and tally.signalled.is_set()
            writer.close()
        except OSError:
            if tally.signalled.is_set():
                return
        await asyncio.sleep(0.02)
