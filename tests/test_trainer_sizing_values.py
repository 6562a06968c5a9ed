"""What an administrator writes into sizing.yml."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from test_trainer_sizing_config import SCALARS

from galaxy_memory_rules.memory import GIB, TIB
from galaxy_memory_rules.values import parse_amount, parse_amount_above_0, parse_mapping
from trainer.sizing_values import parse_cap, parse_ceiling, parse_paths


@pytest.mark.parametrize(
    ("cap", "share"),
    [
        ("0.1", 0.1),
        ("5e-2", 0.05),  # which YAML 1.1 takes for a text, as it has no sign
        ("'0.1'", 0.1),
        (".5", 0.5),
        ("none", None),
        ("None", None),
        ("null", None),
        ("~", None),
    ],
)
def test_a_cap_is_a_share_or_none(cap: str, share: float | None) -> None:
    assert parse_cap(yaml.safe_load(cap)) == share


@pytest.mark.parametrize(
    "cap",
    ["0", "1", "0.0", "1.0", "-0.1", "5", "5 %", "true", "no", ".nan", ".inf", "nan", "inf", "''", "[0.1]", "0.0.5"],
)
def test_another_cap_is_refused(cap: str) -> None:
    with pytest.raises(ValueError, match="^expected a share above 0 and below 1, or none; found "):
        parse_cap(yaml.safe_load(cap))


@given(cap=st.one_of(SCALARS, st.floats(0, 1), st.floats().map(str)))
def test_a_cap_is_inside_or_none_or_refused(cap: object) -> None:
    try:
        share = parse_cap(cap)
    except ValueError:
        return
    assert share is None or 0 < share < 1


def test_an_amount_is_a_number_of_bytes_or_has_its_unit() -> None:
    assert [parse_amount(value) for value in (0, 1000, "64 GiB", "2T")] == [0, 1000, 64 * GIB, 2 * TIB]


# 1.5 bytes: half of what; true: a number only to Python; 8 PiB is 2**53 bytes, one too many
@pytest.mark.parametrize("value", [-1, 1.5, True, None, "lots", [1], "8192 TiB", 2**53])
def test_another_amount_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="^expected an amount of memory from 0 B to 8192.00 TiB"):
        parse_amount(value)


def test_a_step_or_a_node_has_at_least_a_byte() -> None:
    assert parse_amount_above_0(1) == 1
    with pytest.raises(ValueError, match="^expected an amount of memory from 1 B"):
        parse_amount_above_0(0)


def test_no_ceiling_is_above_the_largest_node() -> None:
    found = [parse_ceiling(value, node_bytes=TIB) for value in (None, "none", "64 GiB", "1 TiB")]
    assert found == [TIB, TIB, 64 * GIB, TIB]
    with pytest.raises(ValueError, match="^expected an amount not above the largest node's 1.00 TiB, found '2 TiB'"):
        parse_ceiling("2 TiB", node_bytes=TIB)


def test_settings_may_all_be_commented_out() -> None:
    assert parse_mapping(None) == {}
    assert parse_paths(None, Path()) == []
