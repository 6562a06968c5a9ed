"""The questions that are put to Galaxy's database, each about the jobs of one batch."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Text, case, cast, func, literal, null, select, union_all

from trainer.measured import METRICS as MEASURED
from trainer.readers.reader import PEAK_METRICS

from .galaxy_tables import (
    COLLECTION,
    COLLECTION_INPUT,
    DATASET,
    ELEMENT,
    ELEMENT_INPUT,
    IN_HISTORY,
    IN_LIBRARY,
    INPUT,
    JOB,
    LIBRARY_INPUT,
    METRIC,
    PARAMETER,
    STATE_HISTORY,
)

# what a record is made of, in the words of both generations of cgroups
METRICS = (*PEAK_METRICS, *sorted(MEASURED))
_JSON_BUILD = r'"dbkey": *(?:\[ *)?"([^"\\]*)"'


def jobs_between(after: int, upto: int) -> Select[Any]:
    """All jobs with an id above `after` and not above `upto`, in the order of their ids."""
    return select(JOB).where(JOB.c.id > after, JOB.c.id <= upto).order_by(JOB.c.id)


def jobs_with(ids: Sequence[int]) -> Select[Any]:
    """The jobs with these ids, in the order of their ids."""
    return select(JOB).where(JOB.c.id.in_(ids)).order_by(JOB.c.id)


def newest_id() -> Select[Any]:
    """The highest id of all jobs."""
    return select(func.max(JOB.c.id))


def first_job_from(job_id: int) -> Select[Any]:
    """Id and time of the first job whose id is not below this one and whose time is known."""
    wanted = JOB.c.id >= job_id, JOB.c.create_time.is_not(null())
    return select(JOB.c.id, JOB.c.create_time).where(*wanted).order_by(JOB.c.id).limit(1)


def metrics_of(ids: Sequence[int]) -> Select[Any]:
    """One row for each job with a column for each metric."""
    name, value = METRIC.c.metric_name, METRIC.c.metric_value
    pivoted = (func.max(case((name == metric, value))).label(metric) for metric in METRICS)
    return (
        select(METRIC.c.job_id, *pivoted).where(METRIC.c.job_id.in_(ids), name.in_(METRICS)).group_by(METRIC.c.job_id)
    )


def resubmissions_of(ids: Sequence[int]) -> Select[Any]:
    """How often each job was sent back, for those that were."""
    wanted = STATE_HISTORY.c.job_id.in_(ids), STATE_HISTORY.c.state == "resubmitted"
    return select(STATE_HISTORY.c.job_id, func.count().label("times")).where(*wanted).group_by(STATE_HISTORY.c.job_id)


def parameters_of(ids: Sequence[int]) -> Select[Any]:
    """Tool parameters, without Galaxy's own: one of these is what somebody calls a sample."""
    columns = PARAMETER.c
    own = columns.name.startswith("__", autoescape=True) | columns.name.contains("|__", autoescape=True)
    return select(columns.job_id, columns.name, columns.value).where(columns.job_id.in_(ids), ~own).order_by(columns.id)


def inputs_of(ids: Sequence[int], dialect: str) -> Select[Any]:
    """What each job reads: first from histories and then from libraries, as Galaxy's own model lists it."""
    from_history = _inputs(INPUT, INPUT.c.dataset_id, IN_HISTORY, ids, dialect, 0)
    from_library = _inputs(LIBRARY_INPUT, LIBRARY_INPUT.c.ldda_id, IN_LIBRARY, ids, dialect, 1)
    both = union_all(from_history, from_library).subquery()
    return select(both).order_by(both.c.place, both.c.id)


def collections_of(ids: Sequence[int]) -> Select[Any]:
    """The parameters of each job that took a collection, or an element of a nested one."""
    whole = (
        select(COLLECTION_INPUT.c.job_id, COLLECTION_INPUT.c.name, COLLECTION.c.collection_id, null().label("element"))
        .join_from(COLLECTION_INPUT, COLLECTION, COLLECTION.c.id == COLLECTION_INPUT.c.dataset_collection_id)
        .where(COLLECTION_INPUT.c.job_id.in_(ids))
    )
    part = (
        select(ELEMENT_INPUT.c.job_id, ELEMENT_INPUT.c.name, ELEMENT.c.child_collection_id, ELEMENT.c.id)
        .join_from(ELEMENT_INPUT, ELEMENT, ELEMENT.c.id == ELEMENT_INPUT.c.dataset_collection_element_id)
        .where(ELEMENT_INPUT.c.job_id.in_(ids))
    )
    return select(union_all(whole, part).subquery())


def elements_of(column: ColumnElement[Any], value: int, dialect: str) -> Select[Any]:
    """Elements found by a column of theirs, each with the dataset or the collection that it is."""
    columns = ELEMENT.c
    kinds = [
        select(columns.dataset_collection_id, columns.element_index, columns.id, columns.child_collection_id,
               *_dataset(stored, dialect))
        .join_from(ELEMENT, stored, stored.c.id == link)
        .outerjoin(DATASET, DATASET.c.id == stored.c.dataset_id)
        .where(column == value)
        for link, stored in ((columns.hda_id, IN_HISTORY), (columns.ldda_id, IN_LIBRARY))
    ]  # fmt: skip
    nothing = (null().label(name) for name in ("association", "key", "size", "extension", "build"))
    nested = select(
        columns.dataset_collection_id, columns.element_index, columns.id, columns.child_collection_id, *nothing
    )
    kinds.append(nested.where(column == value, columns.child_collection_id.is_not(null())))
    found = union_all(*kinds).subquery()
    return select(found).order_by(found.c.dataset_collection_id, found.c.element_index, found.c.id)


def _inputs(
    link: FromClause, target: ColumnElement[Any], stored: FromClause, ids: Sequence[int], dialect: str, place: int
) -> Select[Any]:
    return (
        select(literal(place).label("place"), link.c.id, link.c.job_id, link.c.name, *_dataset(stored, dialect))
        .join_from(link, stored, stored.c.id == target)
        .outerjoin(DATASET, DATASET.c.id == stored.c.dataset_id)
        .where(link.c.job_id.in_(ids))
    )


def _dataset(stored: FromClause, dialect: str) -> list[ColumnElement[Any]]:
    return [
        stored.c.id.label("association"),
        DATASET.c.id.label("key"),
        DATASET.c.file_size.label("size"),
        stored.c.extension.label("extension"),
        _build(stored.c.metadata, dialect).label("build"),
    ]


def _build(metadata: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Take the genome build out of a dataset's metadata, which may tell more than is anybody's business."""
    if dialect == "postgresql":
        return func.substring(func.encode(metadata, "escape"), _JSON_BUILD)
    text = cast(metadata, Text)
    builds = func.json_extract(text, "$.dbkey"), func.json_extract(text, "$.dbkey[0]")
    return case(
        (func.json_valid(text) == 0, null()), (func.json_type(text, "$.dbkey") == "array", builds[1]), else_=builds[0]
    )
