"""How fast the service is and what it costs, beside others in the same run; run by make bench-service.

Two servers are up at the same time and have turns, so that a busy machine slows both down; ratios are of medians.
"""

import json
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import many_forests
import model_servers
import requests
import servers
import trained_forest
import wrk
from goals import Pace, Row, main
from servers import Server
from wrk import Load, Request

MB = 10**6
BATCH_JOBS, TOOLS, TOOL_ROWS = 1_000, 1_000, 2_000
HELLO_SHARE, SEED_RATE, SEED_P50, MODEL_SERVER_RATE, BATCH_GAIN = 0.55, 80, 50, 50, 8
COLD_CPU_SECONDS, EMPTY_BYTES, GROWTH_BYTES = 2.0, 90 * MB, 300 * MB
# as the model servers were measured elsewhere
MODEL_SERVER_CONNECTIONS = 8


def hello(pace: Pace) -> Iterator[Row]:
    """Compare with the least that FastAPI can do."""
    with _published() as models, servers.ours(models) as us, servers.asgi("rival_hello:app", "/") as them:
        ask = [Request("GET", "/")]
        ours, theirs = _in_turns(pace, lambda: _post(us, pace), lambda: wrk.run(them.url, ask, pace.seconds))
    share = _rate(ours) / _rate(theirs)
    yield _row("POST /v1/predict against FastAPI hello, requests/s", share, _rates(ours, theirs), HELLO_SHARE)


def seed(pace: Pace) -> Iterator[Row]:
    """Compare with a one-row DataFrame and the Pipeline, in requests a second and in patience."""
    ask = [Request("GET", f"/bowtie2/memory/?{urlencode(row)}") for row in model_servers.rows()]
    with _published() as models, servers.ours(models) as us, servers.asgi("rival_seed:app", "/docs") as them:
        ours, theirs = _in_turns(pace, lambda: _post(us, pace), lambda: wrk.run(them.url, ask, pace.seconds))
        yield _row("against the seed's way, requests/s", _rate(ours) / _rate(theirs), _rates(ours, theirs), SEED_RATE)
        ours, theirs = _in_turns(pace, lambda: _post(us, pace, 1), lambda: wrk.run(them.url, ask, pace.seconds, 1))
    waits = [statistics.median(load.p50_seconds for load in loads) for loads in (ours, theirs)]
    told = f"{waits[0] * 1e3:.2f} and {waits[1] * 1e3:.2f} ms"
    yield _row("against the seed's way, p50 with one connection", waits[1] / waits[0], told, SEED_P50)


def mlserver(pace: Pace) -> Iterator[Row]:
    """Compare with MLServer."""
    yield _against("mlserver", pace)


def bentoml(pace: Pace) -> Iterator[Row]:
    """Compare with BentoML."""
    yield _against("bentoml", pace)


def _against(package: str, pace: Pace) -> Row:
    what = f"against {package} serving the seed's pipeline, requests/s"
    programs = model_servers.install(package)
    start, asked = model_servers.SERVERS[package]
    ask, many = asked(), MODEL_SERVER_CONNECTIONS
    with _published() as models, servers.ours(models) as us, start(programs) as them:
        ours, theirs = _in_turns(
            pace, lambda: _post(us, pace, many), lambda: wrk.run(them.url, ask, pace.seconds, many)
        )
    return _row(what, _rate(ours) / _rate(theirs), _rates(ours, theirs), MODEL_SERVER_RATE)


def batch(pace: Pace) -> Iterator[Row]:
    """Compare the server's CPU for jobs of one batch with that for as many single posts, both on one connection."""
    jobs = (trained_forest.different_jobs() * BATCH_JOBS)[:BATCH_JOBS]
    together = [Request("POST", "/v1/predict/batch", json.dumps({"jobs": jobs}))]
    with _published() as models, servers.ours(models) as us:
        batched, single = _in_turns(
            pace,
            lambda: _cpu_seconds_of_a_job(us, lambda: wrk.run(us.url, together, pace.seconds, 1), BATCH_JOBS),
            lambda: _cpu_seconds_of_a_job(us, lambda: _post(us, pace, 1), 1),
        )
    costs = [statistics.median(found) * 1e6 for found in (batched, single)]
    told = f"{costs[0]:.0f} and {costs[1]:.0f} us of server CPU a job"
    yield _row(f"batch of {BATCH_JOBS:,} jobs against single posts", costs[1] / costs[0], told, BATCH_GAIN)


