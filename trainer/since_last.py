"""Which tools have enough new jobs to be trained again, told by the builds that are published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from galaxy_memory_rules.errors import BundleError

from . import publishing
from .divisions import usual_step
from .learning import Settings
from .manifest import read_manifest
from .records import ToolRecords


def why_not(found: ToolRecords, home: Path, settings: Settings) -> str:
    """Return why a tool need not be trained again; empty where it has to be.

    It has to be where nothing usable is published, where its failure cap or its limits are others than before, and
    where there are as many new jobs as the backtest learns anew after: 5 % of those that were learned from, at least 50
    and at most 150, or twice as many as there were.

    Parameters
    ----------
    found : ToolRecords
        All recorded jobs of the tool.
    home : Path
        Its folder of builds.
    settings : Settings
        What an administrator decides about it today.
    """
    try:
        manifest = read_manifest(publishing.current_build(home))
        sizing, facts = manifest["sizing"], manifest["facts"]
        decided = {"failure_cap": settings.failure_cap, "limits": vars(settings.limits)}
        if any(sizing[name] != value for name, value in decided.items()):
            return ""
        new, used = _new_jobs(found, facts["seen"]), int(facts["rows"]["used"])
    except (BundleError, KeyError, TypeError, ValueError):
        return ""
    needed = max(min(usual_step(used), used), 1)
    return "" if new >= needed else f"{new:,} new jobs, trained again from {needed:,} on"


def newest_seconds(found: ToolRecords) -> float | None:
    """Return when the newest job was created; None where one of them does not tell."""
    times = [record.created_seconds for record in found.records]
    told = [time for time in times if time is not None]
    return max(told) if told and len(told) == len(times) else None


def _new_jobs(found: ToolRecords, seen: Mapping[str, Any]) -> int:
    """Count the jobs after the newest of the last training; without times those beyond their number."""
    kept = len(found.records)
    last_seconds: float | None = seen["newest_seconds"]
    if last_seconds is None or newest_seconds(found) is None:
        return kept + found.sampled - int(seen["jobs"])
    new = sum((record.created_seconds or 0.0) > last_seconds for record in found.records)
    # what is kept is a sample of all
    return new * (kept + found.sampled) // max(kept, 1)
