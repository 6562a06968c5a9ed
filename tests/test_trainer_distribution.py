"""A predictive distribution."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.distribution import Distribution

# half of the jobs between 100 and 200 bytes, the other half between 200 and 400, even on the log scale
EVEN = Distribution(np.log([100.0, 200.0, 400.0]), np.array([0.0, 0.5, 1.0]), math.log(200))

masses = st.lists(st.floats(0, 1), min_size=2, max_size=20).filter(lambda shares: sum(shares) > 0.1)


def distribution_of(shares: list[float]) -> Distribution:
    cumulative = np.concatenate([[0.0], np.cumsum(shares) / np.sum(shares)])
    return Distribution(np.linspace(10, 25, len(cumulative)), cumulative, 15.0)


@pytest.mark.parametrize(
    ("quantile", "amount_bytes"),
    [(0.0, 100), (0.25, 142), (0.5, 200), (0.75, 283), (1.0, 400)],  # 100 * 2**0.5 = 141.4, 200 * 2**0.5 = 282.8
)
def test_quantiles_are_interpolated_on_the_log_scale_and_rounded_up(quantile: float, amount_bytes: int) -> None:
    assert EVEN.quantile_bytes(quantile) == pytest.approx(amount_bytes, abs=1)


@pytest.mark.parametrize(("amount_bytes", "probability"), [(50, 1.0), (200, 0.5), (283, 0.25), (400, 0.0), (9000, 0.0)])
def test_the_chance_to_need_more_falls_with_the_amount(amount_bytes: int, probability: float) -> None:
    assert EVEN.exceedance(amount_bytes) == pytest.approx(probability, abs=0.01)


def test_the_point_is_in_bytes() -> None:
    assert EVEN.point_bytes == pytest.approx(200, abs=1)


@pytest.mark.parametrize(("log_bytes", "amount_bytes"), [(-1000.0, 1), (1000.0, 2**53 - 1), (float("inf"), 2**53 - 1)])
def test_a_wild_guess_stays_within_what_a_message_can_say(log_bytes: float, amount_bytes: int) -> None:
    point_bytes = Distribution(EVEN.edges, EVEN.cumulative, log_bytes).point_bytes
    assert point_bytes == pytest.approx(amount_bytes, rel=1e-9)
    assert 1 <= point_bytes <= 2**53 - 1


@given(masses)
def test_quantiles_never_cross(shares: list[float]) -> None:
    distribution = distribution_of(shares)
    quantiles = [distribution.quantile_bytes(quantile) for quantile in np.linspace(0, 1, 41)]
    assert quantiles == sorted(quantiles)


@given(masses, st.floats(0.01, 0.99))
def test_a_quantile_is_exceeded_with_the_probability_it_says(shares: list[float], quantile: float) -> None:
    distribution = distribution_of(shares)
    assert distribution.exceedance(distribution.quantile_bytes(quantile)) <= 1 - quantile + 1e-3
