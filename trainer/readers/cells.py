"""Tables with a row for each job: what their dialects have in common."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Optional

from galaxy_memory_rules.messages import parse_job
from trainer.amounts import NOTHING, whole
from trainer.measured import Cells, Measured, measured
from trainer.records import JobRecord
from trainer.tables import Row

from .reader import Told, checked, peaks_of

# `none` is a value that many tools offer: only these two mean that nothing was there.
_ABSENT = frozenset({"", "nan"})
_TOOL_COLUMNS = ("tool_id", "tool_version")
_SLOTS = ("galaxy_slots", "slots")

Body = Iterator[tuple[int, Row]]


class Columns(NamedTuple):
    """How the columns of one dialect are read.

    Parameters
    ----------
    described : callable
        A row -> what `parse_job` reads, but for the tool.
    measured : callable
        A row -> what is only known afterwards.
    size_bytes : callable
        A cell and its column -> bytes, an InvalidMessage where it is none.
    left_out : callable
        A row -> why it is of no use, or None.
    """

    described: Callable[[Cells], dict[str, object]]
    measured: Callable[[Cells], Measured] = measured
    size_bytes: Callable[[str, str], int] = whole
    left_out: Callable[[Cells], Optional[str]] = lambda row: None


@dataclass(frozen=True)
class CellsReader:
    """The rows of a table by the names of their columns.

    Parameters
    ----------
    header : list of str
        The names.
    body : iterable of (int, list of str)
        Line numbers and cells.
    label : str
        The column that was asked for.
    told : Told
        What the administrator told.
    columns : Columns
        How they are read.
    """

    header: Row
    body: Iterable[tuple[int, Row]]
    label: str
    told: Told
    columns: Columns

    @cached_property
    def peaks(self) -> tuple[str, ...]:
        """The columns that may hold the peak."""
        return peaks_of(self.label, self.header)

    def rows(self) -> Iterator[tuple[str, Cells]]:
        """Yield each line; an empty cell tells nothing about the tool."""
        known = {"tool_id": self.told.tool_id, "tool_version": self.told.tool_version}
        named = [name for name in _TOOL_COLUMNS if name in self.header]
        for line, cells in self.body:
            row = {**known, **dict(zip(self.header, cells))}
            for name in named:
                if present(row[name]) is None:
                    row[name] = known[name]
            yield f"line {line}", row

    def tool(self, row: Cells) -> tuple[str, str]:
        """Return id and version of the tool."""
        return row["tool_id"], row["tool_version"]

    def peak_bytes(self, row: Cells) -> int:
        """Return the peak, 0 where none was recorded."""
        return self._peak(row)[0]

    def left_out(self, row: Cells) -> Optional[str]:
        """Return why the job is of no use to anybody, or None."""
        return self.columns.left_out(row)

    def record(self, row: Cells) -> JobRecord:
        """Return the job."""
        tool = {"tool_id": row["tool_id"], "tool_version": row["tool_version"] or None}
        job = parse_job({**tool, **self.columns.described(row)})
        peak_bytes, column = self._peak(row)
        return JobRecord(job, peak_bytes, **self.columns.measured(row), peak_metric=column)

    def _peak(self, row: Cells) -> tuple[int, str]:
        for column in self.peaks:
            peak_bytes = checked(self.columns.size_bytes(row[column], column), column)
            if peak_bytes:
                return peak_bytes, column
        return 0, ""


def slots_of(row: Cells) -> Optional[int]:
    """Return the cores a job had."""
    column = next((name for name in _SLOTS if name in row), None)
    return whole(row[column], column) or None if column else None


def present(cell: Optional[str]) -> Optional[str]:
    """Return a cell, or None where nothing was there."""
    return None if cell is None or cell.lower() in _ABSENT else cell


def chained(line: int, first: Row, rest: Body) -> Body:
    """Return the rows with the first one before them."""
    yield line, first
    yield from rest


def is_number(cell: str) -> bool:
    """Whether a cell holds a number or nothing, which names of columns do not."""
    return cell.lower() in NOTHING or cell.replace(".", "", 1).isdigit()
