"""What models would have requested for jobs that they had not seen."""

from dataclasses import replace

import numpy as np
import pytest

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import trees
from trainer.distribution import Rows, Vector
from trainer.familiarity import Familiarity
from trainer.features import FeatureSchema
from trainer.history import History
from trainer.lines import constant
from trainer.records import JobRecord
from trainer.rungs import FOREST, Rung, ladder_for
from trainer.sample import Sample
from trainer.unseen import PRICES, bids_bytes

MIB = 1024**2
GIB = 1024**3
CONSTANT, LINE, LOG_LINE = ladder_for(49)
EACH = pytest.mark.parametrize("rung", [CONSTANT, LINE, LOG_LINE, FOREST], ids=lambda rung: rung.name)


def sample_of(records: list[JobRecord]) -> Sample:
    history = History.of(records)
    return Sample.of(history, FeatureSchema.learn(history.jobs, {}))


def record(size_bytes: int, peak_bytes: float, dbkey: str | None = None, created: float | None = None) -> JobRecord:
    job = JobDescription("t", inputs=(InputDataset("in", size_bytes),), dbkey=dbkey)
    return JobRecord(job, round(peak_bytes), created_seconds=created)


def noisy(count: int = 60, in_time: bool = False) -> list[JobRecord]:
    """Jobs that need 100 MiB and twice their input, 10 % more or less."""
    draw = np.random.default_rng(1)
    sizes = draw.permutation(np.arange(1, count + 1)) * 10 * MIB
    peaks = (100 * MIB + 2 * sizes) * np.exp(0.1 * draw.standard_normal(count))
    return [
        record(int(size), peak, created=float(row) if in_time else None)
        for row, (size, peak) in enumerate(zip(sizes, peaks, strict=True))
    ]


def by_reference() -> Sample:
    """Ten references of twelve jobs on six inputs each; the jobs on reference k need k GiB and a little."""
    return sample_of(
        [
            record(reference * 1000 + number % 6, reference * GIB + number * 4096, f"build{reference}")
            for reference in range(1, 11)
            for number in range(12)
        ]
    )


class Spy:
    """A rung that remembers what it was fitted on."""

    def __init__(self) -> None:
        self.fitted: list[Sample] = []
        self.rung = Rung("spy", "static", self._fit)

    def _fit(self, sample: Sample):  # type: ignore[no-untyped-def]
        self.fitted.append(sample)
        return constant(sample.log_peaks)


def test_prices_ascend_from_none_at_all_to_beyond_any() -> None:
    prices = list(PRICES)
    assert (prices[0], prices.pop()) == (0.0, None)
    assert all(
        low < high for low, high in zip(prices, prices[1:], strict=False) if low is not None and high is not None
    )


@EACH
def test_each_job_gets_a_bid_at_each_price_and_higher_ones_at_higher_prices(rung: Rung) -> None:
    sample = sample_of(noisy())
    bids = bids_bytes(rung, sample, float(sample.peaks_bytes.mean()))
    assert bids.shape == (len(PRICES), 60)
    assert np.isfinite(bids).all()
    assert (np.diff(bids, axis=0) >= -1e-6 * bids[:-1]).all()


@EACH
def test_a_bid_does_not_know_the_jobs_own_peak(rung: Rung) -> None:
    records = noisy()
    typical_bytes = 700.0 * MIB
    before = bids_bytes(rung, sample_of(records), typical_bytes)
    # neither the least nor the most of all is changed: the grid of a forest stays
    largest = max(one.peak_bytes for one in records)
    for size_bytes in (100 * MIB, 300 * MIB):
        [row] = [row for row, one in enumerate(records) if one.job.inputs[0].size_bytes == size_bytes]
        changed = [*records[:row], replace(records[row], peak_bytes=round(0.97 * largest)), *records[row + 1 :]]
        after = bids_bytes(rung, sample_of(changed), typical_bytes)
        assert after[:, row] == pytest.approx(before[:, row], rel=1e-12)
        # the other jobs' bids do
        assert not np.allclose(after, before, rtol=1e-6)


@EACH
def test_in_time_order_a_bid_does_not_know_what_comes_later(rung: Rung, monkeypatch: pytest.MonkeyPatch) -> None:
    # 24 forests are grown: small ones
    monkeypatch.setattr(trees, "N_TREES", 10)
    records, typical_bytes = noisy(480, in_time=True), 5.0 * GIB
    before = bids_bytes(rung, sample_of(records), typical_bytes)
    # from job 300 on, where a block begins, everything needs ten times as much
    changed = [replace(one, peak_bytes=one.peak_bytes * (10 if row >= 300 else 1)) for row, one in enumerate(records)]
    after = bids_bytes(rung, sample_of(changed), typical_bytes)
    assert np.array_equal(after[:, :330], before[:, :330], equal_nan=True)
    assert not np.isclose(after[:, 330:], before[:, 330:]).all(axis=0).any()
    # before the first quarter there was nothing to learn from
    assert np.isnan(before[:, :120]).all()
    assert np.isfinite(before[:, 120:]).all()


