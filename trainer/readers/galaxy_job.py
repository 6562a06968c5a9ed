"""A job as Galaxy's API and its GRT exports tell it: its metrics by name, its datasets and its parameters."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from trainer.amounts import whole
from trainer.measured import measured
from trainer.recorded_job import RecordedDataset, describe_recorded
from trainer.records import JobRecord
from trainer.requested import attempt

from .cells import slots_of
from .reader import checked, peaks_of


@dataclass(frozen=True)
class GalaxyJob:
    """What an export tells of a job.

    Parameters
    ----------
    cells : mapping of str to str
        Its own columns and its metrics by name.
    datasets : sequence of RecordedDataset
        Its inputs.
    parameters : mapping
        Its tool parameters, JSON texts by name.
    collections : collection of str
        Names of the parameters that took a collection.
    """

    cells: Mapping[str, str]
    datasets: Sequence[RecordedDataset] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    collections: Collection[str] = ()


class GalaxyJobs:
    """The part of a reader that all of Galaxy's jobs share.

    Parameters
    ----------
    label : str
        The metric that holds the peak; of those that mean the same, another one where it is missing.
    """

    def __init__(self, label: str) -> None:
        self.label = label

    def tool(self, row: GalaxyJob) -> tuple[str, str]:
        """Return id and version of the tool."""
        return row.cells["tool_id"], row.cells.get("tool_version", "")

    def peak_bytes(self, row: GalaxyJob) -> int:
        """Return the peak, 0 where none was recorded."""
        return self._peak(row)[0]

    def left_out(self, row: GalaxyJob) -> Optional[str]:
        """Return why the job is of no use to anybody."""
        return None

    def record(self, row: GalaxyJob) -> JobRecord:
        """Return the job, described as the rule would have described it."""
        version = row.cells.get("tool_version") or None
        job = describe_recorded(row.cells["tool_id"], version, row.datasets, row.parameters, row.collections)
        peak_bytes, metric = self._peak(row)
        return JobRecord(
            replace(job, slots=slots_of(row.cells), attempt=attempt(row.cells)),
            peak_bytes,
            **measured(row.cells),
            peak_metric=metric,
        )

    def _peak(self, row: GalaxyJob) -> tuple[int, str]:
        for metric in peaks_of(self.label, row.cells):
            peak_bytes = checked(whole(row.cells[metric], metric), metric)
            if peak_bytes:
                return peak_bytes, metric
        return 0, ""
