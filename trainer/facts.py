"""What a bundle tells of itself: its records, its model, the sizes seen, the versions it was made with."""

import platform
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
import sklearn

from galaxy_memory_rules import __version__

from .features import FeatureSchema
from .held_out import HeldOut, constant
from .history import History
from .hygiene import Cleaned
from .learning import Learned
from .records import JobRecord, ToolRecords
from .replay import Replay
from .scoring import Outcome
from .since_last import newest_seconds


def facts_of(
    found: ToolRecords,
    cleaned: Cleaned,
    history: History,
    learned: Learned,
    parameters: Mapping[str, Any],
    outcome: Optional[Outcome],
    held_out: Optional[HeldOut],
) -> dict[str, Any]:
    """Return where a bundle comes from and what its model is worth.

    Parameters
    ----------
    found : ToolRecords
        The recorded jobs.
    cleaned : Cleaned
        What became of them.
    history : History
        Those that were learned from.
    learned : Learned
        The model that is served.
    parameters : mapping
        Its hyper-parameters.
    outcome : Outcome or None
        How it did on the rows it was trained on and, if there were enough to hold some out, on others; None where it
        was not among the models that were tried on them.
    held_out : HeldOut or None
        How the whole policy did on those held out.
    """
    rule = learned.rule
    beside = constant(held_out, rule.failure_cap, rule.limits) if held_out else None
    return {
        "file": found.file,
        "label": found.label,
        "model": {"name": learned.rung.name, "source": learned.rung.source, "parameters": dict(parameters)},
        "rows": {
            "used": len(history),
            "sampled": found.sampled,
            "dropped": dict(found.dropped + cleaned.dropped),
            "flagged": dict(cleaned.flagged),
            # a row may have two marks, and counts once
            "censored": int(cleaned.censored.sum()),
        },
        # what `train --since-last` compares with the next time
        "seen": {"jobs": len(found.records) + found.sampled, "newest_seconds": newest_seconds(found)},
        "limit_bytes": cleaned.limit_bytes,
        "sizes_bytes": _ranges(learned.schema, history),
        # of all wastage here: hours only where every job tells how long it ran
        "unit": history.unit,
        "run_seconds": _run_seconds(cleaned.records),
        "scores": _scores(outcome) if outcome else None,
        "held_out": achieved(held_out.outcome) if held_out else None,
        "constant": {"memory_bytes": beside.memory_bytes, **achieved(beside.outcome)} if beside else None,
        "cap_curve": [{"failure_cap": cap, **achieved(replayed)} for cap, replayed in learned.cap_curve.items()],
        "versions": {
            "galaxy_memory_rules": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit_learn": sklearn.__version__,
        },
    }


def _scores(outcome: Outcome) -> dict[str, dict[str, float]]:
    parts = {"train": outcome.train, "test": outcome.test}
    return {part: vars(scores) for part, scores in parts.items() if scores}


def achieved(outcome: Replay) -> dict[str, Any]:
    """Return what a manifest tells of a replay."""
    return {
        "jobs": outcome.jobs,
        "failure_rate": outcome.failure_rate,
        "failure_interval": list(outcome.failure_interval),
        "rel": outcome.rel,
        "wastage_gbh": outcome.wastage_gbh,
    }


def _run_seconds(records: Sequence[JobRecord]) -> Optional[dict[str, float]]:
    """Return how long the jobs ran that tell it; None where none does."""
    told = [record.run_seconds for record in records if record.run_seconds]
    if not told:
        return None
    return {"median": float(np.median(told)), "p95": float(np.quantile(told, 0.95))}


def _ranges(schema: FeatureSchema, history: History) -> dict[str, dict[str, int]]:
    """Return the smallest, median and largest size of each input where it was there."""
    seen: dict[str, list[int]] = {name: [] for name in schema.inputs}
    for job in history.jobs:
        for name, size_bytes in schema.sizes_bytes(job).items():
            seen[name].append(size_bytes)
    return {
        name: {"smallest": min(sizes), "median": int(np.median(sizes)), "largest": max(sizes)}
        for name, sizes in seen.items()
    }
