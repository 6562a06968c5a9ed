"""Recorded jobs out of every export: one reader for each dialect, and how a dialect is recognised."""

from pathlib import Path
from typing import NamedTuple, Optional

from galaxy_memory_rules.errors import InvalidMessage, RecordsError
from galaxy_memory_rules.names import tool_names
from trainer.families import family_of
from trainer.records import MOST_ROWS, JobRecord, ToolRecords

from .dialects import DIALECTS, open_source
from .reader import NO_PEAK, Reader, Told, lower_bound
from .sampling import MOST_RECORDS, Reservoir, Reservoirs

__all__ = ["DIALECTS", "read", "read_opened"]


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
        How many records of a tool, all its versions together, are kept; of more, a sample in the order of the file.

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
    return read_opened(path, opened.reader, written or str(path), most_rows)


def read_opened(path: Path, reader: Reader, written: str, most_rows: int) -> list[ToolRecords]:
    """Read what `dialects.open_source` has opened; the parameters, what is returned and raised are those of `read`."""
    found = _Reading(path, written, reader, Reservoirs(most_rows, MOST_RECORDS)).all()
    if not found:
        raise RecordsError(f"{path}: a header and no rows; expected one row for each job")
    return found


class _Tool(NamedTuple):
    """What was found of a tool, and the sample that it shares with its other versions."""

    found: ToolRecords
    kept: Reservoir[tuple[ToolRecords, JobRecord]]


class _Reading:
    """One pass over the rows of a reader."""

    def __init__(
        self, path: Path, written: str, reader: Reader, kept: Reservoirs[tuple[ToolRecords, JobRecord]]
    ) -> None:
        self._path, self._written, self._reader, self._kept = path, written, reader, kept
        self._by_tool: dict[str, _Tool] = {}
        self._by_id: dict[tuple[str, str], _Tool] = {}

    def all(self) -> list[ToolRecords]:
        """Return what was found of each tool."""
        for place, row in self._reader.rows():
            told = self._reader.tool(row)
            tool = self._by_id.get(told) or self._named(told)
            try:
                self._add(tool, row)
            except InvalidMessage as error:
                complaint = f"{self._path}, {place}: {error}; repair or remove this {place.split()[-2]}"
                tool.found.fault = tool.found.fault or RecordsError(complaint)
        for found, record in self._kept.rows():
            found.records.append(record)
            found.sampled -= 1
        return [tool.found for tool in self._by_tool.values()]

    def _named(self, told: tuple[str, str]) -> _Tool:
        # a tool's bundle has the most exact of the names that a live job may call the tool by
        name = tool_names(*told)[0]
        if name not in self._by_tool:
            found = ToolRecords(name, self._written, self._reader.label)
            self._by_tool[name] = _Tool(found, self._kept.of(family_of(name)))
        return self._by_id.setdefault(told, self._by_tool[name])

    def _add(self, tool: _Tool, row: object) -> None:
        """Keep a row, or count why not; what is not taken is not looked at any closer."""
        if not self._reader.peak_bytes(row):
            bound = lower_bound(self._reader.record(row))
            if bound is None:
                tool.found.dropped[NO_PEAK] += 1
            elif _takes(tool):
                self._kept.keep(tool.kept, (tool.found, bound))
        elif reason := self._reader.left_out(row):
            tool.found.dropped[reason] += 1
        elif _takes(tool):
            self._kept.keep(tool.kept, (tool.found, self._reader.record(row)))


def _takes(tool: _Tool) -> bool:
    # those that are kept in the end are taken off again
    tool.found.sampled += 1
    return tool.kept.takes()
