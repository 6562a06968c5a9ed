"""The canonical table, as one file or as a folder with a file for each tool."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from galaxy_memory_rules.errors import RecordsError
from trainer.amounts import whole
from trainer.canonical import PEAK, Row, from_row, numbered_rows
from trainer.records import JobRecord

from .reader import Told, checked


@dataclass(frozen=True)
class StoredReader:
    """The rows of canonical files, one file after the other.

    Parameters
    ----------
    files : sequence of Path
        The files.
    told : Told
        What the administrator told; the label can only be the peak's one column.
    """

    files: Sequence[Path]
    told: Told

    label = PEAK

    def __post_init__(self) -> None:
        if self.told.label not in (None, PEAK):
            raise RecordsError(f"{self.files[0]}: a canonical table has no label {self.told.label!r} but {PEAK}")

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield each row."""
        for file in self.files:
            before = f"{file.name}, " if len(self.files) > 1 else ""
            for place, row in numbered_rows(file):
                yield f"{before}{place}", row

    def tool(self, row: Row) -> tuple[str, str]:
        """Return id and version of the tool."""
        return str(row["tool_id"] or self.told.tool_id), str(row.get("tool_version") or "")

    def peak_bytes(self, row: Row) -> int:
        """Return the peak, 0 where none was recorded."""
        peak = row[PEAK]
        return checked(0 if peak is None else whole(str(peak), PEAK), PEAK)

    def left_out(self, row: Row) -> Optional[str]:
        """Return why the job is of no use to anybody: no row of this table is."""
        return None

    def record(self, row: Row) -> JobRecord:
        """Return the job."""
        return from_row(row)
