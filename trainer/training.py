"""From the records of one tool to its bundle: every candidate is searched, scored and compared, the best is kept."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.base import clone
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, train_test_split
from sklearn.pipeline import Pipeline

from galaxy_memory_rules import __version__
from galaxy_memory_rules.errors import ConfigError, RecordsError
from galaxy_memory_rules.messages import JobDescription

from .bundle import Bundle, Model
from .candidates import SEED, Candidate
from .distribution import Vector
from .features import FeatureSchema, Matrix
from .flatten import flatten
from .neighbours import Neighbours
from .policy import SizingRule
from .records import ToolRecords
from .regressor import Regressor

# With fewer rows neither a fold nor a test share says anything.
MIN_ROWS = 30
TEST_SHARE = 0.2
FOLDS = 5

Progress = Callable[[], object]


@dataclass(frozen=True)
class Sample:
    """Jobs as a model is fitted on them.

    Parameters
    ----------
    jobs : sequence of JobDescription, of length n_rows
        What was known before each job.
    schema : FeatureSchema
        Learned from a sample's own jobs, or from those it is compared with.
    matrix : array of shape (n_rows, n_columns)
        The jobs as the schema's rows.
    peaks_bytes : array of shape (n_rows,)
        What each job used at most.
    groups : int array of shape (n_rows,)
        The same number for jobs with identical inputs.
    """

    jobs: Sequence[JobDescription]
    schema: FeatureSchema
    matrix: Matrix
    peaks_bytes: Vector
    groups: npt.NDArray[np.int64]

    @classmethod
    def of(cls, jobs: Sequence[JobDescription], peaks_bytes: Vector, schema: FeatureSchema) -> "Sample":
        """Describe `jobs` by `schema`."""
        numbers: dict[Any, int] = {}
        groups = np.array([numbers.setdefault(job.inputs, len(numbers)) for job in jobs], dtype=np.int64)
        return cls(jobs, schema, schema.matrix(jobs), peaks_bytes, groups)

    @property
    def log_peaks(self) -> Vector:
        """The target: on the log scale a forest's errors on small jobs count like those on large ones."""
        return np.log(self.peaks_bytes)

    @property
    def folds(self) -> GroupKFold:
        """Folds in which jobs with identical inputs never stand on both sides."""
        return GroupKFold(min(FOLDS, len(set(self.groups.tolist()))))


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
        Share of jobs whose peak is above the quantile that the policy requests.
    """

    r2: float
    mape: float
    median_ape: float
    under_allocated: float


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
    jobs, peaks_bytes = _usable(found)
    train, test = _split(jobs, peaks_bytes)
    outcomes = [_search(candidate, train, test, failure_cap, workers, progress) for candidate in candidates]
    best = choose(outcomes)
    schema = FeatureSchema.learn(jobs)
    everything = Sample.of(jobs, peaks_bytes, schema)
    model = as_model(clone(best.best).fit(everything.matrix, everything.log_peaks), best.candidate, everything)
    sizing = SizingRule.learn(schema, jobs, peaks_bytes, failure_cap)
    neighbours = Neighbours.learn(schema, [schema.features(job) for job in jobs])
    return Bundle(found.tool, schema, model, neighbours, sizing, _facts(found, best, everything)), outcomes


def choose(outcomes: Sequence[Outcome]) -> Outcome:
    """Decide which candidate is served: the one with the least cross-validated error."""
    return min(outcomes, key=lambda outcome: outcome.cross_validated_error)


def as_model(fitted: Pipeline, candidate: Candidate, sample: Sample) -> Model:
    """Turn a fitted pipeline into what a bundle holds, with the spread of its predictions on `sample`."""
    if candidate.is_forest:
        trees = [tree.tree_ for tree in fitted[-1].estimators_]
        return flatten(trees, sample.matrix, sample.log_peaks)
    unseen = cross_val_predict(clone(fitted), sample.matrix, sample.log_peaks, groups=sample.groups, cv=sample.folds)
    return Regressor.from_residuals(fitted, sample.log_peaks - unseen.ravel())


def score(model: Model, sample: Sample, quantile: float) -> Scores:
    """Compare a model's predictions with what the jobs of `sample` used."""
    distributions = model.predict(sample.matrix)
    points = np.array([distribution.point_bytes for distribution in distributions], dtype=np.float64)
    requests = np.array([distribution.quantile_bytes(quantile) for distribution in distributions])
    errors = np.abs(points / sample.peaks_bytes - 1)
    return Scores(
        r2=float(r2_score(sample.peaks_bytes, points)),
        mape=float(errors.mean()),
        median_ape=float(np.median(errors)),
        under_allocated=float((sample.peaks_bytes > requests).mean()),
    )


