"""One export: batch after batch into the stage, and from there into the files of the tools."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from .finished import with_rounded_sizes
from .settling import settle
from .source import Batch, Source
from .stage import Stage, opened

# what may wait for its files: a gigabyte on the disk, and a rewriting of all files for each
MOST_STAGED_JOBS = 1_000_000


@dataclass
class Exported:
    """What came of an export.

    Parameters
    ----------
    jobs : Counter of str
        How many were read, by the metric of their peak; empty for those of which none was recorded.
    refused : list of str
        A sentence for each job that no record could be made of.
    """

    jobs: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What ``python -m trainer export`` was asked to do; see its --help.

    Parameters
    ----------
    folder : Path
        Where the files of the tools are.
    server : str
        What the records call the Galaxy.
    selection : str
        The options that say what is exported: a place is good for the same ones only.
    resume : bool
        Go on where the last export of this server into this folder ended; else all is read again.
    round_sizes : bool
        Whether the sizes of the inputs are rounded.
    """

    folder: Path
    server: str
    selection: str
    resume: bool
    round_sizes: bool


def export(source: Source, plan: Plan) -> Iterator[Exported]:
    """Carry out a plan, and tell after each batch what came of it so far.

    Raises
    ------
    SourceError
        If Galaxy cannot be read; what was read before is in the files.
    ConfigError
        If the folder cannot be used, or holds an export of something else.
    RecordsError
        If a file cannot be written or a file that is there cannot be read.
    """
    done = Exported()
    with opened(plan.folder) as stage:
        place = stage.begin(plan.server, plan.selection, resume=plan.resume)
        try:
            for batch in source.batches(place, stage.open_ids(plan.server)):
                stage.add(plan.server, _rounded(batch) if plan.round_sizes else batch)
                done.jobs.update(record.peak_metric for record in batch.records)
                done.refused += batch.refused
                _make_room(stage)
                yield done
        finally:
            settle(stage)


def _make_room(stage: Stage) -> None:
    if stage.waiting >= MOST_STAGED_JOBS:
        settle(stage)


def _rounded(batch: Batch) -> Batch:
    return replace(batch, records=[with_rounded_sizes(record) for record in batch.records])
