"""Bytes, MiB and GiB."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules import memory


@pytest.mark.parametrize(
    ("text", "amount_bytes"),
    [
        ("512", 512),  # digits alone are bytes
        (4096, 4096),
        ("512 MiB", 536_870_912),  # 512 * 1024 * 1024
        ("512M", 536_870_912),  # as Slurm and HTCondor write it
        ("2g", 2_147_483_648),
        ("1.5 GiB", 1_610_612_736),  # 1.5 * 1024**3
        ("0.1 KiB", 103),  # 102.4, rounded up
        ("1TB", 1_099_511_627_776),
    ],
)
def test_amounts_are_read_as_administrators_write_them(text: str | int, amount_bytes: int) -> None:
    assert memory.parse_bytes(text) == amount_bytes


@pytest.mark.parametrize("text", ["", "-1", "many", "1.5.2 G", "12 parsecs", "inf", "nan", True, "1e9"])
def test_what_is_no_amount_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write for example 512 MiB"):
        memory.parse_bytes(text)


@given(st.integers(0, 2**60), st.integers(1, 2**40))
def test_rounding_up_gives_the_next_multiple_and_never_less(amount_bytes: int, step_bytes: int) -> None:
    rounded = memory.round_up(amount_bytes, step_bytes)
    assert rounded % step_bytes == 0
    assert amount_bytes <= rounded < amount_bytes + step_bytes


@given(st.integers(0, 2**60))
def test_mib_at_the_edge_always_hold_the_bytes(amount_bytes: int) -> None:
    assert memory.to_mib(amount_bytes) * memory.MIB >= amount_bytes


@given(st.integers(0, 2**50))
def test_a_written_amount_is_never_below_the_real_one(amount_bytes: int) -> None:
    assert memory.parse_bytes(memory.format_bytes(amount_bytes)) >= amount_bytes


def test_amounts_are_written_in_the_largest_unit_they_fill() -> None:
    # 3 GiB and one byte: 3.0000000009 GiB, rounded up to two decimals
    assert memory.format_bytes(3 * memory.GIB + 1) == "3.01 GiB"
    assert memory.format_bytes(512 * memory.MIB) == "512.00 MiB"
    assert memory.format_bytes(1023) == "1023 B"
