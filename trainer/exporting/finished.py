"""The record of a finished job, from what Galaxy told of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Optional

from galaxy_memory_rules.memory import round_up
from galaxy_memory_rules.messages import MAX_ATTEMPT, MAX_SIZE_BYTES, parse_job
from trainer.amounts import amount_bytes
from trainer.readers.galaxy_job import GalaxyJob, GalaxyJobs
from trainer.readers.reader import ANY_PEAK, PEAK_METRICS
from trainer.records import JobRecord

_JOBS = GalaxyJobs(ANY_PEAK)


def finished(job: GalaxyJob, attempt: Optional[int] = None) -> JobRecord:
    """Return the record of a job.

    Parameters
    ----------
    job : GalaxyJob
        What Galaxy tells of it.
    attempt : int, optional
        Which attempt its metrics are of; without it what the rule noted counts.

    Raises
    ------
    InvalidMessage
        If it has something that no record may hold, such as a tool's id that cannot be printed.
    """
    # 0, and more than any machine has, is what is measured where the job had no cgroup of its own
    cells = {name: cell for name, cell in job.cells.items() if name not in PEAK_METRICS or amount_bytes(cell)}
    record = _JOBS.record(replace(job, cells=cells))
    described = replace(record.job, attempt=min(attempt or record.job.attempt, MAX_ATTEMPT))
    parse_job(described.to_dict())
    return replace(record, job=described)


def as_cells(values: Mapping[str, Any]) -> dict[str, str]:
    """Write what a database or an API tells as texts, without what is not told."""
    return {str(name): str(value) for name, value in values.items() if value is not None}


def with_rounded_sizes(record: JobRecord) -> JobRecord:
    """Round the sizes of the inputs up to two digits: nobody recognises a file by that."""
    inputs = tuple(replace(dataset, size_bytes=_two_digits(dataset.size_bytes)) for dataset in record.job.inputs)
    return replace(record, job=replace(record.job, inputs=inputs))


def _two_digits(size_bytes: Optional[int]) -> Optional[int]:
    # no more than a message may say
    return size_bytes and min(round_up(size_bytes, int(10 ** max(len(str(size_bytes)) - 2, 0))), MAX_SIZE_BYTES)
