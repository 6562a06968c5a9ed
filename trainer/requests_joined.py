"""The first attempts of jobs as the rule sized them, beside what became of the jobs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Optional

from galaxy_memory_rules.names import tool_names
from galaxy_memory_rules.retry import RETRY_FACTOR

from .decisions import Asked
from .families import family_of
from .records import JobRecord


@dataclass(frozen=True)
class Sized:
    """A job that has ended, and the request of its first attempt.

    Parameters
    ----------
    tool : str
        The tool's family.
    seconds : float
        When the rule was asked, in seconds since 1970; without a log when the job was created.
    request_bytes : int or None
        What the rule requested, or would have in shadow mode; None where the destination's own memory stayed.
    own_bytes : int or None
        What the destination requests by itself, where that is known.
    is_shadow : bool
        Whether the request was only told.
    was_killed : bool
        Whether the first attempt ran out of memory.
    is_fallback : bool
        Whether the service did not size it.
    failure : str
        What kept the service from being asked.
    guards : tuple of str
        Which of its guards fired.
    bundle : str
        The bundle that answered; empty where none did, or the records do not tell.
    then_bytes : int or None
        What the second attempt requested, where there was one after a kill.
    peak_bytes : int or None
        What the job used when it ended well.
    run_hours : float or None
        How long that took.
    """

    tool: str
    seconds: float
    request_bytes: Optional[int]
    own_bytes: Optional[int] = None
    is_shadow: bool = False
    was_killed: bool = False
    is_fallback: bool = False
    failure: str = ""
    guards: tuple[str, ...] = ()
    bundle: str = ""
    then_bytes: Optional[int] = None
    peak_bytes: Optional[int] = None
    run_hours: Optional[float] = None

    @property
    def given_bytes(self) -> Optional[int]:
        """What the first attempt really had."""
        return self.own_bytes if self.is_shadow or self.request_bytes is None else self.request_bytes

    @property
    def was_too_little(self) -> Optional[bool]:
        """Whether `request_bytes` is less than the job needs; None where that cannot be told."""
        if self.request_bytes is None:
            return None
        if self.was_killed and not self.is_shadow:
            return True
        if self.peak_bytes is not None:
            return self.need_bytes > self.request_bytes
        # it never ended well: it is known only to need more than it had
        return True if self.given_bytes and self.request_bytes <= self.given_bytes else None

    @property
    def need_bytes(self) -> int:
        """What the job needs: its peak, and more than what it was killed with."""
        return max(self.peak_bytes or 0, (self.given_bytes or 0) + 1 if self.was_killed else 0)


@dataclass
class Joined:
    """The jobs that the rule was asked for and that have ended, and how many others there are.

    Parameters
    ----------
    sized : list of Sized
        The jobs, in the order of the records.
    failed_otherwise : int
        Jobs that failed for another reason: they say nothing about their memory.
    not_asked : int
        Recorded jobs that the rule has said nothing of, or not of their first attempt.
    not_recorded : int
        Jobs that the rule was asked for and that are not among the records: still running, or not exported yet.
    """

    sized: list[Sized] = field(default_factory=list)
    failed_otherwise: int = 0
    not_asked: int = 0
    not_recorded: int = 0


def join(records: Iterable[JobRecord], log: Optional[Iterable[Asked]], since_seconds: float = 0.0) -> Joined:
    """Find for each job what was requested first, and what it used at last.

    Parameters
    ----------
    records : iterable of JobRecord
        Of the canonical table; each job's last attempt.
    log : iterable of Asked, optional
        The decision log; without one what was requested is taken from the records.
    since_seconds : float
        Jobs that the rule was asked for before are left out.
    """
    if log is None:
        return _from_records(records, since_seconds)
    joined, asked = Joined(), _first_attempts(log, since_seconds)
    seen: Counter[str] = Counter()
    for record in records:
        first = asked.get(record.job_id)
        if first is None or first.tool != _tool_of(record):
            joined.not_asked += (record.created_seconds or since_seconds) >= since_seconds
        elif not seen[record.job_id]:
            seen[record.job_id] += 1
            _add(joined, first, record)
    joined.not_recorded = len(asked) - len(seen)
    return joined


def _from_records(records: Iterable[JobRecord], since_seconds: float) -> Joined:
    joined = Joined()
    for record in records:
        seconds = record.created_seconds or 0.0
        if seconds < since_seconds:
            continue
        if record.requested_bytes is None:
            joined.not_asked += 1
        else:
            _add(joined, _first_of(record, record.requested_bytes, seconds), record)
    return joined


def _first_of(record: JobRecord, requested_bytes: int, seconds: float) -> Sized:
    """Return the first attempt of a job of which only the last one is recorded: each later one asked for twice more."""
    later = record.job.attempt - 1
    if not later:
        return Sized(_tool_of(record), seconds, requested_bytes)
    first_bytes = max(requested_bytes // RETRY_FACTOR**later, 1)
    return Sized(
        _tool_of(record),
        seconds,
        first_bytes,
        was_killed=True,
        then_bytes=min(first_bytes * RETRY_FACTOR, requested_bytes),
    )


def _first_attempts(log: Iterable[Asked], since_seconds: float) -> dict[str, Sized]:
    """Return the first attempt of each job by the job's id, with what the log tells of the second one."""
    first: dict[str, Sized] = {}
    killed: dict[str, Optional[int]] = {}
    for asked in log:
        if asked.decision.attempt == 1:
            before = first.get(asked.job_id)
            # asked again within one dispatch: what was said last is what Galaxy used
            if before is None or before.seconds <= asked.seconds:
                first[asked.job_id] = _sized(asked)
        elif asked.decision.attempt == 2 and asked.job.previous_request_bytes:
            killed[asked.job_id] = asked.decision.request_bytes
    return {
        job_id: replace(sized, was_killed=True, then_bytes=killed[job_id]) if job_id in killed else sized
        for job_id, sized in first.items()
        if sized.seconds >= since_seconds
    }


def _sized(asked: Asked) -> Sized:
    decision = asked.decision
    is_shadow = decision.shadow_bytes is not None
    request_bytes = decision.shadow_bytes if is_shadow else decision.request_bytes
    return Sized(
        family_of(tool_names(asked.job.tool_id, asked.job.tool_version)[0]),
        asked.seconds,
        request_bytes or None,
        decision.own_bytes,
        is_shadow,
        is_fallback=request_bytes is None or decision.source in ("", "fallback"),
        failure=decision.failure,
        guards=decision.guards,
        bundle=decision.bundle,
    )


def _add(joined: Joined, sized: Sized, record: JobRecord) -> None:
    was_killed = sized.was_killed or (record.outcome == "out_of_memory" and record.job.attempt == 1)
    if record.outcome == "failed" and not was_killed:
        joined.failed_otherwise += 1
        return
    ended_well = record.outcome == "ok" and record.peak_bytes > 0
    joined.sized.append(
        replace(
            sized,
            was_killed=was_killed,
            peak_bytes=record.peak_bytes if ended_well else None,
            run_hours=record.run_seconds / 3600 if ended_well and record.run_seconds else None,
        )
    )


def _tool_of(record: JobRecord) -> str:
    return family_of(tool_names(record.job.tool_id, record.job.tool_version)[0])
