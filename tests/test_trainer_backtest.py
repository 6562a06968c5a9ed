"""Policies replayed on jobs that they had not seen, with costs that can be worked out by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from galaxy_memory_rules.errors import RecordsError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.backtest import Backtest, backtest, comparisons, ours
from trainer.divisions import Division, divide
from trainer.history import History
from trainer.learning import Settings
from trainer.peers import Policy, Requester, Requests, constant, requested
from trainer.sizing_rule import Limits

GB = 10**9
UNROUNDED = Limits(round_up_bytes=1)


def history(peaks_gb: Sequence[float], hours: Sequence[float] | None = None, sizes_gb: Sequence[float] = ()) -> History:
    """Jobs without times, each with an input of its own."""
    count = len(peaks_gb)
    sizes = [round(size * GB) for size in sizes_gb] or range(1, count + 1)
    jobs = [JobDescription("tool", inputs=(InputDataset("in", size),)) for size in sizes]
    unknown, nowhere = np.full(count, np.nan), np.zeros(count, dtype=np.bool_)
    return History(jobs, np.array(peaks_gb) * GB, np.array(hours or [1.0] * count), unknown, unknown, nowhere)


def in_halves(count: int) -> list[Division]:
    rows = np.arange(count)
    return [Division(rows[count // 2 :], rows[: count // 2]), Division(rows[: count // 2], rows[count // 2 :])]


def noisy_history(count: int, seed: int = 5) -> History:
    """A tool that needs 1 GB and twice its input, give or take a fifth."""
    random = np.random.default_rng(seed)
    sizes_gb = random.uniform(0.5, 10, count)
    return history((1 + 2 * sizes_gb * random.lognormal(0, 0.2, count)).tolist(), sizes_gb=sizes_gb.tolist())


def run(jobs: History, *policies: Policy) -> Backtest:
    return backtest(jobs, policies, in_halves(len(jobs)))


def test_a_constant_costs_what_a_hand_works_out() -> None:
    done = run(history([1, 2, 3, 4]), constant(2 * GB))
    cost = done.outcomes["constant 1.87 GiB"].replay
    # 1 too much; nothing; 2 in vain and 4 for 3; 2 in vain and 4 for 4
    assert cost.wastage_gbh == pytest.approx(1 + 0 + (2 + 1) + 2)
    assert cost.wastage_half_gbh == pytest.approx(1 + 0 + (1 + 1) + 1)
    assert (cost.rel, cost.rel_half) == pytest.approx((1.6, 1.4))
    assert (cost.jobs, cost.failures, cost.failure_rate, cost.attempts) == (4, 2, 0.5, 1.5)
    assert cost.requested_per_used == pytest.approx(8 / 10)


def test_jobs_that_run_longer_count_more() -> None:
    cost = run(history([1, 2, 3, 4], hours=[10, 1, 1, 2]), constant(2 * GB)).outcomes["constant 1.87 GiB"].replay
    assert cost.wastage_gbh == pytest.approx(10 * 1 + 0 + 1 * (2 + 1) + 2 * 2)


def test_a_policy_has_its_own_second_attempt() -> None:
    def learn(past: History) -> Requester:
        return lambda jobs: Requests(np.full(len(jobs), 2.0 * GB), np.full(len(jobs), 9.0 * GB))

    cost = run(history([1, 2, 3, 4]), Policy("careful", learn)).outcomes["careful"].replay
    # 1 too much; nothing; 2 in vain and 9 for 3; 2 in vain and 9 for 4
    assert cost.wastage_gbh == pytest.approx(1 + 0 + (2 + 6) + (2 + 5))


def test_a_policy_learns_from_the_past_jobs_and_is_asked_for_the_others() -> None:
    seen = []

    def learn(past: History) -> Requester:
        seen.append(past)
        return lambda jobs: Requests(np.full(len(jobs), past.peaks_bytes.max()))

    done = run(history([1, 2, 3, 4]), Policy("first", learn), Policy("second", learn))
    # the second half is learned from for the first, and the other way round
    assert done.outcomes["first"].first_bytes.tolist() == [4 * GB, 4 * GB, 2 * GB, 2 * GB]
    assert seen[0] is seen[1], "policies may share what they fit on the same past"
    assert seen[2] is seen[3]
    assert seen[0] is not seen[2]


def test_jobs_that_are_never_asked_for_have_no_request_and_cost_nothing() -> None:
    done = backtest(history([1, 2, 3, 4]), [constant(GB)], [Division(np.array([0]), np.array([3, 1]))])
    [outcome] = done.outcomes.values()
    assert np.isnan(outcome.first_bytes).tolist() == [True, False, True, False]
    assert (outcome.replay.jobs, outcome.replay.used_gbh) == (2, 2 + 4)


def test_a_policy_that_refuses_is_named_and_the_others_are_done() -> None:
    asked = []

    def learn(past: History) -> Requester:
        asked.append(len(past))
        raise RecordsError("not with these")

    done = run(history([1, 2, 3, 4]), Policy("broken", learn), requested(), constant(GB))
    assert list(done.outcomes) == ["constant 953.68 MiB"]
    assert done.unavailable["broken"] == "not with these"
    assert "no past job tells what was requested" in done.unavailable["requested"]
    assert asked == [2], "it is not asked again"


@pytest.mark.parametrize("how", ["random", "inputs", "arrivals"])
def test_the_oracle_wastes_nothing_and_no_constant_less_than_the_one_in_hindsight(how: str) -> None:
    jobs = noisy_history(40)
    divisions = divide(jobs, how)
    asked = jobs.part(np.concatenate([division.asked_rows for division in divisions]))
    names = ("oracle", "best-static-in-hindsight", "static-least-wastage", "max-ever", "static-mean")
    known = comparisons(asked)
    costs = {
        name: outcome.replay
        for name, outcome in backtest(jobs, [known[name] for name in names], divisions).outcomes.items()
    }
    assert costs["oracle"].rel == 1
    assert costs["oracle"].failures == 0
    hindsight = backtest(jobs, [known["best-static-in-hindsight"]], divisions).outcomes["best-static-in-hindsight"]
    assert len(np.unique(hindsight.first_bytes[np.isfinite(hindsight.first_bytes)])) == 1
    for other in ("max-ever", "static-mean"):
        assert costs["best-static-in-hindsight"].wastage_gbh < costs[other].wastage_gbh


def test_ours_keeps_its_promise_and_wastes_less_than_any_constant() -> None:
    jobs = noisy_history(100)
    divisions = divide(jobs, "random")
    done = backtest(jobs, [ours(Settings(0.05, UNROUNDED)), comparisons(jobs)["best-static-in-hindsight"]], divisions)
    cost, hindsight = (outcome.replay for outcome in done.outcomes.values())
    assert cost.jobs == 100
    assert cost.failure_interval[0] <= 0.05
    assert cost.failure_rate <= 0.08
    assert cost.rel < hindsight.rel


def test_ours_asks_for_at_least_twice_as_much_after_a_kill() -> None:
    jobs = noisy_history(40)
    asked = ours(Settings(0.05, UNROUNDED)).learn(jobs)(jobs)
    assert asked.then_bytes is not None
    assert (asked.then_bytes >= 2 * asked.first_bytes - 1).all()


def test_ours_asks_for_the_largest_peak_where_there_are_too_few_jobs_to_learn_from() -> None:
    asked = ours(Settings()).learn(history([1, 7, 3]))(history([5, 5]))
    assert asked.first_bytes.tolist() == [7 * GB] * 2
