"""All that Galaxy's database tells of some finished jobs, asked for once for all of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select

from galaxy_memory_rules.errors import InvalidMessage
from trainer.readers.galaxy_job import GalaxyJob
from trainer.recorded_job import RecordedDataset
from trainer.records import JobRecord
from trainer.requested import DESTINATION_PARAMS

from . import statements
from .finished import as_cells, finished
from .galaxy_tables import ELEMENT

Row = Mapping[str, Any]


def rows_of(connection: Connection, statement: Select[Any]) -> list[Row]:
    """Return the rows of an answer by column."""
    return [dict(row) for row in connection.execute(statement).mappings()]


def records_of(jobs: Sequence[Row], connection: Connection, server: str) -> tuple[list[JobRecord], list[str]]:
    """Return the records of rows of Galaxy's table ``job``, and why there is none of the others."""
    if not jobs:
        return [], []
    ids = [job["id"] for job in jobs]
    dialect = connection.dialect.name
    metrics = {row["job_id"]: row for row in rows_of(connection, statements.metrics_of(ids))}
    sent_back = {row["job_id"]: row["times"] for row in rows_of(connection, statements.resubmissions_of(ids))}
    parameters = _by_job(rows_of(connection, statements.parameters_of(ids)))
    collections = _by_job(rows_of(connection, statements.collections_of(ids)))
    inputs = _by_job(rows_of(connection, statements.inputs_of(ids, dialect)))
    for job_id, taken in collections.items():
        inputs[job_id] += _unlisted(taken, inputs[job_id], connection)
    records, refused = [], []
    for job in jobs:
        job_id = job["id"]
        galaxy_job = GalaxyJob(
            _cells({**job, "server": server}, metrics.get(job_id, {})),
            [_dataset(row) for row in inputs[job_id]],
            {row["name"]: row["value"] for row in parameters[job_id]},
            {str(row["name"]) for row in collections[job_id]},
        )
        try:
            records.append(finished(galaxy_job, 1 + sent_back.get(job_id, 0)))
        except InvalidMessage as error:
            refused.append(f"job {job_id}: {error}")
    return records, refused


def _by_job(rows: Iterable[Row]) -> dict[int, list[Row]]:
    grouped: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["job_id"]].append(row)
    return grouped


def _unlisted(collections: Iterable[Row], inputs: Iterable[Row], connection: Connection) -> list[Row]:
    """Return the datasets in collections that Galaxy did not list one by one as well, which it nearly always does.

    They get the names that it would have given them, so that they go to the collection's parameter.
    """
    listed = {row["name"] for row in inputs}
    missing = [row for row in collections if f"{row['name']}1" not in listed]
    return [
        {**leaf, "name": f"{row['name']}{number}"}
        for row in missing
        for number, leaf in enumerate(_leaves(row, connection), 1)
    ]


def _leaves(collection: Row, connection: Connection) -> list[Row]:
    if collection["collection_id"] is None:
        return _elements(ELEMENT.c.id, collection["element"], connection)
    return _elements(ELEMENT.c.dataset_collection_id, collection["collection_id"], connection)


def _elements(column: ColumnElement[Any], value: int, connection: Connection) -> list[Row]:
    leaves: list[Row] = []
    for element in rows_of(connection, statements.elements_of(column, value, connection.dialect.name)):
        child = element["child_collection_id"]
        leaves += [element] if child is None else _elements(ELEMENT.c.dataset_collection_id, child, connection)
    return leaves


def _dataset(row: Row) -> RecordedDataset:
    size = row["size"]
    # an association without a file of its own is only the same as itself
    key = ("association", row["association"]) if row["key"] is None else row["key"]
    return RecordedDataset(str(row["name"]), key, None if size is None else int(size), row["extension"], row["build"])


def _cells(job: Row, metrics: Row) -> dict[str, str]:
    created, params = job["create_time"], job[DESTINATION_PARAMS]
    columns = {name: job[name] for name in ("tool_id", "tool_version", "state", "exit_code", "info", "destination_id")}
    told = {"id": job["id"], "server": job["server"], "create_time": created and created.isoformat()}
    # what is no text cannot be read, and tells nothing of a request
    asked = {DESTINATION_PARAMS: params and bytes(params).decode(errors="replace")}
    return as_cells({**metrics, **columns, **told, **asked})
