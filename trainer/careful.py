"""Whether a newly trained bundle may take the place of the one before: not where it does worse on the newest jobs."""

from collections.abc import Sequence
from typing import Optional

import numpy as np

from galaxy_memory_rules.messages import JobDescription

from .bundle import Bundle
from .distribution import Vector
from .held_out import HeldOut
from .policy import recommend
from .replay import Replay, replay
from .training import Trained
from .wording import percent_text

# With fewer jobs their difference is chance.
LEAST_JOBS = 20
# So much more waste is taken for chance as well: else half of all trainings on jobs like the old ones would be refused.
_TOLERANCE = 1.05


def objection(before: Bundle, trained: Trained) -> Optional[str]:
    """Return why the bundle before should stay, or None.

    Both are asked for jobs that neither has seen: those held out from the new training, which are the newest, as far as
    they came after the last one. Where there are few of them, where an administrator has decided on another cap or
    other limits, or where a tool's requests are held, nothing is compared.

    Parameters
    ----------
    before : Bundle
        What is published.
    trained : Trained
        The outcome of the new training.
    """
    held_out, rule = trained.held_out, trained.bundle.sizing
    if held_out is None or (before.sizing.failure_cap, before.sizing.limits) != (rule.failure_cap, rule.limits):
        return None
    if rule.held_bytes is not None or before.sizing.held_bytes is not None:
        return None
    rows = _unseen(before, held_out)
    if len(rows) < LEAST_JOBS:
        return None
    jobs = held_out.jobs.part(rows)
    old_bytes = _requests_bytes(before, jobs.jobs)
    old, new = (
        replay(first_bytes, jobs.peaks_bytes, jobs.run_hours)
        for first_bytes in (old_bytes, held_out.requests_bytes[rows])
    )
    why = _worse(old, new, rule.failure_cap, jobs.unit)
    return why and f"on the {len(rows):,} newest jobs {why}"


def _unseen(before: Bundle, held_out: HeldOut) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    last_seconds = before.facts.get("seen", {}).get("newest_seconds")
    if last_seconds is None:
        return np.zeros(0, dtype=np.intp)
    # where a job has no time this is never true
    return np.flatnonzero(held_out.jobs.times_seconds > last_seconds)


def _requests_bytes(bundle: Bundle, jobs: Sequence[JobDescription]) -> Vector:
    features = [bundle.schema.features(job) for job in jobs]
    beliefs = bundle.model.predict(bundle.schema.encode(features))
    requests = recommend(beliefs, jobs, features, bundle.schema, bundle.sizing)
    return np.array([request.memory_bytes for request in requests], dtype=np.float64)


def _worse(old: Replay, new: Replay, cap: Optional[float], unit: str) -> Optional[str]:
    """Say in what the new one is worse: it breaks the cap where the old one does not, or wastes more."""
    old_breaks, new_breaks = (cap is not None and outcome.failure_interval[0] > cap for outcome in (old, new))
    fails = (
        f"{percent_text(new.failure_rate)} of its first attempts run out of memory, {percent_text(old.failure_rate)} of"
        " those of the bundle before"
    )
    if old_breaks or new_breaks:
        return fails if new.failure_rate > old.failure_rate else None
    if new.wastage_gbh <= _TOLERANCE * old.wastage_gbh:
        return None
    return f"it wastes {new.wastage_gbh:.4g} {unit}, and the bundle before {old.wastage_gbh:.4g}"
