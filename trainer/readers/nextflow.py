"""Nextflow's traces as recorded jobs: a process is a tool, and the bytes it read stand for its inputs."""

import re
from typing import Optional

from galaxy_memory_rules.errors import InvalidMessage
from galaxy_memory_rules.memory import parse_bytes
from trainer.amounts import amount_bytes, number, seconds_since_1970
from trainer.features import TOTALS_INPUT
from trainer.measured import Cells, Measured, exit_code, told
from trainer.records import Outcome
from trainer.tables import Row

from .cells import Body, Columns

_PEAKS = {"peak_rss", "rss"}
# Nextflow's own choice of columns has no process, but a name: the process and its tag, ``fastqc (sample 7)``.
_NAMED = {"native_id", "name"}
# SIGKILL, and the signals by which schedulers end a task that is over its limits; nf-core asks for more memory then
_OUT_OF_MEMORY = frozenset({"137", "140", "143", "247"})
_UNITS_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(ms|[smhd])\s*")


def is_trace(header: Row) -> bool:
    """Whether a table with this header is a trace."""
    names = set(header)
    return bool(names & _PEAKS) and ("process" in names or names >= _NAMED)


def with_tools(header: Row, body: Body) -> tuple[Row, Body]:
    """Add a column ``tool_id``: the process by its full name, as its last part may repeat between sub-workflows."""
    place = header.index("process" if "process" in header else "name")
    return [*header, "tool_id"], ((line, [*cells, cells[place].partition(" (")[0]]) for line, cells in body)


def columns(header: Row, label: str) -> Columns:
    """Return how a trace is read."""
    return Columns(described, measured, size_bytes, left_out)


def described(row: Cells) -> dict[str, object]:
    """Return a task as it was before it ran, as `parse_job` reads it.

    Notes
    -----
    A trace does not record the sizes of input files. ``rchar``, the bytes that the task read, stands for them, as it
    does for Sizey (Bader et al. 2024, https://github.com/dos-group/sizey, helper/get_tasks.py).
    """
    read = told(row, "rchar")
    total = {"name": TOTALS_INPUT, "size_bytes": size_bytes(read or "-", "rchar"), "count": 1}
    return {
        "inputs": [total] if read else [],
        "slots": size_bytes(row.get("cpus", "-"), "cpus") or None,
        "attempt": size_bytes(row.get("attempt", "-"), "attempt") or 1,
    }


def measured(row: Cells) -> Measured:
    """Return what a trace tells of a task after it ran; what is missing or cannot be read is None."""
    return {
        "outcome": _outcome(row),
        "limit_bytes": None,
        "requested_bytes": amount_bytes(row.get("memory", "")),
        "run_seconds": _run_seconds(row.get("realtime", "")),
        "created_seconds": _submitted_seconds(row.get("submit", "")),
        "job_id": told(row, "native_id") or "",
        "server": "",
        "state": told(row, "status") or "",
        "destination_id": told(row, "queue") or "",
    }


def left_out(row: Cells) -> Optional[str]:
    """Return why a task is left out, or None.

    Notes
    -----
    A run time of 0 means that the task was too short for Nextflow to sample it. Sizey's main.py goes further: it leaves
    out each process that has such a task at all, and each with fewer than 34 tasks that have a peak. The counts in
    `ToolRecords.dropped` tell which processes those are.
    """
    return "no run time recorded" if "realtime" in row and not _run_seconds(row["realtime"]) else None


def size_bytes(cell: str, column: str) -> int:
    """Read a whole number or an amount such as ``1.2 GB`` (Nextflow's are powers of 1024); ``-`` is nothing.

    Raises
    ------
    InvalidMessage
        Naming the column, if the cell is neither.
    """
    if told({column: cell}, column) is None:
        return 0
    try:
        return parse_bytes(cell)
    except ValueError as error:
        raise InvalidMessage(column, f"{cell[:40]!r} is no number, and no amount such as 1.2 GB") from error


def _run_seconds(text: str) -> Optional[float]:
    """Read a duration: milliseconds in raw traces, ``1h 10m 3s`` or ``45ms`` otherwise."""
    milliseconds = number(text)
    if milliseconds is not None:
        return milliseconds / 1000
    parts = _DURATION_PART.findall(text)
    if not parts or _DURATION_PART.sub("", text):
        return None
    return sum(float(amount) * _UNITS_SECONDS[unit] for amount, unit in parts)


def _submitted_seconds(text: str) -> Optional[float]:
    """Read a time: milliseconds since 1970 in raw traces, ISO text otherwise."""
    milliseconds = number(text)
    return seconds_since_1970(text) if milliseconds is None else milliseconds / 1000


def _outcome(row: Cells) -> Outcome:
    code = exit_code(row, "exit")
    if code in _OUT_OF_MEMORY:
        return "out_of_memory"
    return "failed" if row.get("status") in {"FAILED", "ABORTED"} or code not in (None, "0") else "ok"
