"""The canonical table of recorded jobs: one row for each job, the same columns in CSV and in Parquet."""

import csv
import gzip
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, Optional

import pyarrow as pa
import pyarrow.parquet as pq

from galaxy_memory_rules.errors import InvalidMessage, RecordsError
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, parse_job, read_json

from .amounts import number, seconds_since_1970, whole
from .records import JobRecord, Outcome
from .tables import opened, rows

PEAK = "peak_bytes"
PARQUET_MAGIC = b"PAR1"
_TEXT, _WHOLE, _REAL = pa.string(), pa.int64(), pa.float64()
_TYPES: Mapping[str, pa.DataType] = {
    "job_id": _TEXT,
    "server": _TEXT,
    "tool_id": _TEXT,
    "tool_version": _TEXT,
    "state": _TEXT,
    "create_time": _TEXT,
    PEAK: _WHOLE,
    "peak_metric": _TEXT,
    "limit_bytes": _WHOLE,
    "requested_bytes": _WHOLE,
    "slots": _WHOLE,
    "run_seconds": _REAL,
    "attempt": _WHOLE,
    "outcome": _TEXT,
    "destination_id": _TEXT,
    "dbkey": _TEXT,
    "inputs": _TEXT,
    "parameters": _TEXT,
}
COLUMNS = tuple(_TYPES)
SUFFIXES = (".csv", ".csv.gz", ".parquet")
# what a table must have to be one; a row of it may leave out the others
_TELLING = frozenset({"tool_id", PEAK, "inputs", "parameters"})
_OUTCOMES: Mapping[str, Outcome] = {"ok": "ok", "failed": "failed", "out_of_memory": "out_of_memory"}
# a group is what is held in memory; Parquet compresses it as one
_ROWS_PER_GROUP, _ROWS_PER_BATCH = 20_000, 2_000

Row = Mapping[str, Any]


def is_canonical(header: Iterable[str]) -> bool:
    """Whether a table with this header is the canonical one."""
    return set(header) >= _TELLING


def to_row(record: JobRecord) -> dict[str, Any]:
    """Return a record by `COLUMNS`: texts are empty and numbers None where nothing is known."""
    job = record.job
    return {
        "job_id": record.job_id,
        "server": record.server,
        "tool_id": job.tool_id,
        "tool_version": job.tool_version or "",
        "state": record.state,
        "create_time": _iso(record.created_seconds),
        PEAK: record.peak_bytes,
        "peak_metric": record.peak_metric,
        "limit_bytes": record.limit_bytes,
        "requested_bytes": record.requested_bytes,
        "slots": job.slots,
        "run_seconds": record.run_seconds,
        "attempt": job.attempt,
        "outcome": record.outcome,
        "destination_id": record.destination_id,
        "dbkey": job.dbkey or "",
        "inputs": _json([vars(dataset) for dataset in job.inputs]),
        "parameters": _json(dict(job.parameters)),
    }


def from_row(row: Row) -> JobRecord:
    """Return the record of a row, whether its numbers are numbers or texts.

    Raises
    ------
    InvalidMessage
        Naming the column, if one holds what it cannot hold.
    """
    job = parse_job(
        {
            "tool_id": row["tool_id"],
            "tool_version": row.get("tool_version"),
            "inputs": _parsed(row, "inputs", "[]"),
            "parameters": _parsed(row, "parameters", "{}"),
            "dbkey": row.get("dbkey"),
            "slots": _whole(row, "slots"),
            "attempt": _whole(row, "attempt") or 1,
        }
    )
    outcome = _OUTCOMES.get(_text(row, "outcome") or "ok")
    if outcome is None:
        raise InvalidMessage("outcome", f"expected {', '.join(_OUTCOMES)}")
    return JobRecord(
        job,
        _whole(row, PEAK) or 0,
        outcome,
        limit_bytes=_whole(row, "limit_bytes"),
        requested_bytes=_whole(row, "requested_bytes"),
        run_seconds=number(_text(row, "run_seconds")),
        created_seconds=seconds_since_1970(_text(row, "create_time")),
        **{name: _text(row, name) for name in ("job_id", "server", "state", "peak_metric", "destination_id")},
    )


