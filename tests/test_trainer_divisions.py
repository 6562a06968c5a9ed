"""Recorded jobs divided into past ones and those asked for, so that nobody is asked for what it has seen."""

from collections.abc import Sequence

import numpy as np
import pytest

from galaxy_memory_rules.errors import RecordsError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.backtest_run import DIVISIONS
from trainer.divisions import chosen, divide
from trainer.history import History
from trainer.reference import reference_key

GIB = 1024**3


def history(count: int, timed: bool = True, sizes: Sequence[int] = (), builds: Sequence[str] = ("hg38",)) -> History:
    """Jobs a minute apart; inputs and builds are repeated in turn, and every input is another one if none is given."""
    inputs = [(InputDataset("in", sizes[row % len(sizes)] if sizes else row + 1),) for row in range(count)]
    jobs = [JobDescription("tool", inputs=inputs[row], dbkey=builds[row % len(builds)]) for row in range(count)]
    ones = np.ones(count)
    times = np.array([row * 60 if timed else np.nan for row in range(count)])
    return History(jobs, ones * GIB, ones, ones, times, ones < 0)


@pytest.mark.parametrize("how", DIVISIONS)
def test_no_policy_is_asked_for_what_it_has_seen_and_no_job_twice(how: str) -> None:
    asked: list[int] = []
    for division in divide(history(103, builds=("hg38", "mm10", "dm6")), how):
        assert not set(division.past_rows) & set(division.asked_rows)
        assert len(division.past_rows)
        assert (np.diff(division.past_rows) > 0).all(), "the past stays in its order"
        asked += division.asked_rows.tolist()
    assert len(asked) == len(set(asked))
    # all but the first 26 (25 % of 103 in time) or 31 (30 % of the arrivals)
    assert len(asked) == {"auto": 77, "time": 77, "arrivals": 72}.get(how, 103)


@pytest.mark.parametrize("how", ["inputs", "reference"])
def test_folds_never_share_a_group(how: str) -> None:
    jobs = history(90, sizes=[5, 5, 5, 6, 7, 8, 8, 9], builds=("hg38", "mm10", "dm6", "ce11", "sacCer3", "danRer11"))
    divisions = divide(jobs, how)
    assert len(divisions) == 5
    for division in divisions:
        keys = [
            {str(jobs.jobs[row].inputs) if how == "inputs" else reference_key(jobs.jobs[row]) for row in rows}
            for rows in (division.past_rows, division.asked_rows)
        ]
        assert keys[0].isdisjoint(keys[1])


def test_two_groups_make_two_folds() -> None:
    assert len(divide(history(10, builds=("hg38", "mm10")), "reference")) == 2


def test_time_never_looks_ahead_and_learns_from_all_that_came_before() -> None:
    jobs = history(100)
    divisions = divide(jobs, "time", step=30)
    # the first 25, then 30 and 30, and the 15 that are left
    assert [len(division.asked_rows) for division in divisions] == [30, 30, 15]
    assert [len(division.past_rows) for division in divisions] == [25, 55, 85]
    for division in divisions:
        assert jobs.times_seconds[division.past_rows].max() < jobs.times_seconds[division.asked_rows].min()


def test_a_longer_past_is_learned_anew_less_often() -> None:
    steps = [len(division.asked_rows) for division in divide(history(4000), "time")]
    # 5 % of 1000, of 1050 (52.5, to even) and of 1102 (55.1)
    assert steps[:3] == [50, 52, 55]
    assert max(steps) == 150, "of 3000 and more"
    assert {len(division.asked_rows) for division in divide(history(400), "time")} == {50}, "5 % are fewer"


def test_jobs_arrive_one_by_one_and_become_past() -> None:
    divisions = divide(history(10), "arrivals")
    assert [len(division.past_rows) for division in divisions] == [3, 4, 5, 6, 7, 8, 9]
    for division, following in zip(divisions, divisions[1:], strict=False):
        assert {*division.past_rows, *division.asked_rows} == {*following.past_rows}
    order = [division.asked_rows[0] for division in divisions]
    assert order != sorted(order)


@pytest.mark.parametrize(("how", "usual"), [("random", 13), ("inputs", 13), ("reference", 13), ("arrivals", 1996)])
def test_the_same_seed_divides_alike_and_another_one_does_not(how: str, usual: int) -> None:
    def asked(seed: int | None) -> list[list[int]]:
        jobs = history(60, builds=[f"build{number}" for number in range(60)])
        return [division.asked_rows.tolist() for division in divide(jobs, how, seed)]

    assert asked(None) == asked(usual)
    assert asked(usual) != asked(7)


def test_auto_is_time_where_all_jobs_have_one() -> None:
    assert chosen(history(5), "auto") == "time"
    assert chosen(history(5, timed=False), "auto") == "inputs"
    assert chosen(history(5), "random") == "random"


@pytest.mark.parametrize("how", DIVISIONS)
def test_two_jobs_can_be_divided_somehow(how: str) -> None:
    assert sum(len(division.asked_rows) for division in divide(history(2, builds=("a", "b")), how)) >= 1


@pytest.mark.parametrize(
    ("jobs", "how", "complaint"),
    [
        (history(1), "random", "1 usable recorded jobs cannot be divided"),
        (history(9, timed=False), "time", "not every recorded job has a time"),
        (history(9), "reference", "all recorded jobs have the same reference"),
        (history(9, sizes=[5]), "inputs", "all recorded jobs have the same inputs"),
    ],
)
def test_jobs_that_cannot_be_divided_like_that_are_refused(jobs: History, how: str, complaint: str) -> None:
    with pytest.raises(RecordsError, match=complaint):
        divide(jobs, how)
