"""A job's environment variables follow the request."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules.variables import followed, told_bytes

MIB, GIB = 1024**2, 1024**3


@pytest.mark.parametrize(
    ("value", "own_bytes", "after"),
    [
        # a heap of 6 of 8 GiB is 3/4; of 4 GiB that is 3072 MiB
        ("-Xmx6g", 8 * GIB, "-Xmx3072m"),
        ("-Xmx6G", 8 * GIB, "-Xmx3072m"),
        ("-Xmx6144m", 8 * GIB, "-Xmx3072m"),
        ("-Xmx6291456k", 8 * GIB, "-Xmx3072m"),
        ("-Xmx6442450944", 8 * GIB, "-Xmx3072m"),
        # it grows as well: 1 of 2 GiB
        ("-Xmx1g", 2 * GIB, "-Xmx2048m"),
        # nobody knows of how much it was: 80 % of 4096 MiB is 3276.8, and it has to fit in
        ("-Xmx6g", None, "-Xmx3276m"),
        ("-XX:+UseSerialGC -Xmx6g -Djava.io.tmpdir=/tmp", 8 * GIB, "-XX:+UseSerialGC -Xmx3072m -Djava.io.tmpdir=/tmp"),
        # a first heap above the largest one would keep java from starting
        ("-Xms6g -Xmx6g", 8 * GIB, "-Xms3072m -Xmx3072m"),
        ("-Xmx6g -Xms1g", 8 * GIB, "-Xmx3072m -Xms1g"),
        ("-Xmx6g -Xmx4g", 8 * GIB, "-Xmx3072m -Xmx2048m"),
        # java refuses less than 2 MiB
        ("-Xmx1m", 8 * GIB, "-Xmx2m"),
        # no constants, or no heaps
        ("-Xmx${GALAXY_MEMORY_MB}m", 8 * GIB, "-Xmx${GALAXY_MEMORY_MB}m"),
        ("-Xms6g -Xmx$HEAP", 8 * GIB, "-Xms6g -Xmx$HEAP"),
        ("-Xmx6gig", 8 * GIB, "-Xmx6gig"),
        ("-Xms6g", 8 * GIB, "-Xms6g"),
        ("8192", 8 * GIB, "8192"),
    ],
)
def test_a_heap_keeps_its_part_of_the_memory(value: str, own_bytes: int | None, after: str) -> None:
    entry = {"name": "_JAVA_OPTIONS", "value": value, "raw": True}
    assert followed(entry, 4 * GIB, own_bytes) == {"name": "_JAVA_OPTIONS", "value": after, "raw": True}
    assert entry["value"] == value


@pytest.mark.parametrize(
    ("value", "after"),
    # 4 GiB and a byte are 4097 MiB
    [("8192", "4097"), (8192, "4097"), ("$((8 * 1024))", "$((8 * 1024))"), ("", ""), (None, None)],
)
def test_the_memory_that_tools_are_told_follows_where_it_is_a_constant(value: Any, after: Any) -> None:
    assert followed({"name": "GALAXY_MEMORY_MB", "value": value}, 4 * GIB + 1, None)["value"] == after


@pytest.mark.parametrize(
    ("env", "known_bytes"),
    [
        ([], None),
        ([{"file": "/etc/profile"}], None),
        ([{"name": "GALAXY_MEMORY_MB", "value": "8192"}], 8 * GIB),
        ([{"name": "GALAXY_MEMORY_MB", "value": 8192}], 8 * GIB),
        ([{"name": "GALAXY_MEMORY_MB", "value": "0"}], None),
        ([{"name": "GALAXY_MEMORY_MB", "value": "$((8 * 1024))"}], None),
        ([{"name": "GALAXY_MEMORY_MB", "value": "1"}, {"name": "GALAXY_MEMORY_MB", "value": "2"}], 2 * MIB),
    ],
)
def test_what_tools_are_told_today_is_known_where_it_is_a_constant(env: Any, known_bytes: int | None) -> None:
    assert told_bytes(env) == known_bytes


@given(st.integers(1, 2**50), st.integers(1, 100), st.integers(2 * MIB, 2**53))
def test_a_heap_that_fitted_fits(own_bytes: int, percent: int, request_bytes: int) -> None:
    before = {"name": "JAVA_TOOL_OPTIONS", "value": f"-Xmx{own_bytes * percent // 100}"}
    value = followed(before, request_bytes, own_bytes)["value"]
    assert value.startswith("-Xmx")
    assert int(value[4:-1]) * MIB <= request_bytes
