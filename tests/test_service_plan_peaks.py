"""The tables that a plan draws from say what each job's distribution says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules.memory import GIB, MIB
from service.attempts import Attempts
from service.draws import _coarse
from service.peaks import PARTS, Peaks
from trainer.distribution import Beliefs, Grid


def beliefs() -> Beliefs:
    """Three jobs: one of an even spread, one of two peaks, one that is sure."""
    edges = np.log(np.array([1.0, 2.0, 4.0, 8.0]) * GIB)
    cumulative = np.array([[0, 1 / 3, 2 / 3, 1], [0, 0.5, 0.5, 1], [0, 1, 1, 1]])
    return Beliefs(Grid(edges), cumulative, np.zeros(3))


@given(amounts=st.lists(st.integers(1, 10 * GIB), min_size=3, max_size=3))
def test_each_job_exceeds_an_amount_as_its_distribution_says(amounts: list[int]) -> None:
    told = beliefs()
    expected = [told[row].exceedance(amount) for row, amount in enumerate(amounts)]
    assert Peaks.of(told).exceedance(np.array(amounts)) == pytest.approx(expected, abs=1e-6)


def test_a_peak_that_is_met_exactly_is_no_kill() -> None:
    # all probability at 1 GiB
    sure = Beliefs(Grid(np.zeros(5)), np.linspace(0, 1, 5)[None, :], np.log([float(GIB), 3.0 * GIB]))
    peaks = Peaks.of(sure)
    assert peaks.exceedance(np.array([GIB, 3 * GIB])).tolist() == [0, 0]
    assert peaks.exceedance(np.array([GIB - MIB, 3 * GIB - MIB])).tolist() == [1, 1]
    assert peaks.means_bytes == pytest.approx([GIB, 3 * GIB])
    assert peaks.parts_bytes == pytest.approx(np.repeat([[GIB], [3 * GIB]], PARTS, axis=1))


def test_the_parts_have_the_mean_of_the_distribution() -> None:
    peaks = Peaks.of(beliefs())
    # the mean of a bin from a to b, even on the log scale, is (b - a) / ln(b / a)
    bins = np.array([1, 2, 4]) * GIB / np.log(2)
    assert peaks.means_bytes == pytest.approx([bins.mean(), (bins[0] + bins[2]) / 2, bins[0]])
    assert peaks.parts_bytes.mean(axis=1) == pytest.approx(peaks.means_bytes)
    # the lower half of the second job is in the first bin, the upper half in the last
    assert peaks.parts_bytes[1, : PARTS // 2].max() <= 2 * GIB
    assert peaks.parts_bytes[1, PARTS // 2 :].min() >= 4 * GIB
    assert (np.diff(peaks.parts_bytes, axis=1) >= -1).all()


def test_attempts_double_until_the_peak_fits() -> None:
    attempts = Attempts.of(np.array([GIB, 3 * GIB, 2 * GIB]), 2**50, Peaks.of(beliefs()))
    # the first job: 1, 2, 4, 8 GiB; above 1 surely, above 2 in two of three, above 4 in one of three
    assert attempts.requests_bytes[0].tolist() == [GIB, 2 * GIB, 4 * GIB, 8 * GIB]
    assert attempts.reached[0] == pytest.approx([1, 1, 2 / 3, 1 / 3], abs=1e-6)
    assert attempts.allocated_bytes[0] == pytest.approx((1 + 2 + 4 * 2 / 3 + 8 / 3) * GIB, rel=1e-6)
    # the second: 3, 6, 12 GiB; above 6 is log2(8 / 6) of the last bin, which has half
    assert attempts.reached[1, :3] == pytest.approx([1, 0.5, np.log2(8 / 6) / 2], abs=1e-6)
    assert attempts.expected_retries == pytest.approx([2, 0.5 + np.log2(8 / 6) / 2, 0], abs=1e-6)
    assert attempts.failure_rates == pytest.approx([1, 0.5, 0], abs=1e-6)
    assert attempts.never.tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def test_nothing_above_the_ceiling_is_asked_for() -> None:
    attempts = Attempts.of(np.array([GIB, 3 * GIB, 2 * GIB]), 3 * GIB, Peaks.of(beliefs()))
    assert attempts.requests_bytes.max(axis=1).tolist() == [3 * GIB] * 3
    # log2(4 / 3) of the second bin and all of the third; half; none
    assert attempts.never == pytest.approx([np.log2(4 / 3) / 3 + 1 / 3, 0.5, 0], abs=1e-6)


@given(amount=st.integers(1, 2**52))
def test_coarse_amounts_are_a_little_more(amount: int) -> None:
    coarse = int(_coarse(np.array([amount]))[0])
    assert amount <= coarse <= amount * (1 + 2**-8)
    # and stay within the power of two that they are in
    assert int(_coarse(np.array([coarse]))[0]) == coarse


def test_a_power_of_two_is_coarse_already() -> None:
    powers = np.array([2**power for power in range(53)])
    assert (_coarse(powers) == powers).all()
