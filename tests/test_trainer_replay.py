"""What requests would have cost on recorded jobs, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.replay import Replay, allocated_bytes, replay, wilson_interval

GB = 10**9


def gb(*amounts: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array(amounts) * GB


def one(request_gb: float, peak_gb: float, hours: float = 1.0, then_gb: float | None = None) -> Replay:
    """The replay of a single job."""
    then = None if then_gb is None else gb(then_gb)
    return replay(gb(request_gb), gb(peak_gb), np.array([hours]), then)


@pytest.mark.parametrize(
    ("request_gb", "peak_gb", "attempts", "wasted", "wasted_half"),
    [
        (4, 4, 1, 0, 0),  # just enough
        (4, 1, 1, 3, 3),  # enough: nothing was killed, so f makes no difference
        (4, 5, 2, 4 + 3, 2 + 3),  # killed with 4, then 8 - 5 unused
        (4, 8, 2, 4 + 0, 2 + 0),  # killed with 4, then 8 is just enough
        (4, 9, 3, 4 + 8 + 7, 2 + 4 + 7),  # killed with 4 and with 8, then 16 - 9 unused
        (1, 33, 7, 63 + 31, 31.5 + 31),  # killed with 1, 2, 4, 8, 16 and 32, then 64 - 33
    ],
)
def test_a_killed_attempt_wastes_all_of_its_request_or_half_of_it(
    request_gb: float, peak_gb: float, attempts: int, wasted: float, wasted_half: float
) -> None:
    outcome = one(request_gb, peak_gb)
    assert outcome.attempts == attempts
    assert outcome.failures == (attempts > 1)
    assert outcome.wastage_gbh == pytest.approx(wasted)
    assert outcome.wastage_half_gbh == pytest.approx(wasted_half)
    # used and wasted for each byte used
    assert outcome.rel == pytest.approx((peak_gb + wasted) / peak_gb)
    assert outcome.rel_half == pytest.approx((peak_gb + wasted_half) / peak_gb)


@pytest.mark.parametrize(
    ("then_gb", "attempts", "wasted", "wasted_half"),
    [
        (10, 2, 4 + 1, 2 + 1),  # 4, then 10 - 9 unused
        (5, 3, 4 + 8 + 7, 2 + 4 + 7),  # less than twice as much is never asked for
        (8.5, 3, 4 + 8.5 + 8, 2 + 4.25 + 8),  # 8.5 are not enough either: then 17 - 9 unused
        (1000, 2, 4 + 991, 2 + 991),
    ],
)
def test_a_second_attempt_may_ask_for_more_than_twice_as_much(
    then_gb: float, attempts: int, wasted: float, wasted_half: float
) -> None:
    outcome = one(4, 9, then_gb=then_gb)
    assert (outcome.attempts, outcome.failures) == (attempts, 1)
    assert outcome.wastage_gbh == pytest.approx(wasted)
    assert outcome.wastage_half_gbh == pytest.approx(wasted_half)


def test_what_a_second_attempt_would_ask_for_is_no_matter_where_the_first_is_enough() -> None:
    assert one(4, 3, then_gb=1000) == one(4, 3)


def test_jobs_weigh_as_long_as_they_run() -> None:
    # 3 unused for 10 h, and 4 killed + 3 unused for half an hour
    outcome = replay(gb(4, 4), gb(1, 5), np.array([10, 0.5]))
    assert outcome.used_gbh == pytest.approx(1 * 10 + 5 * 0.5)
    assert outcome.requested_gbh == pytest.approx(4 * 10.5)
    assert outcome.wastage_gbh == pytest.approx(3 * 10 + 7 * 0.5)
    assert outcome.wastage_half_gbh == pytest.approx(3 * 10 + 5 * 0.5)
    assert outcome.rel == pytest.approx((12.5 + 33.5) / 12.5)
    assert outcome.requested_per_used == pytest.approx(42 / 12.5)
    # but a failure is a failure, however short the job
    assert outcome.failure_rate == 0.5
    assert outcome.attempts == 1.5


def test_where_no_run_times_are_told_all_jobs_weigh_the_same() -> None:
    assert replay(gb(4, 4), gb(1, 5)) == replay(gb(4, 4), gb(1, 5), np.ones(2))


@given(
    jobs=st.lists(st.tuples(st.floats(1e6, 1e12), st.floats(1e6, 1e12), st.floats(0.01, 100)), min_size=1, max_size=20)
)
def test_a_replay_allocates_what_the_attempts_ask_for_one_by_one(jobs: list[tuple[float, float, float]]) -> None:
    requests, peaks, hours = np.array(jobs).T
    wasted = half = 0.0
    attempts = 0
    for request, peak, run_hours in jobs:
        attempts += 1
        while request < peak:
            wasted, half, attempts, request = (
                wasted + request * run_hours,
                half + request * run_hours / 2,
                attempts + 1,
                request * 2,
            )
        wasted, half = wasted + (request - peak) * run_hours, half + (request - peak) * run_hours
    outcome = replay(requests, peaks, hours)
    used = float(peaks @ hours)
    assert outcome.rel == pytest.approx(1 + wasted / used)
    assert outcome.rel_half == pytest.approx(1 + half / used)
    assert outcome.attempts == pytest.approx(attempts / len(jobs))
    assert outcome.failure_rate == pytest.approx(float((requests < peaks).mean()))


@pytest.mark.parametrize(
    ("request_gb", "peak_gb", "allocated_gb"),
    [(4, 4, 4), (4, 1, 4), (4, 5, 12), (4, 8, 12), (4, 9, 28)],
)
def test_what_is_allocated_is_the_sum_of_all_attempts(request_gb: float, peak_gb: float, allocated_gb: float) -> None:
    assert allocated_bytes(gb(request_gb), gb(peak_gb)) == pytest.approx(gb(allocated_gb))
    outcome = one(request_gb, peak_gb)
    assert outcome.used_gbh + outcome.wastage_gbh == pytest.approx(allocated_gb)


@pytest.mark.parametrize(
    ("failures", "jobs", "interval"),
    [
        # z**2 = 3.8415. None of 10: the centre is (0 + 0.19207) / 1.38415 = 0.13877, and as much lies on either side
        (0, 10, (0.0, 0.27753)),
        (10, 10, (0.72247, 1.0)),
        # 5 of 10: the centre is a half, 1.95996 / 1.38415 * sqrt(0.025 + 0.0096038) = 0.26341 on either side
        (5, 10, (0.23659, 0.76341)),
        # 5 of 100: (0.05 + 0.0192073) / 1.0384146 = 0.066647, and
        # 1.95996 / 1.0384146 * sqrt(0.000475 + 0.00009604) = 0.045103
        (5, 100, (0.021543, 0.111750)),
    ],
)
def test_a_failure_rate_has_the_interval_of_wilson(failures: int, jobs: int, interval: tuple[float, float]) -> None:
    assert wilson_interval(failures, jobs) == pytest.approx(interval, abs=2e-5)
    requests = np.where(np.arange(jobs) < failures, 0.5, 1.0) * GB
    assert replay(requests, gb(*[1] * jobs)).failure_interval == wilson_interval(failures, jobs)


@given(jobs=st.integers(1, 10_000), data=st.data())
def test_an_interval_holds_its_rate_and_stays_between_0_and_1(jobs: int, data: st.DataObject) -> None:
    failures = data.draw(st.integers(0, jobs))
    low, high = wilson_interval(failures, jobs)
    assert 0 <= low <= failures / jobs + 1e-12
    assert failures / jobs - 1e-12 <= high <= 1
    assert low < high