def test_each_block_is_bid_for_by_all_that_came_before_it() -> None:
    # job k needs k GiB more than the one before: at no price but the highest the largest peak so far is requested
    sample = sample_of([record(1000 + row, (row + 1) * GIB, created=float(row)) for row in range(480)])
    bids = bids_bytes(CONSTANT, sample, 240.0 * GIB)[-1] / GIB
    # a quarter is 120 jobs, and the other 360 are 12 blocks of 30
    expected = [120 + 30 * ((row - 120) // 30) for row in range(120, 480)]
    assert bids[120:] == pytest.approx(expected)


@pytest.mark.parametrize("rung", [CONSTANT, FOREST], ids=lambda rung: rung.name)
def test_on_a_reference_not_seen_a_bid_does_not_know_what_it_needs(rung: Rung) -> None:
    sample = by_reference()
    bids = bids_bytes(rung, sample, 5.0 * GIB, Familiarity.REFERENCE_UNSEEN)
    # the 12 jobs on the last one need 10 GiB; no other job needs more than 9 and a little
    assert np.isfinite(bids).all()
    assert bids[:, 108:].max() < 9.3 * GIB
    # who has seen others of its jobs knows
    seen = bids_bytes(rung, sample, 5.0 * GIB, Familiarity.REFERENCE_SEEN)
    assert seen[-1, 108:].min() > 9.9 * GIB


def keys(sample: Sample, what: str) -> set[object]:
    return {job.dbkey if what == "reference" else job.inputs for job in sample.jobs}


@pytest.mark.parametrize(
    ("unseen", "what"),
    [
        (None, "inputs"),
        (Familiarity.REFERENCE_SEEN, "inputs"),
        (Familiarity.REFERENCE_UNSEEN, "reference"),
    ],
)
def test_who_bids_was_fitted_on_other_inputs_or_on_other_references(unseen: Familiarity | None, what: str) -> None:
    sample, spy = by_reference(), Spy()
    bids_bytes(spy.rung, sample, 5.0 * GIB, unseen)
    # five folds, each without some keys; each key was left out once
    missing = [keys(sample, what) - keys(fitted, what) for fitted in spy.fitted]
    assert len(missing) == 5
    assert sum(len(keys_out) for keys_out in missing) == len(keys(sample, what))
    # and with a key all its jobs were left out: 12 on a reference, 2 on an input
    for fitted, keys_out in zip(spy.fitted, missing, strict=True):
        assert len(sample) - len(fitted) == len(keys_out) * (12 if what == "reference" else 2)


def bid_for(sample: Sample, unseen: Familiarity | None) -> list[bool]:
    """Which jobs get a bid."""
    found = np.isfinite(bids_bytes(CONSTANT, sample, 5.0 * GIB, unseen))
    assert (found.all(axis=0) == found.any(axis=0)).all()
    return [bool(one) for one in np.atleast_1d(found.all(axis=0))]


def test_only_jobs_that_can_be_as_familiar_are_bid_for() -> None:
    # nine references with two jobs on other inputs each, one with a single job; the first two jobs share their inputs
    records = [
        record(number % 18 + (number == 0), GIB + number * MIB, f"build{number % 18 // 2}") for number in range(18)
    ]
    sample = sample_of([*records, record(99, 2 * GIB, "lonely"), record(100, 2 * GIB, "?")])
    assert bid_for(sample, None) == [True] * 20
    # other jobs had these very inputs
    assert bid_for(sample, Familiarity.INPUTS_SEEN) == [True] * 2 + [False] * 18
    # other inputs were seen on the reference: the two jobs with the same inputs are one, the lonely one has none, and
    # nobody knows what "?" is
    assert bid_for(sample, Familiarity.REFERENCE_SEEN) == [False] * 2 + [True] * 16 + [False] * 2
    assert bid_for(sample, Familiarity.REFERENCE_UNSEEN) == [True] * 20


def test_where_references_are_not_told_apart_every_job_is_bid_for_on_new_inputs() -> None:
    sample = sample_of(noisy())
    assert not sample.tells_references
    assert bid_for(sample, Familiarity.REFERENCE_SEEN) == [True] * 60


def test_a_rung_that_need_not_be_fitted_for_each_fold_is_grown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Rows] = []

    def out_of_bag(sample: Sample, groups: Rows, typical_bytes: float):  # type: ignore[no-untyped-def]
        asked.append(groups)
        assert FOREST.out_of_bag is not None
        return FOREST.out_of_bag(sample, groups, typical_bytes)

    def refuse(sample: Sample):  # type: ignore[no-untyped-def]
        raise AssertionError("fitted")

    sample = by_reference()
    rung = replace(FOREST, fit=refuse, out_of_bag=out_of_bag)
    bids: list[Vector] = [bids_bytes(rung, sample, 5.0 * GIB, unseen) for unseen in (None, *list(Familiarity)[1:])]
    # each row by itself, by its inputs, by its reference
    assert [len(np.unique(groups)) for groups in asked] == [120, 60, 10]
    assert all(np.isfinite(one).all() for one in bids)
