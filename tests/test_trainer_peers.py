"""The peers' ways to size requests, on histories whose best requests can be found by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor

from galaxy_memory_rules.errors import RecordsError
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, InputDataset, JobDescription
from trainer.history import History
from trainer.peers import Requests, constant, mean_policies, peers, requested
from trainer.replay import replay

GIB = 1024**3
PEERS = peers()
KNOWING = ("oracle", "best-static-in-hindsight")


def history(
    peaks: Sequence[float],
    totals: Sequence[int] | None = None,
    hours: Sequence[float] | None = None,
    wanted: Sequence[float] | None = None,
) -> History:
    """Jobs with one input each; of equal size, of one hour, and without a known request where not told."""
    count = len(peaks)
    jobs = [JobDescription("tool", inputs=(InputDataset("in", size),)) for size in totals or [GIB] * count]
    columns = (peaks, hours or [1.0] * count, wanted or [np.nan] * count, [np.nan] * count)
    needed, run, asked, times = (np.array(column, dtype=np.float64) for column in columns)
    return History(jobs, needed, run, asked, times, np.zeros(len(jobs), dtype=np.bool_))


def ask(name: str, past: History, jobs: History) -> Requests:
    return PEERS[name].learn(past)(jobs)


def first(name: str, past: History, jobs: History | None = None) -> Any:
    """The first requests for jobs, the past ones where no others are given."""
    return ask(name, past, jobs or past).first_bytes.tolist()


Jobs = st.lists(
    st.tuples(
        st.integers(1, MAX_SIZE_BYTES),
        st.integers(0, MAX_SIZE_BYTES) | st.sampled_from([0, 1, GIB]),
        st.floats(1e-3, 1e4),
    ),
    min_size=1,
    max_size=12,
).map(lambda rows: history(*(list(column) for column in zip(*rows, strict=True))))


def assert_asks(name: str, past: History, jobs: History) -> None:
    asked = ask(name, past, jobs)
    for requests in (asked.first_bytes, asked.then_bytes):
        if requests is not None:
            assert requests.shape == (len(jobs),)
            assert (np.isfinite(requests) & (requests > 0)).all()


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_asks_for_something_however_little_it_has_seen(name: str) -> None:
    jobs = history([1, 2], [0, MAX_SIZE_BYTES])
    assert_asks(name, history([GIB]), jobs)
    assert_asks(name, history([GIB] * 7), jobs)
    assert_asks(name, history([1, 5, 9, 2, 4, 4], [0] * 6), jobs)
    # a falling line, which is far below 0 for the larger job
    assert_asks(name, history([9, 1, 1, 1], [0, 8, 9, 10]), jobs)


@settings(max_examples=30)
@given(name=st.sampled_from(sorted(PEERS)), past=Jobs, jobs=Jobs)
def test_every_peer_asks_for_something_whatever_it_has_seen(name: str, past: History, jobs: History) -> None:
    assert_asks(name, past, jobs)


@pytest.mark.parametrize("name", [name for name in PEERS if name not in KNOWING])
def test_no_peer_sees_the_peaks_it_is_asked_for(name: str) -> None:
    past, sizes = history([3, 5, 8, 9, 30], [1, 2, 3, 4, 5]), [2, 4, 9]
    learned = PEERS[name].learn(past)
    low, high = (learned(history(peaks, sizes)).first_bytes for peaks in ([1, 1, 1], [9, 99, 999]))
    assert low.tolist() == high.tolist()


def test_the_statistics_of_the_past_are_asked_for_every_job() -> None:
    past, jobs = history(list(range(1, 102))), history([7, 7])
    # 1, 2 ... 101: the mean is 51, the q quantile 1 + 100 q
    assert first("static-mean", past, jobs) == [51, 51]
    assert first("static-p95", past, jobs) == [96, 96]
    assert first("static-p99", past, jobs) == [100, 100]
    assert first("max-ever", past, jobs) == [101, 101]


@pytest.mark.parametrize(
    ("peaks", "hours", "best"),
    [
        ([10, 10], [1, 1], 10),
        # 1.25 for nine and 1.25 + 2.5 + 5 + 10 give out 30; 1 for nine and 1 + 2 + 4 + 8 + 16 40; 10 for all 100
        ([*[1] * 9, 10], [1] * 10, 1.25),
        # the job that needs 10 runs so long that 10 for all is cheaper: 10 x 109 against 1.25 x 9 + 18.75 x 100
        ([*[1] * 9, 10], [*[1] * 9, 100], 10),
        # 2 for all gives out 8, and 1 for the first and 1 + 2 for the others 10
        ([1, 2, 2, 2], [1, 1, 1, 1], 2),
        # both give out 4: 1 + (1 + 2), and 2 + 2 without a failure
        ([1, 2], [1, 1], 2),
    ],
)
def test_the_constant_of_least_wastage_weighs_failures_against_idle_memory(
    peaks: list[float], hours: list[float], best: float
) -> None:
    assert first("static-least-wastage", history(peaks, hours=hours))[0] == best


@example(jobs=history([10] * 2 + [22]), other=11)
@given(jobs=Jobs, other=st.floats(1, float(MAX_SIZE_BYTES)))
def test_no_other_constant_wastes_less(jobs: History, other: float) -> None:
    def wastage_gbh(requests: Any) -> float:
        return replay(requests, jobs.peaks_bytes, jobs.run_hours).wastage_gbh

    best = wastage_gbh(ask("static-least-wastage", jobs, jobs).first_bytes)
    assert best == wastage_gbh(ask("best-static-in-hindsight", history([1]), jobs).first_bytes)
    used_gbh = float(jobs.peaks_bytes @ jobs.run_hours) / 1e9
    for constant_bytes in (other, *jobs.peaks_bytes, *jobs.peaks_bytes / 2):
        assert best <= wastage_gbh(np.full(len(jobs), constant_bytes)) + 1e-9 * used_gbh


def test_hindsight_looks_at_the_jobs_it_is_asked_for_and_the_oracle_at_each() -> None:
    past, jobs = history([1000]), history([10, 20, 20, 20])
    # 20 for all is 80; 10 for all is 10 + 3 x (10 + 20)
    assert first("best-static-in-hindsight", past, jobs) == [20] * 4
    assert first("oracle", past, jobs) == [10, 20, 20, 20]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        # 1 for 4 jobs and 10 again for one: 14; 10 for 4 jobs: 40
        ([1, 1, 1, 1], 1),
        # 1 x 103 + 10 x 100 = 1103 against 10 x 103 = 1030
        ([1, 1, 1, 100], 10),
    ],
)
def test_tovar_asks_for_the_largest_peak_after_the_first_kill(hours: list[float], expected: int) -> None:
    asked = ask("tovar", history([1, 1, 1, 10], hours=hours), history([5, 50]))
    assert asked.first_bytes.tolist() == [expected] * 2
    assert asked.then_bytes is not None
    assert asked.then_bytes.tolist() == [10, 10]


def test_the_means_are_one_fit_with_margins(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = []

    def forest(**settings: Any) -> Any:
        fits.append(settings)
        return RandomForestRegressor(**settings)

    monkeypatch.setattr("trainer.peers.RandomForestRegressor", forest)
    past, other = history([4, 8, 16, 32], [1, 2, 3, 4]), history([4, 8], [1, 2])
    means, with_10, with_20, with_50 = (policy.learn(past)(past).first_bytes for policy in mean_policies())
    assert len(fits) == 1
    for factor, requests in ((1.1, with_10), (1.2, with_20), (1.5, with_50)):
        assert requests == pytest.approx(means * factor)
    policy = mean_policies()[0]
    assert policy.learn(past)(past).first_bytes.tolist() == means.tolist()
    policy.learn(other)
    assert len(fits) == 3, "another history is another fit"


def test_the_mean_is_that_of_the_peaks_where_nothing_tells_jobs_apart() -> None:
    assert first("mean", history([10, 30])) == [20, 20]
    assert first("mean+50%", history([10, 30])) == [30, 30]


def test_witts_line_is_lifted_by_a_standard_deviation_of_its_errors() -> None:
    # the line is 10 + 2 x, the errors +3, -3, -3, +3
    past = history([13, 9, 11, 19], [0, 1, 2, 3])
    assert first("witt-lr", past, history([1, 1], [0, 10])) == pytest.approx([10 + 3, 30 + 3])


def test_the_low_wastage_line_covers_what_runs_long() -> None:
    # twice the input, but every tenth job needs 100 more
    totals = list(range(1, 101))
    peaks = [2 * total + (100 if total % 10 == 0 else 0) for total in totals]
    # 100 in vain for 90 jobs wastes more than 10 kills; not so where the killed ones run a thousand times as long
    cheap = first("witt-low-wastage", history(peaks, totals), history([1], [55]))
    dear = first(
        "witt-low-wastage",
        history(peaks, totals, [1000 if total % 10 == 0 else 1 for total in totals]),
        history([1], [55]),
    )
    assert cheap == pytest.approx([2 * 55])
    assert dear == pytest.approx([2 * 55 + 100])


def test_the_blend_follows_the_input_where_the_input_decides() -> None:
    totals = [number * GIB for number in range(1, 101)]
    past = history([3 * total for total in totals], totals)
    small, large = first("sizey-style", past, history([1, 1], [20 * GIB + 1, 80 * GIB + 1]))
    # three models within 5 % of the truth, and a margin that saves the blend from failing
    assert small == pytest.approx(60 * GIB, rel=0.1)
    assert large == pytest.approx(240 * GIB, rel=0.1)


@pytest.mark.parametrize("name", ["witt-low-wastage", "sizey-style"])
def test_at_most_700_past_jobs_are_fitted_on_and_the_same_ones_every_time(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed = set()

    def watched(*columns: Any) -> Any:
        replayed.add(len(columns[0]))
        return replay(*columns)

    monkeypatch.setattr("trainer.peer_regressions.replay", watched)
    generator = np.random.default_rng(1)
    past = history(generator.uniform(1, 5, 1000).tolist(), generator.integers(1, 10**6, 1000).tolist())
    assert first(name, past) == first(name, past)
    assert replayed == {700}


def test_a_constant_is_what_the_administrator_says() -> None:
    policy = constant(8 * GIB)
    assert policy.name == "constant 8.00 GiB"
    assert policy.learn(history([1]))(history([1, 2])).first_bytes.tolist() == [8 * GIB] * 2


def test_what_was_requested_is_requested_and_the_median_of_the_past_where_unknown() -> None:
    past = history([1, 1, 1, 1], wanted=[4, 6, np.nan, 20])
    asked = requested().learn(past)(history([1, 1], wanted=[3, np.nan]))
    assert asked.first_bytes.tolist() == [3, 6]


def test_requests_that_nobody_recorded_cannot_be_compared_with() -> None:
    nothing_known = requested().learn(history([1]))
    assert nothing_known(history([1], wanted=[5])).first_bytes.tolist() == [5]
    with pytest.raises(RecordsError, match="no past job tells what was requested"):
        nothing_known(history([1, 1], wanted=[5, np.nan]))
