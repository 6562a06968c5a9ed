"""What each model that was tried is worth, on the jobs that it was fitted on and on those held out."""

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from sklearn.metrics import r2_score

from .distribution import Vector
from .history import History
from .learning import Learned
from .pricing import Offers
from .replay import replay
from .rungs import Rung
from .sample import Sample
from .search import Searched


@dataclass(frozen=True)
class Scores:
    """How a model does on some jobs.

    Parameters
    ----------
    r2 : float
        Coefficient of determination of the point predictions, in bytes.
    mape, median_ape : float
        Mean and median absolute error of the point predictions, as a share of the peak.
    under_allocated : float
        Share of jobs whose peak is above what would be requested.
    rel : float
        (Used + wasted) / used memory of these requests, see `replay`.
    """

    r2: float
    mape: float
    median_ape: float
    under_allocated: float
    rel: float


@dataclass(frozen=True)
class Outcome:
    """What one model is worth.

    Parameters
    ----------
    rung : Rung
        How it is fitted.
    parameters : dict
        The best values of the grid that was searched; none for a model without one.
    cross_validated_error : float or None
        Mean absolute error on the log scale over the folds of that search.
    train : Scores
        On the training rows, whose requests are those of models that had not seen them.
    test : Scores or None
        On the rows held out; None where there were too few to hold some out.
    seconds : float
        How long the search took.
    """

    rung: Rung
    parameters: dict[str, Any]
    cross_validated_error: Optional[float]
    train: Scores
    test: Optional[Scores]
    seconds: float


def outcome_of(searched: Searched, learned: Learned, train: Sample, test: Optional[Sample]) -> Outcome:
    """Fit a model and score it.

    Parameters
    ----------
    searched : Searched
        The model, with the best parameters that were found for it.
    learned : Learned
        What was learned from `train`, with the model's trial.
    train : Sample
        The jobs to fit on.
    test : Sample or None
        Those held out, if any.
    """
    model, trial = searched.rung.fit(train), learned.trials[searched.rung.name]

    def scores(sample: Sample, requests_bytes: Optional[Vector]) -> Scores:
        believed = model.predict(sample.matrix)
        if requests_bytes is None:
            offers = Offers.of(believed, learned.rule.typical_bytes)
            requests_bytes = offers.cheapest_bytes(trial.choice.price) * trial.choice.factor
        return _scores(believed.predicted_peaks_bytes, requests_bytes, sample.history)

    return Outcome(
        searched.rung,
        searched.parameters,
        searched.cross_validated_error,
        scores(train, trial.requests_bytes),
        scores(test, None) if test else None,
        searched.seconds,
    )


def _scores(points_bytes: Vector, requests_bytes: Vector, history: History) -> Scores:
    """Compare predictions and requests with what the jobs used; where there is no request a job counts for neither."""
    peaks_bytes, rows = history.peaks_bytes, np.isfinite(requests_bytes)
    errors = np.abs(points_bytes / peaks_bytes - 1)
    outcome = replay(requests_bytes[rows], peaks_bytes[rows], history.run_hours[rows])
    return Scores(
        r2=float(r2_score(peaks_bytes, points_bytes)),
        mape=float(errors.mean()),
        median_ape=float(np.median(errors)),
        under_allocated=outcome.failure_rate,
        rel=outcome.rel,
    )
