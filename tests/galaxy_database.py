"""A database with the schema of a real Galaxy, and jobs in it the way Galaxy writes them down.

The schema is made from Galaxy's own models (galaxy_schema/make.py). Whatever is personal is called Jane, or hers.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, Numeric, Table, create_engine, event, insert, update

SCHEMA = Path(__file__).parent / "galaxy_schema"
# long enough ago for an export to be done with it
FIRST = datetime(2026, 1, 5, 9, 0, 0)
V1 = {
    "memory.max_usage_in_bytes": "2886856704.0000000",
    "memory.memsw.max_usage_in_bytes": "2886856705",
    "memory.limit_in_bytes": "9223372036854771712",
    "memory.failcnt": "0E-7",
}
V2 = {"memory.peak": "322122547", "memory.events.oom_kill": "0", "cpu.stat.usage_usec": "17"}
CORE = {"galaxy_slots": "8.0000000", "runtime_seconds": "120.0000000", "start_epoch": "1767603605"}
BOWTIE2 = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.5.0+galaxy0"


def make_schema(engine: Engine) -> None:
    """Make Galaxy's tables in an empty database."""
    statements = (SCHEMA / f"{engine.dialect.name}.sql").read_text().split(";\n")
    with engine.begin() as connection:
        for statement in filter(None, map(str.strip, statements)):
            connection.exec_driver_sql(statement)


