"""The record of a finished job, from what Galaxy told of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Optional

from galaxy_memory_rules.memory import round_up
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, MAX_SLOTS, JobDescription
from trainer.amounts import amount_bytes, number
from trainer.measured import Cells, measured
from trainer.records import JobRecord

# the first that was measured is the peak: of the job alone, with and without what was swapped out
PEAKS = ("memory.max_usage_in_bytes", "memory.peak", "memory.memsw.max_usage_in_bytes")


def finished(job: JobDescription, cells: Cells, attempt: int) -> JobRecord:
    """Return the record of a job.

    Parameters
    ----------
    job : JobDescription
        The job as the rule would have described it.
    cells : mapping of str to str
        Its metrics, its destination's params and the columns of Galaxy's table ``job``, each under its own name, its
        id as ``job_id`` and the server whose id it is as ``server``.
    attempt : int
        Which attempt the metrics are of.
    """
    slots = number(cells.get("galaxy_slots", ""))
    peak_metric = next((name for name in PEAKS if amount_bytes(cells.get(name, ""))), "")
    return JobRecord(
        replace(job, slots=int(slots) if slots and slots <= MAX_SLOTS else None, attempt=attempt),
        amount_bytes(cells.get(peak_metric, "")) or 0,
        peak_metric=peak_metric,
        **measured(cells),
    )


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
