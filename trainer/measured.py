"""What was measured of a job, or chosen for it: how it ended, its limit, its request and its times."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from functools import partial
from typing import Optional, TypedDict, TypeVar

from galaxy_memory_rules.errors import InvalidMessage
from galaxy_memory_rules.memory import GIB, MIB, parse_bytes
from galaxy_memory_rules.messages import MAX_SIZE_BYTES

from .records import Outcome

Value = TypeVar("Value")
Cells = Mapping[str, str]

# as databases and spreadsheets write a number that is not negative; an exponent of more digits would cost a fortune
NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?")
_ABSENT = frozenset({"", "-", "nan", "none", "null", "na"})

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
_SLURM_MEMORY = re.compile(r"--mem[= ]([0-9]+[kmgt]?)(?![.\w])", re.IGNORECASE)

# What is measured while the job runs, or says where it ran: not known, or not chosen, when the rule is asked.
_NOT_KNOWN_BEFORE = re.compile(
    r"(memory|cpuacct|cpu|cpuset|blkio|pids|peak)[._].*|.*_(seconds|rss_bytes|cache_bytes)|runtime(_.*)?|(start|end)_epoch"
    r"|job_id|job|id|state|info|exit_code|handler|.*create_time|.*update_time|destination_(id|params)|user(_.*)?|hostname"
    r"|job_runner_.*|memtotal|processor_count|overlapping_jobs|galaxy_(memory_mb|runtime)|index_cold|genome_bp"
    r"|read_(count|length)|tpv_(mem|cores|gpus)|request(s|ed)?_(memory|mb|bytes)(_.*)?|(limits|docker)_memory"
    r"|(submit_)?native_?[sS]pecification"
)


class Measured(TypedDict):
    """The fields of a JobRecord that are only known afterwards."""

    outcome: Outcome
    limit_bytes: Optional[int]
    requested_bytes: Optional[int]
    run_seconds: Optional[float]
    created_seconds: Optional[float]


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
        "requested_bytes": _first(row, _REQUESTS),
        "run_seconds": _run_seconds(row),
        "created_seconds": _first(row, _CREATED),
    }


def whole(cell: str, column: str) -> int:
    """Read a number of bytes or pieces, rounded up; nothing counts as 0.

    Raises
    ------
    InvalidMessage
        Naming the column, if the cell is no number that is not negative.
    """
    if cell.lower() in _ABSENT - {"-"}:
        return 0
    if not NUMBER.fullmatch(cell):
        raise InvalidMessage(column, f"{cell[:40]!r} is no number of bytes or pieces")
    return math.ceil(Decimal(cell))


def number(text: str) -> Optional[float]:
    """Read a number that is not negative; None if the text is none."""
    value = float(text) if NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def amount_bytes(text: str, unit_bytes: int = 1) -> Optional[int]:
    """Read an amount of memory; None if there is none, or if no machine has that much (the kernel's "no limit").

    Parameters
    ----------
    text : str
        ``max``, ``12G``, ``12Gi``, or a number alone.
    unit_bytes : int
        What a number alone counts.
    """
    value = number(text)
    try:
        # Kubernetes leaves out the B
        found = parse_bytes(re.sub("i$", "iB", text)) if value is None else math.ceil(value * unit_bytes)
    except (ValueError, OverflowError):
        return None
    return found if 0 < found <= MAX_SIZE_BYTES else None


def seconds_since_1970(text: str) -> Optional[float]:
    """Read a time as ISO 8601 text (without a zone it is UTC, as Galaxy's database keeps it) or as epoch seconds."""
    value = number(text)
    if value is not None:
        return value or None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def told(row: Cells, column: str) -> Optional[str]:
    """Return the cell of a column, or None where nothing stands there."""
    cell = row.get(column, "")
    return None if cell.lower() in _ABSENT else cell


def exit_code(row: Cells, column: str) -> Optional[str]:
    """Return an exit code as its digits, whether or not the database gave it decimals."""
    code = told(row, column)
    return None if code is None else code.partition(".")[0]


def _slurm_bytes(text: str) -> Optional[int]:
    found = _SLURM_MEMORY.search(text)
    return amount_bytes(found[1], MIB) if found else None


# by column, the most telling first; TPV's GB and HTCondor's and Slurm's bare numbers are powers of 1024
_LIMITS = dict.fromkeys(("memory.limit_in_bytes", "memory.max", "limits_memory"), amount_bytes)
_REQUESTS: Mapping[str, Callable[[str], Optional[int]]] = {
    "galaxy_memory_mb": partial(amount_bytes, unit_bytes=MIB),
    "tpv_mem": partial(amount_bytes, unit_bytes=GIB),
    "requested_bytes": amount_bytes,
    "requested_memory_bytes": amount_bytes,
    "requested_mb": partial(amount_bytes, unit_bytes=MIB),
    "requested_memory_mb": partial(amount_bytes, unit_bytes=MIB),
    "request_memory": partial(amount_bytes, unit_bytes=MIB),
    "native_specification": _slurm_bytes,
    "nativeSpecification": _slurm_bytes,
    "submit_native_specification": _slurm_bytes,
    "requests_memory": amount_bytes,
    "docker_memory": amount_bytes,
}
_RUN_TIMES = dict.fromkeys(("runtime_seconds", "galaxy_runtime", "runtime", "wall_seconds"), number)
_CREATED = dict.fromkeys(("create_time", "job_create_time", "start_epoch"), seconds_since_1970)


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
