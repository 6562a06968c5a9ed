"""What the rule's client costs a job: healthy, with the breaker open, and at the worst of faults; run by make bench."""

import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import conftest  # noqa: E402
import serving  # noqa: E402
import wire_faults  # noqa: E402

from galaxy_memory_rules.client import PredictionClient  # noqa: E402
from galaxy_memory_rules.errors import PredictionUnavailable  # noqa: E402
from galaxy_memory_rules.messages import InputDataset, JobDescription  # noqa: E402
from trainer import bundle, publishing  # noqa: E402

JOB = JobDescription("tool", inputs=(InputDataset("input_1", 2**30),), parameters={"mode": "sensitive"})
CALLS = 1000
DEADLINE_SECONDS = 0.25
# faults.md, figures to reach, in milliseconds
HEALTHY_P50, HEALTHY_P99, OPEN_P99, WORST = 3, 10, 1, 300


def seconds_of(call: Callable[[], object]) -> float:
    """Return the time of one call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def milliseconds(seconds: list[float], share: float) -> float:
    """Return the time that such a share of the calls kept to."""
    return 1000 * sorted(seconds)[int(share * (len(seconds) - 1))]


def healthy(url: str) -> dict[str, list[float]]:
    """Ask in three ways in turn, so that a busy machine slows all of them down."""
    client, session, message = PredictionClient(url, 5.0), requests.Session(), JOB.to_dict()
    ways: dict[str, Callable[[], object]] = {
        "predict, kept connection": lambda: client.predict(JOB),
        "requests.Session().post, kept": lambda: session.post(f"{url}/v1/predict", json=message, timeout=5).json(),
        "requests.post": lambda: requests.post(f"{url}/v1/predict", json=message, timeout=5).json(),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(CALLS):
        for name, ask in ways.items():
            taken[name].append(seconds_of(ask))
    client.close()
    session.close()
    return taken


def refused() -> tuple[list[float], list[float]]:
    """Ask where nobody listens: the misses until the breaker opens, and what a job costs from then on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def ask(client: PredictionClient) -> None:
        try:
            client.predict(JOB)
        except PredictionUnavailable:
            return
        raise AssertionError("somebody listens")

    closed = [PredictionClient(url, DEADLINE_SECONDS) for _ in range(20)]
    misses = [seconds_of(partial(ask, client)) for client in closed for _ in range(5)]
    return misses, [seconds_of(partial(ask, closed[-1])) for _ in range(CALLS)]


def faults(folder: Path) -> dict[str, float]:
    """Ask each faulty service once, over http and https."""
    with wire_faults.served(folder) as faulty:
        return {
            f"{name} ({scheme})": wire_faults.miss(url, faulty.authority, DEADLINE_SECONDS)
            for scheme, urls in (("http", faulty.http), ("https", faulty.https))
            for name, url in urls.items()
        }


def tell_healthy(taken: dict[str, list[float]]) -> None:
    """Print both figures of each way, and how many times as long it takes as ours."""
    ours, *_ = taken.values()
    print(f"the rule's client, {CALLS:,} jobs, real service (goal: p50 {HEALTHY_P50} ms, p99 {HEALTHY_P99} ms)")
    for name, seconds in taken.items():
        least, half, most = (milliseconds(seconds, share) for share in (0, 0.5, 0.99))
        ratio = half / milliseconds(ours, 0.5)
        print(f"  {name:32} least {least:6.2f} ms, p50 {half:6.2f} ms, p99 {most:6.2f} ms   {ratio:4.1f} times ours")


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        models.mkdir()
        with publishing.lock(models):
            bundle.save(conftest.train(Path(folder)).bundle, models)
        with serving.served(models) as url:
            tell_healthy(healthy(url))
        misses, opened = refused()
        print(f"  {'refused, until the breaker opens':32} {wire_faults.told(misses)}")
        print(f"  {'breaker open':32} {wire_faults.told(opened)} (goal: p99 {OPEN_P99} ms)")
        held = faults(Path(folder))
        print(f"  {'all faults':32} {wire_faults.told(list(held.values()))} (goal: max {WORST} ms)")
        print(f"  the worst: {max(held, key=held.__getitem__)}, deadline {1000 * DEADLINE_SECONDS:.0f} ms")


if __name__ == "__main__":
    main()
