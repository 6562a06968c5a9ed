"""Jobs of a plan from CSV: the seed's columns, or ``tool,count`` and sizes, a row for each job or for many."""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from galaxy_memory_rules.errors import BundleRefused, InvalidMessage, RecordsError, UnknownTool
from galaxy_memory_rules.memory import parse_bytes
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, InputDataset, JobDescription, parse_job
from trainer.amounts import NOTHING, number, whole
from trainer.bundle import Bundle
from trainer.columns import ColumnIndex
from trainer.features import TOTALS_INPUT
from trainer.tables import Row, rows_of

from .plan_jobs import COUNT, MOST_ROWS, Group, PlannedJobs, collect, parse_count
from .plan_request import parse_run_seconds
from .predictor import Predictor

_MARK = "\ufeff"
_TOOLS, _VERSION = ("tool", "tool_id"), "tool_version"
_SLOTS, _DBKEY = ("slots", "galaxy_slots"), "dbkey"
_TWINS = ("_extension", "_filetype")
# What counts how long a job runs, and how many seconds one of it is.
_RUN_TIMES = {"run_seconds": 1, "wall_seconds": 1, "runtime_seconds": 1, "hours": 3600}
_TOLD = {*_TOOLS, _VERSION, *_SLOTS, _DBKEY, COUNT, *_RUN_TIMES}
_WITH_UNIT = re.compile(r"\s*\d{1,20}(\.\d{1,20})?\s*[kmgt]i?b\s*", re.IGNORECASE | re.ASCII)
# `none` is a value that many tools offer: only these two mean that nothing was there.
_ABSENT = frozenset({"", "nan"})
# No number that a person or a spreadsheet wrote is longer, and reading one costs time.
_MOST_DIGITS = 40
_MOST_NAMED = 20


def parse_csv(text: object, tool: object, predictor: Predictor) -> PlannedJobs:
    """Read the jobs of a CSV.

    A column holds the sizes of an input where the tool's bundle knows it as one, where a ``_extension`` or
    ``_filetype`` column stands beside it, or where its cell is a size with a unit; it is a tool parameter where the
    bundle knows it as one. Other columns are passed over.

    Parameters
    ----------
    text : object
        The CSV, with a header.
    tool : object
        The tool of all rows, where no column tells it; None where it is not told.
    predictor : Predictor
        Whose bundles know the columns.

    Raises
    ------
    InvalidMessage
        Naming line and column.
    """
    if not isinstance(text, str):
        raise InvalidMessage("csv", "expected a text")
    if tool is not None and not isinstance(tool, str):
        raise InvalidMessage("tool", "expected a text")
    predictor.require_ready()
    table = _rows(text.removeprefix(_MARK))
    _, header = next(table, (1, []))
    readers = _Readers(_checked(header, tool), tool, predictor)
    planned = collect((readers.group(line, cells) for line, cells in table), "line")
    return replace(planned, notes=readers.notes())


def _rows(text: str) -> Iterator[tuple[int, Row]]:
    try:
        for place, (line, cells) in enumerate(rows_of(io.StringIO(text, newline=""), "csv")):
            if place > MOST_ROWS:
                raise InvalidMessage("csv", f"expected at most {MOST_ROWS:,} rows")
            yield line, cells
    except RecordsError as error:
        raise InvalidMessage("csv", str(error).removeprefix("csv, ")) from error


def _checked(header: Row, tool: str | None) -> Row:
    twice = next((name for place, name in enumerate(header) if name in header[:place]), None)
    if twice is not None:
        raise InvalidMessage("csv", f"line 1: the column {twice[:60]!r} is there twice")
    if tool is None and not any(name in header for name in _TOOLS):
        raise InvalidMessage("csv", "line 1: no column tool or tool_id; add one, or tell the tool of all rows")
    return header


class _Readers:
    """How rows are read, tool by tool."""

    def __init__(self, header: Row, tool: str | None, predictor: Predictor) -> None:
        self._header, self._predictor = header, predictor
        self._places = {name: place for place, name in enumerate(header)}
        self._tool_place = next((self._places[name] for name in _TOOLS if name in self._places), None)
        self._tool = tool
        self._by_tool: dict[tuple[str | None, str | None], _Reader] = {}

    def group(self, line: int, cells: Row) -> Group:
        """Read one row."""
        tool_id = self._tool if self._tool_place is None else cells[self._tool_place]
        version = self._cell(cells, _VERSION)
        reader = self._by_tool.get((tool_id, version))
        if reader is None:
            reader = self._by_tool[tool_id, version] = self._reader(line, tool_id, version)
        count, seconds = self._count(line, cells), self._run_seconds(line, cells)
        return Group(reader.job(line, cells), count, seconds, line)

    def notes(self) -> tuple[str, ...]:
        """Tell which columns no tool has a use for."""
        unused = [reader.unused for reader in self._by_tool.values() if reader.found]
        names = [name for name in self._header if unused and all(name in one for one in unused)]
        if not names:
            return ()
        listed = ", ".join(name[:60] for name in names[:_MOST_NAMED])
        return (f"columns not used: {listed}{', ...' if len(names) > _MOST_NAMED else ''}",)

    def _reader(self, line: int, tool_id: str | None, version: str | None) -> "_Reader":
        job = parse_job({"tool_id": tool_id, "tool_version": version}, f"csv line {line}")
        try:
            found = self._predictor.find(job.tool_id, job.tool_version)
        # what cannot be planned is told with the others of its tool
        except (UnknownTool, BundleRefused):
            found = None
        return _Reader(self._header, job, found)

    def _cell(self, cells: Row, *names: str) -> str | None:
        """Return the first of some cells that tells anything."""
        told = (cells[self._places[name]] for name in names if name in self._places)
        return next((cell for cell in told if cell.lower() not in NOTHING), None)

    def _count(self, line: int, cells: Row) -> int:
        cell = self._cell(cells, COUNT)
        if cell is None:
            return 1
        try:
            return parse_count(int(cell) if cell.isdecimal() and len(cell) <= _MOST_DIGITS else cell)
        except ValueError as error:
            raise InvalidMessage(_place(line, COUNT), str(error)) from error

    def _run_seconds(self, line: int, cells: Row) -> float | None:
        for name, unit_seconds in _RUN_TIMES.items():
            cell = self._cell(cells, name)
            told = number(cell) if cell is not None and len(cell) <= _MOST_DIGITS else None
            if cell is None or told == 0:
                continue
            try:
                return parse_run_seconds(cell if told is None else told * unit_seconds)
            except ValueError as error:
                raise InvalidMessage(_place(line, name), str(error)) from error
        return None


