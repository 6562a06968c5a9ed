"""What was measured of a job, or chosen for it: its id, how it ended, its limit, its request and its times."""

import re
from collections.abc import Callable, Mapping
from typing import Optional, TypedDict, TypeVar

from .amounts import NOTHING, amount_bytes, number, seconds_since_1970
from .records import Outcome
from .requested import COLUMNS as REQUESTS
from .requested import requested_bytes

Value = TypeVar("Value")
Cells = Mapping[str, str]

_ABSENT = NOTHING | {"-"}

# Counters of processes that the kernel did kill. memory.failcnt and memory.events.oom are none of them: they count
# how often the limit was reached, which a page cache does without harm; under_oom is a state, not a count.
_KILL_COUNTS = ("memory.oom_control.oom_kill", "memory.events.oom_kill", "memory.oom_kill")
# SIGKILL as a shell (128 + 9), as Python (-9) and as one byte (256 - 9) tell it
_KILLED = frozenset({"137", "-9", "247"})
# as Galaxy's runners and the kernel word it
_MEMORY_KILL = re.compile(
    r"more memory than (it|was|requested|allocated)|out[ -]of[ -]memory|insufficient memory|oom[ -]?kill|memory limit",
    re.IGNORECASE,
)

# What is measured while the job runs, or says where it ran: not known, or not chosen, when the rule is asked.
_NOT_KNOWN_BEFORE = re.compile(
    r"(memory|cpuacct|cpu|cpuset|blkio|pids|peak)[._].*|.*_(seconds|rss_bytes|cache_bytes)|runtime(_.*)?|(start|end)_epoch"
    r"|job_id|job|id|server|state|info|exit_code|handler|.*create_time|.*update_time|destination_(id|params)|user(_.*)?"
    r"|hostname|job_runner_.*|memtotal|processor_count|overlapping_jobs|galaxy_(memory_mb|runtime)|index_cold|genome_bp"
    r"|read_(count|length)|gmem_.*|tpv_(mem|cores|gpus)|request(s|ed)?_(memory|mb|bytes)(_.*)?|(limits|docker)_memory"
    r"|submit_request_memory|job_mem(ory)?|(submit_)?native_?[sS]pecification"
)


class Measured(TypedDict):
    """The fields of a JobRecord that are only known afterwards."""

    outcome: Outcome
    limit_bytes: Optional[int]
    requested_bytes: Optional[int]
    run_seconds: Optional[float]
    created_seconds: Optional[float]
    job_id: str
    server: str
    state: str
    destination_id: str


def is_measured(column: str) -> bool:
    """Whether a column tells what is not known, or not chosen, when the rule is asked: no model may see it."""
    return _NOT_KNOWN_BEFORE.fullmatch(column) is not None


def measured(row: Cells) -> Measured:
    """Read what an export of Galaxy tells of a job after it ran.

    Parameters
    ----------
    row : mapping of str to str
        Cells by column. A measurement that is missing or cannot be read is None: the row loses nothing else by it.
    """
    return {
        "outcome": _outcome(row),
        "limit_bytes": _first(row, _LIMITS),
        "requested_bytes": requested_bytes(row),
        "run_seconds": _run_seconds(row),
        "created_seconds": _first(row, _CREATED),
        "job_id": told(row, "job_id") or told(row, "id") or "",
        "server": told(row, "server") or "",
        "state": told(row, "state") or "",
        "destination_id": told(row, "destination_id") or "",
    }


def told(row: Cells, column: str) -> Optional[str]:
    """Return the cell of a column, or None where nothing stands there."""
    cell = row.get(column, "")
    return None if cell.lower() in _ABSENT else cell


def exit_code(row: Cells, column: str) -> Optional[str]:
    """Return an exit code as its digits, whether or not the database gave it decimals."""
    code = told(row, column)
    return None if code is None else code.partition(".")[0]


# by column, the most telling first
_LIMITS = dict.fromkeys(("memory.limit_in_bytes", "memory.max", "limits_memory"), amount_bytes)
_RUN_TIMES = dict.fromkeys(("runtime_seconds", "galaxy_runtime", "runtime", "wall_seconds"), number)
_CREATED = dict.fromkeys(("create_time", "job_create_time", "start_epoch"), seconds_since_1970)
_SLOTS = "galaxy_slots"
# what Galaxy's metrics tell of this, beside the peak
METRICS = frozenset({*_LIMITS, *REQUESTS, *_RUN_TIMES, *_CREATED, *_KILL_COUNTS, "end_epoch", _SLOTS})


def _first(row: Cells, readers: Mapping[str, Callable[[str], Optional[Value]]]) -> Optional[Value]:
    """Return what the first of these columns tells that tells anything."""
    found = (reader(row[column]) for column, reader in readers.items() if column in row)
    return next((value for value in found if value is not None), None)


def _run_seconds(row: Cells) -> Optional[float]:
    run_seconds = _first(row, _RUN_TIMES)
    start, end = (number(row.get(column, "")) for column in ("start_epoch", "end_epoch"))
    if run_seconds is not None or start is None or end is None:
        return run_seconds
    return end - start if end >= start else None


def _outcome(row: Cells) -> Outcome:
    if any(number(row.get(column, "")) for column in _KILL_COUNTS):
        return "out_of_memory"
    state, code = told(row, "state"), exit_code(row, "exit_code")
    # Galaxy's state knows which exit codes the tool takes for success, and what its runner gave up
    if state == "ok" or (state is None and code in (None, "0")):
        return "ok"
    return "out_of_memory" if code in _KILLED or _MEMORY_KILL.search(row.get("info", "")) else "failed"
