"""Exported jobs into the file of their tool: beside the old one, in order of time, then put in its place."""

from collections.abc import Iterable, Iterator
from heapq import merge
from pathlib import Path

from trainer import canonical
from trainer.publishing import folder_name
from trainer.records import JobRecord

from .stage import Stage, order_of

SUFFIX = ".parquet"


def settle(stage: Stage) -> None:
    """Write what waits into the files of its tools.

    Killed between a file and its rows' end, the next time the same rows replace themselves.

    Raises
    ------
    RecordsError
        If a file cannot be read or written; what waits goes on waiting.
    """
    for tool in stage.tools():
        path = file_of(stage.folder, tool)
        before = canonical.read(path) if path.exists() else iter(())
        canonical.write(_newest(merge(before, stage.records(tool), key=order_of)), path)
        stage.forget(tool)


def file_of(folder: Path, tool: str) -> Path:
    """Return the file of a tool."""
    return folder / f"{folder_name(tool)}{SUFFIX}"


def _newest(records: Iterable[JobRecord]) -> Iterator[JobRecord]:
    """Keep of the same job exported again what was read last, which `merge` puts last."""
    held = None
    for record in records:
        if held is not None and order_of(held) != order_of(record):
            yield held
        held = record
    if held is not None:
        yield held
