"""One tool's rule at other failure caps than its own."""

import dataclasses
import json
from collections.abc import Callable
from functools import cache

import pytest
from test_trainer_learning import in_time, learned_from, linear, on_references, record

from galaxy_memory_rules.errors import ConfigError
from trainer import trees
from trainer.familiarity import Familiarity
from trainer.history import History
from trainer.learning import CAPS, Learned
from trainer.policy import at_cap
from trainer.records import JobRecord
from trainer.sizing_rule import SizingRule

GIB = 1024**3


def few() -> History:
    return History.of(linear(80))


def referenced() -> History:
    """Jobs of which each familiarity has a choice of its own: five on the same reads each, on 12 references."""
    spread = [(one, 1 + 0.1 * (place % 4)) for place in range(5) for one in on_references(30, 12, seed=1)]
    return History.of([dataclasses.replace(one, peak_bytes=int(one.peak_bytes * times)) for one, times in spread])


def drifting() -> History:
    """Jobs in time order, the newest of which need twice as much."""
    old, new = linear(440, noise=0.05), linear(40, seed=2, noise=0.05)
    return in_time([*old, *(dataclasses.replace(one, peak_bytes=one.peak_bytes * 2) for one in new)])


@pytest.fixture(autouse=True)
def small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    # each training fits one for each fold and block
    monkeypatch.setattr(trees, "N_TREES", 5)


@cache
def learned(kind: Callable[[], History], cap: float | None = 0.05) -> Learned:
    return learned_from(kind(), failure_cap=cap)


@pytest.mark.parametrize(("kind", "cap"), [(few, 0.02), (few, None), (referenced, 0.01), (drifting, 0.1)])
def test_at_another_cap_the_rule_is_the_one_that_is_learned_with_that_cap(
    kind: Callable[[], History], cap: float | None
) -> None:
    # of another model another rule would come
    assert learned(kind, cap).rung is learned(kind).rung
    assert at_cap(learned(kind).rule, cap) == learned(kind, cap).rule
    assert at_cap(learned(kind).rule, cap).to_dict() == learned(kind, cap).rule.to_dict()
    assert at_cap(learned(kind).rule, cap) != learned(kind).rule


def differing(found: Learned) -> set[str]:
    """What caps of 1 and 20 % decide differently."""
    strict, loose = (vars(found.rule.by_cap[cap]) for cap in (0.01, 0.2))
    return {name for name in strict if strict[name] != loose[name]}


def test_all_that_a_cap_decides_is_told_of_each() -> None:
    assert differing(learned(drifting)) == {"choices", "tracked_factor", "start_bytes", "tool_bytes"}
    rule = learned(referenced).rule
    assert len({rule.by_cap[0.05].choices[level] for level in Familiarity}) > 1
    # a stricter cap never asks for less of the tool as a whole
    asked = [rule.by_cap[cap].tool_bytes for cap in (0.01, 0.02, 0.05, 0.1, 0.2)]
    assert asked == sorted(asked, reverse=True)


@pytest.mark.parametrize("cap", [0.05, 0.03, None])
def test_at_its_own_cap_the_rule_is_itself(cap: float | None) -> None:
    rule = learned(few, cap).rule
    assert at_cap(rule, cap) == rule
    assert at_cap(at_cap(rule, 0.2), cap) == rule
    assert set(rule.by_cap) == {*CAPS, cap}


def test_a_cap_that_was_not_learned_is_refused_with_those_that_were() -> None:
    rule = learned(few, 0.03).rule
    with pytest.raises(ConfigError, match=r"failure cap 0\.04: expected one .*\(0\.01, 0\.02, 0\.03, 0\.05, .*none\)"):
        at_cap(rule, 0.04)


@pytest.mark.parametrize("cap", [0.05, 1e-05, None])
def test_a_rule_is_the_same_after_it_was_written(cap: float | None) -> None:
    rule = learned(few, cap).rule
    written = json.loads(json.dumps(rule.to_dict()))
    assert {"0.01", "0.02", "0.05", "0.1", "0.2", "none"} <= set(written["by_cap"])
    assert SizingRule.from_dict(written, rule.familiar) == rule


def test_a_tool_of_few_jobs_has_all_caps_too() -> None:
    records: list[JobRecord] = [record(GIB * size, GIB * (1 + size % 3)) for size in range(1, 7)]
    rule = learned_from(History.of(records)).rule
    assert set(rule.by_cap) == set(CAPS)
