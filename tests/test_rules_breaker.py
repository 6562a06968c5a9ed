"""A service that does not answer is asked five times, and then once in five seconds."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from galaxy_memory_rules import breaker
from galaxy_memory_rules.breaker import Breaker
from galaxy_memory_rules.errors import JobRefused, PredictionUnavailable, ServiceBusy, UnknownTool

SILENT = PredictionUnavailable("it does not answer")
PACKAGE = Path(breaker.__file__).parent


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guarded(clock: Clock) -> Breaker:
    return Breaker(clock)


def asked(guarded: Breaker, outcome: BaseException | None = None) -> bool:
    """Ask with this outcome; False where the breaker did not let the question through."""
    through = False
    try:
        with guarded.guard():
            through = True
            if outcome is not None:
                raise outcome
    except BaseException as error:
        assert error is outcome or isinstance(error, PredictionUnavailable)
    return through


def opened(guarded: Breaker) -> Breaker:
    for _ in range(5):
        assert asked(guarded, SILENT)
    return guarded


def test_it_opens_after_five_misses_in_a_row(guarded: Breaker) -> None:
    assert not asked(opened(guarded))


@pytest.mark.parametrize("answer", [None, UnknownTool("no bundle"), JobRefused("inputs[0]: expected an object")])
def test_an_answer_of_any_kind_between_four_misses_and_one_keeps_it_closed(
    answer: BaseException | None, guarded: Breaker
) -> None:
    for outcome in (SILENT, SILENT, SILENT, SILENT, answer, SILENT):
        assert asked(guarded, outcome)
    assert asked(guarded)


def test_what_nobody_expected_is_a_miss_too(guarded: Breaker) -> None:
    for _ in range(5):
        assert asked(guarded, MemoryError())
    with pytest.raises(PredictionUnavailable, match="MemoryError"), guarded.guard():
        pass


def test_one_question_in_five_seconds_is_let_through(guarded: Breaker, clock: Clock) -> None:
    opened(guarded)
    through = []
    # a minute of jobs, four in a second: at 5.0, 10.0, ... 60.0
    for _ in range(4 * 60):
        clock.now += 0.25
        through.append(asked(guarded, SILENT))
    assert sum(through) == 12


def test_while_a_probe_is_out_the_others_wait_for_what_becomes_of_it(guarded: Breaker, clock: Clock) -> None:
    opened(guarded)
    clock.now += 5.0
    with guarded.guard():
        assert not asked(guarded)
    assert asked(guarded)


def test_an_answer_closes_it(guarded: Breaker, clock: Clock) -> None:
    opened(guarded)
    clock.now += 5.0
    assert asked(guarded)
    for _ in range(4):
        assert asked(guarded, SILENT)
    assert asked(guarded), "four misses after it: it counts anew"


def test_it_says_since_when_and_why(guarded: Breaker, clock: Clock) -> None:
    for _ in range(5):
        asked(guarded, SILENT)
        clock.now += 0.5
    # the first miss at 0.0 s, the fifth at 2.0 s, and now it is 2.5 s: the next question at 7.0 s
    with pytest.raises(PredictionUnavailable) as told, guarded.guard():
        pass
    assert str(told.value) == (
        "the service is not asked for another 4.5 s; misses in a row: 5, the first 2.5 s ago,"
        " the last: it does not answer"
    )


@pytest.mark.parametrize(("asked_for", "given"), [(3, 3), (60, 60), (3600, 60)])
def test_a_service_that_asks_for_a_pause_is_given_it_up_to_a_minute(
    asked_for: int, given: int, guarded: Breaker, clock: Clock
) -> None:
    assert asked(guarded, ServiceBusy("503", asked_for))
    clock.now += given - 0.1
    assert not asked(guarded)
    clock.now += 0.1
    assert asked(guarded)
    assert asked(guarded), "one miss is not five"


def test_an_answer_to_another_thread_does_not_end_the_pause(guarded: Breaker) -> None:
    with guarded.guard():
        assert asked(guarded, ServiceBusy("503", 30))
    assert not asked(guarded)


def test_of_many_threads_one_probes() -> None:
    guarded = opened(Breaker())
    guarded._next_probe = 0.0
    begin, through = threading.Barrier(8), []

    def ask() -> None:
        begin.wait()
        through.append(asked(guarded, SILENT))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(through) == 7 * [False] + [True]


@pytest.mark.parametrize("jump_seconds", [-3600.0, 3600.0])
def test_a_wall_clock_that_jumps_opens_and_closes_nothing(jump_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded, wall = opened(Breaker()), time.time
    monkeypatch.setattr(time, "time", lambda: wall() + jump_seconds)
    assert not asked(guarded)
    guarded._next_probe = time.monotonic()
    assert asked(guarded)
    assert asked(guarded)


@pytest.mark.parametrize("room", ["addresses", "breaker", "client", "deadline", "unknown_tools"])
def test_no_room_of_the_client_reads_the_wall_clock(room: str) -> None:
    text = (PACKAGE / f"{room}.py").read_text()
    for clock in ("time.time", "time.localtime", "time.gmtime", "datetime", "from time "):
        assert clock not in text


def seconds_of(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def test_while_it_is_open_nobody_waits() -> None:
    guarded = opened(Breaker())
    worst = max(seconds_of(lambda: asked(guarded)) for _ in range(1000))
    print(f"\nthe worst of 1,000 refusals: {1e3 * worst:.3f} ms")
    assert worst < 1.0