def cold(pace: Pace) -> Iterator[Row]:
    """Measure the CPU from nothing to ready, imports included, with many tools."""
    with TemporaryDirectory() as folder:
        _many(Path(folder))
        costs = []
        for _ in range(pace.rounds):
            with servers.ours(Path(folder)) as us:
                costs.append(us.cpu_seconds)
    cost = statistics.median(costs)
    told = f"{cost:.2f} s (worst of {len(costs)}: {max(costs):.2f} s)"
    goal = f"at most {COLD_CPU_SECONDS:g} s of CPU"
    yield Row(f"cold start to ready, {TOOLS:,} tools", told, goal, cost <= COLD_CPU_SECONDS)


def memory(pace: Pace) -> Iterator[Row]:
    """Measure what the service takes without a bundle, and what many bundles add when each was asked once."""
    with TemporaryDirectory() as folder, servers.ours(Path(folder), wait_for="/health/live") as us:
        empty = us.rss_bytes
    yield Row(
        "memory, empty service", f"{empty / MB:.0f} MB", f"at most {EMPTY_BYTES / MB:.0f} MB", empty <= EMPTY_BYTES
    )
    with TemporaryDirectory() as folder:
        names = _many(Path(folder))
        job = trained_forest.different_jobs()[0]
        with servers.ours(Path(folder)) as us, requests.Session() as session:
            for name in names:
                answer = session.post(f"{us.url}/v1/predict", json={**job, "tool_id": name}, timeout=30)
                assert (answer.status_code, answer.json()["tool"]) == (200, name), answer.text
            growth = us.rss_bytes - empty
    what = f"memory, {len(names):,} bundles of {TOOL_ROWS:,} rows after one request to each"
    goal = f"at most {GROWTH_BYTES / MB:.0f} MB over the empty service"
    yield Row(what, f"{growth / MB:.0f} MB", goal, growth <= GROWTH_BYTES)


@contextmanager
def _published() -> Iterator[Path]:
    """Yield a folder with the bundle of one tool, of all recorded jobs."""
    with TemporaryDirectory() as folder:
        trained_forest.publish(trained_forest.train(), Path(folder))
        yield Path(folder)


def _many(root: Path) -> list[str]:
    return many_forests.publish(trained_forest.train(most=TOOL_ROWS), root, TOOLS)


def _post(us: Server, pace: Pace, connections: int = 16) -> Load:
    """Post different jobs to our service; every one of them must be answered."""
    jobs = [Request("POST", "/v1/predict", json.dumps(job)) for job in trained_forest.different_jobs()]
    return _all_answered(wrk.run(us.url, jobs, pace.seconds, connections))


def _all_answered(load: Load) -> Load:
    assert set(load.statuses) == {200}, f"what is measured has failed: {load}"
    assert not load.failed, f"what is measured has failed: {load}"
    return load


def _cpu_seconds_of_a_job(us: Server, run: Callable[[], Load], jobs: int) -> float:
    before = us.cpu_seconds
    load = _all_answered(run())
    return (us.cpu_seconds - before) / (load.requests * jobs)


def _in_turns(pace: Pace, ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[list[Any], list[Any]]:
    pairs = [(ours(), theirs()) for _ in range(pace.rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _rate(loads: list[Load]) -> float:
    return statistics.median(_all_answered(load).per_second for load in loads)


def _rates(ours: list[Load], theirs: list[Load]) -> str:
    return f"{_rate(ours):,.0f} and {_rate(theirs):,.0f} requests/s"


def _row(what: str, ratio: float, told: str, goal: float) -> Row:
    return Row(what, f"{ratio:.2f} x ({told})", f"at least {goal:g} x", ratio >= goal)


PARTS = {
    "hello": hello,
    "seed": seed,
    "mlserver": mlserver,
    "bentoml": bentoml,
    "batch": batch,
    "cold": cold,
    "memory": memory,
}

if __name__ == "__main__":
    sys.exit(main(PARTS, sys.argv[1:]))
