"""Requests that mean harm, very many: none of them may break the service or show its inside (S11, T3 to T5)."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hostile_requests
import requests
import schemathesis
import servers
import trained_forest
from goals import Pace, Row
from raw_exchange import Answer, HalfAnswer, exchange
from schemathesis import Case, GenerationMode
from schemathesis.core.errors import InvalidSchema
from schemathesis.core.result import Ok, Result
from schemathesis.schemas import APIOperation
from servers import Server

REQUESTS, WILD, BY_SCHEMA = 100_000, 30_000, 4_000
MOST_GROWTH = 0.05
# below the service's limit of requests at a time: one that is refused for that reason has tested nothing
_AT_ONCE = 32
# what never ends is waited for so long
_PATIENCE_SECONDS = 1.0
_TRACES = (b"Traceback (most recent", b'File "', b"site-packages")


def hostile(pace: Pace) -> Iterator[Row]:
    """Send the tables, what schemathesis makes of the OpenAPI, what hypothesis finds, and the tables with damage."""
    found, samples = Counter[str](), list[str]()
    with TemporaryDirectory() as folder:
        trained_forest.publish(trained_forest.train(), Path(folder))
        with servers.ours(Path(folder)) as us:
            found.update(_judged(asyncio.run(_send(us, hostile_requests.table())), samples))
            before = us.rss_bytes
            found.update(_by_schema(us, pace.count(BY_SCHEMA), samples))
            found.update(_judged(asyncio.run(_send(us, hostile_requests.wild(pace.count(WILD)))), samples))
            rest = hostile_requests.damaged(pace.count(REQUESTS) - found.total())
            found.update(_judged(asyncio.run(_send(us, rest)), samples))
            growth, is_well = us.rss_bytes / before - 1, _is_well(us)
            traces = us.log.read_bytes().count(_TRACES[0])
    for sample in samples[:10]:
        print(f"  {sample}")
    yield _row(found, traces, growth, is_well)


def _row(found: Counter[str], traces: int, growth: float, is_well: bool) -> Row:
    told = f"{found['fault']} x 5xx, {found['trace']} answers with a trace, {traces} traces in the log, "
    told += f"memory {growth:+.1%}, {'well' if is_well else 'NOT WELL'} afterwards"
    kinds = f"{found['answered']:,} answered, {found['closed']:,} closed or never whole, {found['refused']:,} x 503"
    is_met = not found["fault"] and not found["trace"] and not traces and growth < MOST_GROWTH and is_well
    goal = f"0, 0, 0, under {MOST_GROWTH:.0%}"
    return Row(f"{found.total():,} hostile requests ({kinds})", told, goal, is_met)


async def _send(us: Server, hostile_ones: Sequence[bytes]) -> list[tuple[bytes, Answer]]:
    """Send each on a connection of its own, some at a time."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(request: bytes) -> tuple[bytes, Answer]:
        async with gate:
            try:
                return request, await exchange(us.port, request, _PATIENCE_SECONDS)
            except (HalfAnswer, OSError) as error:
                # half an answer is a fault of its own, and so is a service that lets nobody in
                return request, Answer(599, str(error).encode())

    return await asyncio.gather(*(one(request) for request in hostile_ones))


def _judged(answers: Sequence[tuple[bytes, Answer]], samples: list[str]) -> Iterator[str]:
    for request, answer in answers:
        verdict = _verdict(answer.status, answer.content)
        if verdict in ("fault", "trace"):
            samples.append(f"{verdict} {answer.status}: {request[:300]!r} -> {answer.content[-300:]!r}")
        yield verdict


def _verdict(status: int, content: bytes) -> str:
    if any(trace in content for trace in _TRACES):
        return "trace"
    if status >= 500 and status != 503:
        return "fault"
    return {0: "closed", 503: "refused"}.get(status, "answered")


def _by_schema(us: Server, count: int, samples: list[str]) -> Iterator[str]:
    """Let schemathesis make requests of every operation, such as the document allows and such as it does not."""
    schema = schemathesis.openapi.from_url(f"{us.url}/openapi.json")
    operations = [_described(found) for found in schema.get_all_operations()]
    modes = list(GenerationMode)
    each = max(count // (len(operations) * len(modes)), 1)
    for operation in operations:
        for mode in modes:
            cases = hostile_requests.examples(operation.as_strategy(generation_mode=mode), each)
            yield from _judged([_called(us, case) for case in cases], samples)


def _described(found: Result[APIOperation[Any, Any, Any, Any], InvalidSchema]) -> APIOperation[Any, Any, Any, Any]:
    assert isinstance(found, Ok), f"the OpenAPI is wrong: {found}"
    return found.ok()


def _called(us: Server, case: Case[Any]) -> tuple[bytes, Answer]:
    told = f"{case.method} {case.formatted_path} {case.query} {case.body!r}".encode(errors="replace")
    try:
        answer = case.call(base_url=us.url, timeout=10)
    except (requests.RequestException, ValueError):
        # what requests itself refuses to send has reached nobody
        return told, Answer(0, b"")
    return told, Answer(answer.status_code, answer.content)


def _is_well(us: Server) -> bool:
    job = trained_forest.different_jobs()[0]
    return us.is_alive and requests.post(f"{us.url}/v1/predict", json=job, timeout=10).status_code == 200
