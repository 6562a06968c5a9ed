"""Recorded jobs in one shape, whatever export they came from."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, Optional

from galaxy_memory_rules.errors import RecordsError
from galaxy_memory_rules.messages import JobDescription

Outcome = Literal["ok", "failed", "out_of_memory"]
# of each tool; the models are no better for more, and take longer
MOST_ROWS = 50_000


@dataclass(frozen=True)
class JobRecord:
    """A job after it ran: what was known before dispatch, and what was measured.

    Parameters
    ----------
    job : JobDescription
        The job as the rule would have described it.
    peak_bytes : int
        Measured maximum of the job's memory; 0 where nothing was measured, as of an attempt that was killed.
    outcome : Outcome
        Whether the job ended well; a job that the kernel killed for its memory needed more than its peak.
    limit_bytes, requested_bytes : int, optional
        The memory the job was confined to, and what had been requested for it.
    run_seconds, created_seconds : float, optional
        How long it ran, and when it was created, in seconds since 1970.
    job_id, server : str
        The job's id, and the server whose id it is; empty where it is not told, as are all texts that follow.
    state : str
        Galaxy's word for how the job ended.
    peak_metric : str
        The metric or column that the peak came from.
    destination_id : str
        Where it ran.
    """

    job: JobDescription
    peak_bytes: int
    outcome: Outcome = "ok"
    limit_bytes: Optional[int] = None
    requested_bytes: Optional[int] = None
    run_seconds: Optional[float] = None
    created_seconds: Optional[float] = None
    job_id: str = ""
    server: str = ""
    state: str = ""
    peak_metric: str = ""
    destination_id: str = ""


@dataclass
class ToolRecords:
    """All records of one tool in one file.

    Parameters
    ----------
    tool : str
        The tool's id, or the file's name where the file does not tell.
    file : str
        Where the records were read, as the administrator wrote it.
    label : str
        The column that holds the peak.
    records : list of JobRecord
        In the order of the file.
    dropped : Counter of str
        How many rows were left out, by reason.
    sampled : int
        How many more rows there were than are kept: those in `records` are a sample.
    fault : RecordsError or None
        Why these records cannot be used, where a row could not be read.
    """

    tool: str
    file: str
    label: str
    records: list[JobRecord] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    sampled: int = 0
    fault: Optional[RecordsError] = None
