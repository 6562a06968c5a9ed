"""From the records of one tool to its bundle: every model is searched, tried and scored, the least wasteful is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional

import joblib
import numpy as np

from galaxy_memory_rules.errors import RecordsError, TooFewJobs

from .bundle import Bundle
from .candidates import Candidate
from .facts import facts_of
from .features import FeatureSchema
from .following import Following, Verdict, following
from .held_out import HeldOut, hold_out
from .history import History
from .hygiene import Cleaned, clean
from .learning import Learned, Settings, learn
from .neighbours import Neighbours
from .recorded_sample import Recorded
from .records import ToolRecords
from .rungs import FOREST_FROM, LEAST_JOBS, Rung
from .sample import Sample, split
from .scoring import Outcome, outcome_of
from .search import Progress, Searched, search

# With fewer jobs none can be spared: a model is scored on the rows it was trained on alone.
HELD_OUT_FROM = 20


@dataclass(frozen=True)
class Trained:
    """The outcome of one tool's training.

    Parameters
    ----------
    bundle : Bundle
        The chosen model, fitted on all records.
    learned : Learned
        The same, with the trials that it was chosen by.
    outcomes : list of Outcome
        One for each model that was tried, the simplest first.
    held_out : HeldOut or None
        None where there are too few jobs to hold some out.
    cleaned : Cleaned
        What became of the records.
    following : Following
        Whether the tool's peak follows its own request.
    """

    bundle: Bundle
    learned: Learned
    outcomes: list[Outcome]
    held_out: Optional[HeldOut]
    cleaned: Cleaned
    following: Following


def train_tool(
    found: ToolRecords,
    candidates: Sequence[Candidate],
    settings: Settings,
    workers: int = 1,
    progress: Progress = lambda: None,
    node_bytes: Optional[int] = None,
    held_before_bytes: Optional[int] = None,
) -> Trained:
    """Train every model on a tool's records and build the bundle of the one that wastes least under the cap.

    Parameters
    ----------
    found : ToolRecords
        The recorded jobs.
    candidates : sequence of Candidate
        The models of models.json.
    settings : Settings
        The failure cap and what else an administrator decides.
    workers : int
        Fits that run at the same time.
    progress : callable
        Called after each fit of a search.
    node_bytes : int, optional
        The memory of the largest node: what is above it is no peak.
    held_before_bytes : int, optional
        What the tool's requests are held at today, if they are.

    Raises
    ------
    TooFewJobs
        If there are fewer than `LEAST_JOBS` usable records.
    RecordsError
        If the records cannot be used, or their peaks do not vary.
    ConfigError
        If a candidate cannot be fitted with the parameters it was given.
    """
    cleaned = usable(found, node_bytes)
    history, followed = History.of(cleaned.records, cleaned.censored), following(cleaned.records)
    settings = _held(settings, followed, held_before_bytes)
    # threads: the fits release the interpreter, no matrix is copied, and Ctrl-C leaves no process behind
    with joblib.parallel_config(backend="threading", n_jobs=workers):
        searched, outcomes, held_out = _try(history, candidates, settings, progress)
        learned = _learn(history, settings, [one.rung for one in searched])
    best = next((one for one in searched if one.rung.name == learned.rung.name), Searched(learned.rung))
    neighbours = Neighbours.learn(learned.schema, [learned.schema.features(job) for job in history.jobs])
    scores = next((one for one in outcomes if one.rung.name == learned.rung.name), None)
    facts = facts_of(found, cleaned, history, learned, best.parameters, scores, held_out)
    facts["follows_request"] = followed.to_dict()
    recorded = Recorded.of(history)
    bundle = Bundle(found.tool, learned.schema, learned.model, neighbours, recorded, learned.rule, facts)
    return Trained(bundle, learned, outcomes, held_out, cleaned, followed)


def _held(settings: Settings, followed: Following, held_before_bytes: Optional[int]) -> Settings:
    """Decide whether a tool's requests are held: it stays so until its requests vary enough to show otherwise."""
    if settings.held_bytes is not None or not settings.may_hold:
        return settings
    goes_on = followed.verdict is Verdict.UNKNOWN and held_before_bytes is not None
    if followed.verdict is Verdict.FOLLOWS or goes_on:
        held = {cap: followed.hold_bytes(cap) or held_before_bytes for cap in settings.caps}
        return replace(settings, held_by_cap={cap: held_bytes for cap, held_bytes in held.items() if held_bytes})
    return settings


def usable(found: ToolRecords, node_bytes: Optional[int] = None) -> Cleaned:
    """Return records that can teach something.

    Raises
    ------
    TooFewJobs
        If they are too few for any model.
    RecordsError
        If they cannot be used, or do not vary.
    """
    if found.fault is not None:
        raise found.fault
    cleaned = clean(found.records, node_bytes)
    if len(cleaned.records) < LEAST_JOBS:
        dropped = "".join(f", {count} with {reason}" for reason, count in (found.dropped + cleaned.dropped).items())
        raise TooFewJobs(
            f"{found.file}: {len(cleaned.records)} usable rows{dropped}; expected at least {LEAST_JOBS}: the rule "
            "keeps the destination's own memory"
        )
    peaks = {record.peak_bytes for record in cleaned.records}
    if len(peaks) == 1:
        raise RecordsError(f"{found.file}: {found.label} is {peaks.pop()} in every row; nothing to learn")
    return cleaned


def _try(
    history: History, candidates: Sequence[Candidate], settings: Settings, progress: Progress
) -> tuple[list[Searched], list[Outcome], Optional[HeldOut]]:
    """Search, learn and choose on four fifths of the jobs, and score all models on them and on the others."""
    kept, rest = split(history) if len(history) >= HELD_OUT_FROM else (np.arange(len(history)), None)
    past = history.part(kept)
    schema = FeatureSchema.learn(past.jobs, settings.genomes)
    train = Sample.of(past, schema)
    searched = [search(candidate, train, progress) for candidate in candidates] if len(history) >= FOREST_FROM else []
    # the same rungs as all jobs can carry: what is scored has to be what is served
    learned = _learn(past, settings, [one.rung for one in searched], len(history))
    test = None if rest is None else Sample.of(history.part(rest), schema)
    by_name = {one.rung.name: one for one in searched}
    outcomes = [outcome_of(by_name.get(rung.name, Searched(rung)), learned, train, test) for rung in learned.ladder]
    return searched, outcomes, hold_out(learned, past, test.history) if test else None


def _learn(history: History, settings: Settings, others: Sequence[Rung], ladder_jobs: Optional[int] = None) -> Learned:
    learned = learn(history, settings, others, ladder_jobs)
    if learned is None:
        raise TooFewJobs(f"{len(history)} jobs; expected at least {LEAST_JOBS}")
    return learned