class Filled:
    """A Galaxy's database that jobs are written into.

    Parameters
    ----------
    engine : Engine
        The database, with Galaxy's tables and nothing in them.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        if engine.dialect.name == "sqlite":
            # as fast as PostgreSQL without fsync
            event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
        self._user = self.add("galaxy_user", email="jane@example.org", username="jane", password="x", active=True)
        self._history = self.add("history", name="Jane's history", user_id=self._user)

    def table(self, name: str) -> Table:
        """Return a table by its name."""
        return _tables()[name]

    def add(self, table: str, **columns: Any) -> int:
        """Write a row, and return its id."""
        with self.engine.begin() as connection:
            found = connection.execute(insert(self.table(table)).values(**columns)).inserted_primary_key
        assert found is not None
        return int(found[0])

    def dataset(
        self, size_bytes: int | None, extension: str = "fastqsanger", build: Any = None, stored: int | None = None
    ) -> int:
        """Return a new dataset of Jane's history; two may share what is stored."""
        if stored is None:
            stored = self.stored(size_bytes)
        return self.add("history_dataset_association", history_id=self._history, **_named(stored, extension, build))

    def stored(self, size_bytes: int | None) -> int:
        """Return a new file."""
        return self.add("dataset", file_size=size_bytes, total_size=size_bytes, state="ok", uuid=uuid.uuid4().hex)

    def library_dataset(self, size_bytes: int, extension: str = "fasta") -> int:
        """Return a new dataset of a data library."""
        columns = _named(self.stored(size_bytes), extension, None)
        return self.add("library_dataset_dataset_association", user_id=self._user, **columns)

    def collection(self, elements: Sequence[Any]) -> int:
        """Return a new collection; its elements are datasets, or sequences of them."""
        whole = self.add("dataset_collection", collection_type="list", populated_state="ok")
        for index, element in enumerate(elements):
            kind = "hda_id" if isinstance(element, int) else "child_collection_id"
            value = element if isinstance(element, int) else self.collection(element)
            at = {"element_index": index, "element_identifier": f"Jane's sample {index}"}
            self.add("dataset_collection_element", dataset_collection_id=whole, **{kind: value}, **at)
        return whole

    def job(
        self,
        tool_id: str | None = BOWTIE2,
        state: str = "ok",
        *,
        inputs: Sequence[tuple[str, int]] = (),
        library_inputs: Sequence[tuple[str, int]] = (),
        collections: Sequence[tuple[str, int]] = (),
        elements: Sequence[tuple[str, int]] = (),
        parameters: Mapping[str, Any] | None = None,
        metrics: Mapping[str, str] | None = None,
        states: Sequence[str] = (),
        **columns: Any,
    ) -> int:
        """Write a job down with all that Galaxy records of it; each is created a minute after the one before."""
        jane = {"user_id": self._user, "history_id": self._history, "command_line": "cat /srv/jane/dataset_1.dat"}
        params = columns.pop("destination_params", None)
        told = {"tool_version": "2.5.0+galaxy0", "exit_code": 0, "destination_id": "slurm", **jane, **columns}
        if params is not None:
            told["destination_params"] = json.dumps(params).encode()
        job = self.add("job", tool_id=tool_id, state=state, **told)
        created = columns.get("create_time", FIRST + timedelta(minutes=job))
        self.change(job, create_time=created, update_time=created)
        rows: dict[str, list[dict[str, Any]]] = {
            "job_to_input_dataset": [{"name": name, "dataset_id": found} for name, found in inputs],
            "job_to_input_library_dataset": [{"name": name, "ldda_id": found} for name, found in library_inputs],
            "job_to_input_dataset_collection": [
                {"name": name, "dataset_collection_id": self._in_history(found)} for name, found in collections
            ],
            "job_to_input_dataset_collection_element": [
                {"name": name, "dataset_collection_element_id": found} for name, found in elements
            ],
            "job_parameter": [{"name": name, "value": json.dumps(value)} for name, value in (parameters or {}).items()],
            "job_metric_numeric": [
                {"plugin": "cgroup", "metric_name": name, "metric_value": float(value)}
                for name, value in ({**CORE, **V1} if metrics is None else metrics).items()
            ],
            "job_state_history": [{"state": found, "info": "Jane's"} for found in (*states, state)],
        }
        with self.engine.begin() as connection:
            for table, found in rows.items():
                if found:
                    connection.execute(insert(self.table(table)), [{"job_id": job, **row} for row in found])
        return job

    def change(self, job: int, **columns: Any) -> None:
        """Change a job."""
        table = self.table("job")
        with self.engine.begin() as connection:
            connection.execute(update(table).where(table.c.id == job).values(**columns))

    def many(self, count: int, tools: Sequence[str]) -> None:
        """Write many small jobs with an input each, in turn of these tools."""
        first = self.job(tools[0], metrics=V2)
        reads = self.dataset(1000)
        ids = [first + 1 + number for number in range(count)]
        rows = {
            "job": [
                {
                    "id": job,
                    "tool_id": tools[job % len(tools)],
                    "state": "ok",
                    "create_time": FIRST + timedelta(minutes=job),
                }
                for job in ids
            ],
            "job_to_input_dataset": [{"job_id": job, "dataset_id": reads, "name": "input_1"} for job in ids],
            "job_metric_numeric": [
                {"job_id": job, "plugin": "cgroup", "metric_name": "memory.peak", "metric_value": 1_000_000 + job}
                for job in ids
            ],
        }
        with self.engine.begin() as connection:
            for table, found in rows.items():
                connection.execute(insert(self.table(table)), found)

    def _in_history(self, collection: int) -> int:
        columns = {"history_id": self._history, "name": "Jane's collection"}
        return self.add("history_dataset_collection_association", collection_id=collection, **columns)


@cache
def _tables() -> Mapping[str, Table]:
    """Read the schema once: both databases have the same tables and columns."""
    engine, tables = create_engine("sqlite://"), MetaData()
    make_schema(engine)
    event.listen(tables, "column_reflect", _made_portable)
    tables.reflect(engine)
    engine.dispose()
    return tables.tables


def _made_portable(_: Any, __: Any, column: dict[str, Any]) -> None:
    # SQLite has no decimals, and SQLAlchemy warns of each
    is_number = isinstance(column["type"], Numeric)
    column["type"] = Numeric(asdecimal=False) if is_number else column["type"].as_generic()


def now() -> datetime:
    """Return the time as Galaxy writes it."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def _named(stored: int, extension: str, build: Any) -> dict[str, Any]:
    metadata = {"dbkey": ["?"] if build is None else build, "data_lines": 4, "note": "Jane's tumour"}
    return {
        "dataset_id": stored,
        "extension": extension,
        "name": "Jane's tumour.fastq",
        "metadata": json.dumps(metadata).encode(),
        "validated_state": "unknown",
    }
