"""From the recorded jobs of one tool to a model and the rule that sizes its requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

from .choice import Choice
from .distribution import Vector
from .familiarity import Familiar, Familiarity
from .features import FeatureSchema
from .history import History
from .models import Model
from .policy import Limits, Request, SizingRule, recommend
from .replay import Replay
from .rungs import FOREST_FROM, Rung, Usual, ladder_for
from .sample import Sample
from .sizes import Sizes
from .sizing import CAUTION, CAUTION_BY_REFERENCE, Trial, best_trial, choose, tracked_factor, tried
from .unseen import bids_bytes

_CAUTION = {
    Familiarity.INPUTS_SEEN: CAUTION,
    Familiarity.REFERENCE_SEEN: CAUTION,
    Familiarity.REFERENCE_UNSEEN: CAUTION_BY_REFERENCE,
}
# What an administrator may choose between, from strict to cost alone.
CAPS = (0.01, 0.02, 0.05, 0.1, 0.2, None)
# Fewer jobs say nothing about a failure rate of a few percent.
_MIN_JOBS = 100


@dataclass(frozen=True)
class Settings:
    """What an administrator decides about the sizing of one tool.

    Parameters
    ----------
    failure_cap : float or None
        Share of first attempts that may run out of memory; None counts the cost alone.
    limits : Limits
        Floor, ceiling and rounding of every request.
    genomes : mapping of str to int, optional
        Genome length by build; the shipped table where it is not given.
    usual : Usual
        What is usual at other tools, for those with few jobs.
    may_hold : bool
        Whether a tool whose peak is found to follow its own request is held at what was enough.
    held_bytes : int or None
        What its first requests are held at; None where they follow the model.
    """

    failure_cap: Optional[float] = 0.05
    limits: Limits = Limits()
    genomes: Optional[Mapping[str, int]] = None
    usual: Usual = Usual()
    may_hold: bool = True
    held_bytes: Optional[int] = None


@dataclass(frozen=True)
class Learned:
    """A tool's model with all that turns its beliefs into requests.

    Parameters
    ----------
    rung : Rung
        The model that was chosen.
    schema : FeatureSchema
        How a job becomes a row.
    model : Forest, Line or Regressor
        Fitted on all jobs.
    rule : SizingRule
        What to request.
    ladder : sequence of Rung
        All that were tried, the simplest first.
    trials : mapping of str to Trial
        How each of them did at its best, by name, on jobs that its models had not seen.
    cap_curve : mapping of float or None to Replay
        What the chosen rung would have cost under other failure caps.
    """

    rung: Rung
    schema: FeatureSchema
    model: Model
    rule: SizingRule
    ladder: Sequence[Rung]
    trials: Mapping[str, Trial]
    cap_curve: Mapping[Optional[float], Replay]

    def requests(self, history: History, previous_bytes: Optional[Vector] = None) -> list[Request]:
        """Return what would be requested for each job, or for its second attempt after `previous_bytes`."""
        jobs = list(history.jobs)
        if previous_bytes is not None:
            jobs = [
                replace(job, attempt=2, previous_request_bytes=max(int(previous), 1))
                for job, previous in zip(jobs, previous_bytes)
            ]
        features = [self.schema.features(job) for job in jobs]
        beliefs = self.model.predict(Sample.of(history, self.schema).matrix)
        return recommend(beliefs, jobs, features, self.schema, self.rule)


def learn(
    history: History, settings: Settings, others: Sequence[Rung] = (), ladder_jobs: Optional[int] = None
) -> Optional[Learned]:
    """Fit every rung of the ladder, choose one by replay, and measure what the guards need.

    Parameters
    ----------
    history : History
        Recorded jobs of one tool.
    settings : Settings
        The failure cap and what else an administrator decides.
    others : sequence of Rung
        Those of models.json.
    ladder_jobs : int, optional
        How many jobs decide which rungs are tried; those of `history` where it is not told.

    Returns
    -------
    Learned or None
        None where there are too few jobs for any model.
    """
    schema = FeatureSchema.learn(history.jobs, settings.genomes)
    sample = Sample.of(history, schema)
    rungs = ladder_for(len(sample) if ladder_jobs is None else ladder_jobs, others, settings.usual)
    if not rungs:
        return None
    if not schema.columns:
        # nothing varies but the peak: no model can know more than the first one
        rungs = rungs[:1]
    typical_bytes = float(np.mean(sample.peaks_bytes))
    cap = settings.failure_cap
    all_tried = {rung.name: tried(bids_bytes(rung, sample, typical_bytes), history, sample.groups) for rung in rungs}
    trials = {name: best_trial(of_rung, history, cap) for name, of_rung in all_tried.items()}
    rung = choose(trials, rungs, cap)
    rule = _rule(sample, rung, trials[rung.name], typical_bytes, settings)
    caps = sorted(dict.fromkeys((*CAPS, cap)), key=lambda cap: cap or 1.0)
    curve = {cap: best_trial(all_tried[rung.name], history, cap).outcome for cap in caps}
    return Learned(rung, schema, rung.fit(sample), rule, rungs, trials, curve)


def _choices(
    rung: Rung, trial: Trial, sample: Sample, typical_bytes: float, failure_cap: Optional[float]
) -> dict[Familiarity, Choice]:
    """Choose price and factor for each familiarity, on jobs to which it applies; where they are few, as for all."""
    choices = dict.fromkeys(Familiarity, trial.choice)
    for familiarity, caution in _CAUTION.items():
        if familiarity is Familiarity.REFERENCE_UNSEEN:
            groups, applies = sample.references, sample.tells_references
        else:
            groups, applies = sample.groups, not sample.in_blocks and len(sample) >= FOREST_FROM
        if applies:
            bids = bids_bytes(rung, sample, typical_bytes, familiarity)
            if np.isfinite(bids[0]).sum() >= _MIN_JOBS:
                trials = tried(bids, sample.history, groups, caution)
                choices[familiarity] = best_trial(trials, sample.history, failure_cap).choice
    return choices


def _rule(sample: Sample, rung: Rung, trial: Trial, typical_bytes: float, settings: Settings) -> SizingRule:
    cap, peaks_bytes = settings.failure_cap, sample.peaks_bytes
    covered = 0.95 if cap is None else 1 - cap
    return SizingRule(
        failure_cap=cap,
        choices=_choices(rung, trial, sample, typical_bytes, cap),
        familiar=Familiar.learn(sample.jobs, sample.tells_references),
        typical_bytes=typical_bytes,
        tracked_factor=tracked_factor(trial.requests_bytes, peaks_bytes, cap) if sample.in_blocks else 1.0,
        rows=len(sample),
        sizes=Sizes.learn(sample.schema, list(sample.jobs), peaks_bytes, covered),
        tool_bytes=int(np.quantile(peaks_bytes, covered, method="higher")),
        limits=settings.limits,
        held_bytes=settings.held_bytes,
    )
