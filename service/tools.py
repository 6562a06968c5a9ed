"""What a person or a planner may know of a loaded bundle."""

import math
from typing import Any

from galaxy_memory_rules.messages import parse_job
from trainer.bundle import Bundle
from trainer.distribution import Vector

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
        "published_seconds": entry.published_seconds,
        "wastage_unit": entry.wastage_unit,
        "wastage_gbh": entry.wastage_gbh,
        "constant_wastage_gbh": entry.constant_wastage_gbh,
        "wastage_saved_share": entry.wastage_saved_share,
        "censored_share": entry.censored_share,
        "limit_bytes": entry.limit_bytes,
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
        "held_out": found.facts["held_out"],
        "constant": found.facts["constant"],
        "cap_curve": found.facts["cap_curve"],
        "run_seconds": found.facts["run_seconds"],
        "usual_slots": found.schema.usual_slots,
        "sizes_bytes": found.facts["sizes_bytes"],
        "inputs": list(found.schema.inputs),
        "parameters": list(found.schema.parameters),
        "categories": {name: list(seen) for name, seen in found.schema.categories.items()},
        "features": list(found.schema.columns),
        "recorded": {
            "sizes_bytes": _whole(found.recorded.sizes_bytes),
            "peaks_bytes": _whole(found.recorded.peaks_bytes),
        },
        "versions": found.facts["versions"],
    }


def _whole(amounts_bytes: Vector) -> list[int]:
    # killed jobs are taken to need 1.2 times what they used, which need not be whole
    return [math.ceil(amount_bytes) for amount_bytes in amounts_bytes.tolist()]