def write(records: Iterable[JobRecord], path: Path) -> int:
    """Write a table one group of rows after the other; whoever looks finds the old file or the whole new one.

    Parameters
    ----------
    records : iterable of JobRecord
        They may be more than memory holds.
    path : Path
        Its suffix, one of `SUFFIXES`, says in which format; its folder is made.

    Returns
    -------
    int
        How many rows were written.

    Raises
    ------
    RecordsError
        If the file cannot be written; the old one stays.
    """
    written = (to_row(record) for record in records)
    with _in_one_piece(path) as file:
        return _writer(path)(written, file)


def read(path: Path) -> Iterator[JobRecord]:
    """Yield the records of a canonical table, in its order.

    Raises
    ------
    RecordsError
        Naming file, row and column, if it is none, or if a row cannot be read.
    """
    for place, row in numbered_rows(path):
        try:
            yield from_row(row)
        except InvalidMessage as error:
            raise RecordsError(f"{path}, {place}: {error}; repair or remove this row") from error


def numbered_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield where each row stands (``line 7`` of a text, ``row 7`` of Parquet), and the row.

    Raises
    ------
    RecordsError
        If the file cannot be read, or is no canonical table.
    """
    if _is_parquet(path):
        yield from _parquet_rows(path)
        return
    table = rows(path)
    _, header = next(table, (0, []))
    _require(path, header)
    for line, cells in table:
        yield f"line {line}", dict(zip(header, cells))


def _is_parquet(path: Path) -> bool:
    with opened(path) as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def _parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        with pq.ParquetFile(path) as file:
            _require(path, file.schema_arrow.names)
            known = [name for name in file.schema_arrow.names if name in _TYPES]
            batches = file.iter_batches(_ROWS_PER_BATCH, columns=known)
            found = chain.from_iterable(batch.to_pylist() for batch in batches)
            for number_, row in enumerate(found, start=1):
                yield f"row {number_}", row
    except (OSError, pa.ArrowException) as error:
        raise RecordsError(f"{path}: cannot be read ({error}); copy the file again") from error


def _require(path: Path, header: Iterable[str]) -> None:
    missing = sorted(_TELLING - set(header))
    if missing:
        raise RecordsError(f"{path}: no canonical table of jobs, it has no column {missing[0]!r}")


def _writer(path: Path) -> Callable[[Iterable[Row], Any], int]:
    writers = {".csv": _write_csv, ".csv.gz": _write_zipped, ".parquet": _write_parquet}
    for suffix, writer in writers.items():
        if path.name.endswith(suffix):
            return writer
    raise RecordsError(f"{path}: expected a name that ends with {', '.join(SUFFIXES)}")


def _write_csv(found: Iterable[Row], file: Any) -> int:
    count, text = 0, io.TextIOWrapper(file, encoding="utf-8", newline="")
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    for row in found:
        table.writerow(row)
        count += 1
    # flushes, and leaves the file to who opened it
    text.detach()
    return count


def _write_zipped(found: Iterable[Row], file: Any) -> int:
    # without a time, so that equal records make equal files
    with gzip.GzipFile("", "wb", 6, file, mtime=0) as zipped:
        return _write_csv(found, zipped)


def _write_parquet(found: Iterable[Row], file: Any) -> int:
    count, schema, left = 0, pa.schema(list(_TYPES.items())), iter(found)
    with pq.ParquetWriter(file, schema, compression="zstd") as table:
        while group := list(islice(left, _ROWS_PER_GROUP)):
            table.write_table(pa.Table.from_pylist(group, schema))
            count += len(group)
    return count


@contextmanager
def _in_one_piece(path: Path) -> Iterator[IO[bytes]]:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            yield file
        beside.replace(path)
    except (OSError, pa.ArrowException) as error:
        raise RecordsError(f"{path}: cannot be written ({error})") from error
    finally:
        beside.unlink(missing_ok=True)


def _iso(seconds: Optional[float]) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _parsed(row: Row, column: str, absent: str) -> Any:
    try:
        return read_json(_text(row, column) or absent)
    except InvalidMessage as error:
        raise InvalidMessage(column, "expected JSON") from error


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value)


def _whole(row: Row, column: str) -> Optional[int]:
    text = _text(row, column)
    if not text:
        return None
    found = whole(text, column)
    if found > MAX_SIZE_BYTES:
        raise InvalidMessage(column, f"more than {MAX_SIZE_BYTES:,}")
    return found
