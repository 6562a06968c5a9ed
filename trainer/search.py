"""The best parameters of each entry of models.json, searched by scikit-learn."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional

from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from galaxy_memory_rules.errors import ConfigError

from .candidates import Candidate
from .distribution import Vector
from .features import Matrix
from .rungs import Rung, of_candidate
from .sample import Sample

Progress = Callable[[], object]


@dataclass(frozen=True)
class Searched:
    """The best combination of one entry of models.json, or a rung that has nothing to search.

    Parameters
    ----------
    rung : Rung
        How it is fitted.
    parameters : dict
        The best values of the grid.
    cross_validated_error : float or None
        Mean absolute error on the log scale over the folds of the search.
    seconds : float
        How long the search took.
    """

    rung: Rung
    parameters: dict[str, Any] = field(default_factory=dict)
    cross_validated_error: Optional[float] = None
    seconds: float = 0.0


def search(candidate: Candidate, train: Sample, progress: Progress) -> Searched:
    """Fit every combination of a candidate's parameters on every fold.

    Parameters
    ----------
    candidate : Candidate
        The entry of models.json.
    train : Sample
        The jobs to fit on, in folds in which those with identical inputs stay together.
    progress : callable
        Called after each fit.

    Raises
    ------
    ConfigError
        If scikit-learn refuses a value.
    """

    def scored(estimator: Pipeline, matrix: Matrix, log_peaks: Vector) -> float:
        progress()
        return -float(mean_absolute_error(log_peaks, estimator.predict(matrix)))

    begin = time.perf_counter()
    grid = GridSearchCV(
        candidate.pipeline(), candidate.pipeline_grid(), cv=train.folds_by_inputs, scoring=scored, error_score="raise"
    )
    try:
        grid.fit(train.matrix, train.log_peaks)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{candidate.name}: scikit-learn refuses it: {str(error).splitlines()[0]}") from error
    return Searched(
        of_candidate(candidate, grid.best_estimator_),
        {name.rsplit("__", 1)[1]: value for name, value in grid.best_params_.items()},
        -float(grid.best_score_),
        time.perf_counter() - begin,
    )
