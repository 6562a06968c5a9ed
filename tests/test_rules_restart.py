"""The real service is stopped and started while jobs are asked about: none is lost, and predictions come back."""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serving

from galaxy_memory_rules.breaker import PROBE_SECONDS
from galaxy_memory_rules.client import PredictionClient
from galaxy_memory_rules.errors import PredictionUnavailable, UnknownTool
from galaxy_memory_rules.messages import InputDataset, JobDescription, MemoryRecommendation

JOB = JobDescription("tool", inputs=(InputDataset("input_1", 2**30),))
THREADS = 4
ENOUGH = 200
# a busy machine answers late; what is lost is what comes neither way
DEADLINE_SECONDS = 0.5
GENEROUS_SECONDS = 1.0


class Burst:
    """Threads that ask without end, and when each of their questions was answered or missed."""

    def __init__(self, url: str) -> None:
        self.client = PredictionClient(url, DEADLINE_SECONDS)
        self.answered: list[float] = []
        self.missed: list[float] = []
        self.lost: list[BaseException] = []
        self.asked = 0
        self.stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(THREADS)]

    def _ask_on(self) -> None:
        while not self.stopping.is_set():
            self._ask()
            # the service starts on the same machine
            time.sleep(0.003)
        self.client.close()

    def _ask(self) -> None:
        self.asked += 1
        try:
            assert isinstance(self.client.predict(JOB), MemoryRecommendation)
            self.answered.append(time.monotonic())
        except PredictionUnavailable:
            self.missed.append(time.monotonic())
        except BaseException as error:
            self.lost.append(error)

    def wait_for_answers(self, more: int) -> float:
        """Wait until so many more questions are answered, and return when the first of them was."""
        before, ends = len(self.answered), time.monotonic() + serving.PATIENCE_SECONDS
        while len(self.answered) < before + more:
            assert time.monotonic() < ends, "no answer came back"
            time.sleep(0.01)
        return self.answered[before]

    def run(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def bursting(url: str) -> Iterator[Burst]:
    burst = Burst(url)
    burst.run()
    try:
        yield burst
    finally:
        burst.end()


class Service:
    """The real service, always on the same port."""

    def __init__(self, models: Path) -> None:
        self._models = models
        self.port = serving.free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start it, and return when it was ready."""
        self._process: subprocess.Popen[bytes] = serving.start(self._models, self.port)
        serving.wait_until_live(self._process, self.url)
        return time.monotonic()

    def stop(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        self._process.wait(serving.PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def service(models: Path) -> Iterator[Service]:
    found = Service(models)
    found.start()
    yield found
    found.stop(signal.SIGTERM)


def test_nothing_is_lost_when_it_is_stopped_and_killed_in_a_burst(service: Service) -> None:
    with bursting(service.url) as burst:
        burst.wait_for_answers(ENOUGH)
        for how in (signal.SIGTERM, signal.SIGKILL):
            service.stop(how)
            gone = time.monotonic()
            ready = service.start()
            seconds = burst.wait_for_answers(ENOUGH) - ready
            print(f"\n{how.name}: back {seconds:.2f} s after it was ready, {ready - gone:.1f} s after it was gone")
            assert seconds <= PROBE_SECONDS + GENEROUS_SECONDS
    print(f"{burst.asked:,} jobs: {len(burst.answered):,} answered, {len(burst.missed):,} missed, 0 lost")
    assert burst.lost == []
    assert len(burst.answered) + len(burst.missed) == burst.asked


def test_the_first_job_after_a_restart_is_answered_over_a_fresh_connection(service: Service) -> None:
    client = PredictionClient(service.url, 5.0)
    assert client.predict(JOB).tool == "tool"
    for how in (signal.SIGTERM, signal.SIGKILL):
        service.stop(how)
        service.start()
        assert client.predict(JOB).tool == "tool"
    client.close()


def test_a_tool_that_the_real_service_does_not_know_is_an_answer(service: Service) -> None:
    client = PredictionClient(service.url, 5.0)
    for _ in range(6):
        with pytest.raises(UnknownTool, match="cat1"):
            client.predict(JobDescription("cat1"))
    for number in range(6):
        with pytest.raises(UnknownTool):
            client.predict(JobDescription(f"cat{number}"))
        # a name with a slot too many is refused by the service, and that is an answer too
        with pytest.raises(PredictionUnavailable, match="422"):
            client.predict(JobDescription("tool", slots=10**9))
    assert client.predict(JOB).tool == "tool"
    client.close()
