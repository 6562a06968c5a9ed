"""Exports for the Galactic Radio Telescope: three or four tables in a tar.gz or a folder, joined by job in SQLite."""

import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import IO, Optional

from galaxy_memory_rules.errors import RecordsError
from trainer.amounts import NOTHING, whole
from trainer.measured import METRICS
from trainer.recorded_job import RecordedDataset
from trainer.records import JobRecord
from trainer.tables import lines, opened, rows_of

from .galaxy_job import GalaxyJob, GalaxyJobs
from .reader import ANY_PEAK, PEAK_METRICS, Told

# each table by the end of its name, each column by its names: those of Galaxy's script, then those of the seed's
_TABLES = {
    "jobs": (("id", "job_id"), ("tool_id",), ("tool_version",), ("state",), ("create_time",)),
    "datasets": (
        *(("job_id",), ("param_name",), ("dataset_id",), ("file_size", "file_size_bytes")),
        *(("extension",), ("type",)),
    ),
    "metric_num": (("job_id",), ("name", "metric_name"), ("value", "metric_value")),
    "params": (("job_id",), ("name", "param_name"), ("value", "param_value")),
}
_JOBS = _TABLES["jobs"]
_SUFFIXES = (".tsv", ".csv", ".txt")
_CACHE_KIB = 64 * 1024
_UNKNOWN_SIZES = NOTHING | {"-1"}


def is_report(path: Path) -> bool:
    """Whether a folder holds the tables of a report, or reports, or a file is a tar of them."""
    if path.is_dir():
        return any(_table_of(file.name) == "jobs" or file.name.endswith(".tar.gz") for file in path.iterdir())
    return path.is_file() and tarfile.is_tarfile(path)


class GrtReader(GalaxyJobs):
    """The jobs of a report, in the order of its table of jobs.

    The tables are written in blocks of a thousand jobs that have no order inside, by some versions of Galaxy; so they
    are put into a SQLite file beside, of which little is in memory.

    Parameters
    ----------
    path : Path
        A tar, gzipped or not, or a folder of tables or of such tars.
    told : Told
        What the administrator told.
    """

    def __init__(self, path: Path, told: Told) -> None:
        super().__init__(told.label or ANY_PEAK)
        self._path = path
        self._wanted = METRICS | {*PEAK_METRICS, self.label}
        self._database: Optional[sqlite3.Connection] = None

    def rows(self) -> Iterator[tuple[str, GalaxyJob]]:
        """Yield each job with its metrics; its datasets and parameters are looked up for those that are kept."""
        with tempfile.TemporaryDirectory(prefix="galaxy-memory-rules-") as folder:
            try:
                with closing(sqlite3.connect(Path(folder) / "report.sqlite")) as database:
                    self._database = database
                    self._load(database)
                    columns = [names[0] for names in _JOBS]
                    for job in database.execute("SELECT * FROM jobs ORDER BY rowid"):
                        metrics = database.execute("SELECT name, value FROM metric_num WHERE job_id = ?", job[:1])
                        cells = {**dict(metrics), **dict(zip(columns, job))}
                        yield f"job {job[0]}", GalaxyJob(cells)
            except sqlite3.Error as error:
                raise RecordsError(f"{self._path}: cannot be joined ({error}); is {folder} full?") from error
            finally:
                self._database = None

    def record(self, row: GalaxyJob) -> JobRecord:
        """Return the job, with its datasets and parameters."""
        assert self._database is not None, "rows are read while they are yielded"  # noqa: S101
        job_id = (row.cells["id"],)
        ask = self._database.execute
        # in the order in which they were recorded, as Galaxy's own list of a job's inputs
        datasets = ask("SELECT * FROM datasets WHERE job_id = ? ORDER BY rowid", job_id)
        parameters = ask("SELECT name, value FROM params WHERE job_id = ? ORDER BY rowid", job_id)
        known = replace(row, datasets=[_dataset(*found) for found in datasets], parameters=dict(parameters))
        return super().record(known)

    def _load(self, database: sqlite3.Connection) -> None:
        # it is thrown away after a crash
        database.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{_CACHE_KIB};")
        for table, columns in _TABLES.items():
            database.execute(f"CREATE TABLE {table} ({', '.join(names[0] for names in columns)})")
        loaded = {self._fill(database, name, file) for name, file in _members(self._path)}
        if "jobs" not in loaded:
            raise RecordsError(f"{self._path}: no table of jobs inside; expected <time>.jobs.tsv and its companions")
        for table in ("datasets", "metric_num", "params"):
            database.execute(f"CREATE INDEX {table}_by_job ON {table} (job_id)")

    def _fill(self, database: sqlite3.Connection, name: str, file: IO[bytes]) -> Optional[str]:
        table = _table_of(name)
        if table is None:
            return None
        places, is_wanted = ", ".join("?" for _ in _TABLES[table]), self._is_wanted(table)
        found = (row for row in _read(table, name, file) if is_wanted(row))
        database.executemany(f"INSERT INTO {table} VALUES ({places})", found)  # noqa: S608  our own names
        return table

    def _is_wanted(self, table: str) -> Callable[[list[str]], bool]:
        if table == "metric_num":
            return lambda row: row[1] in self._wanted
        return (lambda row: row[-1] != "output") if table == "datasets" else (lambda row: True)


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of the tables of a report, or of all reports in a folder."""
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.name.endswith((".tar.gz", ".tar")):
                yield from _members(file)
            elif _table_of(file.name):
                with opened(file) as content:
                    yield file.name, content
        return
    try:
        with opened(path) as content, tarfile.open(fileobj=content, mode="r|") as archive:
            for member in archive:
                found = archive.extractfile(member) if member.isfile() else None
                if found is not None:
                    yield member.name, found
    except tarfile.TarError as error:
        raise RecordsError(f"{path}: cannot be read ({error}); copy the file again") from error


def _table_of(name: str) -> Optional[str]:
    """Return the table that a file holds: archives keep paths, and reports have times for names."""
    bare = Path(name.removesuffix(".gz")).name
    stem = next((bare.removesuffix(suffix) for suffix in _SUFFIXES if bare.endswith(suffix)), "")
    return next((table for table in _TABLES if stem == table or stem.endswith((f".{table}", f"_{table}"))), None)


def _read(table: str, name: str, file: IO[bytes]) -> Iterator[list[str]]:
    """Yield the rows of a table in the order of our columns."""
    text = lines(file, name)
    first = next(text, "")
    # Galaxy's script knows no quotes, what a spreadsheet wrote with commas has them
    found = rows_of(chain([first], text), name, quoted="\t" not in first)
    _, header = next(found, (0, []))
    places = [_place(header, names, name) for names in _TABLES[table]]
    for _, cells in found:
        yield ["" if place is None else cells[place] for place in places]


def _place(header: Iterable[str], names: tuple[str, ...], name: str) -> Optional[int]:
    there = list(header)
    found = next((there.index(spelling) for spelling in names if spelling in there), None)
    if found is None and names not in (("tool_version",), ("type",), ("create_time",), ("state",)):
        raise RecordsError(f"{name}: no column {' or '.join(names)}; found {', '.join(there)}")
    return found


def _dataset(job_id: str, name: str, dataset_id: str, size: str, extension: str, kind: str) -> RecordedDataset:
    size_bytes = None if size.lower() in _UNKNOWN_SIZES else whole(size, "file_size")
    return RecordedDataset(name, dataset_id, size_bytes, extension)
