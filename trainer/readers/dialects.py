"""How a dialect is recognised, by what a file or folder holds, and opened."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Optional

from galaxy_memory_rules.errors import ConfigError, RecordsError
from trainer import canonical
from trainer.tables import Row, opened, rows

from . import galaxy_api, grt, nextflow, sacct, seed, totals
from .cells import Body, CellsReader, Columns, chained
from .reader import PEAK_METRICS, Reader, Told, peaks_of
from .stored import StoredReader

_TABLES_OF_A_FOLDER = (".parquet", ".csv", ".csv.gz")


def _as_it_is(header: Row, body: Body) -> tuple[Row, Body]:
    return header, body


class _Table(NamedTuple):
    """One dialect of tables with a row for each job.

    Parameters
    ----------
    recognised : callable
        Whether this is the first row of such a table: its header, or without one the first job.
    columns : callable
        Header and label -> how the columns are read.
    label : str
        The column that usually holds the peak.
    names : tuple of str
        The columns of a file without a header.
    refusal : str
        Why it is only read where somebody insists on it.
    prepared : callable
        Header and body -> those with what is missing, such as the tool.
    """

    recognised: Callable[[Row], bool]
    columns: Callable[[Row, str], Columns]
    label: str
    names: tuple[str, ...] = ()
    refusal: str = ""
    prepared: Callable[[Row, Body], tuple[Row, Body]] = _as_it_is


# the first one that recognises a table has it; the seed's takes what is left
_TABLES: dict[str, _Table] = {
    "nextflow": _Table(nextflow.is_trace, nextflow.columns, "peak_rss", prepared=nextflow.with_tools),
    "sacct": _Table(sacct.is_sacct, sacct.columns, sacct.PEAK, prepared=sacct.with_jobs),
    "gxadmin-tool-memory-per-inputs": _Table(
        totals.is_per_inputs, totals.per_inputs, "memory_used_mb", totals.PER_INPUTS_COLUMNS
    ),
    "gxadmin-job-metrics": _Table(
        *(totals.is_job_metrics, totals.job_metrics, "memory_bytes", totals.JOB_METRICS_COLUMNS),
        refusal=totals.JOB_METRICS_ARE_WRONG,
    ),
    "gxadmin-tool-metrics": _Table(
        totals.is_tool_metrics, totals.tool_metrics, "metric_value", totals.TOOL_METRICS_COLUMNS
    ),
    "usegalaxy-eu": _Table(totals.is_eu, totals.job_metrics, "memory_bytes", totals.EU_COLUMNS),
    "seed": _Table(lambda first: True, seed.columns, PEAK_METRICS[0]),
}
_CANONICAL, _GRT, _API = "canonical", "grt", "galaxy-api"
DIALECTS = (_CANONICAL, _GRT, _API, *_TABLES)


class Opened(NamedTuple):
    """A file or folder whose dialect is known.

    Parameters
    ----------
    dialect : str
        One of `DIALECTS`.
    reader : Reader
        What reads it.
    refusal : str
        Why it is only read where somebody insists on it; empty where it is fit for training.
    """

    dialect: str
    reader: Reader
    refusal: str = ""


def open_source(path: Path, told: Told, dialect: Optional[str] = None) -> Opened:
    """Open a file or folder in the dialect that it speaks, or that it is said to speak.

    Parameters
    ----------
    path : Path
        The file or folder.
    told : Told
        What the administrator told of it.
    dialect : str, optional
        One of `DIALECTS`; whoever names it insists on it.

    Raises
    ------
    RecordsError
        If it holds nothing that can be read.
    ConfigError
        If there is no such dialect.
    """
    if dialect is not None and dialect not in DIALECTS:
        raise ConfigError(f"{path}: no dialect {dialect!r}; known are {', '.join(DIALECTS)}")
    try:
        name = dialect or _recognised(path)
    except OSError as error:
        raise RecordsError(f"{path}: cannot be read ({error})") from error
    if name == _GRT:
        return Opened(name, grt.GrtReader(path, told))
    if name == _API:
        return Opened(name, galaxy_api.ApiReader(_files(path, galaxy_api.SUFFIXES), told))
    if name == _CANONICAL:
        return Opened(name, StoredReader(_files(path, _TABLES_OF_A_FOLDER), told))
    return _open_table(path, told, dialect)


def _recognised(path: Path) -> str:
    """Return the dialect by content; empty for a table, whose dialect its first row tells."""
    if grt.is_report(path):
        return _GRT
    if path.is_dir():
        names = [file.name for file in path.iterdir()]
        if any(name.endswith(_TABLES_OF_A_FOLDER) for name in names):
            return _CANONICAL
        if any(name.endswith(galaxy_api.SUFFIXES) for name in names):
            return _API
        raise RecordsError(f"{path}: a folder without tables (.parquet, .csv, .csv.gz), Galaxy's JSON or GRT's tables")
    with opened(path) as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(canonical.PARQUET_MAGIC):
        return _CANONICAL
    if start.startswith((b"{", b"[")):
        return _API
    return ""


def _files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.name.endswith(suffixes) and not file.name.startswith("."))


def _open_table(path: Path, told: Told, dialect: Optional[str]) -> Opened:
    found = rows(path)
    line, first = next(found, (0, []))
    if not first:
        raise RecordsError(f"{path}: empty; expected a header and one row for each job")
    if dialect is None and canonical.is_canonical(first):
        return Opened(_CANONICAL, StoredReader([path], told))
    name = dialect or next(name for name, table in _TABLES.items() if table.recognised(first))
    table = _TABLES[name]
    header, body = _with_header(table, line, first, found)
    _require_once(path, header)
    header, body = table.prepared(header, body)
    label = told.label or _usual_label(table, header)
    if not peaks_of(label, header):
        raise RecordsError(f"{path}: no column {label!r} to predict; the columns are {', '.join(header)}")
    reader = CellsReader(header, body, label, told, table.columns(header, label))
    return Opened(name, reader, "" if dialect else table.refusal)


def _with_header(table: _Table, line: int, first: Row, rest: Body) -> tuple[Row, Body]:
    headless = len(first) == len(table.names) and table.label not in first
    return (list(table.names), chained(line, first, rest)) if headless else (first, rest)


def _usual_label(table: _Table, header: Row) -> str:
    """Return the column that holds the peak where nobody says; the seed's tables have it first."""
    return next(iter(peaks_of(table.label, header)), header[0])


def _require_once(path: Path, header: Row) -> None:
    twice = next((column for column in header if header.count(column) > 1), None)
    if twice is not None:
        raise RecordsError(f"{path}, line 1: the column {twice!r} stands there twice")