class _Reader:
    """How the rows of one tool are read: what rows have in common beside their sizes is checked once.

    Parameters
    ----------
    header : list of str
        The columns.
    job : JobDescription
        The tool, and nothing else.
    found : Bundle or None
        The tool's bundle; without one, nothing else is read.
    """

    def __init__(self, header: Row, job: JobDescription, found: Bundle | None) -> None:
        self.found = found
        self._header, self._job = header, job
        self._places = {name: place for place, name in enumerate(header)}
        self._twins = {name: name + twin for twin in _TWINS for name in header if name + twin in self._places}
        left = [name for name in header if name not in _TOLD and name not in self._twins.values()]
        self._inputs = list(filter(self._is_input, left))
        parameters = ColumnIndex(found.schema.parameters if found else ())
        others = [name for name in left if name not in self._inputs]
        self._parameters = [name for name in others if parameters.find(name) is not None]
        self._others = [name for name in others if name not in self._parameters]
        told = (_DBKEY, *_SLOTS, *self._parameters, *self._twins.values())
        self._common = [self._places[name] for name in told if name in self._places]
        self._seen: dict[tuple[str, ...], JobDescription] = {}
        self._used: set[str] = set()

    @property
    def unused(self) -> set[str]:
        """Columns that told nothing."""
        return {*self._others} - self._used

    def job(self, line: int, cells: Row) -> JobDescription:
        """Read the job of one row."""
        if self.found is None:
            return self._job
        key = tuple([cells[place] for place in self._common])
        common = self._seen.get(key)
        if common is None:
            common = self._seen[key] = self._parse(line, dict(zip(self._header, cells, strict=True)))
        return replace(common, inputs=(*self._sized(line, cells, common), *self._by_unit(line, cells)))

    def _is_input(self, name: str) -> bool:
        inputs = self.found.schema.inputs if self.found else ()
        # where the records do not tell inputs apart, their total is one
        return name in self._twins or ColumnIndex(inputs or (TOTALS_INPUT,)).find(name) is not None

    def _parse(self, line: int, row: Mapping[str, str]) -> JobDescription:
        """Check all of a row but its sizes; every input is there."""
        slots = next((name for name in _SLOTS if _told(row.get(name))), None)
        return parse_job(
            {
                "tool_id": self._job.tool_id,
                "tool_version": self._job.tool_version,
                "inputs": [
                    {"name": name, "extension": _told(row.get(self._twins.get(name, "")))} for name in self._inputs
                ],
                "parameters": {name: row[name] for name in self._parameters if _told(row[name])},
                "dbkey": _told(row.get(_DBKEY)),
                "slots": (slots and _whole(row[slots], line, slots, "a number of cores")) or None,
            },
            f"csv line {line}",
        )

    def _sized(self, line: int, cells: Row, common: JobDescription) -> Iterator[InputDataset]:
        for name, dataset in zip(self._inputs, common.inputs, strict=True):
            size_bytes = _size_bytes(cells[self._places[name]], line, name)
            if size_bytes or dataset.extension:
                yield InputDataset(name, size_bytes, dataset.extension)

    def _by_unit(self, line: int, cells: Row) -> Iterator[InputDataset]:
        for name in self._others:
            cell = cells[self._places[name]]
            # most cells are none: the last letter tells at once
            if cell[-1:] in ("b", "B") and _WITH_UNIT.fullmatch(cell):
                self._used.add(name)
                yield InputDataset(name, _size_bytes(cell, line, name))


def _told(cell: str | None) -> str | None:
    return None if cell is None or cell.lower() in _ABSENT else cell


def _place(line: int, column: str) -> str:
    return f"csv line {line}, {column[:200]}"


def _size_bytes(cell: str, line: int, column: str) -> int:
    """Read a size in bytes, or with a unit; nothing counts as 0."""
    if cell[-1:].isdigit() or not _WITH_UNIT.fullmatch(cell):
        return _whole(cell, line, column, "bytes or a size such as 1.4 GB")
    size_bytes = parse_bytes(cell)
    if size_bytes > MAX_SIZE_BYTES:
        raise InvalidMessage(_place(line, column), f"expected at most {MAX_SIZE_BYTES} bytes, found {cell[:40]!r}")
    return size_bytes


def _whole(cell: str, line: int, column: str, expected: str) -> int:
    if cell.isdecimal() and cell.isascii() and len(cell) < 16:
        return int(cell)
    try:
        found = whole(cell, column) if len(cell) <= _MOST_DIGITS else -1
    except InvalidMessage:
        found = -1
    if not 0 <= found <= MAX_SIZE_BYTES:
        raise InvalidMessage(_place(line, column), f"expected {expected}, found {cell[:40]!r}")
    return found
