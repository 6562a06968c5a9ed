"""Recorded jobs out of every export: one reader for each dialect, and how a dialect is recognised."""

from pathlib import Path
from typing import Optional

from galaxy_memory_rules.errors import InvalidMessage, RecordsError
from galaxy_memory_rules.names import tool_names
from trainer.records import JobRecord, ToolRecords

from .dialects import DIALECTS, open_source
from .reader import NO_PEAK, Reader, Told, lower_bound
from .sampling import MOST_RECORDS, MOST_ROWS, Reservoirs

__all__ = ["DIALECTS", "MOST_ROWS", "read"]


def read(
    path: Path,
    label: str,
    tool_id: Optional[str] = None,
    tool_version: Optional[str] = None,
    written: Optional[str] = None,
    format: Optional[str] = None,
    most_rows: int = MOST_ROWS,
) -> list[ToolRecords]:
    """Read a file or folder of recorded jobs, whichever dialect it speaks.

    Parameters
    ----------
    path : Path
        The file, or the folder of files.
    label : str
        The column or metric that holds the peak; the names of cgroup v1 and v2 stand for each other.
    tool_id : str, optional
        The tool's id, where the file has no column ``tool_id``; without either it is named after the file.
    tool_version : str, optional
        The tool's version, where neither the id nor the file tells.
    written : str, optional
        The file's name as the administrator wrote it, for reports.
    format : str, optional
        One of `DIALECTS`, where the content tells another or none.
    most_rows : int
        How many records of a tool are kept; of more, a sample in the order of the file.

    Returns
    -------
    list of ToolRecords
        One for each tool, in the order of their first rows.

    Raises
    ------
    RecordsError
        If the whole file cannot be used. A row that cannot be read is the `fault` of its tool alone.
    ConfigError
        If there is no such format.
    """
    told = Told(label, tool_id or path.name.split(".")[0], tool_version or "")
    opened = open_source(path, told, format)
    if opened.refusal:
        raise RecordsError(f"{path}: {opened.refusal}")
    found = _Reading(path, written or str(path), opened.reader, Reservoirs(most_rows, MOST_RECORDS)).all()
    if not found:
        raise RecordsError(f"{path}: a header and no rows; expected one row for each job")
    return found


class _Reading:
    """One pass over the rows of a reader."""

    def __init__(self, path: Path, written: str, reader: Reader, kept: Reservoirs[JobRecord]) -> None:
        self._path, self._written, self._reader, self._kept = path, written, reader, kept
        self._by_tool: dict[str, ToolRecords] = {}

    def all(self) -> list[ToolRecords]:
        """Return what was found of each tool."""
        for place, row in self._reader.rows():
            # a tool's bundle has the most exact of the names that a live job may call the tool by
            tool = tool_names(*self._reader.tool(row))[0]
            if tool not in self._by_tool:
                self._by_tool[tool] = ToolRecords(tool, self._written, self._reader.label)
            found = self._by_tool[tool]
            try:
                self._add(found, row)
            except InvalidMessage as error:
                complaint = f"{self._path}, {place}: {error}; repair or remove this {place.split()[-2]}"
                found.fault = found.fault or RecordsError(complaint)
        for tool, found in self._by_tool.items():
            reservoir = self._kept.of(tool)
            found.records, found.sampled = reservoir.rows, reservoir.seen - len(reservoir)
        return list(self._by_tool.values())

    def _add(self, found: ToolRecords, row: object) -> None:
        """Keep a row, or count why not; what is not taken is not looked at any closer."""
        if not self._reader.peak_bytes(row):
            bound = lower_bound(self._reader.record(row))
            if bound is None:
                found.dropped[NO_PEAK] += 1
            elif self._kept.of(found.tool).takes():
                self._kept.keep(found.tool, bound)
        elif reason := self._reader.left_out(row):
            found.dropped[reason] += 1
        elif self._kept.of(found.tool).takes():
            self._kept.keep(found.tool, self._reader.record(row))
