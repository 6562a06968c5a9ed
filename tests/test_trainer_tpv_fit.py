"""Recorded jobs -> the expression that TPV gets."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_trainer_tpv_rules import tpv

from galaxy_memory_rules.memory import GIB
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, InputDataset, JobDescription
from trainer.distribution import Vector
from trainer.history import History
from trainer.learning import Settings
from trainer.sizing_rule import Limits
from trainer.tpv_expression import CONSTANT, TOTAL, UNPACKED, Basis, MemoryExpression, of_parameter
from trainer.tpv_fit import bases_of, fit
from trainer.tpv_lines import Bounded, families
from trainer.unseen import PRICES

READS = of_parameter("library|reads")


def job(reads_gib: float, genome_gib: float = 0, extension: str = "fastqsanger") -> JobDescription:
    inputs = (InputDataset("library|reads", round(reads_gib * GIB), extension),)
    genome = (InputDataset("genome", round(genome_gib * GIB), "fasta"),) if genome_gib else ()
    return JobDescription("sort", "1", inputs + genome)


def history(jobs: Sequence[JobDescription], peaks_gib: Vector, timed: bool = False) -> History:
    count = len(jobs)
    unknown = np.full(count, np.nan)
    times = np.arange(count, dtype=np.float64) if timed else unknown
    return History(jobs, peaks_gib * GIB, np.ones(count), unknown, times, np.zeros(count, dtype=np.bool_))


def spread(count: int, share: float) -> Vector:
    return 1 + np.random.default_rng(7).uniform(-share, share, count)


def failures(expression: MemoryExpression, jobs: History) -> float:
    return float((expression.requests_bytes(jobs.jobs) < jobs.peaks_bytes).mean())


@pytest.mark.parametrize("timed", [False, True])
def test_a_line_is_found_and_keeps_the_cap_on_other_jobs(timed: bool) -> None:
    sizes = np.random.default_rng(1).uniform(0.1, 20, 1200)
    peaks = (2 + 3 * sizes) * spread(1200, 0.1)
    past = history([job(size) for size in sizes[:800]], peaks[:800], timed)
    found = fit(past, bases_of(past, True), Settings())
    assert found.basis == TOTAL
    # of errors between -10 and 10 % those above 9 % are 5 % of all
    assert found.slope == pytest.approx(3 * 1.09, rel=0.03)
    assert found.start_gib == pytest.approx(2 * 1.09, rel=0.2)
    assert failures(found, history([job(size) for size in sizes[800:]], peaks[800:])) < 0.08


def test_what_the_memory_follows_is_what_the_expression_asks_for() -> None:
    random = np.random.default_rng(2)
    reads, genomes = random.uniform(1, 9, 300), random.uniform(1, 90, 300)
    jobs = [job(size, genome) for size, genome in zip(reads, genomes, strict=True)]
    past = history(jobs, 4 * reads * spread(300, 0.02))
    assert fit(past, bases_of(past, True), Settings()).basis == READS
    # of records whose names TPV would not find nothing but totals are asked
    assert [basis.name for basis in bases_of(past, False)] == ["0", "input_size"]


def test_packed_reads_count_as_tpv_unpacks_them() -> None:
    sizes = np.random.default_rng(3).uniform(1, 9, 300)
    packed = np.arange(300) % 2 == 0
    jobs = [job(size, extension="fastq.gz" if gz else "fastq") for size, gz in zip(sizes, packed, strict=True)]
    past = history(jobs, sizes * np.where(packed, 3.4, 1) * spread(300, 0.02))
    found = fit(past, bases_of(past, True), Settings())
    assert found.basis == UNPACKED
    assert found.slope == pytest.approx(1.02, abs=0.03)


def test_an_input_that_few_jobs_have_is_not_asked_for() -> None:
    jobs = [job(1 + number % 7, number % 3 == 0) for number in range(30)]
    assert [basis.name for basis in bases_of(history(jobs, np.ones(30)), True)] == [
        "0",
        "input_size",
        # of the same size as the unpacked total where nothing is packed, and simpler than it is
        'helpers.get_input_size(job, "library|reads")',
    ]


def test_a_tool_that_ignores_its_inputs_gets_a_number() -> None:
    sizes = np.random.default_rng(4).uniform(1, 9, 200)
    past = history([job(size) for size in sizes], 5 * spread(200, 0.01))
    found = fit(past, bases_of(past, True), Settings())
    assert (found.basis, found.text) == (CONSTANT, f"{found.start_gib:g}")
    assert 5 < float(found.text) <= 5.1


def test_a_peak_that_stops_to_rise_is_not_asked_for_more() -> None:
    sizes = np.random.default_rng(5).uniform(0, 20, 400)
    past = history([job(size) for size in sizes], np.minimum(1 + 2 * sizes, 10) * spread(400, 0.02))
    found = fit(past, [CONSTANT, TOTAL], Settings())
    assert found.ceiling_gib == pytest.approx(10.2, rel=0.06)


def test_a_stricter_cap_asks_for_more() -> None:
    sizes = np.random.default_rng(6).uniform(1, 9, 400)
    past = history([job(size) for size in sizes], sizes * np.exp(np.random.default_rng(8).normal(0, 0.3, 400)))
    strict, usual = (fit(past, [TOTAL], Settings(failure_cap=cap)) for cap in (0.01, 0.2))
    assert failures(strict, past) < 0.02 < failures(usual, past) <= 0.2
    assert strict.requests_bytes(past.jobs).mean() > 1.2 * usual.requests_bytes(past.jobs).mean()


def test_the_administrators_floor_and_ceiling_are_in_the_expression() -> None:
    sizes = np.random.default_rng(6).uniform(1, 9, 100)
    past = history([job(size) for size in sizes], 3 * sizes)
    limits = Limits(floor_bytes=6 * GIB, ceiling_bytes=20 * GIB)
    requests = fit(past, [TOTAL], Settings(limits=limits)).requests_bytes([job(0), job(50)])
    assert requests.tolist() == [6 * GIB, 20 * GIB]


def test_tools_without_inputs_and_with_equal_ones_are_done() -> None:
    peaks = np.linspace(1, 2, 30)
    for jobs in ([JobDescription("sort")] * 30, [job(3)] * 30):
        past = history(jobs, peaks)
        found = fit(past, bases_of(past, True), Settings())
        assert found.slope == 0
        assert failures(found, past) <= 0.05


def test_each_line_of_a_family_is_as_high_as_the_one_before() -> None:
    sizes = np.random.default_rng(9).uniform(0, 9, 100) * GIB
    peaks = (GIB + 2 * sizes) * spread(100, 0.4)
    for lines in families(sizes, peaks).values():
        heights = np.array([line(sizes).mean() for line in lines])
        assert len(heights) == len(PRICES)
        assert (np.diff(heights) >= 0).all()
        # the last one is enough for all
        assert (lines[-1](sizes) >= peaks * (1 - 1e-9)).all()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (Bounded(2.501 * GIB, 1.2301, 0.5 * GIB, 60.01 * GIB), "min(max(2.51 + 1.24 * input_size, 0.5), 60.1)"),
        (Bounded(2.5 * GIB, 1.23, 0.5 * GIB), "min(max(2.5 + 1.23 * input_size, 0.5), 64)"),
        (Bounded(-2.509 * GIB, 1.23, 0.5 * GIB), "min(max(-2.5 + 1.23 * input_size, 0.5), 64)"),
        (Bounded(0, 0.000123401, 0.5 * GIB, 99 * GIB), "min(max(0.000124 * input_size, 0.5), 64)"),
        (Bounded(2.501 * GIB, 0, 3 * GIB), "3"),
        (Bounded(99 * GIB, 0, 3 * GIB), "64"),
    ],
)
def test_numbers_are_short_and_rounded_up(line: Bounded, text: str) -> None:
    assert MemoryExpression.rounded(TOTAL, line, Limits(ceiling_bytes=64 * GIB)).text == text


@given(st.floats(1, 1e15), st.floats(0, 1e4), st.floats(1, 1e13), st.floats(1, 1e15) | st.just(np.inf))
def test_no_rounding_asks_for_less(start: float, slope: float, least: float, most: float) -> None:
    line = Bounded(start, slope, least, most)
    rounded = MemoryExpression.rounded(TOTAL, line, Limits())
    jobs = [job(size) for size in (0, 0.1, 30, 4000)]
    asked = np.minimum(line(TOTAL.sizes_bytes(jobs)), MAX_SIZE_BYTES)
    assert (rounded.requests_bytes(jobs) >= asked * (1 - 1e-6)).all()
    # three digits are within a percent
    assert (rounded.requests_bytes(jobs) <= asked * 1.011 + 1).all()


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
INPUTS = st.lists(
    st.builds(
        InputDataset,
        st.sampled_from(["reads", "lib|reads", "lib|reads2", "a.b"]) | NAMES,
        st.none() | st.integers(0, 10**13),
        st.none() | st.sampled_from(["fastq", "fastq.gz", "x.bz2"]),
    ),
    max_size=4,
)


@settings(max_examples=60)
@given(
    st.sampled_from([TOTAL, UNPACKED]) | st.builds(of_parameter, st.sampled_from(["reads", "lib|reads"]) | NAMES),
    st.builds(Bounded, st.floats(-1e12, 1e13), st.floats(0, 1e3), st.floats(1e4, 1e12), st.floats(1e6, 1e13)),
    st.lists(INPUTS, min_size=1, max_size=4),
)
def test_our_own_reader_of_tpv_files_reads_the_same_requests_back(
    basis: Basis, line: Bounded, inputs: list[list[InputDataset]]
) -> None:
    expression = MemoryExpression.rounded(basis, line, Limits())
    jobs = [replace(job(0), inputs=tuple(datasets)) for datasets in inputs]
    with tempfile.TemporaryDirectory() as folder:
        rules = tpv(yaml.safe_dump({"tools": {"sort$": {"mem": expression.text}}}), Path(folder))
        assert [rules.memory_bytes(one) for one in jobs] == expression.requests_bytes(jobs).tolist()
        assert rules.skipped == ()
