"""What a file of recorded jobs holds, and what is wrong with it, before anybody trains on it."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from .families import pool_versions
from .following import Verdict, following
from .hygiene import AT_LIMIT_SHARE, FAILED_EARLY, REPEATED, TIMES_ASSIGNED, Cleaned, clean
from .readers import read_opened
from .readers.dialects import open_source
from .readers.reader import LOWER_BOUND, PEAK_METRICS, Told
from .records import JobRecord, ToolRecords
from .rungs import FOREST_FROM, LEAST_JOBS

# gxadmin's column is a metric of cgroups too
_WITH_PAGE_CACHE = frozenset({*PEAK_METRICS, "memory_bytes", "memory_used_mb"})
# a destination is only suspected where there is something to see
_LEAST_JOBS_OF_A_DESTINATION, _SUSPECT_SHARE = 10, 0.5

ENOUGH, FEW, TOO_FEW, UNUSABLE = "enough", "few", "too few", "unusable"


@dataclass(frozen=True)
class ToolInspection:
    """What a file holds of one tool.

    Parameters
    ----------
    tool : str
        Its name; its versions are counted together.
    rows : int
        All of its rows.
    examined : int
        How many of those with a peak were looked at closely; the counts that follow are of these.
    usable : int
        How many of them a training would learn from.
    unusable : dict of str to int
        How many it would drop, by reason; rows without a peak, of all rows, are here too.
    marked : dict of str to int
        How many it would keep but mark, by reason.
    faulty : int
        How many were measured wrongly: peaks that no machine, no request and no similar job explains.
    censored : int
        Whose peak is a limit's and not the job's.
    page_cache : int
        Those of them that ended well all the same: at the limit may be files that the kernel keeps while there is room.
    without_sizes : int
        That tell no size of any input.
    measures : dict of str to int
        Which metric or column the peaks came from.
    follows_request : str
        The evidence that its peak follows its own request; empty where there is none.
    verdict : str
        ``enough``, ``few``, ``too few`` or ``unusable``.
    more_jobs : int
        How many more are missing to a forest.
    why : str
        The verdict as a sentence.
    """

    tool: str
    rows: int
    examined: int
    usable: int
    unusable: dict[str, int]
    marked: dict[str, int]
    faulty: int
    censored: int
    page_cache: int
    without_sizes: int
    measures: dict[str, int]
    follows_request: str
    verdict: str
    more_jobs: int
    why: str


@dataclass(frozen=True)
class DestinationInspection:
    """A destination whose peaks look like the host's and not the jobs'.

    Parameters
    ----------
    destination : str
        Its id, empty where the file does not tell.
    jobs : int
        How many of its jobs were looked at.
    repeated : int
        Whose peak is that of another job to the byte, as a host's high-water mark stays until it is passed.
    beyond : int
        Whose peak is more than 8 times what was requested, with no limit that they were confined to.
    """

    destination: str
    jobs: int
    repeated: int
    beyond: int


@dataclass(frozen=True)
class Inspection:
    """What a file or folder holds.

    Parameters
    ----------
    file : str
        Its name.
    dialect, label : str
        How it was read, and which column or metric holds the peak.
    refusal : str
        Why a training would refuse it; empty where it would not.
    rows : int
        All rows.
    first_seconds, last_seconds : float, optional
        When the oldest and the newest job were created, seconds since 1970.
    tools : list of ToolInspection
        Those with the most rows first.
    hosts : list of DestinationInspection
        Destinations to leave out.
    """

    file: str
    dialect: str
    label: str
    refusal: str
    rows: int
    first_seconds: Optional[float]
    last_seconds: Optional[float]
    tools: list[ToolInspection]
    hosts: list[DestinationInspection]


def inspect(path: Path, label: Optional[str], dialect: Optional[str], most_rows: int) -> Inspection:
    """Look at a file or folder of recorded jobs.

    Parameters
    ----------
    path : Path
        The file or folder.
    label : str, optional
        The column or metric that holds the peak; the dialect's usual one where it is not told.
    dialect : str, optional
        How to read it; by its content where it is not told.
    most_rows : int
        How many jobs of a tool are looked at closely.

    Raises
    ------
    RecordsError
        If the file cannot be read.
    ConfigError
        If there is no such dialect.
    """
    opened = open_source(path, Told(label, path.name.split(".")[0]), dialect)
    found = pool_versions(read_opened(path, opened.reader, str(path), most_rows))
    records = [record for tool in found for record in tool.records]
    times = [record.created_seconds for record in records if record.created_seconds is not None]
    tools = sorted(map(_of_tool, found), key=lambda tool: (-tool.rows, tool.tool))
    return Inspection(
        str(path),
        opened.dialect,
        opened.reader.label,
        opened.refusal,
        sum(tool.rows for tool in tools),
        min(times, default=None),
        max(times, default=None),
        tools,
        hosts_of(records),
    )


def _of_tool(found: ToolRecords) -> ToolInspection:
    cleaned = clean(found.records)
    verdict, more_jobs, why = _verdict(found, cleaned)
    return ToolInspection(
        found.tool,
        len(found.records) + found.sampled + found.dropped.total(),
        len(found.records),
        len(cleaned.records),
        dict(found.dropped + cleaned.dropped),
        dict(cleaned.flagged),
        cleaned.dropped.total() - cleaned.dropped[REPEATED] - cleaned.dropped[FAILED_EARLY],
        int(cleaned.censored.sum()),
        sum(map(_is_page_cache, cleaned.records, cleaned.censored)),
        sum(not any(dataset.size_bytes for dataset in record.job.inputs) for record in found.records),
        dict(Counter(record.peak_metric for record in found.records)),
        _follows(cleaned.records),
        verdict,
        more_jobs,
        why,
    )


def _follows(records: Sequence[JobRecord]) -> str:
    told = following(records)
    return told.why if told.verdict is Verdict.FOLLOWS else ""


def _is_page_cache(record: JobRecord, censored: bool) -> bool:
    return bool(censored) and record.outcome == "ok" and record.peak_metric in _WITH_PAGE_CACHE


def _verdict(found: ToolRecords, cleaned: Cleaned) -> tuple[str, int, str]:
    """Say whether there are enough jobs: those of a sample stand for all."""
    share = len(cleaned.records) / max(len(found.records), 1)
    usable = round(share * (len(found.records) + found.sampled))
    missing = max(FOREST_FROM - usable, 0)
    if found.fault is not None:
        return UNUSABLE, missing, str(found.fault)
    if usable < LEAST_JOBS:
        return TOO_FEW, missing, f"{LEAST_JOBS - usable} more for any model, {missing} more for a forest"
    limited = cleaned.censored.sum() > len(cleaned.records) / 2
    but = "; but most peaks are a limit's: give some of these jobs more and export them again" if limited else ""
    if missing:
        return FEW, missing, f"a line until there are {missing} more for a forest{but}"
    return ENOUGH, 0, f"{usable:,} usable jobs make a forest{but}"


def hosts_of(records: Sequence[JobRecord]) -> list[DestinationInspection]:
    """Find destinations without a cgroup for each job: what is measured there is the host's memory.

    Parameters
    ----------
    records : sequence of JobRecord
        Jobs of all tools.
    """
    by_destination: defaultdict[str, list[JobRecord]] = defaultdict(list)
    for record in records:
        if record.peak_metric != LOWER_BOUND:
            by_destination[record.destination_id].append(record)
    looked_at = [_of_destination(destination, jobs) for destination, jobs in sorted(by_destination.items())]
    return [
        found
        for found in looked_at
        if found.jobs >= _LEAST_JOBS_OF_A_DESTINATION
        and max(found.repeated, found.beyond) > _SUSPECT_SHARE * found.jobs
    ]


def _of_destination(destination: str, jobs: Sequence[JobRecord]) -> DestinationInspection:
    # the same job with the same peak is a repeated row, and many stand at one limit
    free = [job for job in jobs if not _is_at_limit(job)]
    repeated = Counter(peak for peak, _ in {(job.peak_bytes, (job.job.tool_id, job.job.inputs)) for job in free})
    return DestinationInspection(
        destination, len(jobs), sum(repeated[job.peak_bytes] > 1 for job in free), sum(map(_is_beyond, jobs))
    )


def _is_at_limit(record: JobRecord) -> bool:
    return bool(record.limit_bytes and record.peak_bytes >= AT_LIMIT_SHARE * record.limit_bytes)


def _is_beyond(record: JobRecord) -> bool:
    requested_bytes = record.requested_bytes
    return bool(requested_bytes and not record.limit_bytes and record.peak_bytes > TIMES_ASSIGNED * requested_bytes)
