"""A door into Galaxy's database that can only be read through, and only for so long."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from galaxy_memory_rules.errors import ConfigError, SourceError

_CONNECT_SECONDS = 10
# how often SQLite asks whether it has been at it for too long, in steps of its virtual machine
_STEPS_BETWEEN_LOOKS = 10_000


class GalaxyDatabase:
    """Galaxy's PostgreSQL or SQLite.

    Parameters
    ----------
    address : str
        As ``database_connection`` of galaxy.yml has it.
    timeout_seconds : float
        How long one statement may take.

    Raises
    ------
    ConfigError
        If the address is none.
    """

    def __init__(self, address: str, timeout_seconds: float) -> None:
        url = _parsed(address)
        self._timeout_seconds = timeout_seconds
        self._engine = _postgresql(url) if url.get_backend_name() == "postgresql" else _sqlite(url, timeout_seconds)
        self.shown = url.render_as_string(hide_password=True)
        self.dialect = self._engine.dialect.name

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the database and can change nothing.

        Raises
        ------
        SourceError
            If the database cannot be reached, refuses, or takes too long.
        """
        try:
            with self._engine.connect() as connection, connection.begin():
                if self.dialect == "postgresql":
                    # for this transaction alone: a pool of connections between us would keep it for others
                    milliseconds = str(round(self._timeout_seconds * 1000))
                    connection.execute(text("SELECT set_config('statement_timeout', :ms, true)"), {"ms": milliseconds})
                yield connection
        except SQLAlchemyError as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise SourceError(f"{self.shown}: {str(cause).strip()}") from error


def _parsed(address: str) -> URL:
    try:
        url = make_url(address)
        backend = url.get_backend_name()
    except ArgumentError as error:
        raise ConfigError(
            "--database: no address of a database; expected postgresql://user@host/galaxy or sqlite:////path/of/it, as "
            "database_connection of galaxy.yml has it"
        ) from error
    if backend not in ("postgresql", "postgres", "sqlite"):
        raise ConfigError(f"--database: {backend} is no database of Galaxy; expected postgresql or sqlite")
    return url.set(drivername="sqlite" if backend == "sqlite" else "postgresql+psycopg")


def _postgresql(url: URL) -> Engine:
    # no prepared statements: pgbouncer does not know them
    options = {
        "connect_timeout": _CONNECT_SECONDS,
        "prepare_threshold": None,
        "application_name": "galaxy-memory-rules",
    }
    engine = create_engine(url, connect_args=options, poolclass=NullPool, isolation_level="REPEATABLE READ")
    return engine.execution_options(postgresql_readonly=True)


def _sqlite(url: URL, timeout_seconds: float) -> Engine:
    path = Path(url.database or "")
    if not path.is_file():
        raise ConfigError(f"--database: {path}: no such file; expected Galaxy's database")
    # what else Galaxy's own address says, such as how it locks, is for who writes
    deadline = [0.0]

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
        connection.set_progress_handler(lambda: time.monotonic() > deadline[0], _STEPS_BETWEEN_LOOKS)
        return connection

    def begin_statement(*_: Any) -> None:
        deadline[0] = time.monotonic() + timeout_seconds

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "before_cursor_execute", begin_statement)
    event.listen(engine, "begin", begin)
    return engine
