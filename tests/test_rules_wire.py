"""Every fault of faults.md over http and https: no answer, and nothing else, in time and without a trace."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import wire_faults
from wire_faults import FAULTS, Faulty, miss

from galaxy_memory_rules.client import PredictionClient
from galaxy_memory_rules.errors import PredictionUnavailable

DEADLINE_SECONDS = 0.25
# what a loaded machine may add; what it does add is printed
GENEROUS_SECONDS = 1.0
CALLS = 2
MOST_BYTES = 5_000_000
OF_TLS = (
    "shows an expired certificate",
    "shows the certificate of a stranger",
    "shows another's certificate",
    "speaks no TLS",
)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    with wire_faults.served(tmp_path_factory.mktemp("faulty")) as found:
        # the first call of a process imports and allocates what stays
        for urls in (found.http, found.https):
            for name in ("answers HTML", "drips the body", "packs 60 MB"):
                miss(urls[name], found.authority, DEADLINE_SECONDS)
        yield found


@pytest.fixture(scope="module")
def seconds() -> Iterator[list[float]]:
    """The time of every call, told at the end (-s)."""
    taken: list[float] = []
    yield taken
    if taken:
        print(f"\n{wire_faults.told(taken)}, deadline {1000 * DEADLINE_SECONDS:.0f} ms")


def resident_bytes(key: str) -> int:
    """Return VmRSS, the memory of this process now, or VmHWM, the most since `forget_the_most`."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{key}:")]
    return 1024 * int(line.split()[1])


def forget_the_most() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def check(url: str, authority: str, seconds: list[float]) -> None:
    """Ask a few times, and look at the clock, the memory and the descriptors."""
    opened, threads = descriptors(), threading.active_count()
    forget_the_most()
    before_bytes = resident_bytes("VmRSS")
    taken = [miss(url, authority, DEADLINE_SECONDS) for _ in range(CALLS)]
    assert resident_bytes("VmHWM") - before_bytes <= MOST_BYTES
    assert (descriptors(), threading.active_count()) == (opened, threads)
    assert max(taken) <= DEADLINE_SECONDS + GENEROUS_SECONDS
    seconds += taken


@pytest.mark.parametrize("name", FAULTS)
def test_over_http_a_service_that(name: str, faulty: Faulty, seconds: list[float]) -> None:
    check(faulty.http[name], faulty.authority, seconds)


@pytest.mark.parametrize("name", [*FAULTS, *OF_TLS])
def test_over_https_a_service_that(name: str, faulty: Faulty, seconds: list[float]) -> None:
    check(faulty.https[name], faulty.authority, seconds)


def test_each_of_them_is_tried(faulty: Faulty) -> None:
    assert set(faulty.http) == set(FAULTS)
    assert set(faulty.https) == {*FAULTS, *OF_TLS}


@pytest.mark.parametrize("name", ["shows an expired certificate", "shows the certificate of a stranger"])
def test_a_certificate_is_what_is_complained_of(name: str, faulty: Faulty) -> None:
    with pytest.raises(PredictionUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        PredictionClient(faulty.https[name], 5.0, faulty.authority).predict(wire_faults.JOB)


def test_a_hundred_calls_of_each_kind_leave_no_memory_descriptor_or_thread(faulty: Faulty) -> None:
    quick = [
        urls[name]
        for urls in (faulty.http, faulty.https)
        for name in ("closes in the middle", "sends 100,000 headers", "packs 60 MB", "is busy", "answers NaN")
    ]
    before = resident_bytes("VmRSS"), descriptors(), threading.active_count()
    for _ in range(20):
        for url in quick:
            miss(url, faulty.authority, DEADLINE_SECONDS)
    after = resident_bytes("VmRSS"), descriptors(), threading.active_count()
    assert after[0] - before[0] <= MOST_BYTES
    assert after[1:] == before[1:]
