"""Models of a few numbers: a constant, a line in bytes and a log-linear line, each with the spread of its errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError

from .distribution import Beliefs, Grid, Vector
from .features import LARGEST, REFERENCE, TOTAL, FeatureSchema, Matrix

# The residuals' spread is kept at this many evenly spaced levels.
LEVELS = 201
# The sizes that a line in bytes may rise with.
_SIZES = (TOTAL, LARGEST, REFERENCE)
_LEAST_BYTES = 1.0
# Rounds of reweighting; the coefficients stand still after five.
_ROUNDS = 8


@dataclass(frozen=True)
class Line:
    """A peak that rises with sizes: ``start + sum(slope * bytes)``, or with the total's logarithm where `is_log`.

    Parameters
    ----------
    columns : int array of shape (n_sizes,)
        Columns of the model's matrix, each log(1 + bytes); none for a constant.
    coefficients : array of shape (1 + n_sizes,)
        Start and slopes: in bytes and bytes a byte, or of the logarithms.
    is_log : bool
        Whether it is a line between logarithms.
    residuals : Grid of LEVELS edges
        Quantiles of (recorded - predicted log peak), ascending.
    """

    columns: npt.NDArray[np.int64]
    coefficients: Vector
    is_log: bool
    residuals: Grid

    def predict(self, matrix: Matrix) -> Beliefs:
        """Return the predictive distribution of each row."""
        return Beliefs.around(_points(self.columns, self.coefficients, self.is_log, matrix), self.residuals)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return {
            "line_columns": self.columns.astype("<i4"),
            "coefficients": self.coefficients.astype("<f8"),
            "residuals": self.residuals.edges.astype("<f8"),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], is_log: bool, n_columns: int) -> "Line":
        """Build from arrays, after checking that they fit.

        Raises
        ------
        BundleError
            If an array is missing, or does not fit the model's columns.
        """
        columns, coefficients, residuals = (
            arrays.get(name, np.zeros((0, 0))) for name in ("line_columns", "coefficients", "residuals")
        )
        fits = columns.dtype.kind == "i" and columns.ndim == 1 and coefficients.shape == (1 + len(columns),)
        finite = coefficients.dtype.kind == "f" and residuals.dtype.kind == "f" and residuals.shape == (LEVELS,)
        if not fits or not finite or not np.isfinite([*coefficients, *residuals]).all():
            raise BundleError("line_columns, coefficients, residuals: not those of a line; train this tool again")
        if ((columns < 0) | (columns >= n_columns)).any() or (np.diff(residuals) < 0).any():
            raise BundleError("line_columns, residuals: out of range; train this tool again")
        return cls(
            columns.astype(np.int64), coefficients.astype(np.float64), is_log, Grid(residuals.astype(np.float64))
        )


def constant(log_peaks: Vector) -> Line:
    """Fit a constant: the median, with the spread of all peaks."""
    start = np.array([np.exp(np.median(log_peaks))])
    return _with_residuals(np.zeros(0, dtype=np.int64), start, False, np.zeros((len(log_peaks), 0)), log_peaks)


def line_in_bytes(schema: FeatureSchema, matrix: Matrix, log_peaks: Vector) -> Line:
    """Fit a line whose start and slopes are never negative, by its errors relative to what it predicts.

    Iteratively reweighted non-negative least squares (Lawson & Hanson 1974): rows count by 1 / predicted, as memory
    varies in proportion to itself, and less where they lie far off.
    """
    columns = np.array([schema.columns.index(name) for name in _SIZES if name in schema.columns], dtype=np.int64)
    coefficients = start_and_slopes(np.expm1(matrix[:, columns].astype(np.float64)), log_peaks)
    return _with_residuals(columns, coefficients, False, matrix, log_peaks)


def start_and_slopes(sizes_bytes: Vector, log_peaks: Vector) -> Vector:
    """Fit a line as `line_in_bytes` does.

    Parameters
    ----------
    sizes_bytes : array of shape (n_rows, n_sizes)
        What the peak may rise with.
    log_peaks : array of shape (n_rows,)
        Natural logarithms of bytes.

    Returns
    -------
    array of shape (1 + n_sizes,)
        The start in bytes, and bytes a byte; none is negative.
    """
    from sklearn.linear_model import LinearRegression

    peaks_bytes = np.exp(log_peaks)
    terms = np.column_stack([np.full(len(sizes_bytes), np.median(peaks_bytes)), sizes_bytes])
    scales = np.maximum(terms.max(axis=0), 1.0)
    predicted = np.full(len(sizes_bytes), np.exp(log_peaks.mean()))
    for _ in range(_ROUNDS):
        far = np.maximum(np.abs(log_peaks - np.log(predicted)) * 2, 1)
        weights = 1 / (predicted * np.sqrt(far))
        fitted = LinearRegression(positive=True, fit_intercept=False).fit(
            terms / scales * weights[:, None], peaks_bytes * weights
        )
        predicted = np.maximum(terms / scales @ fitted.coef_, _LEAST_BYTES)
    coefficients = np.asarray(fitted.coef_ / scales, dtype=np.float64)
    coefficients[0] *= terms[0, 0]
    return coefficients


def log_line(schema: FeatureSchema, matrix: Matrix, log_peaks: Vector) -> Line:
    """Fit a line between the logarithms of the total input and of the peak, by least squares; it never falls."""
    columns = np.array([schema.columns.index(TOTAL)] if TOTAL in schema.columns else [], dtype=np.int64)
    sizes = matrix[:, columns].astype(np.float64)
    spread = sizes - sizes.mean(axis=0)
    slopes = np.maximum(spread.T @ (log_peaks - log_peaks.mean()) / np.maximum((spread**2).sum(axis=0), 1e-9), 0)
    start = log_peaks.mean() - sizes.mean(axis=0) @ slopes
    return _with_residuals(columns, np.array([start, *slopes]), True, matrix, log_peaks)


def pooled_log_line(schema: FeatureSchema, matrix: Matrix, log_peaks: Vector, slope: float, spread: float) -> Line:
    """Fit a log-linear line to very few jobs, with slope and spread drawn towards those of other tools.

    Parameters
    ----------
    schema : FeatureSchema
        The tool's features.
    matrix : array of shape (n_rows, n_columns)
        The jobs.
    log_peaks : array of shape (n_rows,)
        Their peaks, natural logarithms of bytes.
    slope, spread : float
        What is usual at other tools: how the log peak rises with the log total, and the standard deviation around it.
    """
    own = log_line(schema, matrix, log_peaks)
    if not len(own.columns):
        return _normal(own.columns, own.coefficients, log_peaks - own.coefficients[0], spread)
    weight = len(log_peaks) / (len(log_peaks) + _SLOPE_JOBS)
    slope = weight * own.coefficients[1] + (1 - weight) * slope
    totals = matrix[:, own.columns[0]].astype(np.float64)
    start = log_peaks.mean() - slope * totals.mean()
    return _normal(own.columns, np.array([start, slope]), log_peaks - start - slope * totals, spread)


# How many jobs of its own weigh as much as what is known of other tools (sizing-study.md, section 4).
_SLOPE_JOBS, _SPREAD_JOBS = 20, 10


def _normal(columns: npt.NDArray[np.int64], coefficients: Vector, residuals: Vector, spread: float) -> Line:
    """Return a log-linear line with normal residuals, their variance drawn towards `spread` squared."""
    count = len(residuals)
    variance = (float(residuals @ residuals) + _SPREAD_JOBS * spread**2) / (count + _SPREAD_JOBS)
    # the start is an estimate itself
    variance *= 1 + 1 / count
    normal = NormalDist(sigma=variance**0.5)
    levels = np.clip(np.linspace(0, 1, LEVELS), 0.0005, 0.9995)
    return Line(columns, coefficients, True, Grid(np.array([normal.inv_cdf(level) for level in levels])))


def _with_residuals(
    columns: npt.NDArray[np.int64], coefficients: Vector, is_log: bool, matrix: npt.NDArray[Any], log_peaks: Vector
) -> Line:
    errors = log_peaks - _points(columns, coefficients, is_log, matrix)
    return Line(columns, coefficients, is_log, Grid(spread_of(errors)))


def spread_of(errors: Vector) -> Vector:
    """Return evenly spaced quantiles of errors, shape (LEVELS,)."""
    return np.quantile(errors, np.linspace(0, 1, LEVELS), method="higher")


def _points(columns: npt.NDArray[np.int64], coefficients: Vector, is_log: bool, matrix: npt.NDArray[Any]) -> Vector:
    sizes = matrix[:, columns].astype(np.float64)
    if is_log:
        return np.asarray(coefficients[0] + sizes @ coefficients[1:])
    return np.asarray(np.log(np.maximum(coefficients[0] + np.expm1(sizes) @ coefficients[1:], _LEAST_BYTES)))
