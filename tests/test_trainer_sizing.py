"""What requests cost, and which are chosen."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules.messages import JobDescription
from trainer.choice import Choice
from trainer.distribution import Rows, Vector
from trainer.history import History
from trainer.replay import allocated_bytes, replay
from trainer.rungs import FOREST_FROM, Rung, ladder_for
from trainer.sizing import FACTORS, SIMPLER_WITHIN, Trial, best_trial, choose, tracked_factor, tried
from trainer.unseen import PRICES

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


def history(peaks_bytes: Vector) -> History:
    count = len(peaks_bytes)
    unknown = np.full(count, np.nan)
    jobs = [JobDescription("t")] * count
    return History(jobs, peaks_bytes, np.ones(count), unknown, unknown, np.zeros(count, dtype=np.bool_))


def each_alone(count: int) -> Rows:
    return np.arange(count)


def jobs_of(count: int) -> tuple[Vector, History]:
    """Jobs of 1 to 2 GiB, and models that know this much and no more: the dearer a failure, the larger the bid."""
    bids = np.repeat(np.linspace(GIB, 2 * GIB, len(PRICES))[:, None], count, axis=1)
    return bids, history(np.linspace(GIB, 2 * GIB, count))


@pytest.mark.parametrize("cap", [0.01, 0.05, 0.2])
def test_the_choice_keeps_the_failure_cap_and_wastes_least_of_those_that_do(cap: float) -> None:
    bids, recorded = jobs_of(1000)
    trials = tried(bids, recorded, each_alone(1000))
    # every price with every factor
    assert len(trials) == len(PRICES) * len(FACTORS)
    chosen = best_trial(trials, recorded, cap)
    assert chosen.outcome.failure_rate <= cap
    for other in trials:
        assert other.outcome.failure_rate > cap or other.outcome.wastage_gbh >= chosen.outcome.wastage_gbh


def test_a_stricter_cap_never_wastes_less_and_none_is_the_loosest() -> None:
    bids, recorded = jobs_of(500)
    trials = tried(bids, recorded, each_alone(500))
    costs = [best_trial(trials, recorded, cap).outcome.wastage_gbh for cap in (None, 0.3, 0.1, 0.02)]
    assert costs == sorted(costs)


def test_where_nothing_keeps_the_cap_the_least_failing_is_chosen() -> None:
    bids, recorded = jobs_of(100)
    # every job needs ten times what the models believe, but for one of 3.9 GiB: only the largest request is any good
    peaks = recorded.peaks_bytes * 10
    peaks[0] = 3.9 * GIB
    chosen = best_trial(tried(bids, history(peaks), each_alone(100)), history(peaks), 0.05)
    assert chosen.choice.price == PRICES[-1]
    # and the factor, the largest, has something on top for the jobs that few recorded ones do not tell of
    assert 2.0 < chosen.choice.factor <= 2.0 * 1.03
    assert chosen.outcome.failure_rate == 0.99


def test_few_jobs_get_a_little_on_top_that_fades_as_they_become_many() -> None:
    on_top = []
    for count in (15, 30, 60, 3000):
        peaks = np.exp(np.linspace(-0.01, 0.01, count)) * GIB
        bids = np.full((len(PRICES), count), float(GIB))
        best = best_trial(tried(bids, history(peaks), each_alone(count)), history(peaks), 0.05)
        chosen = best.requests_bytes[0] / GIB
        on_top.append(best.choice.factor / chosen - 1)
    # errors of -1 to 1 %: their median deviation is 0.5 %, of which 1.1 times is 0.55 %; half of it at 60 jobs
    assert on_top[:3] == pytest.approx([0.0055, 0.0055, 0.0055 / 2], rel=0.15)
    assert on_top[3] == pytest.approx(0.0055 / 100, rel=0.1)


def test_jobs_without_a_model_before_them_count_for_nothing() -> None:
    bids, recorded = jobs_of(100)
    bids[:, :40] = np.nan
    for trial in tried(bids, recorded, each_alone(100)):
        assert trial.outcome.jobs == 60
        assert np.isnan(trial.requests_bytes[:40]).all()
    assert tried(np.full_like(bids, np.nan), recorded, each_alone(100)) == []


def test_caution_adds_standard_errors_of_jobs_that_fail_together() -> None:
    # one in ten of 100 jobs fails; alone the standard error is sqrt(0.1 * 0.9 / 100) = 3 %, in tens that fail together
    # one group of 10 deviates by 10 * 0.9, nine by 10 * -0.1: sqrt(81 + 9) / 100 = 9.5 %
    bids, recorded = np.full((len(PRICES), 100), float(GIB)), history(np.full(100, GIB * 0.5))
    recorded.peaks_bytes[:10] = 1.5 * GIB
    place = FACTORS.index(1.0)
    for groups, bound in ((each_alone(100), 0.13), (each_alone(100) // 10, 0.1 + 90**0.5 / 100)):
        assert tried(bids, recorded, groups, caution=1.0)[place].failure_bound == pytest.approx(bound)
        assert tried(bids, recorded, groups, caution=0.0)[place].failure_bound == pytest.approx(0.1)


def trial(wastage_gbh: float, failure_bound: float) -> Trial:
    # one job of 1 GB that wastes as much
    outcome = replay(np.array([1e9 * (1 + wastage_gbh)]), np.array([1e9]))
    return Trial(Choice(0.0, 1.0), np.ones(1), outcome, failure_bound)


def ladder() -> Sequence[Rung]:
    return ladder_for(FOREST_FROM)


@pytest.mark.parametrize(
    ("trials", "cap", "chosen"),
    [
        # the least wasteful of those that keep the cap
        ([(3, 0.01), (2, 0.01), (1, 0.01), (1.5, 0.01)], 0.05, 2),
        ([(3, 0.01), (2, 0.01), (1, 0.06), (1.5, 0.01)], 0.05, 3),
        # the simplest one that wastes less than 1 % more
        ([(3, 0.0), (1.009, 0.0), (1.008, 0.0), (1, 0.0)], 0.05, 1),
        ([(3, 0.0), (1.011, 0.0), (1.009, 0.0), (1, 0.0)], 0.05, 2),
        # but not one that does not keep the cap
        ([(1, 0.06), (1.009, 0.06), (1.008, 0.0), (1, 0.0)], 0.05, 2),
        # where none does, the one that comes nearest
        ([(1, 0.3), (1, 0.2), (9, 0.1), (5, 0.15)], 0.05, 2),
        # where there is no cap, the cost alone counts
        ([(3, 0.0), (2, 0.1), (1, 0.9), (1.5, 0.0)], None, 2),
    ],
)
def test_the_least_wasteful_model_under_the_cap_or_a_simpler_one_within_1_percent_is_served(
    trials: list[tuple[float, float]], cap: float | None, chosen: int
) -> None:
    assert SIMPLER_WITHIN == 0.01
    rungs = ladder()
    by_name = {rung.name: trial(*told) for rung, told in zip(rungs, trials, strict=True)}
    assert choose(by_name, rungs, cap) is rungs[chosen]


def test_a_tracked_factor_follows_the_failures_of_recent_jobs() -> None:
    enough, short = np.full(100, 2.0), np.full(100, 0.5)
    # no failure: it never falls below 1
    assert tracked_factor(enough, np.ones(100), 0.05) == 1.0
    # each failure adds 0.02 * 0.95 to the logarithm as long as the requests are short: by ln 2 = 0.69 at the most
    assert np.log(tracked_factor(short[:10], np.ones(10), 0.05)) == pytest.approx(10 * 0.019)
    assert tracked_factor(short, np.ones(100), 0.05) == pytest.approx(2.0, rel=0.02)
    # then each job that has enough takes 0.02 * 0.05 away
    requests = np.concatenate([short[:10], enough[:20]])
    assert np.log(tracked_factor(requests, np.ones(30), 0.05)) == pytest.approx(10 * 0.019 - 20 * 0.001)
    # without a cap there is nothing to follow, and jobs without a model before them say nothing
    assert tracked_factor(short, np.ones(100), None) == 1.0
    assert tracked_factor(np.full(100, np.nan), np.ones(100), 0.05) == 1.0
