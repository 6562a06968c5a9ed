"""Tables that tell of all inputs together only: usegalaxy.eu's files without a header, and gxadmin's three queries."""

from functools import partial

from galaxy_memory_rules.memory import MIB
from trainer.amounts import whole
from trainer.features import TOTALS_INPUT
from trainer.measured import Cells
from trainer.tables import Row

from .cells import Columns, is_number, slots_of

# gxadmin's job-metrics without the columns that usegalaxy.eu's files have not
EU_COLUMNS = ("tool_id", "total_filesize", "num_files", "slots", "memory_bytes", "create_time")
JOB_METRICS_COLUMNS = (
    *("job_id", "tool_id", "state", "total_filesize", "num_files"),
    *("runtime_seconds", "slots", "memory_bytes", "create_time"),
)
PER_INPUTS_COLUMNS = (
    *("id", "tool_id", "input_count", "total_input_size_mb", "mean_input_size_mb", "median_input_size_mb"),
    *("memory_used_mb", "memory_used_per_input_mb", "memory_mean_input_ratio", "memory_median_input_ratio"),
)
TOOL_METRICS_COLUMNS = ("metric_value",)
JOB_METRICS_ARE_WRONG = (
    "gxadmin's job-metrics, whose sizes belong to other datasets (its query joins them by the wrong id); export the"
    " jobs anew with `python -m trainer export`, or insist on it with the format gxadmin-job-metrics"
)
_TOTALS = frozenset({"total_filesize", "num_files"})
_TELLING_PER_INPUTS = frozenset({"input_count", "total_input_size_mb", "memory_used_mb"})


def is_eu(first: Row) -> bool:
    """Whether this is the first row of usegalaxy.eu's shape, or a header with its columns."""
    return set(first) >= _TOTALS or (len(first) == len(EU_COLUMNS) and all(map(is_number, first[1:5])))


def is_job_metrics(first: Row) -> bool:
    """Whether this is the header or the first row of gxadmin's job-metrics."""
    if {*_TOTALS, "job_id"} <= set(first):
        return True
    return len(first) == len(JOB_METRICS_COLUMNS) and all(map(is_number, [first[0], *first[3:8]]))


def is_per_inputs(first: Row) -> bool:
    """Whether this is the header or the first row of gxadmin's tool-memory-per-inputs."""
    if set(first) >= _TELLING_PER_INPUTS:
        return True
    return len(first) == len(PER_INPUTS_COLUMNS) and all(map(is_number, [first[0], *first[2:]]))


def is_tool_metrics(first: Row) -> bool:
    """Whether this is the header or the first row of gxadmin's tool-metrics: one column of bytes."""
    return first == list(TOOL_METRICS_COLUMNS) or (len(first) == 1 and is_number(first[0]))


def job_metrics(header: Row, label: str) -> Columns:
    """Return how one size and one count for all inputs are read."""
    return Columns(partial(_described, count="num_files", size="total_filesize", unit_bytes=1))


def per_inputs(header: Row, label: str) -> Columns:
    """Return how MiB are read; Galaxy records the inputs of a ``multiple`` parameter twice, which are counted twice."""
    described = partial(_described, count="input_count", size="total_input_size_mb", unit_bytes=MIB)
    return Columns(described, size_bytes=lambda cell, column: whole(cell, column) * MIB)


def tool_metrics(header: Row, label: str) -> Columns:
    """Return how peaks are read of which nothing else is told."""
    return Columns(lambda row: {})


def _described(row: Cells, count: str, size: str, unit_bytes: int) -> dict[str, object]:
    counted, size_bytes = whole(row[count], count), whole(row[size], size) * unit_bytes
    total = {"name": TOTALS_INPUT, "size_bytes": size_bytes, "count": max(counted, 1)}
    return {"inputs": [total] if counted or size_bytes else [], "slots": slots_of(row)}
