"""Slurm's accounting (``sacct -P``): a job and its steps have lines of their own, and only the steps a peak."""

import math
import re
from itertools import groupby
from typing import Optional

from galaxy_memory_rules.errors import InvalidMessage
from galaxy_memory_rules.memory import MIB
from trainer.amounts import amount_bytes, number, seconds_since_1970, whole
from trainer.measured import Cells, Measured, told
from trainer.records import Outcome
from trainer.tables import Row

from .cells import Body, Columns

PEAK = "MaxRSS"
NO_TOOL = "a job of Galaxy, whose name does not tell where the tool's ends and the user's begins; give a tool_id"
NOT_ENDED = "not ended yet"
_TELLING = frozenset({"JobID", PEAK, "State"})
# Galaxy names its jobs ``g<id>_<tool>_<e-mail>``: the whole of it is nobody's business
_GALAXY_NAME = re.compile(r"g(?P<id>[0-9]+)_.*")
_DURATION = re.compile(r"(?:([0-9]{1,6})-)?(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-9]{2}(?:\.[0-9]+)?)")
# a request before Slurm 21 ends with what it counts for: each node or each cpu
_REQUEST = re.compile(r"(?P<amount>[0-9.]+[KMGT]?)(?P<each>[nc]?)")
_OUTCOMES: dict[str, Outcome] = {"COMPLETED": "ok", "OUT_OF_MEMORY": "out_of_memory"}
_RUNNING = frozenset({"PENDING", "RUNNING", "SUSPENDED", "REQUEUED", "RESIZING"})
_CPUS = ("AllocCPUS", "NCPUS", "ReqCPUS")


def is_sacct(header: Row) -> bool:
    """Whether a table with this header is Slurm's accounting."""
    return set(header) >= _TELLING


def columns(header: Row, label: str) -> Columns:
    """Return how the lines of `with_jobs` are read."""
    return Columns(_described, _measured, _bytes, _left_out)


def with_jobs(header: Row, body: Body) -> tuple[Row, Body]:
    """Make one line of the lines of each job: the largest peak of its steps, the rest as the job's own line has it."""
    known = [name for name in header if name != "tool_id"]
    return [*known, "tool_id", "job_id"], _jobs(header, known, body)


def _jobs(header: Row, known: Row, body: Body) -> Body:
    rows = ((line, dict(zip(header, cells))) for line, cells in body)
    for job_id, found in groupby(rows, key=lambda entry: entry[1]["JobID"].partition(".")[0]):
        lines = list(found)
        line, job = lines[0]
        peak = _peak([step for _, step in lines])
        killed = any(_state(step) == "OUT_OF_MEMORY" for _, step in lines)
        job = {**job, PEAK: peak, **({"State": "OUT_OF_MEMORY"} if killed else {})}
        galaxy = _GALAXY_NAME.fullmatch(job.get("JobName", ""))
        tool = job.get("tool_id") or ("" if galaxy else job.get("JobName", ""))
        yield line, [*(job[name] for name in known), tool, galaxy["id"] if galaxy else job_id]


def _peak(steps: list[Cells]) -> str:
    """Return the largest peak of a job's steps as a cell; one that is no amount stays, to be told with its line."""
    faulty = (step[PEAK] for step in steps if step[PEAK] and amount_bytes(step[PEAK]) is None and step[PEAK] != "0")
    return next(faulty, None) or str(max(map(_step_bytes, steps)))


def _step_bytes(step: Cells) -> int:
    """Return the peak of all tasks of a step; Slurm tells that of the largest."""
    return math.ceil((amount_bytes(step[PEAK]) or 0) * max(number(step.get("NTasks", "")) or 1, 1))


def _bytes(cell: str, column: str) -> int:
    """Read an amount as Slurm writes it, ``1234K``; a bare number counts bytes, as with --noconvert."""
    if cell in ("", "0"):
        return 0
    found = amount_bytes(cell)
    if found is None:
        raise InvalidMessage(column, f"{cell[:40]!r} is no amount such as 1234K")
    return found


def _described(row: Cells) -> dict[str, object]:
    return {"slots": _cpus(row) or None}


def _cpus(row: Cells) -> int:
    return next((whole(row[name], name) for name in _CPUS if row.get(name)), 0)


def _measured(row: Cells) -> Measured:
    state = _state(row)
    requested_bytes = _requested_bytes(row)
    return {
        "outcome": _OUTCOMES.get(state, "failed"),
        "limit_bytes": None,
        "requested_bytes": requested_bytes,
        "run_seconds": _seconds(row.get("Elapsed", "")),
        "created_seconds": _created(row),
        "job_id": row["job_id"],
        "server": told(row, "Cluster") or "",
        "state": state,
        "destination_id": told(row, "Partition") or "",
    }


def _left_out(row: Cells) -> Optional[str]:
    return NOT_ENDED if _state(row) in _RUNNING else None


def _state(row: Cells) -> str:
    """Return how a job ended: who cancelled it is nobody's business."""
    return row["State"].partition(" ")[0].rstrip("+")


def _requested_bytes(row: Cells) -> Optional[int]:
    found = _REQUEST.fullmatch(row.get("ReqMem", ""))
    amount = amount_bytes(found["amount"], MIB) if found else None
    if found is None or amount is None:
        return None
    return amount * max(_cpus(row), 1) if found["each"] == "c" else amount


def _seconds(text: str) -> Optional[float]:
    found = _DURATION.fullmatch(text)
    if found is None:
        return number(text)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _created(row: Cells) -> Optional[float]:
    found = (seconds_since_1970(row.get(name, "")) for name in ("Submit", "Start", "End"))
    return next((seconds for seconds in found if seconds is not None), None)
