"""Very many clients that are slow or idle, and what the others notice of them (S9)."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import servers
import trained_forest
import wrk
from goals import Pace, Row
from wrk import Request

SLOW, IDLE = 1_000, 10_000
MOST_P99_SECONDS = 0.05
_SECONDS = 40
_SETTLING_SECONDS = 2
# others ask now and then, as Galaxy's handlers do: at full load the wait would be that of the load
_OTHERS, _PAUSE_SECONDS = 8, 0.02


def slow(pace: Pace) -> Iterator[Row]:
    """Ask beside a crowd."""
    slow_clients, idle_clients = pace.count(SLOW), pace.count(IDLE)
    ask = [Request("POST", "/v1/predict", json.dumps(job)) for job in trained_forest.different_jobs()]
    with TemporaryDirectory() as folder:
        trained_forest.publish(trained_forest.train(), Path(folder))
        with servers.ours(Path(folder)) as us:
            command = [
                sys.executable,
                str(servers.TESTS / "crowd.py"),
                str(us.port),
                str(idle_clients),
                str(slow_clients),
            ]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as crowd:
                assert crowd.stdin and crowd.stdout
                connected = crowd.stdout.readline().strip()
                time.sleep(_SETTLING_SECONDS)
                load = wrk.run(us.url, ask, max(_SECONDS * pace.share, 5), _OTHERS, _PAUSE_SECONDS)
                print(file=crowd.stdin, flush=True)
                stayed = int(crowd.stdout.readline() or 0)
                crowd.stdin.close()
    failed = load.requests - load.statuses.get(200, 0) + load.broken + load.timeouts
    is_there = connected == f"connected {idle_clients} {slow_clients}" and stayed == idle_clients
    told = f"p99 {load.p99_seconds * 1e3:.1f} ms, {failed} failed of {load.requests:,}; {stayed:,} idle ones stayed"
    goal = f"p99 under {MOST_P99_SECONDS * 1e3:.0f} ms, 0 failed, all stay"
    is_met = load.p99_seconds < MOST_P99_SECONDS and not failed and is_there
    yield Row(f"{slow_clients:,} slow clients and {idle_clients:,} idle connections", told, goal, is_met)
