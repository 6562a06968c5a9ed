"""Five times as many requests as the service can answer (S10)."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
import servers
import trained_forest
import wrk
from goals import Pace, Row
from servers import Server
from wrk import Request

TIMES = 5
LEAST_SHARE, MOST_REFUSAL_SECONDS = 0.8, 0.1
_CONNECTIONS = 3_000
# more than is to be reached: the wait for an answer comes on top of the pause
_AIM = 6
_SECONDS = 20
_PROBE_PAUSE_SECONDS = 0.02


def overload(pace: Pace) -> Iterator[Row]:
    """Measure the capacity, then ask at least five times as often.

    wrk's connections ask, wait for the answer and pause so long that all of them together make the rate.
    """
    seconds = max(_SECONDS * pace.share, 3)
    ask = [Request("POST", "/v1/predict", json.dumps(job)) for job in trained_forest.different_jobs()]
    with TemporaryDirectory() as folder:
        trained_forest.publish(trained_forest.train(), Path(folder))
        with servers.ours(Path(folder)) as us:
            capacity = wrk.run(us.url, ask, seconds).per_second
            pause_seconds = _CONNECTIONS / (_AIM * capacity)
            with wrk.start(us.url, ask, seconds, _CONNECTIONS, pause_seconds) as load:
                refusals = _refusals(us, ask, seconds)
                seen = wrk.result(load)
    share = seen.statuses.get(200, 0) / seen.seconds / capacity
    others = {status: count for status, count in seen.statuses.items() if status not in (200, 503)}
    faults = sum(others.values()) + seen.broken + seen.timeouts
    times = seen.per_second / capacity
    what = f"overload, {times:.1f} x capacity ({capacity:,.0f} requests/s) asked"
    told = f"{share:.0%} of capacity as good answers, {faults} neither 200 nor 503"
    goal = f"at least {TIMES} x asked, at least {LEAST_SHARE:.0%}, 0"
    yield Row(what, told, goal, times >= TIMES and share >= LEAST_SHARE and not faults)
    worst = max(refusals, default=0.0)
    told = f"worst of {len(refusals)}: {worst * 1e3:.0f} ms; worst answer of all {seen.worst_seconds * 1e3:.0f} ms"
    goal = f"some, within {MOST_REFUSAL_SECONDS * 1e3:.0f} ms"
    yield Row("overload, refusals with Retry-After", told, goal, bool(refusals) and worst <= MOST_REFUSAL_SECONDS)


def _refusals(us: Server, ask: list[Request], seconds: float) -> list[float]:
    """Ask on new connections beside the load, and return how long each proper refusal took."""
    took = []
    # what wrk needs to start, and to be still there
    time.sleep(0.5)
    deadline = time.monotonic() + seconds - 1.0
    while time.monotonic() < deadline:
        begin = time.perf_counter()
        try:
            answer = requests.post(f"{us.url}/v1/predict", data=ask[0].body, timeout=10)
        except requests.RequestException:
            # no answer is the worst refusal of all
            took.append(math.inf)
        else:
            if answer.status_code == 503 and answer.headers.get("Retry-After"):
                took.append(time.perf_counter() - begin)
        time.sleep(_PROBE_PAUSE_SECONDS)
    return took
