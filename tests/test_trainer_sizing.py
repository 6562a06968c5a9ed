"""What requests cost, and which are chosen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.distribution import Distribution
from trainer.replay import allocated_bytes, replay
from trainer.sizing import FACTORS, QUANTILES, Choice, choose

GIB = 1024**3


@pytest.mark.parametrize(
    ("request_bytes", "peak_bytes", "allocated"),
    [
        (4, 4, 4),  # enough, and nothing wasted
        (4, 1, 4),  # enough at once: 3 wasted
        (4, 5, 12),  # killed with 4, then 8
        (4, 8, 12),  # killed with 4, and 8 is just enough
        (4, 9, 28),  # killed with 4 and with 8, then 16
    ],
)
def test_a_killed_job_wastes_its_request_and_asks_for_twice(
    request_bytes: int, peak_bytes: int, allocated: int
) -> None:
    found = allocated_bytes(np.array([float(request_bytes)]), np.array([float(peak_bytes)]))
    assert found.tolist() == [allocated]


def test_rel_is_what_was_allocated_for_each_byte_used() -> None:
    # 4 + 12 + 28 allocated for 4 + 5 + 9 used, and two of three first attempts failed
    outcome = replay(np.array([4.0, 4.0, 4.0]), np.array([4.0, 5.0, 9.0]))
    assert outcome.rel == pytest.approx(44 / 18)
    assert outcome.failure_rate == pytest.approx(2 / 3)


@given(st.lists(st.tuples(st.floats(1, 1e12), st.floats(1, 1e12)), min_size=1, max_size=20))
def test_nothing_is_cheaper_than_the_oracle(pairs: list[tuple[float, float]]) -> None:
    requests, peaks = (np.array(values) for values in zip(*pairs, strict=True))
    assert replay(requests, peaks).rel >= 1 - 1e-12
    assert replay(peaks, peaks) == replay(peaks * 1.0, peaks)
    assert replay(peaks, peaks).rel == pytest.approx(1)


def beliefs(count: int) -> tuple[list[Distribution], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Jobs of 1 to 2 GiB, and models that know this much and no more."""
    edges, cumulative = np.log(np.linspace(GIB, 2 * GIB, 101)), np.linspace(0, 1, 101)
    peaks = np.linspace(GIB, 2 * GIB, count)
    return [Distribution(edges, cumulative, float(np.log(1.5 * GIB)))] * count, peaks


@pytest.mark.parametrize("cap", [0.01, 0.05, 0.2])
def test_the_choice_keeps_the_failure_cap_and_wastes_least_of_those_that_do(cap: float) -> None:
    distributions, peaks = beliefs(1000)
    chosen = choose(distributions, peaks, cap)
    outcome = replay(chosen.requests_bytes(distributions), peaks)
    assert outcome.failure_rate <= cap
    for quantile in QUANTILES:
        for factor in FACTORS:
            other = replay(Choice(quantile, factor).requests_bytes(distributions), peaks)
            assert other.failure_rate > cap or other.rel >= outcome.rel


def test_a_stricter_cap_never_wastes_less() -> None:
    distributions, peaks = beliefs(500)
    costs = [
        replay(choose(distributions, peaks, cap).requests_bytes(distributions), peaks).rel for cap in (0.3, 0.1, 0.02)
    ]
    assert costs == sorted(costs)


def test_where_nothing_keeps_the_cap_the_least_failing_is_chosen() -> None:
    distributions, peaks = beliefs(100)
    # every job needs ten times what the models believe: only the largest request is any good
    chosen = choose(distributions, peaks * 10, 0.05)
    outcome = replay(chosen.requests_bytes(distributions), peaks * 10)
    most = replay(Choice(max(QUANTILES), max(FACTORS)).requests_bytes(distributions), peaks * 10)
    assert outcome.failure_rate == most.failure_rate == 1.0
