"""The story of a request: what is chosen of a distribution, the guards, the retry, floor, rounding and ceiling."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_rules_messages import jobs as any_job

from galaxy_memory_rules.memory import format_bytes
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.choice import Choice
from trainer.distribution import Beliefs, Grid
from trainer.familiarity import Familiar, Familiarity
from trainer.features import FeatureSchema
from trainer.policy import Request, recommend
from trainer.sizes import Sizes
from trainer.sizing_rule import Limits, SizingRule

MIB = 1024**2
GIB = 1024**3

# 1 to 40 GiB of reads on two builds, in two modes, all of one version
JOBS = [
    JobDescription(
        "t",
        tool_version="1.0",
        inputs=(InputDataset("reads", number * GIB, "bam"),),
        parameters={"mode": ("a", "b")[number % 2]},
        dbkey=("hg38", "mm10")[number // 2 % 2],
    )
    for number in range(1, 41)
]
# each needs 1 GiB and a quarter of its input: the 39th of 40 peaks is 1 + 39 / 4 = 10.75 GiB
PEAKS = np.array([GIB * (1 + number / 4) for number in range(1, 41)])
TOOL_GIB = 10.75
SCHEMA = FeatureSchema.learn(JOBS, {"hg38": 3_200_000_000, "mm10": 2_700_000_000, "dm6": 140_000_000})
RULE = SizingRule(
    failure_cap=0.05,
    choices={
        # of the largest peak thought possible, 4 GiB: 2.4, 2.8 and 4.8 GiB
        Familiarity.INPUTS_SEEN: Choice(None, 0.6),
        Familiarity.REFERENCE_SEEN: Choice(None, 0.7),
        Familiarity.REFERENCE_UNSEEN: Choice(None, 1.2),
    },
    familiar=Familiar.learn(JOBS, True),
    typical_bytes=float(PEAKS.mean()),
    tracked_factor=1.0,
    rows=40,
    sizes=Sizes.learn(SCHEMA, JOBS, PEAKS, 0.95),
    tool_bytes=int(TOOL_GIB * GIB),
)
# half between 1 and 2 GiB, half between 2 and 4
BELIEFS = Beliefs(Grid(np.log([GIB, 2 * GIB, 4 * GIB])), np.array([[0.0, 0.5, 1.0]]), np.zeros(1))


def usual(**changes: Any) -> JobDescription:
    """A job on new reads, otherwise like those recorded."""
    job = JobDescription("t", "1.0", (InputDataset("reads", 2 * GIB + 1, "bam"),), {"mode": "a"}, "hg38")
    return dataclasses.replace(job, **changes)


def request_for(job: JobDescription, **changes: Any) -> Request:
    return recommend(BELIEFS, [job], [SCHEMA.features(job)], SCHEMA, dataclasses.replace(RULE, **changes))[0]


def reads(size_bytes: int | None, extension: str = "bam") -> tuple[InputDataset, ...]:
    return (InputDataset("reads", size_bytes, extension),)


def up(gib: float) -> int:
    """The next multiple of 64 MiB, in bytes."""
    return int(-(-gib * GIB // (64 * MIB)) * 64 * MIB)


def test_a_job_like_those_recorded_gets_what_was_chosen_for_it_and_no_guard_fires() -> None:
    request = request_for(usual())
    # 2.8 GiB are 2867.2 MiB, and the next multiple of 64 is 2880; of the upper half log2(1.4) = 0.485 is below
    assert request == Request(
        2880 * MIB, (), ("0.743 quantile of 40 recorded jobs: 2.80 GiB", "rounded up to 64.00 MiB: 2.82 GiB")
    )


def test_a_job_on_recorded_inputs_has_a_choice_of_its_own() -> None:
    # 2.4 GiB are 2457.6 MiB
    request = request_for(dataclasses.replace(JOBS[1], dbkey="hg38"))
    assert (request.memory_bytes, request.guards) == (2496 * MIB, ())


def test_a_job_on_a_new_reference_is_sized_by_the_choice_for_new_ones_and_says_so() -> None:
    request = request_for(usual(dbkey="dm6"))
    # 4.8 GiB are 4915.2 MiB. Its length is known: it is no unseen category besides
    assert (request.memory_bytes, request.guards) == (4928 * MIB, ("unseen_reference",))
    assert request.reasons[0] == "no recorded job had the reference dbkey:dm6: sized as jobs on new ones are"


@pytest.mark.parametrize("dbkey", ["unheard-of", "?"])
def test_a_new_reference_of_unknown_length_gets_at_least_the_tools_own_quantile(dbkey: str) -> None:
    request = request_for(usual(dbkey=dbkey))
    assert (request.memory_bytes, request.guards) == (up(TOOL_GIB), ("unseen_reference", "unseen_category"))
    assert request.reasons[-1] == f"no recorded job had dbkey={dbkey}: the tool's own quantile: at least 10.75 GiB"


def test_where_references_are_not_told_apart_a_new_build_is_an_unseen_category() -> None:
    request = request_for(usual(dbkey="dm6"), familiar=Familiar.learn(JOBS, False))
    assert (request.memory_bytes, request.guards) == (up(TOOL_GIB), ("unseen_category",))


def test_an_input_beyond_those_seen_gets_at_least_the_line_in_bytes() -> None:
    request = request_for(usual(inputs=reads(72 * GIB)))
    # 1 + 72 / 4 GiB
    assert (request.memory_bytes, request.guards) == (19 * GIB, ("beyond_training_sizes",))
    assert request.reasons[1] == "reads is 1.8 times the largest seen: line in bytes: at least 19.00 GiB"


def test_beyond_the_sizes_seen_no_line_goes_below_the_tools_own_quantile() -> None:
    flat = dataclasses.replace(RULE.sizes, slope=0.0)
    assert request_for(usual(inputs=reads(72 * GIB)), sizes=flat).memory_bytes == up(TOOL_GIB)


def test_small_inputs_that_are_large_together_are_beyond_the_sizes_seen() -> None:
    # the second has no column of its own
    inputs = (*reads(39 * GIB), InputDataset("other", 5 * GIB))
    request = request_for(usual(inputs=inputs))
    # 1 + 44 / 4 GiB = 12 GiB
    assert (request.memory_bytes, request.guards) == (12 * GIB, ("beyond_training_sizes",))
    assert request.reasons[1].startswith("all inputs together is 1.1 times the largest seen")


def test_inputs_as_large_as_the_largest_seen_are_not_beyond() -> None:
    assert request_for(usual(inputs=reads(40 * GIB, "bam"))).guards == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters": {"mode": "c"}}, "no recorded job had parameter:mode=c"),
        ({"inputs": reads(2 * GIB, "sam")}, "no recorded job had extension:reads=sam"),
    ],
)
def test_an_unseen_category_gets_at_least_the_tools_own_quantile(change: dict[str, Any], said: str) -> None:
    request = request_for(usual(**change))
    assert (request.memory_bytes, request.guards) == (up(TOOL_GIB), ("unseen_category",))
    assert request.reasons[1] == f"{said}: the tool's own quantile: at least 10.75 GiB"


@pytest.mark.parametrize(("inputs", "said"), [((), "reads is missing"), (reads(None), "the size of reads is unknown")])
def test_a_missing_input_gets_at_least_the_tools_own_quantile(inputs: tuple[InputDataset, ...], said: str) -> None:
    request = request_for(usual(inputs=inputs))
    assert (request.memory_bytes, request.guards) == (up(TOOL_GIB), ("missing_input",))
    assert request.reasons[1] == f"{said}: the tool's own quantile: at least 10.75 GiB"


@pytest.mark.parametrize(
    ("failure_cap", "quantile", "gib"),
    [
        # half of the cap: 2 * 2**0.95 = 3.864 GiB
        (0.05, "0.975", 2 * 2**0.95),
        # half of the usual cap of 10 % where none is set: 2 * 2**0.9 = 3.732 GiB
        (None, "0.95", 2 * 2**0.9),
    ],
)
def test_a_version_that_was_not_recorded_spends_half_of_the_cap(
    failure_cap: float | None, quantile: str, gib: float
) -> None:
    request = request_for(usual(tool_version="2.0"), failure_cap=failure_cap)
    assert (request.memory_bytes, request.guards) == (up(gib), ("unknown_version",))
    assert request.reasons[1].startswith(f"version 2.0 was not recorded: {quantile} quantile: at least 3.")


def test_what_a_job_does_not_tell_is_no_unseen_category() -> None:
    assert request_for(usual(parameters={}, tool_version=None)).guards == ()


def test_guards_never_lower_a_request_and_say_where_it_was_enough() -> None:
    choices = dict.fromkeys(Familiarity, Choice(None, 10.0))
    request = request_for(usual(tool_version="2.0", parameters={"mode": "c"}), choices=choices)
    assert request.memory_bytes == 40 * GIB
    assert sorted(request.guards) == ["unknown_version", "unseen_category"]
    assert sum(reason.endswith(", which it is") for reason in request.reasons) == 2


def test_a_guard_that_fires_twice_is_named_once_and_tells_both_reasons() -> None:
    job = usual(parameters={"mode": "c"}, inputs=reads(2 * GIB, "sam"))
    request = request_for(job)
    assert request.guards == ("unseen_category",)
    assert sum("no recorded job had" in reason for reason in request.reasons) == 2


def test_what_recent_jobs_needed_on_top_is_a_step_of_the_story() -> None:
    request = request_for(usual(), tracked_factor=1.25)
    # 2.8 * 1.25 = 3.5 GiB
    assert request.memory_bytes == pytest.approx(3.5 * GIB, abs=64 * MIB)
    assert request.reasons[1] == "times 1.25 as recent jobs needed more: 3.50 GiB"


@pytest.mark.parametrize(
    ("previous_gib", "gib"),
    [
        # twice as much is 2, the first request 2.8; of the jobs above 1 GiB three in four need 2 * 2**0.5 = 2.83
        (1, 2 * 2**0.5),
        # of those above 2, between 2 and 4: 2 * 2**0.75 = 3.36; twice as much is more
        (2, 4),
        # neither the tool's 10.75 nor its largest peak
        (2.8125, 5.625),
        # nothing was thought to need as much, but this job does
        (30, 60),
    ],
)
def test_a_retry_asks_for_twice_as_much_or_for_what_jobs_need_that_need_more(previous_gib: float, gib: float) -> None:
    previous_bytes = int(previous_gib * GIB)
    request = request_for(usual(attempt=2, previous_request_bytes=previous_bytes))
    assert request.memory_bytes == up(gib)
    assert request.memory_bytes >= 2 * previous_gib * GIB
    said = f"attempt 2, {format_bytes(previous_bytes)} were not enough: twice as much: at least "
    assert request.reasons[1].startswith(said + format_bytes(2 * previous_bytes))
    assert request.guards == ()


def test_each_retry_at_least_doubles_until_the_ceiling() -> None:
    asked = [request_for(usual()).memory_bytes]
    for attempt in range(2, 9):
        job = usual(attempt=attempt, previous_request_bytes=asked[-1])
        asked.append(request_for(job, limits=Limits(ceiling_bytes=100 * GIB)).memory_bytes)
    # 2.8125, 5.625, 11.25, 22.5, 45, 90, and then what there is
    assert [amount / GIB for amount in asked] == [2.8125, 5.625, 11.25, 22.5, 45, 90, 100, 100]


@pytest.mark.parametrize("change", [{"attempt": 2}, {"attempt": 1, "previous_request_bytes": 64 * GIB}])
def test_an_attempt_that_does_not_tell_what_was_not_enough_is_a_first_one(change: dict[str, Any]) -> None:
    assert request_for(usual(**change)) == request_for(usual())


@pytest.mark.parametrize(
    ("limits", "memory_bytes", "said"),
    [
        (Limits(floor_bytes=4 * GIB), 4 * GIB, "raised to the floor: 4.00 GiB"),
        (Limits(floor_bytes=4 * GIB + 1), 4 * GIB + 64 * MIB, "rounded up to 64.00 MiB: 4.07 GiB"),
        (Limits(ceiling_bytes=2 * GIB), 2 * GIB, "lowered to the ceiling: 2.00 GiB"),
        (Limits(round_up_bytes=GIB), 3 * GIB, "rounded up to 1.00 GiB: 3.00 GiB"),
        # a node is as large as it is, whatever the steps
        (Limits(ceiling_bytes=2 * GIB + 1), 2 * GIB + 1, "lowered to the ceiling: 2.01 GiB"),
        (Limits(floor_bytes=8 * GIB, ceiling_bytes=2 * GIB), 2 * GIB, "lowered to the ceiling: 2.00 GiB"),
    ],
)
def test_at_last_a_request_is_brought_to_floor_rounding_and_ceiling(
    limits: Limits, memory_bytes: int, said: str
) -> None:
    request = request_for(usual(), limits=limits)
    assert (request.memory_bytes, request.reasons[-1]) == (memory_bytes, said)


def test_an_answer_reads_as_a_story() -> None:
    job = usual(inputs=reads(72 * GIB), dbkey="dm6", tool_version="2.0", attempt=2, previous_request_bytes=12 * GIB)
    request = request_for(job, tracked_factor=1.25, limits=Limits(floor_bytes=GIB, ceiling_bytes=20 * GIB))
    assert request == Request(
        20 * GIB,
        ("unseen_reference", "beyond_training_sizes", "unknown_version"),
        (
            "no recorded job had the reference dbkey:dm6: sized as jobs on new ones are",
            "1 quantile of 40 recorded jobs: 4.80 GiB",
            "times 1.25 as recent jobs needed more: 6.00 GiB",
            "reads is 1.8 times the largest seen: line in bytes: at least 19.00 GiB",
            "version 2.0 was not recorded: 0.975 quantile: at least 3.87 GiB, which it is",
            "attempt 2, 12.00 GiB were not enough: twice as much: at least 24.00 GiB",
            "lowered to the ceiling: 20.00 GiB",
        ),
    )


@given(job=any_job, floor_gib=st.integers(0, 3), step_mib=st.sampled_from([1, 64, 1024]))
def test_every_job_gets_a_request_with_a_reason_for_each_guard(
    job: JobDescription, floor_gib: int, step_mib: int
) -> None:
    limits = Limits(floor_gib * GIB, 512 * GIB, step_mib * MIB)
    request = request_for(job, limits=limits)
    assert max(limits.floor_bytes, 1) <= request.memory_bytes <= limits.ceiling_bytes
    assert request.memory_bytes % limits.round_up_bytes == 0
    assert len(request.reasons) >= 1 + len(request.guards)
    assert len(set(request.guards)) == len(request.guards)
    # the guards and the retry only ever raise what was chosen
    least = RULE.choices[RULE.familiar.of(job)].factor * 4 * GIB
    assert request.memory_bytes >= round(least)
    if job.attempt > 1 and job.previous_request_bytes:
        assert request.memory_bytes >= min(2 * job.previous_request_bytes, limits.ceiling_bytes)


def test_a_rule_is_written_and_read_back_whole() -> None:
    content = json.loads(json.dumps(RULE.to_dict()))
    assert SizingRule.from_dict(content, RULE.familiar) == RULE
