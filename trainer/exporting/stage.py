"""What was exported and is not yet in its tool's file, and how far the export got: one commit for both.

An SQLite file in the output folder. Whenever the export is killed, either a batch and its place are in it, or neither:
nothing is lost. A job has one row, whatever was read twice: nothing is there twice.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

from galaxy_memory_rules.errors import ConfigError, RecordsError
from trainer import canonical
from trainer.amounts import seconds_since_1970
from trainer.families import family_of
from trainer.records import JobRecord

from .source import Batch

FILE = ".export.sqlite"
_TABLES = """
CREATE TABLE IF NOT EXISTS checkpoint (server TEXT PRIMARY KEY, selection TEXT NOT NULL, place TEXT);
CREATE TABLE IF NOT EXISTS open (server TEXT, job_id TEXT, PRIMARY KEY (server, job_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS staged (
    server TEXT, job_id TEXT, tool TEXT NOT NULL, created REAL NOT NULL, job TEXT NOT NULL, PRIMARY KEY (server, job_id)
);
CREATE INDEX IF NOT EXISTS staged_in_order ON staged (tool, created, server, job_id);
"""
# of a record, where it stands in the file of its tool
Order = tuple[float, str, str]


def order_of(record: JobRecord) -> Order:
    """Return where a record stands among those of its tool: by time, and the same whenever it is exported again."""
    return record.created_seconds or 0.0, record.server, record.job_id


class Stage:
    """The rows of one output folder that wait for their files; made by `opened`."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection, self.folder = connection, folder

    def begin(self, server: str, selection: str, *, resume: bool) -> Optional[str]:
        """Return the place where an export of a server goes on; None where it begins.

        Raises
        ------
        ConfigError
            If the folder holds an export of another selection: its place says nothing about this one.
        """
        known = self._connection.execute(
            "SELECT selection, place FROM checkpoint WHERE server = ?", (server,)
        ).fetchone()
        if resume and known and known[0] != selection:
            raise ConfigError(
                f"{self.folder}: was exported with other options ({known[0]}); repeat them, choose another folder, or "
                "leave out --resume to read all again"
            )
        if resume and known:
            return str(known[1]) if known[1] is not None else None
        with self._connection:
            self._connection.execute("DELETE FROM open WHERE server = ?", (server,))
            self._connection.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, NULL)", (server, selection))
        return None

    def open_ids(self, server: str) -> list[str]:
        """Return the jobs of a server that were not finished when they were seen."""
        found = self._connection.execute("SELECT job_id FROM open WHERE server = ? ORDER BY job_id", (server,))
        return [job_id for (job_id,) in found]

    def add(self, server: str, batch: Batch) -> None:
        """Keep a batch, all of it or nothing."""
        rows = [_staged(record) for record in batch.records]
        with self._connection:
            write = self._connection.executemany
            write("INSERT OR REPLACE INTO staged VALUES (?, ?, ?, ?, ?)", rows)
            write("DELETE FROM open WHERE server = ? AND job_id = ?", [(server, job_id) for job_id in batch.looked_at])
            write("INSERT OR IGNORE INTO open VALUES (?, ?)", [(server, job_id) for job_id in batch.still_open])
            if batch.place is not None:
                self._connection.execute("UPDATE checkpoint SET place = ? WHERE server = ?", (batch.place, server))

    def tools(self) -> list[str]:
        """Return the tools of which jobs wait."""
        return [tool for (tool,) in self._connection.execute("SELECT DISTINCT tool FROM staged ORDER BY tool")]

    @property
    def waiting(self) -> int:
        """How many jobs wait, and at most those that were replaced more."""
        # the highest number of a row: a count would walk through all of them, after each batch
        return int(self._connection.execute("SELECT max(rowid) FROM staged").fetchone()[0] or 0)

    def records(self, tool: str) -> Iterator[JobRecord]:
        """Yield the jobs of a tool in their order."""
        wanted = "SELECT job FROM staged WHERE tool = ? ORDER BY created, server, job_id"
        for (job,) in self._connection.execute(wanted, (tool,)):
            yield canonical.from_row(json.loads(job))

    def forget(self, tool: str) -> None:
        """Let go of the jobs of a tool, which are in its file."""
        with self._connection:
            self._connection.execute("DELETE FROM staged WHERE tool = ?", (tool,))


@contextmanager
def opened(folder: Path) -> Iterator[Stage]:
    """Open the stage of a folder, which is made; no other export may use it at the same time.

    Raises
    ------
    ConfigError
        If the folder cannot be written, or another export is at work there.
    RecordsError
        If the disk is full, or the file was harmed.
    """
    connection = _connect(folder)
    try:
        yield Stage(connection, folder)
    except sqlite3.Error as error:
        raise RecordsError(f"{folder / FILE}: {error}; make room, and repeat with --resume") from error
    finally:
        connection.close()


def _connect(folder: Path) -> sqlite3.Connection:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / FILE, timeout=0)
        # kept from the first write to the end
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.commit()
        connection.executescript(_TABLES)
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            f"{folder}: cannot be used ({error}); is another export at work there? Choose another folder with -o"
        ) from error
    return connection


def _staged(record: JobRecord) -> tuple[Any, ...]:
    row = canonical.to_row(record)
    # as a file will tell it, whatever is lost by writing it
    created = seconds_since_1970(row["create_time"]) or 0.0
    return record.server, record.job_id, family_of(record.job.tool_id), created, json.dumps(row)
