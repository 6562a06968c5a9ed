"""What every way into a Galaxy gives: batches of finished jobs, each with the place where the next one begins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional, Protocol

from trainer.records import JobRecord

# A transaction that is open now may still add a job before the newest one that can be seen, so what is younger than
# this is read again the next time. Galaxy commits a job within seconds, a large workflow's within minutes.
OVERLAP_SECONDS = 3600


@dataclass(frozen=True)
class Batch:
    """Jobs that were looked at together.

    Parameters
    ----------
    records : sequence of JobRecord
        Those that are finished and wanted.
    looked_at : sequence of str
        Ids that were asked for again because they had not been finished before.
    still_open : sequence of str
        Ids that have to be asked for again.
    refused : sequence of str
        A sentence for each job that no record can be made of.
    place : str or None
        Where a later export goes on; None where this batch changes nothing about that.
    """

    records: Sequence[JobRecord]
    looked_at: Sequence[str] = ()
    still_open: Sequence[str] = ()
    place: Optional[str] = None
    refused: Sequence[str] = ()


class Source(Protocol):
    """A Galaxy that tells its jobs."""

    def batches(self, place: Optional[str], open_ids: Sequence[str]) -> Iterator[Batch]:
        """Yield all that is new since a place, and what became of the jobs that were not finished then.

        Raises
        ------
        SourceError
            If Galaxy cannot be reached or does not answer in time; what was yielded before is good.
        """
