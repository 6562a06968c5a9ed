"""From the recorded jobs of one tool to the expression that wastes least of those that keep the failure cap."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .distribution import Vector
from .features import FeatureSchema
from .history import History
from .learning import Settings
from .sample import Sample
from .sizing import best_trial, choose, tracked_factor, tried
from .tpv_expression import CONSTANT, TOTAL, UNPACKED, Basis, MemoryExpression, of_parameter
from .tpv_lines import families
from .unseen import PRICES

# An expression sees sizes alone, and these it works out itself.
_NO_FEATURES = FeatureSchema((), (), {}, ())
# Of an input that few jobs have nothing is learned of the others.
_LEAST_SHARE = 0.5


@dataclass(frozen=True)
class _Kind:
    """A kind of expression: what it rises with, and in which way lines over that are raised."""

    basis: Basis
    way: str

    @property
    def name(self) -> str:
        return f"{self.basis.name}, {self.way}"


def bases_of(history: History, tells_paths: bool) -> list[Basis]:
    """Return what memory may rise with, the simplest first.

    Parameters
    ----------
    history : History
        Recorded jobs of one tool.
    tells_paths : bool
        Whether the records name inputs by their full path, as TPV has to; by another name it would find none.
    """
    there = Counter(name for job in history.jobs for name in {dataset.name for dataset in job.inputs})
    often = sorted(name for name, count in there.items() if tells_paths and count >= _LEAST_SHARE * len(history))
    candidates = [CONSTANT, TOTAL, UNPACKED, *(of_parameter(name) for name in often)]
    # of those that are the same for all jobs the simplest
    by_sizes = {basis.sizes_bytes(history.jobs).tobytes(): basis for basis in reversed(candidates)}
    return list(by_sizes.values())[::-1]


def fit(history: History, bases: Sequence[Basis], settings: Settings) -> MemoryExpression:
    """Choose basis, height and factor by what expressions would have requested for jobs they had not seen.

    Parameters
    ----------
    history : History
        Recorded jobs of one tool.
    bases : sequence of Basis
        What memory may rise with, the simplest first.
    settings : Settings
        The failure cap, floor and ceiling.

    Notes
    -----
    Jobs are held out as for the full model: in time order where there are times and enough jobs, else in folds in
    which identical inputs never stand on both sides.
    """
    sample, cap = Sample.of(history, _NO_FEATURES), settings.failure_cap
    sizes = {basis: basis.sizes_bytes(history.jobs) for basis in bases}
    bids = {_Kind(basis, way): found for basis in bases for way, found in _bids_bytes(sizes[basis], sample).items()}
    trials = {
        kind.name: best_trial(tried(of_kind, history, sample.groups), history, cap) for kind, of_kind in bids.items()
    }
    best = choose(trials, list(bids), cap)
    trial = trials[best.name]
    lines = families(sizes[best.basis], sample.peaks_bytes)[best.way]
    recent = tracked_factor(trial.requests_bytes, sample.peaks_bytes, cap) if sample.in_blocks else 1.0
    line = lines[PRICES.index(trial.choice.price)].times(trial.choice.factor * recent)
    return MemoryExpression.rounded(best.basis, line, settings.limits)


def _bids_bytes(sizes_bytes: Vector, sample: Sample) -> dict[str, Vector]:
    """Return by way what is requested at each price for each job by lines that had not seen it."""
    bids: dict[str, Vector] = defaultdict(lambda: np.full((len(PRICES), len(sample)), np.nan))
    for kept, held_out in sample.folds:
        for way, lines in families(sizes_bytes[kept], sample.peaks_bytes[kept]).items():
            bids[way][:, held_out] = [line(sizes_bytes[held_out]) for line in lines]
    return bids
