"""A training's results as the page of one tool."""

from dataclasses import replace

import numpy as np
import pytest

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.choice import Choice
from trainer.familiarity import Familiarity
from trainer.held_out import HeldOut
from trainer.learning import Settings
from trainer.page_facts import ToolPage
from trainer.records import JobRecord, ToolRecords
from trainer.replay import replay
from trainer.tool_page import choice_text, page_of, requested_text
from trainer.training import Trained, train_tool

MIB = 1024**2
GIB = 1024**3
CALM, CAREFUL, LARGEST = Choice(0.0, 1.05), Choice(3.0, 1.0), Choice(None, 1.0)
OLD, NEW, OTHER = "recorded inputs", "new inputs", "a new reference"
DIFFERING = "what is expected to waste least, a failed attempt counted so many times its usual memory more"


def records(count: int = 60) -> list[JobRecord]:
    """Jobs that need 100 MiB and twice their input, 10 % more or less; the server asked for 4 GiB for each."""
    draw = np.random.default_rng(1)
    return [
        JobRecord(
            JobDescription("t", inputs=(InputDataset("reads", size * 10 * MIB),)),
            round((100 + 20 * size) * MIB * np.exp(0.1 * draw.standard_normal())),
            requested_bytes=4 * GIB,
            run_seconds=7200,
        )
        for size in range(1, count + 1)
    ]


@pytest.fixture(scope="module")
def trained() -> Trained:
    # two more rows are no jobs
    faulty = [replace(records()[0], peak_bytes=0), records()[1]]
    return train_tool(ToolRecords("tool", "tool.csv", "peak", [*records(), *faulty]), [], Settings(genomes={}))


@pytest.fixture(scope="module")
def held_out(trained: Trained) -> HeldOut:
    assert trained.held_out is not None
    return trained.held_out


@pytest.fixture(scope="module")
def page(trained: Trained, held_out: HeldOut) -> ToolPage:
    return page_of(trained, held_out)


def test_a_page_tells_the_tool_its_model_and_its_jobs(page: ToolPage, trained: Trained) -> None:
    assert (page.tool, page.jobs, page.failure_cap) == ("tool", 60, 0.05)
    assert page.model == trained.learned.rung.name
    assert page.dropped == {"peak not above 0": 1, "repeats another row": 1}
    assert page.flagged == {}
    assert page.limit_bytes is None


def test_a_page_shows_jobs_that_nothing_was_learned_from(page: ToolPage, held_out: HeldOut) -> None:
    # a fifth of 60
    assert len(held_out.jobs) == len(page.peaks_bytes) == len(page.input_bytes) == len(page.requests_bytes) == 12
    assert {job.inputs for job in held_out.past.jobs}.isdisjoint(job.inputs for job in held_out.jobs.jobs)
    assert page.requests_bytes.tolist() == held_out.requests_bytes.tolist()
    # requests are multiples of 64 MiB
    assert (page.requests_bytes % (64 * MIB) == 0).all()
    failed = float((page.requests_bytes < page.peaks_bytes).mean())
    assert page.achieved_failure == failed
    assert page.achieved_interval[0] <= failed <= page.achieved_interval[1]
    assert page.rel == held_out.outcome.rel


def test_a_page_counts_hours_where_all_jobs_tell_them(page: ToolPage) -> None:
    assert page.unit == "GB·h"


def test_ours_comes_first_then_what_an_administrator_knows_then_what_is_in_force(page: ToolPage) -> None:
    assert [line.name for line in page.policies] == [
        "galaxy-memory-rules",
        "mean",
        "mean+20%",
        "static-p95",
        "max-ever",
        "in force (as requested)",
    ]
    assert [line.in_force for line in page.policies] == [False] * 5 + [True]
    assert page.policies[0].rel == page.rel


