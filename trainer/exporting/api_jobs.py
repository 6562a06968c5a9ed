"""Finished jobs out of Galaxy's API, by windows of the time at which they were last changed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Optional

from galaxy_memory_rules.messages import JobDescription
from trainer.recorded_job import RecordedDataset, describe_recorded
from trainer.records import JobRecord

from .api import THREADS, GalaxyApi
from .finished import as_cells, finished
from .selection import FINISHED, Selection
from .source import OVERLAP_SECONDS, Batch

JOBS_PER_WINDOW = 500
# before the first Galaxy
_BEGINNING = datetime(2005, 1, 1)
_SHORTEST, _FIRST, _LONGEST = timedelta(seconds=1), timedelta(days=1), timedelta(days=400)
_DATASETS_KEPT = 20_000
_COLUMNS = ("state", "exit_code", "info", "create_time")


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
            yield Batch(self._records(listed), place=min(upto, settled).isoformat())
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

    def _records(self, listed: Sequence[Mapping[str, Any]]) -> list[JobRecord]:
        wanted = [str(job["id"]) for job in listed if job.get("tool_id") and self._wants(job)]
        with ThreadPoolExecutor(THREADS) as threads:
            found = threads.map(self._record, wanted)
            return [record for record in found if record is not None]

    def _wants(self, job: Mapping[str, Any]) -> bool:
        created = datetime.fromisoformat(job["create_time"]) if job.get("create_time") else None
        return self._selection.wants_tool(job["tool_id"], created)

    def _record(self, job_id: str) -> Optional[JobRecord]:
        job = self._api.find(f"jobs/{job_id}", full="true")
        if job is None:
            return None
        metrics = job.get("job_metrics") or self._api.get(f"jobs/{job_id}/metrics")
        params = self._api.find(f"jobs/{job_id}/destination_params") or {}
        measured = {metric["name"]: metric["raw_value"] for metric in metrics}
        told = {**{name: job.get(name) for name in _COLUMNS}, "job_id": job_id, "server": self._server}
        return finished(self._described(job), as_cells({**params, **measured, **told}), 1)

    def _described(self, job: Mapping[str, Any]) -> JobDescription:
        parameters = job.get("params") or {}
        datasets = [self._input(name, entry) for name, entry in (job.get("inputs") or {}).items()]
        version = job.get("tool_version")
        return describe_recorded(job["tool_id"], version, datasets, parameters, collections_in(parameters))

    def _input(self, name: str, entry: Mapping[str, Any]) -> RecordedDataset:
        size_bytes, extension, build = self._dataset(entry["id"], entry.get("src", "hda"))
        return RecordedDataset(name, entry.get("uuid") or (entry.get("src"), entry["id"]), size_bytes, extension, build)

    def _asked_dataset(self, dataset_id: str, kind: str) -> tuple[Optional[int], Optional[str], Optional[str]]:
        """Return size, extension and build of a dataset, and let go of all else that the API tells of it."""
        told = self._api.find(f"datasets/{dataset_id}", hda_ldda=kind) or {}
        size_bytes = told.get("file_size")
        extension = told.get("extension") or told.get("file_ext")
        return None if size_bytes is None else int(size_bytes), extension, told.get("genome_build")


def collections_in(parameters: Mapping[str, Any]) -> set[str]:
    """Return the parameters that took a collection, or an element of one: the API lists only the datasets inside."""
    found: set[str] = set()
    for name, text in parameters.items():
        try:
            _find_collections(name, json.loads(text), found)
        except (TypeError, ValueError, RecursionError):
            # free text is no collection
            continue
    return found


def _find_collections(path: str, value: Any, found: set[str]) -> None:
    if isinstance(value, list):
        for number, block in enumerate(value):
            _find_collections(f"{path}_{number}", block, found)
    elif isinstance(value, dict):
        entries = value.get("values")
        if isinstance(entries, list) and any(_is_collection(entry) for entry in entries):
            found.add(path)
        for name, inner in value.items():
            _find_collections(f"{path}|{name}", inner, found)


def _is_collection(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("src") in ("hdca", "dce")


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)
