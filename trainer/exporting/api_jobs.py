"""Finished jobs out of Galaxy's API, by windows of the time at which they were last changed."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Optional, Union

from galaxy_memory_rules.errors import InvalidMessage
from trainer.readers.galaxy_api import job_of
from trainer.records import JobRecord
from trainer.requested import DESTINATION_PARAMS

from .api import THREADS, GalaxyApi
from .finished import finished
from .selection import FINISHED, Selection
from .source import OVERLAP_SECONDS, Batch

JOBS_PER_WINDOW = 500
# before the first Galaxy
_BEGINNING = datetime(2005, 1, 1)
_SHORTEST, _FIRST, _LONGEST = timedelta(seconds=1), timedelta(days=1), timedelta(days=400)
_DATASETS_KEPT = 20_000
_OF_A_DATASET = ("file_size", "extension", "file_ext", "genome_build")


class ApiJobs:
    """Galaxy's API as a source of finished jobs.

    Parameters
    ----------
    api : GalaxyApi
        Where they are asked for.
    selection : Selection
        Which of them are wanted; the API does not tell where a job ran.
    server : str
        What the records call this Galaxy.
    """

    def __init__(self, api: GalaxyApi, selection: Selection, server: str) -> None:
        self._api, self._selection, self._server = api, selection, server
        self._dataset = lru_cache(_DATASETS_KEPT)(self._asked_dataset)

    def batches(self, place: Optional[str], open_ids: Sequence[str]) -> Iterator[Batch]:
        """Yield the jobs that were last changed since the place; one that was open then has changed since.

        Raises
        ------
        SourceError
            If Galaxy cannot be reached or does not answer in time.
        """
        begun = _now()
        settled = begun - timedelta(seconds=OVERLAP_SECONDS)
        after, length = self._beginning(place), _FIRST
        while after < begun:
            upto = min(after + length, begun)
            listed = self._listed(after, upto, JOBS_PER_WINDOW + 1)
            if len(listed) > JOBS_PER_WINDOW and length > _SHORTEST:
                length = max(length / 2, _SHORTEST)
                continue
            if len(listed) > JOBS_PER_WINDOW:
                listed = self._all_of_a_second(after, upto)
            records, refused = self._records(listed)
            yield Batch(records, place=min(upto, settled).isoformat(), refused=refused)
            after, length = upto, min(2 * length, _LONGEST)

    def _beginning(self, place: Optional[str]) -> datetime:
        if place is not None:
            return datetime.fromisoformat(place)
        # a job changes after it was created
        return self._selection.since or _BEGINNING

    def _listed(self, after: datetime, upto: datetime, most: int, offset: int = 0) -> list[Mapping[str, Any]]:
        return list(
            self._api.get(
                "jobs",
                state=sorted(FINISHED),
                date_range_min=after.isoformat(),
                date_range_max=upto.isoformat(),
                limit=most,
                offset=offset,
            )
        )

    def _all_of_a_second(self, after: datetime, upto: datetime) -> list[Mapping[str, Any]]:
        """Page through more jobs than a window holds: nothing that changed so long ago moves under our hands."""
        found: list[Mapping[str, Any]] = []
        while page := self._listed(after, upto, JOBS_PER_WINDOW, len(found)):
            found += page
        return found

    def _records(self, listed: Sequence[Mapping[str, Any]]) -> tuple[list[JobRecord], list[str]]:
        wanted = [str(job["id"]) for job in listed if job.get("tool_id") and self._wants(job)]
        with ThreadPoolExecutor(THREADS) as threads:
            found = list(threads.map(self._record, wanted))
        return [one for one in found if isinstance(one, JobRecord)], [one for one in found if isinstance(one, str)]

    def _wants(self, job: Mapping[str, Any]) -> bool:
        created = datetime.fromisoformat(job["create_time"]) if job.get("create_time") else None
        return self._selection.wants_tool(job["tool_id"], created)

    def _record(self, job_id: str) -> Union[JobRecord, str]:
        """Return the record of a job, or why there is none."""
        job = self._api.find(f"jobs/{job_id}", full="true")
        if job is None:
            return f"job {job_id}: this API key may not see it, or it is gone"
        told = {
            **job,
            "info": self._why(job),
            "server": self._server,
            "job_metrics": job.get("job_metrics") or self._api.get(f"jobs/{job_id}/metrics"),
            DESTINATION_PARAMS: self._api.find(f"jobs/{job_id}/destination_params"),
            "inputs": {name: {**self._dataset(entry["id"], entry["src"]), **entry} for name, entry in _inputs(job)},
        }
        try:
            return finished(job_of(told))
        except InvalidMessage as error:
            return f"job {job_id}: {error}"

    def _why(self, job: Mapping[str, Any]) -> Optional[str]:
        """Return why Galaxy gave up a job that left no exit code; it says so beside its outputs alone."""
        outputs = [one for one in (job.get("outputs") or {}).values() if one.get("src") == "hda"]
        if job.get("state") == "ok" or job.get("exit_code") is not None or not outputs:
            return None
        told = self._api.find(f"datasets/{outputs[0]['id']}", hda_ldda="hda") or {}
        return told.get("misc_info")

    def _asked_dataset(self, dataset_id: str, kind: str) -> Mapping[str, Any]:
        """Return size, extension and build of a dataset, and let go of all else that the API tells of it."""
        told = self._api.find(f"datasets/{dataset_id}", hda_ldda=kind) or {}
        return {name: told[name] for name in _OF_A_DATASET if name in told}


def _inputs(job: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, entry) for name, entry in (job.get("inputs") or {}).items() if entry.get("src") in ("hda", "ldda")]


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)
