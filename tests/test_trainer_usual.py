"""What is usual at a site's tools."""

import numpy as np
import pytest

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.records import JobRecord, ToolRecords
from trainer.rungs import FOREST_FROM, Usual
from trainer.usual import usual_of


def tool(slope: float, spread: float, count: int = FOREST_FROM) -> ToolRecords:
    """Jobs whose log peaks are a line over their log inputs, alternately `spread` above and below it."""
    records = []
    # pairs of jobs on the same input: the deviations do not tilt the line
    for number in range(count):
        size_bytes = 10**6 * 2 ** (number // 2 % 10)
        log_peak = 15 + slope * np.log1p(size_bytes) + (spread if number % 2 else -spread)
        inputs = (InputDataset("a", size_bytes),)
        records.append(JobRecord(JobDescription("t", inputs=inputs), round(np.exp(log_peak))))
    return ToolRecords("t", "jobs.csv", "label", records)


def test_it_is_the_median_over_the_tools() -> None:
    found = usual_of([tool(0.1, 0.3), tool(0.5, 0.2), tool(0.4, 0.9), tool(1.0, 0.1), tool(0.2, 0.4)])
    assert found.slope == pytest.approx(0.4, abs=1e-4)
    assert found.spread == pytest.approx(0.3, abs=1e-4)


def test_tools_with_few_jobs_say_nothing() -> None:
    many = [tool(0.4, 0.3)] * 3
    assert usual_of([*many, *[tool(2.0, 2.0, FOREST_FROM - 1)] * 9]) == usual_of(many)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_of_fewer_than_three_tools_nothing_is_learned(count: int) -> None:
    assert usual_of([tool(0.9, 0.1)] * count) == Usual()


def test_a_peak_that_falls_with_its_input_counts_as_level() -> None:
    assert usual_of([tool(-0.5, 0.0)] * 3).slope == 0.0


def test_tools_without_inputs_are_level_too() -> None:
    jobs = [JobRecord(JobDescription("t"), 100 if number % 2 else 200) for number in range(FOREST_FROM)]
    found = usual_of([ToolRecords("t", "jobs.csv", "label", jobs)] * 3)
    assert found.slope == 0.0
    # half of ln 2 above and below the middle
    assert found.spread == pytest.approx(np.log(2) / 2)
