"""From the recorded jobs of a tool to its model and the rule that sizes its requests."""

import dataclasses
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import trees
from trainer.choice import Choice
from trainer.familiarity import Familiarity
from trainer.history import History
from trainer.learning import CAPS, Learned, Settings, learn
from trainer.pricing import Offers
from trainer.records import JobRecord
from trainer.replay import Replay, replay
from trainer.rungs import Rung, ladder_for
from trainer.sample import Sample
from trainer.sizing import Trial, choose, tracked_factor
from trainer.sizing_rule import Limits

MIB = 1024**2
GIB = 1024**3
# requests as they are chosen: rounding up would hide failures
EXACT = Limits(round_up_bytes=1)


def linear(count: int, seed: int = 1, noise: float = 0.15) -> list[JobRecord]:
    """Jobs of 1 to 1000 MiB that need 100 MiB and twice their input, with noise."""
    draw = np.random.default_rng(seed)
    sizes = draw.integers(MIB, 1000 * MIB, count)
    peaks = (100 * MIB + 2 * sizes) * np.exp(noise * draw.standard_normal(count))
    return [record(int(size), float(peak)) for size, peak in zip(sizes, peaks, strict=True)]


def two_modes(count: int, seed: int = 1) -> list[JobRecord]:
    """Jobs of which one in ten needs three times as much, and nobody knows why."""
    draw = np.random.default_rng(seed)
    return [
        dataclasses.replace(one, peak_bytes=one.peak_bytes * 3) if draw.random() < 0.1 else one
        for one in linear(count, seed)
    ]


def on_references(count: int, references: int, seed: int, jobs_seed: int = 0) -> list[JobRecord]:
    """Jobs on references of 0.2 to 2 GB, each with a way of its own to need more or less than 3 bytes a base."""
    draw = np.random.default_rng(seed)
    genomes, ways = draw.integers(2 * 10**8, 2 * 10**9, references), draw.normal(0, 0.3, references)
    draw, made = np.random.default_rng((seed, jobs_seed)), []
    for _ in range(count):
        place, reads = int(draw.integers(references)), int(draw.integers(MIB, 1000 * MIB))
        inputs = (InputDataset("reads", reads), InputDataset("own_file", int(genomes[place]), "fasta"))
        peak = (3 * genomes[place] + reads / 4) * np.exp(ways[place] + 0.05 * draw.standard_normal())
        made.append(JobRecord(JobDescription("t", inputs=inputs), int(peak)))
    return made


def record(size_bytes: int, peak_bytes: float) -> JobRecord:
    return JobRecord(JobDescription("t", inputs=(InputDataset("reads", size_bytes),)), int(peak_bytes))


def in_time(records: list[JobRecord]) -> History:
    return History.of([dataclasses.replace(one, created_seconds=float(row)) for row, one in enumerate(records)])


def learned_from(history: History, **settings: object) -> Learned:
    learned = learn(history, Settings(**{"limits": EXACT, "genomes": {}, **settings}))  # type: ignore[arg-type]
    assert learned is not None
    return learned


@cache
def usual() -> Learned:
    return learned_from(History.of(linear(400)))


@cache
def told_apart() -> Learned:
    return learned_from(History.of(on_references(300, 30, seed=1)))


def new_jobs(learned: Learned, records: list[JobRecord]) -> Replay:
    history = History.of(records)
    requests = np.array([request.memory_bytes for request in learned.requests(history)], dtype=np.float64)
    return replay(requests, history.peaks_bytes)


@pytest.mark.parametrize(
    ("jobs", "rungs"),
    [
        (5, ["pooled log-linear line"]),
        (14, ["pooled log-linear line"]),
        (15, ["constant", "line in bytes", "log-linear line"]),
        (49, ["constant", "line in bytes", "log-linear line"]),
        (50, ["constant", "line in bytes", "log-linear line", "forest of extremely randomised trees"]),
    ],
)
def test_what_is_tried_depends_on_how_many_jobs_there_are(jobs: int, rungs: list[str]) -> None:
    learned = learned_from(History.of(linear(jobs)))
    assert [rung.name for rung in learned.ladder] == list(learned.trials) == rungs
    assert learned.rung.name in rungs
    assert learned.rule.rows == jobs


def test_below_five_jobs_nothing_is_learned() -> None:
    assert learn(History.of(linear(4)), Settings()) is None


def test_a_model_of_models_json_is_tried_beside_the_others() -> None:
    other = dataclasses.replace(ladder_for(50)[1], name="mine")
    learned = learn(History.of(linear(50)), Settings(limits=EXACT), [other])
    assert learned is not None
    assert list(learned.trials)[-1] == "mine"
    # it is as good as the line that it is, which is the simpler one
    assert learned.trials["mine"].outcome == learned.trials["line in bytes"].outcome
    assert learned.rung.name != "mine"


