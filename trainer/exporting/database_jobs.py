"""Finished jobs out of Galaxy's database, by windows of job ids, so that no statement is long and none holds much."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

from sqlalchemy import Connection, Select

from galaxy_memory_rules.errors import SourceError

from . import statements
from .database import GalaxyDatabase
from .database_details import Row, records_of, rows_of
from .selection import FINISHED, OPEN, Selection
from .source import OVERLAP_SECONDS, Batch

WINDOW_IDS = 5_000
# while somebody reads an SQLite nobody can write into it, and Galaxy gives up after five seconds
SQLITE_WINDOW_IDS = 500
# a window that fails is halved and tried again, down to this
_SMALLEST_WINDOW_IDS = 200


class DatabaseJobs:
    """Galaxy's database as a source of finished jobs.

    Parameters
    ----------
    database : GalaxyDatabase
        Where they are read.
    selection : Selection
        Which of them are wanted.
    server : str
        What the records call this Galaxy.
    """

    def __init__(self, database: GalaxyDatabase, selection: Selection, server: str) -> None:
        self._database, self._selection, self._server = database, selection, server

    def batches(self, place: Optional[str], open_ids: Sequence[str]) -> Iterator[Batch]:
        """Yield the jobs that were open at the last export, and then those with an id above the place.

        Raises
        ------
        SourceError
            If the database cannot be reached or does not answer in time.
        """
        most = self._window_ids()
        for at in range(0, len(open_ids), most):
            ids = [int(job_id) for job_id in open_ids[at : at + most]]
            with self._database.snapshot() as connection:
                batch = self._batch(connection, statements.jobs_with(ids), [str(job_id) for job_id in ids])
            yield batch
        with self._database.snapshot() as connection:
            newest = connection.execute(statements.newest_id()).scalar() or 0
            settled = self._first_id_from(connection, _now() - timedelta(seconds=OVERLAP_SECONDS), newest) - 1
            after = self._beginning(connection, newest) if place is None else int(place)
        yield from self._windows(after, max(settled, after), remembered=True)
        # read, and read again the next time
        yield from self._windows(max(settled, after), newest, remembered=False)

    def _windows(self, after: int, upto: int, *, remembered: bool) -> Iterator[Batch]:
        size = self._window_ids()
        while after < upto:
            last = min(after + size, upto)
            try:
                with self._database.snapshot() as connection:
                    batch = self._batch(connection, statements.jobs_between(after, last))
            except SourceError:
                if size < 2 * _SMALLEST_WINDOW_IDS:
                    raise
                size //= 2
                continue
            yield replace(batch, place=str(last)) if remembered else replace(batch, still_open=())
            after, size = last, min(2 * size, self._window_ids())

    def _window_ids(self) -> int:
        return min(WINDOW_IDS, SQLITE_WINDOW_IDS) if self._database.dialect == "sqlite" else WINDOW_IDS

    def _beginning(self, connection: Connection, newest: int) -> int:
        """Return the id behind which the first wanted jobs are; a day early, as ids are not quite in order of time."""
        if self._selection.since is None:
            return 0
        return self._first_id_from(connection, self._selection.since - timedelta(days=1), newest) - 1

    @staticmethod
    def _first_id_from(connection: Connection, moment: datetime, newest: int) -> int:
        """Find the first id created at a moment or later by halving: Galaxy has no index of the times."""
        low, high = 0, newest + 1
        while low < high:
            middle = (low + high) // 2
            found = connection.execute(statements.first_job_from(middle)).first()
            if found is None or found.create_time >= moment:
                high = middle
            else:
                low = max(middle, found.id) + 1
        return low

    def _batch(self, connection: Connection, wanted: Select[Any], looked_at: Sequence[str] = ()) -> Batch:
        rows = [row for row in rows_of(connection, wanted) if self._wants(row)]
        done = [row for row in rows if row["state"] in FINISHED]
        done = [row for row in done if self._selection.wants_destination(row["destination_id"] or "")]
        still_open = [str(row["id"]) for row in rows if row["state"] in OPEN]
        records, refused = records_of(done, connection, self._server)
        return Batch(records, looked_at, still_open, refused=refused)

    def _wants(self, row: Row) -> bool:
        return bool(row["tool_id"]) and self._selection.wants_tool(row["tool_id"], row["create_time"])


def _now() -> datetime:
    """Return the time as Galaxy's database writes it."""
    return datetime.now(timezone.utc).replace(tzinfo=None)
