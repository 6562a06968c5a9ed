"""Thousands of jobs through Galaxy's own mapper while the service misbehaves (make test-galaxy; R14, R23)."""

import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from galaxy_settings import settings_for
from real_galaxy import RELEASE, Galaxy
from serving import free_port

from galaxy_memory_rules.describe import describe

# Galaxy warns of much that is its own business; the mapper is the same on all three, so one storm is enough
pytestmark = [
    pytest.mark.galaxy,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(RELEASE < (26, 1), reason="one storm is enough"),
]

THREADS, JOBS_EACH = 8, 2_000
RESTARTS_EVERY_SECONDS = 1.5
# a probe every five, and a machine that may be busy
CALM_SECONDS = 60
WAITING = 1_000
# the goal is 3 s; with the breaker five calls wait for 250 ms, and one more every 5 s
LONGEST_SECONDS = 15


class Waiting:
    """A job that Galaxy recorded, under a number of its own, so that no answer of another is remembered for it."""

    def __init__(self, recorded: Any, number: int) -> None:
        self._recorded = recorded
        self.id = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recorded, name)


@pytest.fixture(scope="module")
def galaxy(tmp_path_factory: pytest.TempPathFactory) -> Galaxy:
    return Galaxy(tmp_path_factory.mktemp("galaxy"))


def recorded_jobs(galaxy: Galaxy, count: int) -> list[Any]:
    """Return jobs that are in memory whole, as threads share no database."""
    jobs = [galaxy.job({"type": "single", "input_1": galaxy.dataset(30_000_000)}) for _ in range(count)]
    for job in jobs:
        describe(job, galaxy.tool)
        assert job.user.email and job.destination_params is None
    return jobs


def dispatch(galaxy: Galaxy, recorded: Any, numbers: range, outcomes: list[tuple[str, float]]) -> None:
    """Map jobs one after the other, as a handler does, and note what became of each and how long it took."""
    for number in numbers:
        begun = time.perf_counter()
        try:
            destination = galaxy.map(Waiting(recorded, number))
            assert destination.id == "slurm", destination
            outcome = "predicted" if "gmem_request_bytes" in destination.params else "default"
        except BaseException as error:
            outcome = f"raised {error!r}"
        outcomes.append((outcome, time.perf_counter() - begun))


@contextmanager
def served(port: int, *weather: str) -> Iterator[None]:
    """Run the service of the storm, until it is killed."""
    service = subprocess.Popen([sys.executable, Path(__file__).with_name("storm_service.py"), str(port), *weather])
    try:
        yield
    finally:
        service.kill()
        service.wait()


@contextmanager
def restarting(port: int) -> Iterator[None]:
    """Run the service of the storm, and kill it again and again."""
    over = threading.Event()

    def keep_restarting() -> None:
        while not over.is_set():
            with served(port):
                over.wait(RESTARTS_EVERY_SECONDS)

    keeper = threading.Thread(target=keep_restarting)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def told(outcomes: list[tuple[str, float]], total_seconds: float) -> str:
    seconds = sorted(seconds for _, seconds in outcomes)
    p50, p99 = (seconds[int(share * len(seconds))] * 1000 for share in (0.5, 0.99))
    counted = ", ".join(
        f"{count:,} {outcome}" for outcome, count in Counter(outcome for outcome, _ in outcomes).items()
    )
    return f"{counted} in {total_seconds:.1f} s; one job p50 {p50:.1f}, p99 {p99:.1f}, max {seconds[-1] * 1000:.0f} ms"


def test_sixteen_thousand_of_sixteen_thousand_jobs_get_a_destination_in_a_storm(
    galaxy: Galaxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    outcomes: list[tuple[str, float]] = []
    calm: list[tuple[str, float]] = []
    with settings_for(tmp_path, f"http://127.0.0.1:{port}", deadline_seconds=0.05) as rules_config:
        galaxy.configure(rules_config=rules_config)
        jobs = recorded_jobs(galaxy, THREADS)
        threads = [
            threading.Thread(target=dispatch, args=(galaxy, job, range(first, first + JOBS_EACH), outcomes))
            for first, job in zip(range(0, THREADS * JOBS_EACH, JOBS_EACH), jobs, strict=True)
        ]
        begun = time.perf_counter()
        with restarting(port):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        total_seconds = time.perf_counter() - begun
        # the breaker lets few questions through in a storm, and the faults of the moment may meet all of them
        with served(port, "calm"):
            ends = time.perf_counter() + CALM_SECONDS
            while "predicted" not in {outcome for outcome, _ in calm} and time.perf_counter() < ends:
                number = THREADS * JOBS_EACH + len(calm)
                dispatch(galaxy, jobs[0], range(number, number + 1), calm)
                time.sleep(0.1)
    with capsys.disabled():
        print(f"\nstorm: {told(outcomes, total_seconds)}; calm: predicted after {len(calm)} jobs")
    assert len(outcomes) == THREADS * JOBS_EACH
    assert {outcome for outcome, _ in [*outcomes, *calm]} == {"predicted", "default"}
    assert calm[-1][0] == "predicted"


def test_a_service_that_hangs_holds_a_thousand_waiting_jobs_up_for_seconds(
    galaxy: Galaxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes: list[tuple[str, float]] = []
    # whoever only listens lets everybody connect and answers nobody
    with socket.create_server(("127.0.0.1", 0), backlog=2 * WAITING) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with settings_for(tmp_path, url) as rules_config:
            galaxy.configure(rules_config=rules_config)
            (recorded,) = recorded_jobs(galaxy, 1)
            begun = time.perf_counter()
            dispatch(galaxy, recorded, range(WAITING), outcomes)
            total_seconds = time.perf_counter() - begun
    with capsys.disabled():
        print(f"\nhung service: {told(outcomes, total_seconds)}")
    assert {outcome for outcome, _ in outcomes} == {"default"}
    assert total_seconds < LONGEST_SECONDS
