"""From a distribution to a request."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from test_rules_messages import jobs as any_job

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.distribution import Distribution
from trainer.features import FeatureSchema
from trainer.policy import ROUND_UP_BYTES, Request, SizingRule, recommend
from trainer.sizing import Choice

MIB = 1024**2
GIB = 1024**3

JOBS = [
    JobDescription(
        "t",
        inputs=(InputDataset("input_1", number * GIB, "fastq"),),
        parameters={"mode": ("a", "b")[number % 2]},
    )
    for number in range(1, 41)
]
# each job needs 1 GiB and a quarter of its input: 1.25 to 11 GiB
PEAKS = np.array([GIB + job.inputs[0].size_bytes / 4 for job in JOBS if job.inputs[0].size_bytes])
SCHEMA = FeatureSchema.learn(JOBS)
RULE = SizingRule.learn(SCHEMA, JOBS, PEAKS, 0.05, Choice(0.95, 1.0))
# half between 1 and 2 GiB, half between 2 and 4 GiB: the 0.95 quantile is 2 * 2**0.9 = 3.73 GiB
BELIEF = Distribution(np.log([GIB, 2 * GIB, 4 * GIB]), np.array([0.0, 0.5, 1.0]), float(np.log(2 * GIB)))


def request_for(job: JobDescription) -> Request:
    return recommend(BELIEF, job, SCHEMA.features(job), SCHEMA, RULE)


def usual(**changes: object) -> JobDescription:
    job = JobDescription("t", inputs=(InputDataset("input_1", 2 * GIB, "fastq"),), parameters={"mode": "a"})
    return dataclasses.replace(job, **changes)  # type: ignore[arg-type]


def test_the_records_teach_the_line_and_the_tools_own_quantile() -> None:
    assert RULE.line_bytes_per_byte == pytest.approx(0.25)
    assert RULE.line_start_bytes == pytest.approx(GIB, rel=1e-6)
    # the 0.95 quantile of 40 peaks is the 39th: 1 GiB + 39/4 GiB
    assert RULE.tool_bytes == pytest.approx(10.75 * GIB)
    assert RULE.largest_bytes == {"all inputs together": 40 * GIB, "input_1": 40 * GIB}
    assert RULE.always_there == ("input_1",)


def test_a_usual_job_gets_the_quantile_rounded_up() -> None:
    request = request_for(usual())
    # 3.73 GiB are 3821 MiB, and the next multiple of 64 MiB is 3840
    assert request.memory_bytes == 3840 * MIB
    assert request.guards == ()
    assert request.reasons == (
        "0.95 quantile of 40 recorded jobs: 3.74 GiB",
        "rounded up to 64 MiB: 3.75 GiB",
    )


def test_an_input_beyond_those_seen_gets_at_least_the_line() -> None:
    request = request_for(usual(inputs=(InputDataset("input_1", 72 * GIB, "fastq"),)))
    # 1 GiB + 72/4 GiB = 19 GiB
    assert request.guards == ("beyond_training_sizes",)
    assert request.memory_bytes == pytest.approx(19 * GIB, abs=ROUND_UP_BYTES)
    assert request.reasons[1].startswith("input_1 is 1.8 times the largest seen, line in bytes: at least 19.0")


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


def test_a_tool_whose_inputs_say_nothing_has_a_level_line() -> None:
    jobs = [JobDescription("t", parameters={"mode": str(number % 3)}) for number in range(40)]
    rule = SizingRule.learn(FeatureSchema.learn(jobs), jobs, PEAKS, 0.05, Choice(0.95, 1.0))
    assert (rule.line_bytes_per_byte, rule.line_start_bytes) == (0.0, RULE.tool_bytes)


def test_more_input_never_makes_the_line_fall() -> None:
    assert SizingRule.learn(SCHEMA, JOBS, PEAKS[::-1].copy(), 0.05, Choice(0.95, 1.0)).line_bytes_per_byte == 0.0


def test_the_chosen_quantile_is_multiplied_by_the_chosen_factor() -> None:
    rule = SizingRule.learn(SCHEMA, JOBS, PEAKS, 0.05, Choice(0.5, 1.5))
    request = recommend(BELIEF, usual(), SCHEMA.features(usual()), SCHEMA, rule)
    # half of the jobs need 2 GiB at most, and 1.5 times that are 3 GiB
    assert request.memory_bytes == pytest.approx(3 * GIB, abs=ROUND_UP_BYTES)
    assert request.reasons[0].startswith("0.5 quantile of 40 recorded jobs times 1.5: 3.0")


def test_a_rule_survives_the_manifest() -> None:
    assert SizingRule.from_dict(RULE.to_dict()) == RULE


@given(any_job)
def test_whatever_a_job_tells_the_request_is_sane_and_has_its_story(job: JobDescription) -> None:
    request = request_for(job)
    assert request.memory_bytes % ROUND_UP_BYTES == 0
    assert request.memory_bytes >= BELIEF.quantile_bytes(RULE.quantile)
    assert request.reasons[-1].startswith("rounded up to 64 MiB")
    # every guard that fired has said why
    assert len(request.reasons) >= 2 + len(request.guards)
