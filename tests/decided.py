"""Jobs that the rule sized, written down by its own record and as an export has them."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from galaxy_memory_rules.memory import GIB, MIB
from galaxy_memory_rules.messages import InputDataset, JobDescription
from galaxy_memory_rules.record import Decision, tell
from trainer.records import JobRecord

TOOL = "toolshed.g2.bx.psu.edu/repos/owner/tool/tool"
BUNDLE = f"{TOOL}/0123456789abcdef"
# Monday of the ISO week 2026-W48, at noon
MONDAY = 1795435200.0
WEEK = 7 * 86400


def described(size_bytes: int = 100 * MIB, attempt: int = 1, previous_bytes: int | None = None) -> JobDescription:
    """A job as the rule describes it."""
    inputs = (InputDataset("input_1", size_bytes, "fastqsanger"),)
    return JobDescription(f"{TOOL}/1.0", "1.0", inputs, attempt=attempt, previous_request_bytes=previous_bytes, slots=4)


def decision(request_bytes: int | None, **others: Any) -> Decision:
    """A decision that the service was asked for."""
    usual = {"source": "forest", "bundle": BUNDLE, "own_bytes": 8 * GIB}
    return Decision(request_bytes, **{**usual, **others})


def write_log(path: Path, lines: Iterable[tuple[float, Any, JobDescription, Decision]]) -> Path:
    """Let the rule tell its decisions, at times of our own."""
    told = []
    for seconds, job_id, job, decided in lines:
        beside = path.with_suffix(".one")
        tell(job_id, job, decided, beside)
        told.append(json.dumps({**json.loads(beside.read_text()), "time": seconds}))
        beside.unlink()
    path.write_text("".join(f"{line}\n" for line in told))
    return path


def record(job_id: Any, peak_bytes: int, **others: Any) -> JobRecord:
    """A job that ran for an hour, as an export has it."""
    usual: dict[str, Any] = {"run_seconds": 3600.0, "created_seconds": MONDAY, "state": "ok", "job_id": str(job_id)}
    job = replace(described(), attempt=others.pop("attempt", 1))
    return JobRecord(job, peak_bytes, **{**usual, **others})
