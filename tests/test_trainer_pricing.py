"""The cheapest request once a failed attempt has a price."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.distribution import Beliefs, Distribution, Grid
from trainer.pricing import Offers
from trainer.replay import allocated_bytes
from trainer.unseen import PRICES

GIB = 1024**3
# bins as narrow as that are points
NARROW = 1e-9


def two_points(share_small: float) -> Beliefs:
    """A job that needs 1 GiB with some probability, else 5 GiB; nothing in between, but 2.5 GiB can be asked for."""
    edges = np.log(GIB) + np.log([1 - NARROW, 1, 2.5, 5 - NARROW, 5])
    cumulative = np.array([[0.0, share_small, share_small, share_small, 1.0]])
    return Beliefs(Grid(edges), cumulative, np.zeros(1))


def gib(beliefs: Beliefs, price: float | None, typical_gib: float = 1.0) -> float:
    """What is requested, in GiB."""
    return float(Offers.of(beliefs, typical_gib * GIB).cheapest_bytes(price)[0] / GIB)


@pytest.mark.parametrize(
    ("share_small", "cheapest_gib"),
    [
        # asking for 1 wastes 0, or 1 + 2 + 4 + 8 - 5 = 10; for 2.5 it wastes 1.5, or 2.5 + 5 - 5 = 2.5; for 5 it
        # wastes 4, or 0
        (0.9, 1.0),  # 0.1 * 10 = 1; 0.9 * 1.5 + 0.1 * 2.5 = 1.6; 0.9 * 4 = 3.6
        (0.7, 2.5),  # 0.3 * 10 = 3; 0.7 * 1.5 + 0.3 * 2.5 = 1.8; 0.7 * 4 = 2.8
        (0.3, 5.0),  # 0.7 * 10 = 7; 0.3 * 1.5 + 0.7 * 2.5 = 2.2; 0.3 * 4 = 1.2
    ],
)
def test_where_a_failure_has_no_price_the_least_expected_wastage_is_requested(
    share_small: float, cheapest_gib: float
) -> None:
    assert gib(two_points(share_small), 0.0) == pytest.approx(cheapest_gib)


@pytest.mark.parametrize(
    ("price", "typical_gib", "requested_gib"),
    [
        # 1 GiB is predicted: a failure costs price * sqrt(1 * typical) GiB. Asking for 1 GiB costs 1 + 0.1 * that,
        # asking for 5 costs 3.6: they cost the same at 26
        (25, 1, 1.0),
        (27, 1, 5.0),
        # sqrt(1 * 4) = 2: at 13
        (12, 4, 1.0),
        (14, 4, 5.0),
    ],
)
def test_a_price_is_counted_in_what_is_usual_for_the_job_and_for_the_tool(
    price: float, typical_gib: float, requested_gib: float
) -> None:
    assert gib(two_points(0.9), price, typical_gib) == pytest.approx(requested_gib)


def test_beyond_any_price_the_largest_peak_thought_possible_is_requested() -> None:
    assert gib(two_points(0.999), None) == pytest.approx(5)
    # nothing is thought to lie above the first point: the 5 GiB are an edge of the grid and no peak
    assert gib(two_points(1.0), None) == pytest.approx(1)


def test_what_lies_at_the_first_edge_belongs_to_the_first_bin() -> None:
    edges = np.log(np.array([1.0, 1 + NARROW, 4.0]) * GIB)
    # half the jobs need 1 GiB, told by the first edge alone; without them 4 GiB would be the only peak
    beliefs = Beliefs(Grid(edges), np.array([[0.5, 0.5, 1.0]]), np.zeros(1))
    # to ask for 4 GiB allocates 4, wherever the peak is; to ask for 1 GiB takes 1, or 1 + 2 + 4 where 4 are needed
    assert Offers.of(beliefs, GIB).allocated[0] / GIB == pytest.approx([0.5 * 1 + 0.5 * 7, 4])


def test_jobs_with_one_spread_are_offered_the_same_relative_to_their_origins() -> None:
    points, residuals = np.log(np.array([1.0, 2.0, 16.0]) * GIB), np.linspace(-0.3, 0.5, 201)
    requests = Offers.of(Beliefs.around(points, Grid(residuals)), 4 * GIB).cheapest_bytes(0.0)
    assert requests / np.exp(points) == pytest.approx(np.repeat(requests[0] / GIB, 3))


def test_a_job_that_needs_more_counts_its_failures_for_more_but_less_than_in_proportion() -> None:
    points, residuals = np.log(np.array([1.0, 16.0]) * GIB), np.linspace(-0.3, 0.5, 201)
    units = Offers.of(Beliefs.around(points, Grid(residuals)), 4 * GIB).failure_units
    # what is predicted is 0.1 above the point: sqrt(1.105 * 4) = 2.1 GiB a failure, 2.1 times the point; the second
    # one's sqrt(17.7 * 4) = 8.4 GiB are four times as much for a job that is sixteen times as large
    assert units[0] == pytest.approx((np.exp(0.1) * 4) ** 0.5)
    assert units[0] / units[1] == pytest.approx(4)


def test_the_least_wastage_of_a_grid_is_that_of_all_its_candidates() -> None:
    draw = np.random.default_rng(1)
    shares = draw.dirichlet(np.ones(20))
    edges = np.log(GIB) + np.linspace(0, 3, 21)
    beliefs = Beliefs(Grid(edges), np.append(0, shares.cumsum())[None, :] / shares.sum(), np.zeros(1))
    # each candidate against a job at the middle of each bin, killed by what is below its upper end
    expected = [
        shares @ (allocated_bytes(np.exp(edge), np.exp(edges[1:])) - np.exp((edges[1:] + edges[:-1]) / 2))
        for edge in edges[1:]
    ]
    assert np.log(gib(beliefs, 0.0) * GIB) == pytest.approx(edges[1:][int(np.argmin(expected))])


def test_a_fine_grid_is_thinned_and_keeps_the_largest_peak() -> None:
    edges = np.log(GIB) + np.linspace(0, 1, 257)
    offers = Offers.of(Beliefs(Grid(edges), np.linspace(0, 1, 257)[None, :], np.zeros(1)), GIB)
    assert len(offers.candidates) == 128
    assert offers.cheapest_bytes(None)[0] == pytest.approx(np.e * GIB)


@given(
    weights=st.lists(st.integers(1, 1000), min_size=2, max_size=40),
    width=st.floats(0.01, 1),
    typical_gib=st.floats(0.01, 100),
)
def test_a_higher_price_never_lowers_a_request(weights: list[int], width: float, typical_gib: float) -> None:
    cumulative = np.append(0, np.cumsum(weights)) / sum(weights)
    edges = np.log(GIB) + width * np.arange(len(cumulative))
    offers = Offers.of(Beliefs(Grid(edges), cumulative[None, :], np.zeros(1)), typical_gib * GIB)
    requests = [float(offers.cheapest_bytes(price)[0]) for price in PRICES]
    # the prices ascend, and the last of them is beyond any price
    assert PRICES[-1] is None
    assert requests == sorted(requests)
    # and what fails does so less often
    distribution = Distribution(edges.tolist(), cumulative.tolist())
    assert requests[-1] == pytest.approx(distribution.quantile_bytes(1.0), rel=1e-6)
