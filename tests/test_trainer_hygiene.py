"""What a model may learn from: impossible, repeated, unlike and censored records."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import hygiene
from trainer.hygiene import Cleaned, clean, find_spike
from trainer.readers import read
from trainer.records import JobRecord

GIB = 1024**3
TIB = 1024**4
DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded jobs of Galaxy servers in {DATA}")


def record(size_bytes: int, peak_bytes: int, **more: Any) -> JobRecord:
    return replace(JobRecord(JobDescription("tool", inputs=(InputDataset("in", size_bytes),)), peak_bytes), **more)


def linear_tool(count: int = 200) -> list[JobRecord]:
    """Jobs that need 1 GiB and twice their input of 1 to `count` MiB."""
    return [record(2**20 * size, GIB + 2**21 * size) for size in range(1, count + 1)]


def recorded(name: str) -> list[JobRecord]:
    label = "memory.max_usage_in_bytes" if name.endswith(".csv") else "memory_bytes"
    return read(DATA / name, label)[0].records


def refused(records: list[JobRecord], cleaned: Cleaned) -> list[JobRecord]:
    kept = {id(one) for one in cleaned.records}
    return [one for one in records if id(one) not in kept]


def test_nothing_is_refused_of_a_tool_without_faults() -> None:
    records = linear_tool()
    cleaned = clean(records)
    assert cleaned.records == records
    assert not cleaned.censored.any()
    assert (cleaned.dropped, cleaned.flagged, cleaned.limit_bytes) == (Counter(), Counter(), None)


def test_no_records_are_left_as_they_are() -> None:
    assert clean([]).records == []
    assert clean([]).censored.shape == (0,)


@pytest.mark.parametrize(
    ("faulty", "reason"),
    [
        (record(1, 0), "peak not above 0"),
        (record(1, 4 * TIB + 1), "peak above the largest node's 4.00 TiB"),
        (record(1, 8 * GIB + 1, limit_bytes=GIB), "peak above 8 times the assigned memory"),
        (record(1, 8 * GIB + 1, requested_bytes=GIB), "peak above 8 times the assigned memory"),
    ],
)
def test_an_impossible_peak_is_refused_with_its_reason(faulty: JobRecord, reason: str) -> None:
    cleaned = clean([faulty, record(1, GIB)])
    assert cleaned.records == [record(1, GIB)]
    assert cleaned.dropped == {reason: 1}


def test_the_largest_possible_peaks_are_kept() -> None:
    possible = [
        record(1, 4 * TIB),
        record(1, 8 * GIB, limit_bytes=GIB),
        # confined to twice what had been requested: the limit counts
        record(1, 9 * GIB, limit_bytes=2 * GIB, requested_bytes=GIB),
    ]
    assert clean(possible).records == possible


def test_no_peak_is_above_the_memory_of_the_largest_node_where_it_is_told() -> None:
    cleaned = clean([record(1, 64 * GIB), record(2, 64 * GIB + 1)], node_bytes=64 * GIB)
    assert cleaned.records == [record(1, 64 * GIB)]
    assert cleaned.dropped == {"peak above the largest node's 64.00 GiB": 1}


def test_a_repeated_row_counts_once() -> None:
    one = record(1, GIB, created_seconds=5.0, run_seconds=2.0)
    others = [replace(one, created_seconds=6.0), replace(one, run_seconds=3.0), record(1, GIB), record(2, GIB)]
    parameters = [replace(one, job=replace(one.job, parameters={"p": value})) for value in ("a", "b")]
    again = replace(one, job=replace(one.job, parameters={"p": "a"}))
    cleaned = clean([one, *others, one, *parameters, again])
    assert cleaned.records == [one, *others, *parameters]
    assert cleaned.dropped == {"repeats another row": 2}


@pytest.mark.parametrize("times", [5, 30, 500])
def test_peaks_far_above_those_of_similar_jobs_are_refused(times: int) -> None:
    records = linear_tool()
    # 5 % of the rows; the 0.9 quantile of all is about 1.4 GiB
    faulty = [replace(one, peak_bytes=one.peak_bytes * times, run_seconds=1.0) for one in records[5::20]]
    cleaned = clean([*records, *faulty])
    assert cleaned.records == records
    assert cleaned.dropped == {"peak above 4 times what similar jobs use": 10}


def test_a_tool_with_two_modes_loses_none_of_its_rows() -> None:
    # one job in eight needs 50 GiB, whatever its inputs
    records = [
        replace(one, peak_bytes=50 * GIB + row) if row % 8 == 0 else one for row, one in enumerate(linear_tool())
    ]
    assert clean(records).dropped == {}


def test_below_30_rows_nobody_can_say_what_is_unlike() -> None:
    records = [*linear_tool(28), record(1, 500 * GIB)]
    assert clean(records).records == records
    assert clean([*records, record(2**30, GIB)]).dropped == {"peak above 4 times what similar jobs use": 1}


def test_jobs_that_are_all_described_alike_are_judged_too() -> None:
    records = [record(1, GIB + row) for row in range(100)]
    assert clean([*records, record(1, 100 * GIB)]).records == records


def test_a_job_killed_for_its_memory_is_kept_and_its_peak_marked_as_a_limits() -> None:
    killed = record(2**20, 40 * GIB, outcome="out_of_memory")
    cleaned = clean([*linear_tool(), killed])
    assert cleaned.records[-1] == killed
    assert cleaned.censored.tolist() == [False] * 200 + [True]
    assert cleaned.flagged == {"killed for its memory, needs more than its peak": 1}


@pytest.mark.parametrize("count", [10, 200])
def test_a_failed_job_is_kept_only_where_it_used_as_much_as_similar_jobs(count: int) -> None:
    # similar jobs used about 1 GiB
    early, late = (record(2**20, peak, outcome="failed") for peak in (GIB // 2, 2 * GIB))
    cleaned = clean([*linear_tool(count), early, late])
    assert cleaned.records == [*linear_tool(count), late]
    assert cleaned.dropped == {"failed before it used what similar jobs use": 1}
    assert cleaned.flagged == {"failed, may need more than its peak": 1}
    # it may need more, but no limit is known to have stopped it
    assert not cleaned.censored.any()


def test_failed_jobs_alone_tell_nothing() -> None:
    assert clean([record(size, GIB, outcome="failed") for size in range(50)]).records == []


def test_a_peak_at_its_own_limit_is_marked() -> None:
    # 0.97 of 100 MiB is 97 MiB
    records = [record(1, 97 * 2**20, limit_bytes=100 * 2**20), record(2, 96 * 2**20, limit_bytes=100 * 2**20)]
    cleaned = clean([*records, record(3, GIB, limit_bytes=4 * GIB)])
    assert cleaned.censored.tolist() == [True, False, False]
    assert cleaned.flagged == {"at its memory limit": 1}
    assert cleaned.limit_bytes == 100 * 2**20


def test_rows_at_a_limit_that_nobody_told_are_marked() -> None:
    # 1 to 2.17 GiB in steps of 4 MiB, cut off at 2 GiB or a few pages of 4 KiB below it
    uncut = [record(size, GIB + size * 2**22) for size in range(1, 301)]
    cut = [replace(one, peak_bytes=min(one.peak_bytes, 2 * GIB - 4096 * (row % 3))) for row, one in enumerate(uncut)]
    cleaned = clean(cut)
    assert cleaned.limit_bytes == pytest.approx(2 * GIB, rel=1e-4)
    # 256 to 300 steps reach the limit, and 251 to 255 come within 1 % of it, 20.48 MiB
    assert int(cleaned.censored.sum()) == cleaned.flagged["at a limit seen in the tool's peaks"] == 45 + 5


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.02, 2), count=st.integers(30, 3000))
def test_smooth_tails_are_no_limit(seed: int, spread: float, count: int) -> None:
    draw = np.random.default_rng(seed)
    assert find_spike(GIB * np.exp(spread * draw.standard_normal(count))) is None


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), jitter=st.floats(0, 0.02), count=st.integers(1, 3000))
def test_nearly_constant_tools_have_no_limit(seed: int, jitter: float, count: int) -> None:
    draw = np.random.default_rng(seed)
    assert find_spike(GIB * (1 + jitter * draw.random(count))) is None


def test_a_few_constant_peaks_are_no_limit() -> None:
    assert find_spike(np.repeat([1.0, 2.0, 4.0], [700, 200, 100]) * GIB) is None


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.5, 1.5), share=st.floats(0.05, 0.3))
def test_a_smooth_tail_that_is_cut_off_shows_its_limit(seed: int, spread: float, share: float) -> None:
    draw = np.random.default_rng(seed)
    peaks = np.exp(spread * draw.standard_normal(2000)) * GIB
    limit = float(np.quantile(peaks, 1 - share))
    # a limit is reached within 0.3 %, as usegalaxy.org's is
    cut = np.where(peaks >= limit, limit * (1 - 0.003 * draw.random(2000)), peaks)
    assert find_spike(cut) == pytest.approx(limit, rel=0.003)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 2**33),
            st.integers(0, 2**43),
            st.sampled_from(["ok", "failed", "out_of_memory"]),
            st.sampled_from([None, GIB, 32 * GIB]),
        ),
        max_size=60,
    )
)
def test_every_row_is_kept_in_its_order_or_counted_once(
    rows: list[tuple[int, int, str, int | None]],
) -> None:
    records = [record(size, peak, outcome=outcome, limit_bytes=limit) for size, peak, outcome, limit in rows]
    cleaned = clean(records)
    assert len(cleaned.records) + cleaned.dropped.total() == len(records) == len(rows)
    assert len(cleaned.censored) == len(cleaned.records)
    left = iter(records)
    assert all(any(kept is one for one in left) for kept in cleaned.records)
    # what was kept has no repeats, and no impossible peak
    assert hygiene.REPEATED not in clean(cleaned.records).dropped
    assert all(one.peak_bytes > 0 for one in cleaned.records)


@needs_data
@pytest.mark.parametrize(
    ("name", "limit_bytes", "censored_share"),
    [
        ("usegalaxy_org/hisat2.csv", 30 * GIB, 0.11),
        ("usegalaxy_org/bowtie2.csv", 30 * GIB, 0.017),
        ("usegalaxy_eu/fastqc.txt", None, 0),
        ("usegalaxy_eu/fastp.txt", None, 0),
        ("usegalaxy_eu/cutadapt.txt", None, 0),
        ("usegalaxy_eu/trinity.txt", None, 0),
    ],
)
def test_real_records_lose_no_good_rows_and_show_their_limit(
    name: str, limit_bytes: int | None, censored_share: float
) -> None:
    records = recorded(name)
    cleaned = clean(records)
    assert cleaned.dropped[hygiene.UNLIKE_SIMILAR] <= 0.001 * len(records)
    assert cleaned.limit_bytes == (limit_bytes and pytest.approx(limit_bytes, rel=1e-3))
    assert float(cleaned.censored.mean()) == pytest.approx(censored_share, abs=0.003)


@needs_data
def test_what_rna_star_loses_are_readings_that_other_jobs_have_too_to_the_byte() -> None:
    records = recorded("usegalaxy_eu/rna_star.txt")
    times_read = Counter(one.peak_bytes for one in records)
    unlike = refused(records, clean(records))
    # 686,150,561,792 bytes for 0.2 GB of input, and for 11 GB: not these jobs' own
    assert sum(times_read[one.peak_bytes] == 1 for one in unlike) <= 0.0015 * len(records)
    assert len(unlike) <= 0.011 * len(records)


@needs_data
def test_of_the_faulty_readings_of_fastqc_nearly_all_are_refused() -> None:
    records = recorded("usegalaxy_eu/fastqc-0.72-with-faulty-rows.txt")
    peaks = [one.peak_bytes for one in refused(records, clean(records))]
    # 4 GB were assigned: 319 rows are above 8 times that, and what is below 2 times that is good
    assert sum(peak > 32e9 for peak in peaks) >= 0.98 * 319
    assert sum(peak <= 8e9 for peak in peaks) <= 0.0015 * len(records)


def test_a_job_that_two_exports_tell_is_one_and_jobs_of_their_own_ids_are_two() -> None:
    known = record(5, 100, job_id="7", server="eu")
    again, elsewhere = replace(known, peak_bytes=101), replace(known, server="org")
    retried = replace(known, job=replace(known.job, attempt=2))
    cleaned = clean([known, again, elsewhere, retried, replace(known, job_id="8")])
    assert len(cleaned.records) == 4
    assert cleaned.dropped == {"repeats another row": 1}
