"""A predictive distribution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.distribution import Beliefs, Distribution, Grid

# half of the jobs between 100 and 200 bytes, the other half between 200 and 400, even on the log scale
EVEN = Distribution(np.log([100.0, 200.0, 400.0]).tolist(), [0.0, 0.5, 1.0])

masses = st.lists(st.floats(0, 1), min_size=2, max_size=20).filter(lambda shares: sum(shares) > 0.1)


def distribution_of(shares: list[float]) -> Distribution:
    cumulative = np.concatenate([[0.0], np.cumsum(shares) / np.sum(shares)])
    return Distribution(np.linspace(10, 25, len(cumulative)).tolist(), cumulative.tolist())


def guess_bytes(edges_bytes: list[float], cumulative: list[float]) -> float:
    beliefs = Beliefs(Grid(np.log(edges_bytes)), np.array([cumulative]), np.zeros(1))
    return float(beliefs.predicted_peaks_bytes[0])


@pytest.mark.parametrize(
    ("quantile", "amount_bytes"),
    [(0.0, 100), (0.25, 142), (0.5, 200), (0.75, 283), (1.0, 400)],  # 100 * 2**0.5 = 141.4, 200 * 2**0.5 = 282.8
)
def test_quantiles_are_interpolated_on_the_log_scale_and_rounded_up(quantile: float, amount_bytes: int) -> None:
    assert EVEN.quantile_bytes(quantile) == pytest.approx(amount_bytes, abs=1)


@pytest.mark.parametrize(("amount_bytes", "probability"), [(50, 1.0), (200, 0.5), (283, 0.25), (400, 0.0), (9000, 0.0)])
def test_the_chance_to_need_more_falls_with_the_amount(amount_bytes: int, probability: float) -> None:
    assert EVEN.exceedance(amount_bytes) == pytest.approx(probability, abs=0.01)


def test_the_best_guess_is_the_mean_between_the_quartiles() -> None:
    # as much of 100 to 200 as of 200 to 400
    assert guess_bytes([100, 200, 400], [0.0, 0.5, 1.0]) == pytest.approx(200, abs=1)
    # a fifth of the jobs far above the others are none of the middle half: of the others, the middle of 100 to 200
    assert guess_bytes([100, 200, 1e9, 2e9], [0.0, 0.8, 0.8, 1.0]) == pytest.approx(100 * 2**0.5, abs=1)
    # what lies at the first edge belongs to the first bin
    assert guess_bytes([100, 200, 400], [0.9, 0.9, 1.0]) == pytest.approx(142, abs=1)
    # there may be one bin only
    assert guess_bytes([100, 400], [0.0, 1.0]) == pytest.approx(200, abs=1)


@pytest.mark.parametrize(("log_bytes", "amount_bytes"), [(-1000.0, 1), (1000.0, 2**53 - 1), (float("inf"), 2**53 - 1)])
def test_a_wild_guess_stays_within_what_a_message_can_say(log_bytes: float, amount_bytes: int) -> None:
    beliefs = Beliefs.around(np.array([log_bytes]), Grid(np.zeros(3)))
    assert beliefs.predicted_peaks_bytes[0] == pytest.approx(amount_bytes, rel=1e-9)
    assert 1 <= beliefs[0].quantile_bytes(0.9) <= 2**53 - 1


@given(masses)
def test_quantiles_never_cross(shares: list[float]) -> None:
    distribution = distribution_of(shares)
    quantiles = [distribution.quantile_bytes(quantile) for quantile in np.linspace(0, 1, 41)]
    assert quantiles == sorted(quantiles)


@given(masses, st.floats(0.01, 0.99))
def test_a_quantile_is_exceeded_with_the_probability_it_says(shares: list[float], quantile: float) -> None:
    distribution = distribution_of(shares)
    assert distribution.exceedance(distribution.quantile_bytes(quantile)) <= 1 - quantile + 1e-3


def test_given_that_an_amount_is_not_enough_only_what_is_above_it_is_left() -> None:
    above = EVEN.above(200)
    # the other half, even between 200 and 400: its middle is 200 * 2**0.5
    assert above.quantile_bytes(0.0) == pytest.approx(200, abs=1)
    assert above.quantile_bytes(0.5) == pytest.approx(283, abs=1)
    assert above.exceedance(200) == pytest.approx(1)
    # nobody thought that possible: nothing is known but what was known before
    assert EVEN.above(400) is EVEN


@given(masses, st.floats(0.01, 0.99))
def test_what_is_left_above_an_amount_is_a_distribution(shares: list[float], quantile: float) -> None:
    distribution = distribution_of(shares)
    above = distribution.above(distribution.quantile_bytes(quantile))
    assert (np.diff(above.cumulative) >= 0).all()
    assert above.cumulative[-1] == pytest.approx(1)
    assert above.quantile_bytes(0.5) >= distribution.quantile_bytes(0.5) - 1


def test_beliefs_share_their_edges_and_each_job_moves_them_to_its_origin() -> None:
    beliefs = Beliefs(Grid(np.log([1.0, 2.0, 4.0])), np.array([[0, 0.5, 1], [0, 0.25, 1]]), np.log([100.0, 300.0]))
    assert len(beliefs) == 2
    # 100 to 200 to 400 bytes, and 300 to 600 to 1200 of which a quarter is below 600: 600 * 2**(0.25 / 0.75) = 756
    assert [one.quantile_bytes(0.5) for one in (beliefs[0], beliefs[1])] == pytest.approx([200, 756], abs=1)
    # between the quartiles as much of 100 to 200 as of 200 to 400; and only of 600 to 1200: 600 * 2**0.5 = 849
    assert beliefs.predicted_peaks_bytes == pytest.approx([200, 849], abs=1)
    assert list(beliefs) == [beliefs[0], beliefs[1]]


def test_the_same_spread_may_stand_around_every_point() -> None:
    beliefs = Beliefs.around(np.log([100.0, 1000.0]), Grid(np.log([0.5, 1.0, 4.0])))
    for job, point_bytes in enumerate((100, 1000)):
        assert beliefs[job].quantile_bytes(0.0) == pytest.approx(point_bytes / 2, abs=1)
        assert beliefs[job].quantile_bytes(0.5) == pytest.approx(point_bytes, abs=1)
        assert beliefs[job].quantile_bytes(1.0) == pytest.approx(point_bytes * 4, abs=1)
    # between the middles of both halves, 0.5**0.5 and 4**0.5 times the point: 2**0.25 = 1.189
    assert beliefs.predicted_peaks_bytes == pytest.approx([119, 1189], abs=1)
    assert list(beliefs) == [beliefs[0], beliefs[1]]
