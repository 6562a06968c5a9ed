"""The ladder: ways to fit a model to the jobs of one tool, the simplest first, and how many jobs each of them needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from .candidates import Candidate
from .distribution import Rows
from .flatten import flatten
from .forest import Forest
from .lines import Line, constant, line_in_bytes, log_line, pooled_log_line
from .models import Model
from .pricing import Offers
from .regressor import Regressor
from .sample import Sample
from .trees import MIN_ROWS_PER_LEAF, Grown

# Below this there is no model at all: the rule keeps the destination's own memory (sizing-study.md, section 4).
LEAST_JOBS = 5
POOLED_BELOW = 15
FOREST_FROM = 50


@dataclass(frozen=True)
class Rung:
    """A way to fit a model.

    Parameters
    ----------
    name : str
        What a report calls it.
    source : str
        What an answer calls it.
    fit : callable
        From a sample to a model.
    out_of_bag : callable, optional
        From a sample, a number for the group of each of its rows and the tool's typical peak to the offers for each
        row of a model that has not seen its group, where that is cheaper than to fit for each fold.
    """

    name: str
    source: str
    fit: Callable[[Sample], Model]
    out_of_bag: Optional[Callable[[Sample, Rows, float], Offers]] = None


@dataclass(frozen=True)
class Usual:
    """What is usual at other tools, for a tool with few jobs.

    Parameters
    ----------
    slope : float
        How the log peak rises with the log of the total input.
    spread : float
        Standard deviation of the log peak around that line.
    """

    slope: float = 0.25
    spread: float = 0.6


def ladder_for(count: int, others: Sequence[Rung] = (), usual: Usual = Usual()) -> list[Rung]:
    """Return the rungs that so many jobs can carry, the simplest first.

    Parameters
    ----------
    count : int
        Recorded jobs of the tool.
    others : sequence of Rung
        Those of models.json.
    usual : Usual
        What is usual at other tools.
    """
    if count < LEAST_JOBS:
        return []
    if count < POOLED_BELOW:
        return [_pooled(usual)]
    return [*_SIMPLE, *([FOREST, *others] if count >= FOREST_FROM else [])]


def of_candidate(candidate: Candidate, best: Pipeline) -> Rung:
    """Return the rung of an entry of models.json, with the best parameters that were found for it."""
    if candidate.is_forest:
        return Rung(candidate.name, "forest", lambda sample: _leaf_histograms(best, sample))
    return Rung(candidate.name, candidate.regressor.__name__, lambda sample: _with_spread(best, sample))


def _pooled(usual: Usual) -> Rung:
    def fit(sample: Sample) -> Line:
        return pooled_log_line(sample.schema, sample.matrix, sample.log_peaks, usual.slope, usual.spread)

    return Rung("pooled log-linear line", "pooled", fit)


def _grow(sample: Sample, groups: Rows) -> Grown:
    return Grown.on_bags(sample.matrix, sample.log_peaks, groups)


def _fit_forest(sample: Sample) -> Forest:
    grown = _grow(sample, np.arange(len(sample)))
    trees = [tree.tree_ for tree in grown.trees]
    # the rows in the bags alone, as out of the bags: the choice was made on such leaves
    return flatten(trees, sample.matrix, sample.log_peaks, grown.in_bag, MIN_ROWS_PER_LEAF)


def _out_of_bag(sample: Sample, groups: Rows, typical_bytes: float) -> Offers:
    return Offers.of(_grow(sample, groups).out_of_bag(sample.matrix, sample.log_peaks), typical_bytes)


def _leaf_histograms(best: Pipeline, sample: Sample) -> Forest:
    fitted = clone(best).fit(sample.matrix, sample.log_peaks)
    return flatten([tree.tree_ for tree in fitted[-1].estimators_], sample.matrix, sample.log_peaks)


def _with_spread(best: Pipeline, sample: Sample) -> Regressor:
    """Fit an estimator to all rows, and learn its spread from the folds that a fit without them has to predict."""
    return Regressor.with_spread(best, sample.matrix, sample.log_peaks, sample.folds)


FOREST = Rung("forest of extremely randomised trees", "forest", _fit_forest, _out_of_bag)
_SIMPLE = (
    Rung("constant", "static", lambda sample: constant(sample.log_peaks)),
    Rung("line in bytes", "line", lambda sample: line_in_bytes(sample.schema, sample.matrix, sample.log_peaks)),
    Rung("log-linear line", "line", lambda sample: log_line(sample.schema, sample.matrix, sample.log_peaks)),
)
