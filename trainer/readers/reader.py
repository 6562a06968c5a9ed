"""What every dialect's reader can do, and what they share: which metric is the peak, and what a killed job tells."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Optional, Protocol

from galaxy_memory_rules.errors import InvalidMessage
from galaxy_memory_rules.messages import MAX_SIZE_BYTES
from trainer.records import JobRecord

# cgroup v2 and v1 name the same thing; the last one counts swapped memory too
PEAK_METRICS = ("memory.peak", "memory.max_usage_in_bytes", "memory.memsw.max_usage_in_bytes")
# what every dialect whose peaks are metrics takes for "whichever there is"
ANY_PEAK = "peak_bytes"
NO_PEAK = "no peak recorded"
LOWER_BOUND = "(at least what the killed job had)"


class Told(NamedTuple):
    """What an administrator tells of a file.

    Parameters
    ----------
    label : str or None
        The column or metric that holds the peak; None for what the dialect usually has.
    tool_id, tool_version : str
        The tool where the file does not tell it, and its version or an empty text.
    """

    label: Optional[str]
    tool_id: str
    tool_version: str = ""


class Reader(Protocol):
    """One dialect, opened on one file or folder; a row is whatever it makes of a job."""

    @property
    def label(self) -> str:
        """Which column or metric holds the peak."""

    def rows(self) -> Iterator[tuple[str, Any]]:
        """Yield where each job stands (``line 7``), and its row."""

    def tool(self, row: Any) -> tuple[str, str]:
        """Return id and version of the tool."""

    def peak_bytes(self, row: Any) -> int:
        """Return the peak, 0 where none was recorded; an InvalidMessage names a column that cannot be read."""

    def left_out(self, row: Any) -> Optional[str]:
        """Return why the job is of no use to anybody, or None."""

    def record(self, row: Any) -> JobRecord:
        """Return the job; an InvalidMessage names a column that cannot be read."""


def peaks_of(label: str, there: Collection[str]) -> tuple[str, ...]:
    """Return the columns that may hold a row's peak, the one that was asked for first."""
    alike = PEAK_METRICS if label in (*PEAK_METRICS, ANY_PEAK) else ()
    return tuple(name for name in dict.fromkeys((label, *alike)) if name in there)


def checked(peak_bytes: int, column: str) -> int:
    """Return a peak that a machine can have.

    Raises
    ------
    InvalidMessage
        If none can.
    """
    if peak_bytes > MAX_SIZE_BYTES:
        raise InvalidMessage(column, f"more than {MAX_SIZE_BYTES:,} bytes, which no machine has")
    return peak_bytes


def lower_bound(record: JobRecord) -> Optional[JobRecord]:
    """Return a job without a peak as one that used all it had, if it was killed for that; else None."""
    had_bytes = record.limit_bytes or record.requested_bytes
    if record.outcome != "out_of_memory" or not had_bytes:
        return None
    return replace(record, peak_bytes=had_bytes, peak_metric=LOWER_BOUND)
