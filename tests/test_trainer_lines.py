"""Models of a few numbers."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules.errors import BundleError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.distribution import Grid
from trainer.features import FeatureSchema, Matrix
from trainer.lines import LEVELS, Line, constant, line_in_bytes, log_line, pooled_log_line, spread_of

MIB = 1024**2
GIB = 1024**3


def described(sizes_bytes: Sequence[int]) -> tuple[FeatureSchema, Matrix]:
    """Jobs with one input each."""
    jobs = [JobDescription("t", inputs=(InputDataset("in", size),)) for size in sizes_bytes]
    schema = FeatureSchema.learn(jobs, {})
    return schema, schema.matrix(jobs)


SIZES = [number * 10 * MIB for number in range(1, 41)]
SCHEMA, MATRIX = described(SIZES)
BYTES = np.array(SIZES, dtype=np.float64)


def points_bytes(line: Line, matrix: Matrix = MATRIX) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.exp(line.predict(matrix).origins)


def test_a_constant_is_the_median_with_the_spread_of_all_peaks() -> None:
    line = constant(np.log(np.array([1.0, 2.0, 8.0]) * GIB))
    assert line.coefficients == pytest.approx([2 * GIB])
    # from a half of the median to four times as much
    assert np.exp(line.residuals.edges[[0, -1]]) == pytest.approx([0.5, 4])
    assert points_bytes(line) == pytest.approx(np.full(40, 2 * GIB))


def test_a_line_in_bytes_finds_start_and_slope() -> None:
    line = line_in_bytes(SCHEMA, MATRIX, np.log(100 * MIB + 2 * BYTES))
    # with one input each the largest is the total: their slopes are one together
    assert line.coefficients[0] == pytest.approx(100 * MIB, rel=1e-3)
    assert line.coefficients[1:].sum() == pytest.approx(2, rel=1e-3)
    assert points_bytes(line) == pytest.approx(100 * MIB + 2 * BYTES, rel=1e-3)
    # 100 MiB + 2 GiB, far beyond the sizes of the recorded jobs
    beyond = SCHEMA.matrix([JobDescription("t", inputs=(InputDataset("in", GIB),))])
    assert points_bytes(line, beyond) == pytest.approx([100 * MIB + 2 * GIB], rel=1e-3)


def test_a_line_in_bytes_tells_the_reads_from_the_reference() -> None:
    draw = np.random.default_rng(1)
    reads, genome = draw.integers(MIB, GIB, size=(2, 60))
    jobs = [
        JobDescription("t", inputs=(InputDataset("reads", int(size)), InputDataset("own_file", int(length), "fasta")))
        for size, length in zip(reads, genome, strict=True)
    ]
    schema = FeatureSchema.learn(jobs, {})
    # a base of the reference needs 4 bytes, one of the reads a half: 0.5 of the total and 3.5 of the reference
    peaks = 50 * MIB + 0.5 * reads + 4.0 * genome
    line = line_in_bytes(schema, schema.matrix(jobs), np.log(peaks))
    names = [schema.columns[column] for column in line.columns]
    slopes = dict(zip(["start", *names], line.coefficients, strict=True))
    assert slopes == pytest.approx(
        {"start": 50 * MIB, "total": 0.5, "largest": 0.0, "reference": 3.5}, rel=0.01, abs=0.01
    )


def test_a_job_far_off_tilts_a_line_in_bytes_less_than_least_squares_would() -> None:
    exact = 100 * MIB + 2 * BYTES
    peaks = exact.copy()
    peaks[3] *= 10
    tilted = np.abs(np.polyval(np.polyfit(BYTES, peaks, 1), BYTES) - exact)
    found = np.abs(points_bytes(line_in_bytes(SCHEMA, MATRIX, np.log(peaks))) - exact)
    assert found.mean() < tilted.mean() / 2


@pytest.mark.parametrize("fit", [line_in_bytes, log_line])
def test_a_line_never_falls(fit: type[Line]) -> None:
    line = fit(SCHEMA, MATRIX, np.log(5 * GIB - 10 * BYTES))  # type: ignore[call-arg,arg-type]
    assert (line.coefficients[1:] >= 0).all()
    assert (np.diff(points_bytes(line)) >= 0).all()


def test_a_log_linear_line_finds_a_power() -> None:
    # 1000 * total**0.5
    line = log_line(SCHEMA, MATRIX, np.log(1000 * BYTES**0.5))
    assert line.coefficients == pytest.approx([np.log(1000), 0.5], rel=1e-4)
    assert points_bytes(line) == pytest.approx(1000 * BYTES**0.5, rel=1e-4)


def test_where_all_inputs_are_of_one_size_a_line_is_a_constant() -> None:
    schema, matrix = described([GIB] * 10)
    log_peaks = np.log(np.linspace(1, 2, 10) * GIB)
    for line in (line_in_bytes(schema, matrix, log_peaks), log_line(schema, matrix, log_peaks)):
        assert len(line.columns) == 0
        assert len(set(points_bytes(line, matrix))) == 1


def test_the_spread_of_a_line_is_that_of_its_own_errors() -> None:
    # 5 bytes are doubled, the others as the line says
    noise = np.where(np.arange(40) % 8 == 0, np.log(2), 0.0)
    line = log_line(SCHEMA, MATRIX, np.log(1000 * BYTES**0.5) + noise)
    errors = np.log(1000 * BYTES**0.5) + noise - line.predict(MATRIX).origins
    assert line.residuals.edges[[0, -1]] == pytest.approx([errors.min(), errors.max()])
    assert (np.diff(line.residuals.edges) >= 0).all()


def test_levels_are_recorded_errors_and_never_between_two() -> None:
    levels = spread_of(np.array([0.0, 1.0]))
    # the lowest level is the lower one; every other one is taken up to the higher
    assert levels.tolist() == [0.0] + [1.0] * (LEVELS - 1)


def test_few_jobs_draw_their_slope_towards_that_of_other_tools() -> None:
    schema, matrix = described(SIZES[:10])
    # the ten jobs say 1, other tools 0.25: 10 / 30 * 1 + 20 / 30 * 0.25 = 0.5
    line = pooled_log_line(schema, matrix, np.log(3 * BYTES[:10]), slope=0.25, spread=0.6)
    assert line.is_log
    assert line.coefficients[1] == pytest.approx(0.5, rel=1e-4)
    # and the line runs through the middle of the ten
    assert line.predict(matrix).origins.mean() == pytest.approx(np.log(3 * BYTES[:10]).mean())


def test_few_jobs_draw_their_spread_towards_that_of_other_tools() -> None:
    schema, matrix = described([GIB] * 5)
    # two jobs 0.3 below, two 0.3 above and one at the mean: the squares sum to 4 * 0.09 = 0.36, with those of other
    # tools to 0.36 + 10 * 0.36 = 3.96, over 15: 0.264; the start is an estimate: times 1 + 1/5
    log_peaks = np.log(GIB) + np.array([-0.3, -0.3, 0.0, 0.3, 0.3])
    line = pooled_log_line(schema, matrix, log_peaks, slope=0.25, spread=0.6)
    assert line.coefficients == pytest.approx([np.log(GIB)])
    # level 195 of 0 to 200 is the 0.975 quantile, 1.96 standard deviations
    assert line.residuals.edges[195] == pytest.approx(1.96 * (0.264 * 1.2) ** 0.5, rel=1e-3)
    assert line.residuals.edges[100] == pytest.approx(0, abs=1e-12)
    # and the last is no infinity, but the 0.9995 quantile
    assert line.residuals.edges[-1] == pytest.approx(NormalDist(sigma=(0.264 * 1.2) ** 0.5).inv_cdf(0.9995))


@given(st.integers(0, 10_000))
def test_a_predicted_peak_is_at_least_a_byte(seed: int) -> None:
    draw = np.random.default_rng(seed)
    line = Line(np.zeros(0, dtype=np.int64), np.array([-draw.random() * GIB]), False, Grid(np.zeros(LEVELS)))
    assert points_bytes(line) == pytest.approx(np.ones(40))


@pytest.mark.parametrize("fit", [line_in_bytes, log_line])
def test_what_is_written_is_read_back(fit: type[Line]) -> None:
    line = fit(SCHEMA, MATRIX, np.log(100 * MIB + 2 * BYTES))  # type: ignore[call-arg,arg-type]
    again = Line.from_arrays(line.to_arrays(), line.is_log, len(SCHEMA.columns))
    assert points_bytes(again).tolist() == points_bytes(line).tolist()
    assert again.residuals.edges.tolist() == line.residuals.edges.tolist()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("line_columns", None),  # missing
        ("line_columns", np.array([99], dtype="<i4")),  # no such column
        ("line_columns", np.array([-1], dtype="<i4")),
        ("line_columns", np.array([0.0])),  # no index
        ("coefficients", np.array([1.0])),  # a start without its slope
        ("coefficients", np.array([1.0, np.nan])),
        ("coefficients", np.array([1, 2])),  # not what was written
        ("residuals", np.zeros(3)),
        ("residuals", np.linspace(1, 0, LEVELS)),  # falls
        ("residuals", np.full(LEVELS, np.inf)),
    ],
)
def test_arrays_that_are_not_those_of_a_line_are_refused(
    name: str, value: "np.ndarray[tuple[int], np.dtype[np.float64]] | None"
) -> None:
    arrays = log_line(SCHEMA, MATRIX, np.log(BYTES)).to_arrays()
    if value is None:
        del arrays[name]
    else:
        arrays[name] = value
    with pytest.raises(BundleError, match="train this tool again"):
        Line.from_arrays(arrays, True, len(SCHEMA.columns))
