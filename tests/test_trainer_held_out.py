"""What a tool's jobs would have wasted with one request for all of them."""

from typing import Optional

import numpy as np
import pytest

from galaxy_memory_rules.messages import JobDescription
from trainer.held_out import HeldOut, constant
from trainer.history import History
from trainer.records import JobRecord
from trainer.replay import replay
from trainer.sizing_rule import Limits

GB = 10**9
EXACT = Limits(round_up_bytes=1)


def held_out() -> HeldOut:
    """1 to 20 GB were known; a job of 4 GB for an hour and one of 12 GB for two are asked for."""
    past = History.of([JobRecord(JobDescription("t"), number * GB) for number in range(1, 21)])
    jobs = History.of(
        [
            JobRecord(JobDescription("t"), 4 * GB, run_seconds=3600),
            JobRecord(JobDescription("t"), 12 * GB, run_seconds=7200),
        ]
    )
    requests = np.array([5.0 * GB, 13.0 * GB])
    return HeldOut(past, jobs, requests, replay(requests, jobs.peaks_bytes, jobs.run_hours))


@pytest.mark.parametrize(
    ("cap", "limits", "request_gb"),
    [
        # of 20 peaks, from 0 on: 0.5 * 19 = 9.5, taken up to the 10th, which is 11 GB
        (0.5, EXACT, 11),
        # 0.9 * 19 = 17.1: the 18th
        (0.1, EXACT, 19),
        (0.05, EXACT, 20),
        # no cap: the largest
        (None, EXACT, 20),
        (0.5, Limits(round_up_bytes=4 * GB), 12),
        (0.5, Limits(floor_bytes=15 * GB, round_up_bytes=4 * GB), 16),
        (0.5, Limits(ceiling_bytes=7 * GB, round_up_bytes=4 * GB), 7),
    ],
)
def test_the_constant_keeps_the_cap_on_what_was_known_within_the_limits(
    cap: Optional[float], limits: Limits, request_gb: int
) -> None:
    assert constant(held_out(), cap, limits).memory_bytes == request_gb * GB


def test_its_waste_is_that_of_the_jobs_held_out() -> None:
    outcome = constant(held_out(), 0.5, EXACT).outcome
    # 11 GB: the first job leaves 7 of them unused for 1 h. The second one is killed after 2 h with 11 GB, and leaves 10
    # of 22 GB unused for 2 h more: 7 + 2 * (11 + 10) = 49. Used are 4 + 2 * 12 = 28
    assert outcome.jobs == 2
    assert outcome.failure_rate == 0.5
    assert outcome.wastage_gbh == pytest.approx(49)
    assert outcome.rel == pytest.approx(1 + 49 / 28)
    # 12 GB: 8 for 1 h, and nothing of the second job's
    assert constant(held_out(), 0.5, Limits(round_up_bytes=4 * GB)).outcome.wastage_gbh == pytest.approx(8)