def _usable(found: ToolRecords) -> tuple[list[JobDescription], Vector]:
    if found.fault is not None:
        raise found.fault
    peaks_bytes = np.array([record.peak_bytes for record in found.records], dtype=np.float64)
    if len(peaks_bytes) < MIN_ROWS:
        dropped = "".join(f", {count} with {reason}" for reason, count in found.dropped.items())
        raise RecordsError(f"{found.file}: {len(peaks_bytes)} usable rows{dropped}; expected at least {MIN_ROWS}")
    if np.ptp(peaks_bytes) == 0:
        raise RecordsError(f"{found.file}: {found.label} is {int(peaks_bytes[0])} in every row; nothing to learn")
    return [record.job for record in found.records], peaks_bytes


def _split(jobs: Sequence[JobDescription], peaks_bytes: Vector) -> tuple[Sample, Sample]:
    """Hold out the seed's share of the rows; the schema is learned without them."""
    kept, held_out = train_test_split(np.arange(len(jobs)), test_size=TEST_SHARE, random_state=SEED)
    schema = FeatureSchema.learn([jobs[row] for row in kept])
    if not schema.columns:
        raise RecordsError("no column but the label varies; nothing to predict from")
    train, test = (Sample.of([jobs[row] for row in rows], peaks_bytes[rows], schema) for rows in (kept, held_out))
    if len(set(train.groups.tolist())) < 2:
        raise RecordsError("all jobs have identical inputs; expected at least two different ones")
    return train, test


def _search(
    candidate: Candidate, train: Sample, test: Sample, failure_cap: float, workers: int, progress: Progress
) -> Outcome:
    def scored(estimator: Pipeline, matrix: Matrix, log_peaks: Vector) -> float:
        progress()
        return -float(mean_absolute_error(log_peaks, estimator.predict(matrix)))

    begin = time.perf_counter()
    search = GridSearchCV(
        candidate.pipeline(), candidate.pipeline_grid(), cv=train.folds, scoring=scored, error_score="raise"
    )
    try:
        # threads: the fits release the interpreter, no matrix is copied, and Ctrl-C leaves no process behind
        with joblib.parallel_config(backend="threading", n_jobs=workers):
            search.fit(train.matrix, train.log_peaks, groups=train.groups)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{candidate.name}: scikit-learn refuses it: {str(error).splitlines()[0]}") from error
    model = as_model(search.best_estimator_, candidate, train)
    return Outcome(
        candidate,
        search.best_estimator_,
        {name.rsplit("__", 1)[1]: value for name, value in search.best_params_.items()},
        -float(search.best_score_),
        score(model, train, 1 - failure_cap),
        score(model, test, 1 - failure_cap),
        time.perf_counter() - begin,
    )


def _ranges(sample: Sample) -> dict[str, dict[str, int]]:
    """Return the smallest, median and largest size of each input where it was there."""
    seen: dict[str, list[int]] = {name: [] for name in sample.schema.inputs}
    for job in sample.jobs:
        for name, size_bytes in sample.schema.sizes_bytes(job).items():
            seen[name].append(size_bytes)
    return {
        name: {"smallest": min(sizes), "median": int(np.median(sizes)), "largest": max(sizes)}
        for name, sizes in seen.items()
    }


def _facts(found: ToolRecords, best: Outcome, sample: Sample) -> dict[str, Any]:
    regressor = best.candidate.regressor
    return {
        "file": found.file,
        "label": found.label,
        "model": {"name": best.candidate.name, "class": regressor.__name__, "parameters": best.parameters},
        "rows": {"used": len(sample.jobs), "dropped": dict(found.dropped)},
        "sizes_bytes": _ranges(sample),
        "scores": {
            "cross_validated_error": best.cross_validated_error,
            "train": vars(best.train),
            "test": vars(best.test),
        },
        "versions": {
            "galaxy_memory_rules": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit_learn": sklearn.__version__,
        },
    }
