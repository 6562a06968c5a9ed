"""One reader for each export dialect, and how a dialect is recognised."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Optional

from galaxy_memory_rules.errors import InvalidMessage, RecordsError
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, parse_job
from galaxy_memory_rules.names import tool_names

from . import nextflow
from .amounts import whole
from .features import TOTALS_INPUT
from .measured import Cells, Measured, is_measured, measured
from .records import JobRecord, ToolRecords
from .tables import Row, rows

# `none` is a value that many tools offer: only these two mean that nothing was there.
_ABSENT = frozenset({"", "nan"})
TOTALS_COLUMNS = ("tool_id", "total_filesize", "num_files", "slots", "memory_bytes", "create_time")
_TOTALS = {"total_filesize", "num_files"}
_TOOL_COLUMNS = ("tool_id", "tool_version")
_TWINS = ("_extension", "_filetype")
_SLOTS = ("galaxy_slots", "slots")


class _Dialect(NamedTuple):
    """How the rows of one export are read."""

    described: Callable[[Cells], dict[str, object]]
    measured: Callable[[Cells], Measured]
    size_bytes: Callable[[str, str], int]
    left_out: Callable[[Cells], Optional[str]] = lambda row: None


def read(
    path: Path,
    label: str,
    tool_id: Optional[str] = None,
    tool_version: Optional[str] = None,
    written: Optional[str] = None,
) -> list[ToolRecords]:
    """Read a file of recorded jobs, whichever dialect it speaks.

    Parameters
    ----------
    path : Path
        The file.
    label : str
        The column that holds the peak, in bytes.
    tool_id : str, optional
        The tool's id, where the file has no column ``tool_id``; without either it is named after the file.
    tool_version : str, optional
        The tool's version, where neither the id nor the file tells.
    written : str, optional
        The file's name as the administrator wrote it, for reports.

    Returns
    -------
    list of ToolRecords
        One for each tool, in the order of their first rows.

    Raises
    ------
    RecordsError
        If the whole file cannot be used. A row that cannot be read is the `fault` of its tool alone.
    """
    table = rows(path)
    first_line, header = next(table, (0, []))
    if not header:
        raise RecordsError(f"{path}: empty; expected a header and one row for each job")
    if label not in header and _is_headerless(header):
        body, header = _chain(first_line, header, table), list(TOTALS_COLUMNS)
    else:
        body = table
    _check_header(path, header, label)
    dialect = _dialect(header, label)
    if nextflow.is_trace(header):
        header, body = nextflow.with_tools(header, body)
    told = {"tool_id": tool_id or path.name.split(".")[0], "tool_version": tool_version or ""}
    by_tool: dict[str, ToolRecords] = {}
    for line, cells in body:
        row = {**told, **_cells_by_name(header, cells)}
        found = by_tool.setdefault(_tool_of(row), ToolRecords(_tool_of(row), written or str(path), label))
        try:
            _add(found, row, dialect)
        except InvalidMessage as error:
            found.fault = found.fault or RecordsError(f"{path}, line {line}: {error}; repair or remove this line")
    if not by_tool:
        raise RecordsError(f"{path}: a header and no rows; expected one row for each job")
    return list(by_tool.values())


def _cells_by_name(header: Row, cells: Row) -> dict[str, str]:
    """Name the cells that tell something about the tool, and keep the others as they are."""
    return {name: cell for name, cell in zip(header, cells) if name not in _TOOL_COLUMNS or _present(cell)}


def _tool_of(row: dict[str, str]) -> str:
    """A tool's bundle has the most exact of the names that a live job may call the tool by."""
    return tool_names(row["tool_id"], row["tool_version"])[0]


def _add(found: ToolRecords, row: dict[str, str], dialect: _Dialect) -> None:
    peak_bytes = dialect.size_bytes(row[found.label], found.label)
    if peak_bytes > MAX_SIZE_BYTES:
        raise InvalidMessage(found.label, f"more than {MAX_SIZE_BYTES:,} bytes, which no machine has")
    reason = dialect.left_out(row) if peak_bytes else "no peak recorded"
    if reason:
        found.dropped[reason] += 1
        return
    tool = {"tool_id": row["tool_id"], "tool_version": row["tool_version"] or None}
    job = parse_job({**tool, **dialect.described(row)})
    found.records.append(JobRecord(job, peak_bytes, **dialect.measured(row)))


def _dialect(header: Row, label: str) -> _Dialect:
    if nextflow.is_trace(header):
        return _Dialect(nextflow.described, nextflow.measured, nextflow.size_bytes, nextflow.left_out)
    described = _totals_reader if set(header) >= _TOTALS else _columns_reader
    return _Dialect(described(header, label), measured, whole)


def _columns_reader(header: Row, label: str) -> Callable[[Cells], dict[str, object]]:
    """Read the seed's dialect: a column for each input's size, its extension and each tool parameter."""
    twins = {column[: -len(twin)]: column for twin in _TWINS for column in header if column.endswith(twin)}
    sizes = [column for column in header if column in twins]
    told = {label, *_TOOL_COLUMNS, "dbkey", *_SLOTS, *sizes, *(twins[column] for column in sizes)}
    parameters = [column for column in header if column not in told and not is_measured(column)]

    def describe(row: Cells) -> dict[str, object]:
        return {
            "inputs": [
                {"name": column, "size_bytes": whole(row[column], column), "extension": _present(row[twins[column]])}
                for column in sizes
                if whole(row[column], column) or _present(row[twins[column]])
            ],
            "parameters": {column: row[column] for column in parameters if _present(row[column])},
            "dbkey": _present(row.get("dbkey")),
            "slots": _slots(row),
        }

    return describe


def _totals_reader(header: Row, label: str) -> Callable[[Cells], dict[str, object]]:
    """Read the dialect of gxadmin's job-metrics: one size and one count for all inputs together."""

    def describe(row: Cells) -> dict[str, object]:
        count = whole(row["num_files"], "num_files")
        size_bytes = whole(row["total_filesize"], "total_filesize")
        total = {"name": TOTALS_INPUT, "size_bytes": size_bytes, "count": max(count, 1)}
        return {"inputs": [total] if count or size_bytes else [], "slots": _slots(row)}

    return describe


def _slots(row: Cells) -> Optional[int]:
    column = next((name for name in _SLOTS if name in row), None)
    return whole(row[column], column) or None if column else None


def _present(cell: Optional[str]) -> Optional[str]:
    return None if cell is None or cell.lower() in _ABSENT else cell


def _is_headerless(first: Row) -> bool:
    return len(first) == len(TOTALS_COLUMNS) and all(cell.replace(".", "", 1).isdigit() for cell in first[1:5])


def _chain(line: int, first: Row, rest: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    yield line, first
    yield from rest


def _check_header(path: Path, header: Row, label: str) -> None:
    twice = [column for column, times in Counter(header).items() if times > 1]
    if twice:
        raise RecordsError(f"{path}, line 1: the column {twice[0]!r} stands there twice")
    if label not in header:
        raise RecordsError(f"{path}: no column {label!r} to predict; the columns are {', '.join(header)}")
