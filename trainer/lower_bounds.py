"""Attempts that were killed for their memory and left no metrics: that they had too little is all that is known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Optional

from galaxy_memory_rules.names import tool_names

from .decisions import Asked
from .families import family_of
from .readers.reader import LOWER_BOUND
from .records import JobRecord, ToolRecords


@dataclass(frozen=True)
class Bounded:
    """The records of a tool, killed attempts included.

    Parameters
    ----------
    found : ToolRecords
        The records.
    added : int
        How many of them the log has added.
    known : int
        Killed attempts of jobs whose records tell more than the log, or which a sample has jobs for: they would count
        twice.
    """

    found: ToolRecords
    added: int = 0
    known: int = 0


def with_killed(tools: Iterable[ToolRecords], log: Iterable[Asked]) -> list[Bounded]:
    """Add the killed attempts that a decision log tells of to the records of their tools.

    Of each job the last killed attempt is the one that tells most. Where the job ended well at last, its peak is known,
    and tells more.

    Parameters
    ----------
    tools : iterable of ToolRecords
        What was exported.
    log : iterable of Asked
        The rule's decision log.

    Returns
    -------
    list of Bounded
        One for each tool, in the same order.
    """
    listed = list(tools)
    by_name = {name: place for place, found in enumerate(listed) for name in (family_of(found.tool), found.tool)}
    killed: list[dict[str, Asked]] = [{} for _ in listed]
    for asked in log:
        place = _place(asked, by_name) if asked.job.previous_request_bytes else None
        if place is not None:
            before = killed[place].get(asked.job_id)
            if before is None or before.job.attempt <= asked.job.attempt:
                killed[place][asked.job_id] = asked
    return [_bounded(found, of_tool) for found, of_tool in zip(listed, killed, strict=True)]


def _place(asked: Asked, by_name: Mapping[str, int]) -> Optional[int]:
    names = tool_names(asked.job.tool_id, asked.job.tool_version)
    return next((by_name[name] for name in names if name in by_name), None)


def _bounded(found: ToolRecords, killed: Mapping[str, Asked]) -> Bounded:
    if not killed:
        return Bounded(found)
    if found.sampled:
        # the last attempts of most of these jobs were among those that the sample stands for
        return Bounded(found, 0, len(killed))
    told = {record.job_id: record for record in found.records if record.job_id in killed}
    run_seconds = _usual_seconds(found.records)
    bounds = [_bound(asked, run_seconds) for asked in killed.values()]
    added = [bound for bound in bounds if not _tells_more(told.get(bound.job_id), bound)]
    return Bounded(replace(found, records=[*found.records, *added]), len(added), len(bounds) - len(added))


def _bound(asked: Asked, run_seconds: Optional[float]) -> JobRecord:
    """Return the record of the attempt before the one that was asked for."""
    job = replace(asked.job, attempt=asked.job.attempt - 1, previous_request_bytes=None)
    had_bytes = asked.job.previous_request_bytes or 0
    return JobRecord(
        job,
        had_bytes,
        "out_of_memory",
        limit_bytes=had_bytes,
        requested_bytes=had_bytes,
        run_seconds=run_seconds,
        created_seconds=asked.seconds,
        job_id=asked.job_id,
        state="resubmitted",
        peak_metric=LOWER_BOUND,
    )


def _tells_more(record: Optional[JobRecord], bound: JobRecord) -> bool:
    return record is not None and (record.outcome == "ok" or record.peak_bytes >= bound.peak_bytes)


def _usual_seconds(records: Iterable[JobRecord]) -> Optional[float]:
    """Return how long these jobs run; None where one of them does not tell, for then no run time counts at all."""
    seconds = [record.run_seconds for record in records]
    told = [value for value in seconds if value]
    return median(told) if told and len(told) == len(seconds) else None