def test_each_policy_is_replayed_on_the_same_jobs(page: ToolPage, held_out: HeldOut) -> None:
    lines = {line.name: line for line in page.policies}
    peaks = held_out.jobs.peaks_bytes
    largest = held_out.past.peaks_bytes.max()
    expected = replay(np.full(12, largest), peaks, np.full(12, 2.0))
    found = lines["max-ever"]
    assert (found.rel, found.wastage_gbh) == pytest.approx((expected.rel, expected.wastage_gbh))
    assert (found.failure_rate, found.attempts) == (expected.failure_rate, expected.attempts)
    # no job needs 4 GiB: for 2 h each 4 GiB less the peak is wasted, and 1 GB is 10**9 bytes
    in_force = lines["in force (as requested)"]
    assert in_force.wastage_gbh == pytest.approx(2 * (12 * 4 * GIB - peaks.sum()) / 1e9)
    assert in_force.requested_per_used == pytest.approx(12 * 4 * GIB / peaks.sum())
    assert (in_force.failure_rate, in_force.attempts) == (0, 1)


def test_what_is_in_force_is_left_out_where_one_job_does_not_tell(trained: Trained, held_out: HeldOut) -> None:
    requested = held_out.jobs.requested_bytes.copy()
    requested[0] = np.nan
    page = page_of(trained, replace(held_out, jobs=replace(held_out.jobs, requested_bytes=requested)))
    assert [line.name for line in page.policies][-1] == "max-ever"
    assert not any(line.in_force for line in page.policies)


def test_the_cap_curve_goes_from_the_strictest_cap_to_none(page: ToolPage, trained: Trained) -> None:
    assert [point.failure_cap for point in page.cap_curve] == [0.01, 0.02, 0.05, 0.1, 0.2, None]
    for point, outcome in zip(page.cap_curve, trained.learned.cap_curve.values(), strict=True):
        assert (point.rel, point.wastage_gbh) == (outcome.rel, outcome.wastage_gbh)
        assert point.achieved_failure == outcome.failure_rate


@pytest.mark.parametrize(
    ("choice", "told", "not_told"),
    [
        (Choice(None, 1.0), ["largest peak thought possible"], ["times"]),
        (Choice(None, 1.05), ["largest peak thought possible", ", times 1.05"], []),
        (Choice(2.0, 1.0), ["failed attempt", "2 times its usual memory"], [", times"]),
        (Choice(0.05, 0.975123), ["0.05 times its usual memory", ", times 0.9751"], []),
    ],
)
def test_a_choice_is_said_in_words(choice: Choice, told: list[str], not_told: list[str]) -> None:
    text = choice_text(choice)
    assert all(words in text for words in told)
    assert not any(words in text for words in not_told)
    # and the page says it
    assert text.isprintable()


# on recorded inputs, on new inputs, on a new reference
@pytest.mark.parametrize(
    ("choices", "references", "told"),
    [
        ([CALM, CALM, CALM], 2, "what is expected to waste least, times 1.05"),
        ([CALM, CAREFUL, LARGEST], 2, f"{DIFFERING}: 0 on {OLD} (then times 1.05), 3 on {NEW}, without end on {OTHER}"),
        ([CALM, CAREFUL, CAREFUL], 2, f"{DIFFERING}: 0 on {OLD} (then times 1.05), 3 on {NEW} or {OTHER}"),
        # no recorded job tells its reference, so that none is new
        ([CALM, CALM, LARGEST], 0, "what is expected to waste least, times 1.05"),
        # a difference that nobody would see
        ([CAREFUL, Choice(3.0, 1.0000004), CAREFUL], 2, choice_text(CAREFUL)),
    ],
)
def test_what_is_requested_is_said_of_each_kind_of_jobs_where_it_differs(
    trained: Trained, choices: list[Choice], references: int, told: str
) -> None:
    rule = trained.learned.rule
    familiar = replace(rule.familiar, references=np.arange(references, dtype=np.uint64))
    differing = replace(rule, choices=dict(zip(Familiarity, choices, strict=True)), familiar=familiar)
    assert requested_text(differing) == told


def test_the_page_says_what_was_chosen(page: ToolPage, trained: Trained) -> None:
    assert page.choice == requested_text(trained.learned.rule)
