"""Amounts of memory as each scheduler writes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules.amounts import BATCH, DOCKER, HTCONDOR, KUBERNETES, SGE, SLURM, Amount

KIB, MIB, GIB = 1024, 1024**2, 1024**3
ALL = {"slurm": SLURM, "sge": SGE, "batch": BATCH, "htcondor": HTCONDOR, "kubernetes": KUBERNETES, "docker": DOCKER}


@pytest.mark.parametrize(
    ("amount", "value", "read_bytes"),
    [
        (SLURM, "8192", 8 * GIB),
        (SLURM, 8192, 8 * GIB),
        (SLURM, 8192.0, 8 * GIB),
        (SLURM, " 8G ", 8 * GIB),
        (SLURM, "0", None),
        (SLURM, "8P", None),
        (SLURM, "all", None),
        (SGE, "4g", 4 * 1000**3),
        (SGE, "4G", 4 * GIB),
        (SGE, "1.5G", 1536 * MIB),
        (SGE, "4096", 4096),
        (BATCH, "16000", 16000 * MIB),
        (BATCH, "4gb", 4 * GIB),
        (HTCONDOR, "2048", 2 * GIB),
        (HTCONDOR, "4 GB", 4 * GIB),
        (HTCONDOR, "ifThenElse(MemoryUsage > 1, 2, 3)", None),
        (KUBERNETES, "2Gi", 2 * GIB),
        (KUBERNETES, "2gi", 2 * GIB),
        (KUBERNETES, "500M", 500 * 1000**2),
        (KUBERNETES, "129e6", 129_000_000),
        (KUBERNETES, 1073741824, GIB),
        (KUBERNETES, "0.1k", 100),
        (DOCKER, "4G", 4 * GIB),
        (DOCKER, "512m", 512 * MIB),
        (DOCKER, "4294967296", 4 * GIB),
        (DOCKER, "4194304k", 4 * GIB),
        (DOCKER, "100b", 100),
        (SLURM, None, None),
        (SLURM, True, None),
        (SLURM, [8], None),
        (SLURM, "-8", None),
        (SLURM, "9" * 5000, None),
    ],
)
def test_an_amount_is_read_as_its_scheduler_does(amount: Amount, value: Any, read_bytes: int | None) -> None:
    assert amount.read(value) == read_bytes


@pytest.mark.parametrize(
    ("amount", "like", "written"),
    [
        # 3 GiB and a byte: 3073 MiB or 4 GiB hold them
        (SLURM, "", "3073M"),
        (SLURM, "8G", "3073M"),
        (SLURM, "8192", "3073"),
        (SGE, "8192", "4G"),  # bytes
        (SGE, "8G", "4G"),
        (BATCH, "16000", "3073"),
        (BATCH, "4gb", "3073MB"),
        (HTCONDOR, "8192", "3073"),
        (HTCONDOR, "8 GB", "3073"),
        (KUBERNETES, "8Gi", "3073Mi"),
        (KUBERNETES, "8589934592", "3073Mi"),
        (DOCKER, "8G", "3073M"),
        (DOCKER, "8589934592", "3073M"),
    ],
)
def test_an_amount_is_written_in_whole_units_that_hold_it(amount: Amount, like: str, written: str) -> None:
    assert amount.write(3 * GIB + 1, like) == written


@given(
    st.sampled_from(sorted(ALL)),
    st.integers(1, 2**60),
    st.sampled_from(["", "8192", "8G", "8g", "4gb", "2Gi"]) | st.text(),
)
def test_what_is_written_is_read_back_as_at_least_as_much_and_less_than_a_unit_more(
    name: str, amount_bytes: int, like: str
) -> None:
    amount = ALL[name]
    read_bytes = amount.read(amount.write(amount_bytes, like))
    assert read_bytes is not None
    assert amount_bytes <= read_bytes < amount_bytes + amount.unit_bytes
