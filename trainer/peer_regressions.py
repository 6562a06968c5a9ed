"""The peers that size a job by its total input alone, each learned as a function from input bytes to request bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, QuantileRegressor
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsRegressor

from .candidates import SEED
from .distribution import Vector
from .history import History
from .replay import replay

# total input bytes of jobs -> their first requests in bytes, both of shape (n_jobs,)
Sizer = Callable[[Vector], Vector]

# The study fitted these peers on as many rows, and its numbers are the ones to compare with (sizing-study.md, 3).
_MOST_ROWS = 700
# 0.9999 down to the median, closer together towards the top, as in the code of Witt et al.
_QUANTILES = 1 - np.linspace(0.01, 0.7, 5) ** 2
_MARGINS = np.linspace(0, 2, 41)
_FOLDS = 5
# How much a small request counts against an accurate one: from 0 to 1 it moves rel on bowtie2 by 0.014.
_EFFICIENCY_SHARE = 0.25


@dataclass(frozen=True)
class _Line:
    """A line in total input bytes; it never asks for less than any past job used."""

    bytes_per_byte: float
    start_bytes: float
    least_bytes: float

    def __call__(self, totals_bytes: Vector) -> Vector:
        return np.maximum(self.start_bytes + self.bytes_per_byte * totals_bytes, self.least_bytes)


def witt_lr(past: History) -> Sizer:
    """Fit a least squares line and lift it by one standard deviation of its errors.

    "LR mean ±" of Witt, Wagner and Leser, Feedback-based resource allocation for batch scheduling of scientific
    workflows, HPCS 2019. The offset is in bytes: relative to the peaks it explodes on tools with tiny jobs.

    Parameters
    ----------
    past : History, of at least one job
        What to learn from.

    Returns
    -------
    Sizer
        From total input bytes to request bytes.
    """
    column = _column(past.totals_bytes)
    fitted = LinearRegression().fit(column, past.peaks_bytes)
    offset_bytes = np.std(past.peaks_bytes - fitted.predict(column))
    return _Line(fitted.coef_[0], fitted.intercept_ + offset_bytes, past.peaks_bytes.min())


def witt_low_wastage(past: History) -> Sizer:
    """Fit lines to several quantiles and keep the one with the least replayed wastage.

    Witt, van Santen and Leser, Learning low-wastage memory allocations for scientific workflows at IceCube, HPCS 2019
    (https://github.com/carlwitt/low-wastage-regression), without the local search that starts from each of the lines.

    Parameters
    ----------
    past : History, of at least one job
        What to learn from; wastage is weighted by its run times.

    Returns
    -------
    Sizer
        From total input bytes to request bytes.
    """
    rows = _sampled(past)
    totals_bytes = rows.totals_bytes
    lines = [_quantile_line(totals_bytes, rows.peaks_bytes, quantile) for quantile in _QUANTILES]
    return min(lines, key=lambda line: _wastage_gbh(line(totals_bytes), rows))


def sizey_style(past: History) -> Sizer:
    """Blend a line, nearest neighbours and a small forest, and add the margin with the least replayed wastage.

    After Bader et al., Sizey: memory-efficient execution of scientific workflow tasks, CLUSTER 2024
    (https://arxiv.org/abs/2407.16353): the models' shares are the softmax of their resource allocation quality. There
    are fewer models, no search for hyper-parameters, and the margin is chosen on jobs that the models had not seen,
    where the published code also looks at the peak of the job being sized.

    Parameters
    ----------
    past : History, of at least one job
        What to learn from; wastage is weighted by its run times.

    Returns
    -------
    Sizer
        From total input bytes to request bytes.
    """
    rows = _sampled(past)
    column, peaks_bytes, models = _column(rows.totals_bytes), rows.peaks_bytes, _models(len(rows))
    least_bytes = float(peaks_bytes.min())
    folds = min(_FOLDS, len(rows))
    unseen = [cross_val_predict(model, column, peaks_bytes, cv=folds) for model in models]
    errors = np.abs(np.maximum(unseen, least_bytes) - peaks_bytes) / peaks_bytes
    accuracies = 1 - np.minimum(errors, 1).mean(axis=1)
    blended_bytes = _blend(np.maximum(unseen, least_bytes), accuracies)
    best_margin = float(min(_MARGINS, key=lambda margin: _wastage_gbh(blended_bytes * (1 + margin), rows)))
    fitted = [model.fit(column, peaks_bytes) for model in models]

    def size(totals_bytes: Vector) -> Vector:
        guesses_bytes = [model.predict(_column(totals_bytes)) for model in fitted]
        return _blend(np.maximum(guesses_bytes, least_bytes), accuracies) * (1 + best_margin)

    return size


def _column(totals_bytes: Vector) -> Vector:
    return totals_bytes[:, np.newaxis]


def _sampled(past: History) -> History:
    rows = np.random.default_rng(SEED).permutation(len(past))[:_MOST_ROWS]
    # no fold can be left out of a single row: it stands for two
    return past.part(np.resize(rows, max(len(rows), 2)))


def _wastage_gbh(requests_bytes: Vector, jobs: History) -> float:
    return replay(requests_bytes, jobs.peaks_bytes, jobs.run_hours).wastage_gbh


def _quantile_line(totals_bytes: Vector, peaks_bytes: Vector, quantile: float) -> _Line:
    """Fit with both columns scaled to 1: the solver's tolerances are absolute."""
    x_bytes, y_bytes = float(totals_bytes.max()) or 1.0, float(peaks_bytes.max())
    fitted = QuantileRegressor(quantile=quantile, alpha=0)
    fitted.fit(_column(totals_bytes) / x_bytes, peaks_bytes / y_bytes)
    return _Line(fitted.coef_[0] * y_bytes / x_bytes, fitted.intercept_ * y_bytes, float(peaks_bytes.min()))


def _models(n_rows: int) -> list[Any]:
    # a fold trains on half of the rows at least
    neighbours = KNeighborsRegressor(min(5, n_rows // 2), weights="distance")
    return [LinearRegression(), neighbours, RandomForestRegressor(25, random_state=SEED)]


def _blend(guesses_bytes: Vector, accuracies: Vector) -> Vector:
    """Weigh guesses of shape (n_models, n_jobs) by their models' accuracy and their own smallness."""
    efficiencies = 1 - guesses_bytes / guesses_bytes.max(axis=0)
    quality = _EFFICIENCY_SHARE * efficiencies + (1 - _EFFICIENCY_SHARE) * accuracies[:, np.newaxis]
    shares = np.exp(quality) / np.exp(quality).sum(axis=0)
    return np.asarray((shares * guesses_bytes).sum(axis=0))