def test_the_same_jobs_teach_the_same() -> None:
    again = learned_from(History.of(linear(400)))
    assert again.rule.to_dict() == usual().rule.to_dict()
    assert again.cap_curve == usual().cap_curve
    assert {name: (trial.choice, trial.outcome) for name, trial in again.trials.items()} == {
        name: (trial.choice, trial.outcome) for name, trial in usual().trials.items()
    }
    asked = History.of(linear(20, seed=9))
    assert again.requests(asked) == usual().requests(asked)


def test_the_simplest_model_is_taken_where_size_says_nothing() -> None:
    names = []
    for seed in range(6):
        draw = np.random.default_rng(seed)
        noise = np.exp(0.1 * draw.standard_normal(150))
        records = [record(int(size), GIB * noise[row]) for row, size in enumerate(draw.integers(MIB, GIB, 150))]
        names.append(learned_from(History.of(records)).rung.name)
    # by chance alone another one now and then looks more than 1 % better
    assert names.count("constant") >= 4


@pytest.mark.parametrize("count", [5, 20, 60])
def test_jobs_that_are_all_described_alike_teach_too(count: int) -> None:
    # as those of a tool without inputs are
    noise = np.exp(0.1 * np.random.default_rng(1).standard_normal(count))
    learned = learned_from(History.of([record(GIB, GIB * one) for one in noise]))
    assert learned.rung is learned.ladder[0]


@pytest.mark.parametrize("count", [60, 150])
def test_no_simpler_model_than_the_one_taken_is_within_one_percent(count: int) -> None:
    learned = learned_from(History.of(linear(count, seed=4)))
    wasted = {name: one.outcome.wastage_gbh for name, one in learned.trials.items()}
    taken = list(wasted).index(learned.rung.name)
    # all of them keep the cap
    assert wasted[learned.rung.name] <= 1.01 * min(wasted.values())
    assert all(amount > 1.01 * min(wasted.values()) for amount in list(wasted.values())[:taken])


def test_a_line_is_taken_where_peaks_rise_with_size() -> None:
    assert usual().rung.name == "line in bytes"


