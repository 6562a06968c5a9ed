"""Memory over very many requests of every kind (S8)."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import model_servers
import servers
import trained_forest
import wrk
from goals import Pace, Row
from wrk import Request

REQUESTS, SETTLED = 1_000_000, 100_000
MOST_DRIFT = 0.05
_SLICE_SECONDS = 5


def drift(pace: Pace) -> Iterator[Row]:
    """Measure the memory when the service has settled, and at the end."""
    done = failed = 0
    sizes: list[int] = []
    with TemporaryDirectory() as folder:
        trained_forest.publish(trained_forest.train(), Path(folder))
        with servers.ours(Path(folder)) as us:
            while done < pace.count(REQUESTS):
                load = wrk.run(us.url, _mix(), _SLICE_SECONDS)
                done, failed = done + load.requests, failed + load.failed
                if done >= pace.count(SETTLED):
                    sizes.append(us.rss_bytes)
    share = sizes[-1] / sizes[0] - 1
    told = f"{share:+.1%} ({sizes[0] / 1e6:.1f} to {sizes[-1] / 1e6:.1f} MB, {failed} failed)"
    goal = f"drift under {MOST_DRIFT:.0%} from {pace.count(SETTLED):,}, 0 failed"
    yield Row(f"{done:,} requests", told, goal, share < MOST_DRIFT and not failed)


def _mix() -> Sequence[Request]:
    """Return what a day brings: mostly jobs, and some that are unknown or wrong and never the same."""
    jobs = trained_forest.different_jobs()
    odd = [
        Request("POST", "/v1/predict", json.dumps({"tool_id": "unknown_@@"})),
        Request("POST", "/v1/predict", json.dumps({"tool_id": "bowtie2", "wrong_@@": 1})),
        Request("GET", "/nowhere_@@"),
        Request("GET", "/unknown_@@/memory/"),
        *(Request("GET", f"/bowtie2/memory/?{urlencode(row)}") for row in model_servers.rows()[:20]),
        *(Request("GET", path) for path in ("/v1/tools", "/v1/tools/bowtie2", "/metrics", "/health/ready")),
        Request("POST", "/v1/predict/batch", json.dumps({"jobs": jobs[:50]})),
    ]
    return [Request("POST", "/v1/predict", json.dumps(job)) for job in jobs] + odd
