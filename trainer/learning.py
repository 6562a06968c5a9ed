"""From the recorded jobs of one tool to a model and the rule that sizes its requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Optional

import numpy as np

from .choice import Choice
from .distribution import Vector
from .familiarity import Familiar, Familiarity
from .features import FeatureSchema
from .history import History
from .models import Model
from .policy import Request, recommend
from .replay import Replay
from .rungs import FOREST_FROM, Rung, Usual, ladder_for
from .sample import Sample
from .sizes import Sizes
from .sizing import CAUTION, CAUTION_BY_REFERENCE, Trial, best_trial, choose, tracked_factor, tried
from .sizing_rule import AtCap, Limits, SizingRule
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

_AtCaps = Mapping[Optional[float], Trial]
_Choices = Mapping[Optional[float], Mapping[Familiarity, Choice]]


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
        What its first requests are held at, whatever the failure cap; None where they follow the model.
    held_by_cap : mapping of float or None to int
        The same where it depends on the failure cap.
    """

    failure_cap: Optional[float] = 0.05
    limits: Limits = Limits()
    genomes: Optional[Mapping[str, int]] = None
    usual: Usual = Usual()
    may_hold: bool = True
    held_bytes: Optional[int] = None
    held_by_cap: Mapping[Optional[float], int] = field(default_factory=dict)

    @property
    def caps(self) -> list[Optional[float]]:
        """The failure caps that are learned, from strict to cost alone."""
        return sorted(dict.fromkeys((*CAPS, self.failure_cap)), key=lambda cap: cap or 1.0)


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
    at_caps = {cap: best_trial(all_tried[rung.name], history, cap) for cap in settings.caps}
    rule = _rule(sample, rung, at_caps, typical_bytes, settings)
    curve = {cap: trial.outcome for cap, trial in at_caps.items()}
    return Learned(rung, schema, rung.fit(sample), rule, rungs, trials, curve)


def _choices(rung: Rung, at_caps: _AtCaps, sample: Sample, typical_bytes: float) -> _Choices:
    """Choose price and factor for each familiarity, on jobs to which it applies; where they are few, as for all."""
    choices = {cap: dict.fromkeys(Familiarity, trial.choice) for cap, trial in at_caps.items()}
    for familiarity, caution in _CAUTION.items():
        if familiarity is Familiarity.REFERENCE_UNSEEN:
            groups, applies = sample.references, sample.tells_references
        else:
            groups, applies = sample.groups, not sample.in_blocks and len(sample) >= FOREST_FROM
        if applies:
            bids = bids_bytes(rung, sample, typical_bytes, familiarity)
            if np.isfinite(bids[0]).sum() >= _MIN_JOBS:
                trials = tried(bids, sample.history, groups, caution)
                for cap, chosen in choices.items():
                    chosen[familiarity] = best_trial(trials, sample.history, cap).choice
    return choices


def _rule(sample: Sample, rung: Rung, at_caps: _AtCaps, typical_bytes: float, settings: Settings) -> SizingRule:
    cap, peaks_bytes = settings.failure_cap, sample.peaks_bytes
    sizes = Sizes.learn(sample.schema, list(sample.jobs), peaks_bytes, _covered(cap))
    choices, totals_bytes = _choices(rung, at_caps, sample, typical_bytes), sample.history.totals_bytes
    by_cap = {
        other: AtCap(
            choices=choices[other],
            tracked_factor=tracked_factor(trial.requests_bytes, peaks_bytes, other) if sample.in_blocks else 1.0,
            start_bytes=sizes.enough_for(_covered(other), totals_bytes, peaks_bytes).start_bytes,
            tool_bytes=int(np.quantile(peaks_bytes, _covered(other), method="higher")),
            held_bytes=settings.held_by_cap.get(other, settings.held_bytes),
        )
        for other, trial in at_caps.items()
    }
    return SizingRule(
        failure_cap=cap,
        choices=by_cap[cap].choices,
        familiar=Familiar.learn(sample.jobs, sample.tells_references),
        typical_bytes=typical_bytes,
        tracked_factor=by_cap[cap].tracked_factor,
        rows=len(sample),
        sizes=sizes,
        tool_bytes=by_cap[cap].tool_bytes,
        limits=settings.limits,
        held_bytes=by_cap[cap].held_bytes,
        by_cap=by_cap,
    )


def _covered(failure_cap: Optional[float]) -> float:
    return 0.95 if failure_cap is None else 1 - failure_cap
