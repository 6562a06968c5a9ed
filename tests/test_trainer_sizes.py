"""The input sizes that were recorded, and the line beyond them."""

import json

import numpy as np
import pytest

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.features import FeatureSchema
from trainer.sizes import TOTAL_NAME, Sizes, sizes_bytes

GIB = 1024**3

JOBS = [
    JobDescription("t", inputs=(InputDataset("input_1", number * GIB, "fastq"),), parameters={"mode": "ab"[number % 2]})
    for number in range(1, 41)
]
SCHEMA = FeatureSchema.learn(JOBS)
TOTALS = np.arange(1.0, 41.0) * GIB
# each job needs 1 GiB and a quarter of its input: 1.25 to 11 GiB
PEAKS = GIB + TOTALS / 4


def test_the_largest_sizes_and_what_is_always_there_are_remembered() -> None:
    optional = [
        JobDescription("t", inputs=(*job.inputs, InputDataset("genome", 3 * GIB, "fasta"))) if number % 2 else job
        for number, job in enumerate(JOBS)
    ]
    sizes = Sizes.learn(FeatureSchema.learn(optional), optional, PEAKS, 0.95)
    # the last job has 40 and 3 GiB
    assert sizes.largest_bytes == {TOTAL_NAME: 43 * GIB, "genome": 3 * GIB, "input_1": 40 * GIB}
    assert sizes.always_there == ("input_1",)


def test_the_largest_jobs_teach_the_line() -> None:
    sizes = Sizes.learn(SCHEMA, JOBS, PEAKS, 0.95)
    assert sizes.slope == pytest.approx(0.25)
    assert sizes.start_bytes == pytest.approx(GIB, rel=1e-6)
    # 1 GiB + 80/4 GiB
    assert sizes.line_bytes(80 * GIB) == pytest.approx(21 * GIB, rel=1e-6)


def test_what_stands_still_among_the_largest_jobs_does_not_rise_beyond_them() -> None:
    # of 40 jobs the 20 largest: those of 21 GiB and more need 6 GiB each, whatever the smaller ones need
    sizes = Sizes.learn(SCHEMA, JOBS, np.minimum(PEAKS, 6 * GIB), 0.95)
    assert (sizes.slope, sizes.start_bytes) == (0.0, 6 * GIB)


def test_the_line_is_raised_until_it_is_enough_for_the_share_of_the_largest_jobs_that_is_covered() -> None:
    peaks = PEAKS.copy()
    # of the 20 largest one needs 4 GiB more than the line of the others, in their middle, which tilts it very little
    peaks[29] += 4 * GIB
    assert Sizes.learn(SCHEMA, JOBS, peaks, 0.9).line_bytes(30 * GIB) < 10 * GIB
    # and the 0.95 quantile of 20 is the highest
    assert Sizes.learn(SCHEMA, JOBS, peaks, 0.95).line_bytes(30 * GIB) == pytest.approx(12.5 * GIB, rel=1e-6)


def test_more_input_never_makes_the_line_fall() -> None:
    sizes = Sizes.learn(SCHEMA, JOBS, PEAKS[::-1].copy(), 0.95)
    # the 20 largest need 1.25 to 6 GiB, and the 0.95 quantile of 20 is the highest
    assert (sizes.slope, sizes.start_bytes) == (0.0, 6 * GIB)


def test_a_tool_whose_inputs_say_nothing_has_a_level_line() -> None:
    jobs = [JobDescription("t", parameters={"mode": str(number % 3)}) for number in range(40)]
    sizes = Sizes.learn(FeatureSchema.learn(jobs), jobs, PEAKS, 0.95)
    # all are as large as each other: the first 20 need 1.25 to 6 GiB
    assert (sizes.slope, sizes.start_bytes) == (0.0, 6 * GIB)
    assert sizes.largest_bytes == {TOTAL_NAME: 0}
    # where nothing had a size, no size is larger than any
    assert sizes.beyond({TOTAL_NAME: GIB}) is None


def test_a_size_beyond_those_recorded_is_named() -> None:
    sizes = Sizes.learn(SCHEMA, JOBS, PEAKS, 0.95)
    assert sizes.beyond({"input_1": 40 * GIB, TOTAL_NAME: 40 * GIB}) is None
    assert sizes.beyond({"input_1": 60 * GIB, TOTAL_NAME: 60 * GIB}) == "input_1 is 1.5 times the largest seen"
    # two inputs that were seen as large, but not together
    assert (
        sizes.beyond({"input_1": 40 * GIB, TOTAL_NAME: 80 * GIB}) == "all inputs together is 2 times the largest seen"
    )
    # an input that the records do not tell apart counts in the total only
    job = JobDescription("t", inputs=(*JOBS[9].inputs, InputDataset("unheard_of", GIB, "bed"), InputDataset("x", None)))
    assert sizes_bytes(SCHEMA, job) == {"input_1": 10 * GIB, TOTAL_NAME: 11 * GIB}


def test_sizes_survive_the_manifest() -> None:
    sizes = Sizes.learn(SCHEMA, JOBS, PEAKS, 0.95)
    assert Sizes.from_dict(json.loads(json.dumps(sizes.to_dict()))) == sizes