def test_a_forest_is_taken_where_no_line_can_follow() -> None:
    # what a tool needs jumps up and down with its input
    draw = np.random.default_rng(1)
    records = [
        record(int(size), GIB * (8 if size // (100 * MIB) % 2 else 1) * np.exp(0.02 * draw.standard_normal()))
        for size in draw.integers(MIB, 600 * MIB, 200)
    ]
    assert learned_from(History.of(records)).rung.name == "forest of extremely randomised trees"


def trial(wastage_gbh: float, failure_rate: float) -> Trial:
    outcome = Replay(1000, round(1000 * failure_rate), 1 + failure_rate, 1000.0, 1000.0, wastage_gbh, wastage_gbh)
    return Trial(Choice(1.0, 1.0), np.ones(1000), outcome, failure_rate)


@pytest.mark.parametrize(
    ("trials", "chosen"),
    [
        ([(101, 0.04), (100.5, 0.04), (100, 0.04)], 0),  # 1 % more than the best: the simplest
        ([(101.1, 0.04), (100.5, 0.04), (100, 0.04)], 1),  # 1.1 % more: the next one
        ([(102, 0.04), (101.5, 0.04), (100, 0.04)], 2),
        ([(90, 0.06), (100, 0.04), (100, 0.04)], 1),  # what breaks the cap does not count, however cheap
        ([(90, 0.08), (100, 0.07), (200, 0.06)], 2),  # none keeps the cap: the one that comes nearest
    ],
)
def test_a_simpler_model_is_taken_within_one_percent(trials: list[tuple[float, float]], chosen: int) -> None:
    rungs = ladder_for(49)
    named = {rung.name: trial(*one) for rung, one in zip(rungs, trials, strict=True)}
    assert choose(named, rungs, 0.05) is rungs[chosen]


@pytest.mark.parametrize("cap", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("kind", [linear, two_modes])
def test_the_cap_is_kept_on_new_jobs_of_the_same_kind(cap: float, kind: Callable[[int, int], list[JobRecord]]) -> None:
    learned = learned_from(History.of(kind(400, 1)), failure_cap=cap)
    outcome = new_jobs(learned, kind(1000, 2))
    # 400 jobs tell 5 % as 5 +- 1.1 %: two standard errors of the 400 and of the 1000 are allowed for
    error = (cap * (1 - cap) * (1 / 400 + 1 / 1000)) ** 0.5
    assert outcome.failure_rate <= cap + 2 * error
    # and it is kept by no more than it takes: the largest peak of all for each job wastes much more
    largest = History.of(kind(400, 1)).peaks_bytes.max()
    peaks = History.of(kind(1000, 2)).peaks_bytes
    assert outcome.wastage_gbh < replay(np.full(1000, largest), peaks).wastage_gbh * 0.7


def test_a_looser_cap_never_wastes_more_and_none_wastes_least() -> None:
    curve = usual().cap_curve
    assert list(curve) == list(CAPS)
    wasted = [outcome.wastage_gbh for outcome in curve.values()]
    assert wasted == sorted(wasted, reverse=True)
    kept = [(outcome.failure_rate, cap) for cap, outcome in curve.items() if cap is not None]
    assert all(rate <= cap for rate, cap in kept)


def test_a_cap_of_ones_own_is_in_the_curve_where_it_belongs() -> None:
    learned = learned_from(History.of(linear(60)), failure_cap=0.03)
    assert list(learned.cap_curve) == [0.01, 0.02, 0.03, 0.05, 0.1, 0.2, None]
    assert learned.rule.failure_cap == 0.03


def test_jobs_on_an_unseen_reference_are_sized_by_their_own_choice() -> None:
    learned = told_apart()
    rule = learned.rule
    assert len(rule.familiar.references) == 30
    new = History.of(on_references(50, 50, seed=2))
    beliefs = learned.model.predict(Sample.of(new, learned.schema).matrix)
    choice = rule.choices[Familiarity.REFERENCE_UNSEEN]
    chosen = Offers.of(beliefs, rule.typical_bytes).cheapest_bytes(choice.price) * choice.factor
    for request, wanted in zip(learned.requests(new), chosen, strict=True):
        assert request.guards[0] == "unseen_reference"
        assert request.reasons[0].startswith("no recorded job had the reference size:")
        # other guards may raise it
        assert request.memory_bytes == pytest.approx(wanted, rel=1e-6) or len(request.guards) > 1
    seen = learned.requests(History.of(on_references(50, 30, seed=1, jobs_seed=1)))
    assert all("unseen_reference" not in request.guards for request in seen)


def test_the_choice_for_unseen_references_keeps_the_cap_where_that_for_others_does_not() -> None:
    learned = told_apart()
    new = History.of(on_references(1000, 100, seed=2))
    beliefs = learned.model.predict(Sample.of(new, learned.schema).matrix)
    offers = Offers.of(beliefs, learned.rule.typical_bytes)
    failed = {
        level: float((offers.cheapest_bytes(choice.price) * choice.factor < new.peaks_bytes).mean())
        for level, choice in learned.rule.choices.items()
    }
    # jobs on one reference fail together: 30 recorded ones and 100 new ones tell 5 % as 5 +- 4.5 %
    error = (0.05 * 0.95 * (1 / 30 + 1 / 100)) ** 0.5
    assert failed[Familiarity.REFERENCE_UNSEEN] <= 0.05 + 2 * error
    assert failed[Familiarity.REFERENCE_SEEN] > 0.2
    # where the reference is known that choice is enough
    again = new_jobs(learned, on_references(300, 30, seed=1, jobs_seed=1))
    assert again.failure_rate <= 0.05 + 2 * (0.05 * 0.95 * 2 / 300) ** 0.5


@pytest.mark.parametrize("count", [60, 150])
def test_where_few_jobs_tell_of_a_familiarity_it_has_the_choice_for_all(count: int) -> None:
    learned = learned_from(History.of(linear(count)))
    # no two jobs have the same inputs and no reference is told: there is one choice
    assert len(set(learned.rule.choices.values())) == 1
    assert learned.rule.choices[Familiarity.INPUTS_SEEN] == learned.trials[learned.rung.name].choice
    assert len(learned.rule.familiar.references) == 0


def hours(records: list[JobRecord], small_hours: float, large_hours: float) -> History:
    return History.of(
        [
            dataclasses.replace(one, run_seconds=3600 * (small_hours if one.peak_bytes < 2 * GIB else large_hours))
            for one in records
        ]
    )


def test_the_jobs_that_run_long_decide_what_is_requested() -> None:
    # 6 in 10 need 1 GiB, 4 in 10 need 4, and nothing tells them apart. Asking for 1 wastes 1 + 2 = 3 on a large job,
    # asking for 4 wastes 3 on a small one
    draw = np.random.default_rng(1)
    records = [
        record(int(draw.integers(MIB, GIB)), (GIB if draw.random() < 0.6 else 4 * GIB) * (1 + 0.01 * draw.random()))
        for _ in range(150)
    ]
    asked = History.of(linear(30, seed=5))
    for small_hours, large_hours, gib in ((10, 1, 1), (1, 10, 4)):
        learned = learned_from(hours(records, small_hours, large_hours), failure_cap=None)
        median = float(np.median([request.memory_bytes for request in learned.requests(asked)]))
        assert median == pytest.approx(gib * GIB, rel=0.1)


def test_a_killed_job_is_taken_to_need_a_fifth_more_than_its_peak() -> None:
    killed = [dataclasses.replace(one, outcome="out_of_memory") for one in linear(60)]
    history, as_it_is = History.of(killed), History.of(linear(60))
    assert history.peaks_bytes == pytest.approx(as_it_is.peaks_bytes * 1.2)
    learned, before = learned_from(history), learned_from(as_it_is)
    assert learned.rule.tool_bytes == pytest.approx(before.rule.tool_bytes * 1.2)
    asked = History.of(linear(20, seed=9))
    ratios = [
        one.memory_bytes / two.memory_bytes
        for one, two in zip(learned.requests(asked), before.requests(asked), strict=True)
    ]
    assert np.median(ratios) == pytest.approx(1.2, rel=0.02)
    # one that failed for another reason needed what it used
    failed = History.of([dataclasses.replace(one, outcome="failed") for one in linear(60)])
    assert failed.peaks_bytes.tolist() == as_it_is.peaks_bytes.tolist()


@pytest.mark.parametrize(
    ("peaks_gib", "factor"),
    [
        ([1, 1, 1, 1], 1.0),  # no failure
        ([0.1, 0.5, 1], 1.0),
        # a failed job adds 0.02 * 0.95 to the logarithm, any other takes 0.02 * 0.05
        ([2], np.exp(0.019)),
        ([2, 1], np.exp(0.018)),
        ([2, 1, 2], np.exp(0.037)),
        ([2] * 10, np.exp(0.19)),
        # what it was raised by is enough: 1.5 % above the request are no failure after the first one
        ([2, 1.015], np.exp(0.018)),
        # and what has been quiet for long does not count in advance
        ([1] * 1000 + [2], np.exp(0.019)),
        ([2] + [1] * 1000, 1.0),
    ],
)
def test_the_tracker_rises_with_failures_and_never_goes_below_1(peaks_gib: list[float], factor: float) -> None:
    peaks = np.array(peaks_gib) * GIB
    assert tracked_factor(np.full(len(peaks), float(GIB)), peaks, 0.05) == pytest.approx(factor)


def test_the_tracker_leaves_out_what_no_model_bid_for_and_needs_a_cap() -> None:
    requests, peaks = np.array([np.nan, GIB, np.nan]), np.array([2.0, 1.0, 2.0]) * GIB
    assert tracked_factor(requests, peaks, 0.05) == 1.0
    assert tracked_factor(requests, peaks * 2, 0.05) == pytest.approx(np.exp(0.019))
    assert tracked_factor(requests, peaks * 2, None) == 1.0


@given(shortfalls=st.lists(st.floats(0.01, 100), max_size=50), cap=st.floats(0, 0.5))
def test_the_tracker_is_never_below_1(shortfalls: list[float], cap: float) -> None:
    found = tracked_factor(np.ones(len(shortfalls)), np.array(shortfalls), cap)
    assert found >= 1
    assert found == 1 or max(shortfalls) > 1


def test_a_tool_that_has_come_to_need_more_is_tracked_and_only_in_time_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # a forest for each block: small ones
    monkeypatch.setattr(trees, "N_TREES", 10)
    records = linear(480, noise=0.05)
    # the newest 20 of them need twice as much
    drifted = [*records[:460], *(dataclasses.replace(one, peak_bytes=one.peak_bytes * 2) for one in records[460:])]
    assert learned_from(in_time(drifted)).rule.tracked_factor > 1.1
    assert learned_from(History.of(drifted)).rule.tracked_factor == 1.0
    assert learned_from(in_time(records)).rule.tracked_factor < 1.1


def test_a_second_attempt_asks_for_at_least_twice_as_much() -> None:
    history = History.of(linear(20, seed=9))
    first = np.array([request.memory_bytes for request in usual().requests(history)], dtype=np.float64)
    second = np.array([request.memory_bytes for request in usual().requests(history, first)], dtype=np.float64)
    assert (second >= 2 * first).all()


def test_the_rule_knows_the_tool_as_a_whole() -> None:
    history = History.of(linear(400))
    rule = usual().rule
    assert rule.typical_bytes == pytest.approx(history.peaks_bytes.mean())
    # the 0.95 quantile, taken up: 0.95 * 399 = 379.05, so that 380 of 400 are below
    assert (history.peaks_bytes < rule.tool_bytes).sum() == pytest.approx(380, abs=1)
    assert rule.sizes.largest_bytes["reads"] == history.totals_bytes.max()
    assert rule.limits == EXACT


def test_every_rung_has_a_trial_on_jobs_it_had_not_seen() -> None:
    learned = usual()
    assert all(isinstance(rung, Rung) for rung in learned.ladder)
    for one in learned.trials.values():
        assert one.outcome.jobs == 400
        assert one.outcome.failure_rate <= 0.05
        # the oracle is at 1
        assert one.outcome.rel > 1.01
