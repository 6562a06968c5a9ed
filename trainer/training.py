"""From the records of one tool to its bundle: every candidate is searched, scored and compared, the best is kept."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import Pipeline

from galaxy_memory_rules.errors import ConfigError

from . import sizing
from .bundle import Bundle, Model
from .candidates import Candidate
from .distribution import Distribution, Vector
from .facts import facts_of
from .features import FeatureSchema, Matrix
from .flatten import flatten
from .neighbours import Neighbours
from .policy import SizingRule
from .records import ToolRecords
from .regressor import Regressor
from .replay import replay
from .sample import Sample, split, usable

Progress = Callable[[], object]


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
class Fitted:
    """A model with what it is worth.

    Parameters
    ----------
    model : Forest or Regressor
        Fitted on all rows of a sample.
    choice : sizing.Choice
        What to request of its distributions, chosen on rows that the models of the folds had not seen.
    """

    model: Model
    choice: sizing.Choice


@dataclass(frozen=True)
class Outcome:
    """What the search over one candidate's grid found.

    Parameters
    ----------
    candidate : Candidate
        The entry of models.json.
    best : Pipeline
        Its best combination, fitted on the training rows.
    parameters : dict
        The values of that combination.
    cross_validated_error : float
        Mean absolute error on the log scale over the folds.
    train, test : Scores
        On the training rows and on those held out.
    seconds : float
        How long the search took.
    """

    candidate: Candidate
    best: Pipeline
    parameters: dict[str, Any]
    cross_validated_error: float
    train: Scores
    test: Scores
    seconds: float

    def scores(self) -> dict[str, Any]:
        """Return what a bundle tells of the search."""
        error = self.cross_validated_error
        return {"cross_validated_error": error, "train": vars(self.train), "test": vars(self.test)}


def train_tool(
    found: ToolRecords, candidates: Sequence[Candidate], failure_cap: float, workers: int, progress: Progress
) -> tuple[Bundle, list[Outcome]]:
    """Train every candidate on a tool's records and build the bundle of the best one.

    Parameters
    ----------
    found : ToolRecords
        The recorded jobs.
    candidates : sequence of Candidate
        The models to try.
    failure_cap : float
        Share of first attempts that may run out of memory.
    workers : int
        Fits that run at the same time.
    progress : callable
        Called after each fit of a search.

    Returns
    -------
    bundle : Bundle
        The best model, fitted again on all records.
    outcomes : list of Outcome
        One for each candidate, in their order.

    Raises
    ------
    RecordsError
        If the records are too few, or do not vary.
    ConfigError
        If a candidate cannot be fitted with the parameters it was given.
    """
    jobs, peaks_bytes = usable(found)
    train, test = split(jobs, peaks_bytes)
    # threads: the fits release the interpreter, no matrix is copied, and Ctrl-C leaves no process behind
    with joblib.parallel_config(backend="threading", n_jobs=workers):
        outcomes = [_search(candidate, train, test, failure_cap, progress) for candidate in candidates]
        best = choose(outcomes)
        schema = FeatureSchema.learn(jobs)
        everything = Sample.of(jobs, peaks_bytes, schema)
        fitted = clone(best.best).fit(everything.matrix, everything.log_peaks)
        served = judge(fitted, best.candidate, everything, failure_cap)
    rule = SizingRule.learn(schema, jobs, peaks_bytes, failure_cap, served.choice)
    neighbours = Neighbours.learn(schema, [schema.features(job) for job in jobs])
    facts = facts_of(found, best.candidate, best.parameters, best.scores(), everything)
    return Bundle(found.tool, schema, served.model, neighbours, rule, facts), outcomes


def choose(outcomes: Sequence[Outcome]) -> Outcome:
    """Decide which candidate is served: the one with the least cross-validated error."""
    return min(outcomes, key=lambda outcome: outcome.cross_validated_error)


def judge(fitted: Pipeline, candidate: Candidate, sample: Sample, failure_cap: float) -> Fitted:
    """Turn a fitted pipeline into a model, and choose what to request of it by replay on the folds' held-out rows.

    Parameters
    ----------
    fitted : Pipeline
        Fitted on `sample`.
    candidate : Candidate
        Which model it is.
    sample : Sample
        The rows.
    failure_cap : float
        Share of first attempts that may run out of memory.
    """
    if candidate.is_forest:
        model: Model = _forest(fitted, sample)
        unseen = _forests_of_folds(fitted, sample)
    else:
        points = cross_val_predict(
            clone(fitted), sample.matrix, sample.log_peaks, groups=sample.groups, cv=sample.folds
        )
        model = Regressor.from_residuals(fitted, sample.log_peaks - points.ravel())
        unseen = model.around(points.ravel())
    return Fitted(model, sizing.choose(unseen, sample.peaks_bytes, failure_cap))


def _forest(fitted: Pipeline, sample: Sample) -> Model:
    return flatten([tree.tree_ for tree in fitted[-1].estimators_], sample.matrix, sample.log_peaks)


def _forests_of_folds(fitted: Pipeline, sample: Sample) -> list[Distribution]:
    """Return for each row the belief of a forest that has not seen it."""

    def of_fold(kept: npt.NDArray[np.int64], held_out: npt.NDArray[np.int64]) -> list[Distribution]:
        part = sample.part(kept)
        return _forest(clone(fitted).fit(part.matrix, part.log_peaks), part).predict(sample.matrix[held_out])

    folds = list(sample.folds.split(sample.matrix, groups=sample.groups))
    beliefs = joblib.Parallel()(joblib.delayed(of_fold)(kept, held_out) for kept, held_out in folds)
    by_row = {
        int(row): belief
        for (_, held_out), of_rows in zip(folds, beliefs, strict=True)
        for row, belief in zip(held_out, of_rows, strict=True)
    }
    return [by_row[row] for row in range(len(sample.jobs))]


def score(fitted: Fitted, sample: Sample) -> Scores:
    """Compare a model's predictions and requests with what the jobs of `sample` used."""
    distributions = fitted.model.predict(sample.matrix)
    points = np.array([distribution.point_bytes for distribution in distributions], dtype=np.float64)
    errors = np.abs(points / sample.peaks_bytes - 1)
    outcome = replay(fitted.choice.requests_bytes(distributions), sample.peaks_bytes)
    return Scores(
        r2=float(r2_score(sample.peaks_bytes, points)),
        mape=float(errors.mean()),
        median_ape=float(np.median(errors)),
        under_allocated=outcome.failure_rate,
        rel=outcome.rel,
    )


def _search(candidate: Candidate, train: Sample, test: Sample, failure_cap: float, progress: Progress) -> Outcome:
    def scored(estimator: Pipeline, matrix: Matrix, log_peaks: Vector) -> float:
        progress()
        return -float(mean_absolute_error(log_peaks, estimator.predict(matrix)))

    begin = time.perf_counter()
    search = GridSearchCV(
        candidate.pipeline(), candidate.pipeline_grid(), cv=train.folds, scoring=scored, error_score="raise"
    )
    try:
        search.fit(train.matrix, train.log_peaks, groups=train.groups)
        fitted = judge(search.best_estimator_, candidate, train, failure_cap)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{candidate.name}: scikit-learn refuses it: {str(error).splitlines()[0]}") from error
    return Outcome(
        candidate,
        search.best_estimator_,
        {name.rsplit("__", 1)[1]: value for name, value in search.best_params_.items()},
        -float(search.best_score_),
        score(fitted, train),
        score(fitted, test),
        time.perf_counter() - begin,
    )
