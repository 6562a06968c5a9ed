"""What a person or a planner may know of a loaded bundle."""

from typing import Any

from galaxy_memory_rules.messages import parse_job
from trainer.bundle import Bundle

from .catalogue import Entry


def checked_id(tool: str) -> str:
    """Return a tool's id out of an address, if it could be one in a job.

    Raises
    ------
    InvalidMessage
        If it is too long, or not printable.
    """
    return parse_job({"tool_id": tool}).tool_id


def summary(entry: Entry) -> dict[str, Any]:
    """Return one line of ``GET /v1/tools``."""
    return {
        "tool": entry.tool,
        "bundle": entry.name,
        "source": entry.source,
        "model": entry.model,
        "rows": entry.rows,
        "promised_failure_rate": entry.promised_failure_rate,
        "achieved_failure_rate": entry.achieved_failure_rate,
        "achieved_failure_interval": entry.achieved_failure_interval,
        "test_rel": entry.test_rel,
        "test_r2": entry.test_r2,
        "test_median_ape": entry.test_median_ape,
    }


def details(entry: Entry, found: Bundle) -> dict[str, Any]:
    """Return ``GET /v1/tools/{tool}``: the summary, the scores, and the jobs that the model has seen."""
    return {
        **summary(entry),
        "label": found.facts["label"],
        "best_parameters": found.facts["model"]["parameters"],
        "scores": found.facts["scores"],
        "rows_dropped": found.facts["rows"]["dropped"],
        "rows_flagged": found.facts["rows"]["flagged"],
        "limit_bytes": found.facts["limit_bytes"],
        "cap_curve": found.facts["cap_curve"],
        "sizes_bytes": found.facts["sizes_bytes"],
        "inputs": list(found.schema.inputs),
        "parameters": list(found.schema.parameters),
        "categories": {name: list(seen) for name, seen in found.schema.categories.items()},
        "features": list(found.schema.columns),
        "versions": found.facts["versions"],
    }
