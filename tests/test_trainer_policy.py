"""From a distribution to a request."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from test_rules_messages import jobs as any_job

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
ROUND_UP_BYTES = 64 * MIB

JOBS = [
    JobDescription(
        "t",
        tool_version=("1", "2")[number % 4 // 2],
        inputs=(InputDataset("input_1", number * GIB, "fastq"),),
        parameters={"mode": ("a", "b")[number % 2]},
    )
    for number in range(1, 41)
]
# each job needs 1 GiB and a quarter of its input: 1.25 to 11 GiB
PEAKS = np.array([GIB + job.inputs[0].size_bytes / 4 for job in JOBS if job.inputs[0].size_bytes])
SCHEMA = FeatureSchema.learn(JOBS)
# beyond any price: the largest peak that is thought possible
SAFEST = Choice(None, 1.0)
RULE = SizingRule(
    failure_cap=0.05,
    choices=dict.fromkeys(Familiarity, SAFEST),
    familiar=Familiar.learn(JOBS, tells_references=False),
    typical_bytes=2.0 * GIB,
    tracked_factor=1.0,
    rows=40,
    sizes=Sizes.learn(SCHEMA, JOBS, PEAKS, 0.95),
    # the 0.95 quantile of 40 peaks is the 39th: 1 GiB + 39/4 GiB
    tool_bytes=10 * GIB + 768 * MIB,
)


def belief(*amounts_bytes: float) -> Beliefs:
    """As many jobs between the first and second amount as between the second and third, and so on."""
    edges = np.log(np.array(amounts_bytes))
    return Beliefs(Grid(edges), np.linspace(0, 1, len(edges))[None, :], np.zeros(1))


# half between 1 and 2 GiB, half between 2 and 4 GiB
BELIEF = belief(GIB, 2 * GIB, 4 * GIB)


def request_for(job: JobDescription, rule: SizingRule = RULE, beliefs: Beliefs = BELIEF) -> Request:
    return recommend(beliefs, [job], [SCHEMA.features(job)], SCHEMA, rule)[0]


def usual(**changes: object) -> JobDescription:
    job = JobDescription(
        "t", tool_version="1", inputs=(InputDataset("input_1", 2 * GIB, "fastq"),), parameters={"mode": "a"}
    )
    return dataclasses.replace(job, **changes)  # type: ignore[arg-type]


def rule_with(**changes: object) -> SizingRule:
    return dataclasses.replace(RULE, **changes)  # type: ignore[arg-type]


def test_beyond_any_price_a_job_gets_the_largest_peak_thought_possible() -> None:
    request = request_for(usual())
    assert request.memory_bytes == 4 * GIB
    assert request.guards == ()
    assert request.reasons == ("1 quantile of 40 recorded jobs: 4.00 GiB",)


def test_a_request_is_rounded_up() -> None:
    request = request_for(usual(), rule_with(choices=dict.fromkeys(Familiarity, Choice(None, 0.93))))
    # 0.93 * 4096 MiB are 3809 MiB, and the next multiple of 64 MiB is 3840
    assert request.memory_bytes == 3840 * MIB
    # three quarters of the way would be 2 * 2**0.9 = 3.73 GiB: 0.5 + 0.5 * log2(1.86) = 0.948
    assert request.reasons == (
        "0.948 quantile of 40 recorded jobs: 3.72 GiB",
        "rounded up to 64.00 MiB: 3.75 GiB",
    )


@pytest.mark.parametrize(
    ("more_bytes", "expected_bytes", "told"),
    [
        # 4 GiB are a multiple of 64 MiB; logarithms and factors leave the dust of floats on either side of it
        (1e-5, 4 * GIB, []),
        (-1e-5, 4 * GIB, []),
        # 64 MiB are 0.0625 GiB, and what is told is rounded up too
        (1, 4 * GIB + 64 * MIB, ["rounded up to 64.00 MiB: 4.07 GiB"]),
        (-1, 4 * GIB, ["rounded up to 64.00 MiB: 4.00 GiB"]),
    ],
)
def test_only_what_changes_a_whole_byte_is_told_as_rounded_up(
    more_bytes: float, expected_bytes: int, told: list[str]
) -> None:
    factor = 1 + more_bytes / (4 * GIB)
    request = request_for(usual(), rule_with(choices=dict.fromkeys(Familiarity, Choice(None, factor))))
    assert request.memory_bytes == expected_bytes
    assert list(request.reasons[1:]) == told


def test_a_job_gets_the_request_that_is_cheapest_at_the_price_of_a_failure() -> None:
    grid = Grid(np.log([GIB, 2 * GIB, 3.9 * GIB]))
    even, seldom = (Beliefs(grid, np.array([[0.0, share, 1.0]]), np.zeros(1)) for share in (0.5, 0.95))

    def requested(beliefs: Beliefs, price: float) -> int:
        return request_for(
            usual(), rule_with(choices=dict.fromkeys(Familiarity, Choice(price, 1.0))), beliefs
        ).memory_bytes

    # the bins have their middles at 1.41 and 2.79 GiB. 2 GiB waste 0.59 on the first; on the second a killed attempt,
    # and then 4 GiB, 2 + 4 - 2.79 = 3.21. 3.9 GiB waste 2.49 and 1.11.
    # half and half: (0.59 + 3.21) / 2 = 1.90, (2.49 + 1.11) / 2 = 1.80
    assert requested(even, 0.0) == pytest.approx(3.9 * GIB, abs=ROUND_UP_BYTES)
    # a twentieth: 0.95 * 0.59 + 0.05 * 3.21 = 0.72, 0.95 * 2.49 + 0.05 * 1.11 = 2.42
    assert requested(seldom, 0.0) == 2 * GIB
    # a failure costs the price times sqrt(median 1.44 * typical 2) = 1.7 GiB, with a chance of 0.05: what the larger
    # request wastes more, 1.70 GiB, is worth it from a price of 20
    assert requested(seldom, 15.0) == 2 * GIB
    assert requested(seldom, 25.0) == pytest.approx(3.9 * GIB, abs=ROUND_UP_BYTES)


def test_the_chosen_request_is_multiplied_by_the_chosen_factor() -> None:
    request = request_for(usual(), rule_with(choices=dict.fromkeys(Familiarity, Choice(None, 1.5))))
    assert request.memory_bytes == 6 * GIB
    assert request.reasons[0] == "1 quantile of 40 recorded jobs: 6.00 GiB"
    halved = request_for(usual(), rule_with(choices=dict.fromkeys(Familiarity, Choice(None, 0.5))))
    assert halved.memory_bytes == 2 * GIB
    assert halved.reasons[0] == "0.5 quantile of 40 recorded jobs: 2.00 GiB"


def test_what_recent_jobs_needed_more_is_added() -> None:
    request = request_for(usual(), rule_with(tracked_factor=1.25))
    assert request.memory_bytes == 5 * GIB
    assert request.reasons[1] == "times 1.25 as recent jobs needed more: 5.00 GiB"


def test_each_familiarity_has_its_own_choice() -> None:
    factors = {Familiarity.INPUTS_SEEN: 1.0, Familiarity.REFERENCE_SEEN: 1.5, Familiarity.REFERENCE_UNSEEN: 2.0}
    references = [JobDescription("t", inputs=JOBS[0].inputs, dbkey=build) for build in ("hg38", "mm10")]
    rule = rule_with(
        choices={level: Choice(None, factor) for level, factor in factors.items()},
        familiar=Familiar.learn([*JOBS, *references], tells_references=True),
    )
    new_reads = (InputDataset("input_1", 2 * GIB + 1, "fastq"),)
    assert request_for(usual(), rule).memory_bytes == 4 * GIB
    assert request_for(usual(inputs=new_reads, dbkey="hg38"), rule).memory_bytes == 6 * GIB
    unseen = request_for(usual(inputs=new_reads, dbkey="dm6"), rule)
    assert unseen.memory_bytes == 8 * GIB
    assert unseen.guards == ("unseen_reference",)
    assert unseen.reasons[0] == "no recorded job had the reference dbkey:dm6: sized as jobs on new ones are"


def test_an_input_beyond_those_seen_gets_at_least_the_line() -> None:
    request = request_for(usual(inputs=(InputDataset("input_1", 72 * GIB, "fastq"),)))
    # 1 GiB + 72/4 GiB = 19 GiB
    assert request.guards == ("beyond_training_sizes",)
    assert request.memory_bytes == pytest.approx(19 * GIB, abs=ROUND_UP_BYTES)
    assert request.reasons[1].startswith("input_1 is 1.8 times the largest seen: line in bytes: at least 19.0")


def test_beyond_the_sizes_seen_a_level_line_is_no_less_than_the_tools_own_quantile() -> None:
    level = Sizes({"input_1": 40 * GIB}, ("input_1",), 0.0, GIB)
    request = request_for(usual(inputs=(InputDataset("input_1", 41 * GIB, "fastq"),)), rule_with(sizes=level))
    assert request.memory_bytes == pytest.approx(10.75 * GIB, abs=ROUND_UP_BYTES)


@pytest.mark.parametrize(
    ("job", "guard"),
    [
        (usual(parameters={"mode": "c"}), "unseen_category"),
        (usual(inputs=(InputDataset("input_1", 2 * GIB, "bam"),)), "unseen_category"),
        (usual(inputs=()), "missing_input"),
        (usual(inputs=(InputDataset("input_1", None, "fastq"),)), "missing_input"),
    ],
)
def test_what_the_records_do_not_know_gets_at_least_the_tools_own_quantile(job: JobDescription, guard: str) -> None:
    request = request_for(job)
    assert request.guards == (guard,)
    assert request.memory_bytes == pytest.approx(10.75 * GIB, abs=ROUND_UP_BYTES)


@pytest.mark.parametrize(("cap", "quantile"), [(0.05, 0.975), (0.2, 0.9), (None, 0.95)])
def test_a_version_that_was_not_recorded_gets_half_the_failures(cap: float | None, quantile: float) -> None:
    rule = rule_with(failure_cap=cap, choices=dict.fromkeys(Familiarity, Choice(None, 0.5)))
    request = request_for(usual(tool_version="3"), rule)
    assert request.guards == ("unknown_version",)
    # above 2 GiB, 0.5 at 2 and 1 at 4 GiB: 2 * 2**((q - 0.5) / 0.5)
    assert request.memory_bytes == pytest.approx(2 ** (2 * quantile) * GIB, abs=ROUND_UP_BYTES)
    assert request.reasons[1].startswith(f"version 3 was not recorded: {quantile} quantile: at least ")


@pytest.mark.parametrize(
    ("previous_bytes", "expected_bytes"),
    [
        # twice as much is more than what is thought possible
        (3 * GIB, 6 * GIB),
        # of the jobs that need more than 1 GiB, that is all, three in four need at most 2 * 2**0.5 = 2.83 GiB, and the
        # first request is 4 GiB anyway
        (GIB, 4 * GIB),
    ],
)
def test_a_second_attempt_gets_at_least_twice_what_was_not_enough(previous_bytes: int, expected_bytes: int) -> None:
    request = request_for(usual(attempt=2, previous_request_bytes=previous_bytes))
    assert request.memory_bytes == expected_bytes
    assert request.guards == ()
    assert request.reasons[1].startswith("attempt 2, ")


def test_a_second_attempt_gets_what_jobs_need_that_need_more() -> None:
    low = rule_with(choices=dict.fromkeys(Familiarity, Choice(None, 0.25)))
    request = request_for(usual(attempt=2, previous_request_bytes=GIB + MIB), low)
    # 1 GiB were not enough; twice as much are 2 GiB, but three in four of the jobs above need at most 2.83 GiB
    assert request.memory_bytes == pytest.approx(2.83 * GIB, abs=ROUND_UP_BYTES)
    assert request.reasons[2].startswith("0.75 quantile of the jobs that need more than that: at least 2.8")


def test_a_first_attempt_is_no_retry_and_what_was_not_told_changes_nothing() -> None:
    assert request_for(usual(attempt=2)) == request_for(usual(previous_request_bytes=9 * GIB)) == request_for(usual())


@pytest.mark.parametrize(
    ("limits", "expected_bytes", "why"),
    [
        (Limits(floor_bytes=6 * GIB), 6 * GIB, "raised to the floor: 6.00 GiB"),
        (Limits(ceiling_bytes=3 * GIB), 3 * GIB, "lowered to the ceiling: 3.00 GiB"),
        (Limits(round_up_bytes=3 * GIB), 6 * GIB, "rounded up to 3.00 GiB: 6.00 GiB"),
        # the ceiling is the largest node: even where it is no multiple
        (Limits(ceiling_bytes=3 * GIB + 1, round_up_bytes=GIB), 3 * GIB + 1, "lowered to the ceiling: 3.01 GiB"),
    ],
)
def test_floor_ceiling_and_rounding_come_last(limits: Limits, expected_bytes: int, why: str) -> None:
    request = request_for(usual(), rule_with(limits=limits))
    assert request.memory_bytes == expected_bytes
    assert request.reasons[-1] == why


def test_a_rule_survives_the_manifest() -> None:
    again = SizingRule.from_dict(RULE.to_dict(), Familiar.from_arrays(RULE.familiar.to_arrays()))
    assert again == RULE


def test_a_rule_that_knows_other_jobs_is_another() -> None:
    assert rule_with(familiar=Familiar.learn(JOBS, tells_references=False)) == RULE
    assert rule_with(familiar=Familiar.learn(JOBS[1:], tells_references=False)) != RULE


@given(any_job)
def test_whatever_a_job_tells_the_request_is_sane_and_has_its_story(job: JobDescription) -> None:
    rule = rule_with(choices=dict.fromkeys(Familiarity, Choice(1.0, 1.0)))
    request = request_for(job, rule)
    assert request.memory_bytes % ROUND_UP_BYTES == 0 or request.memory_bytes == rule.limits.ceiling_bytes
    assert request.memory_bytes >= GIB
    # every guard that fired has said why
    assert len(request.reasons) >= 1 + len(request.guards)
