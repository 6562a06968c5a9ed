"""Galaxy's API: jobs as ``GET /api/jobs/{id}?full=true`` answers, alone, in a list, one a line, or a folder of them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Optional

from galaxy_memory_rules.errors import InvalidMessage, RecordsError
from galaxy_memory_rules.messages import read_json
from trainer.recorded_job import RecordedDataset
from trainer.tables import lines, opened

from .galaxy_job import GalaxyJob, GalaxyJobs
from .reader import ANY_PEAK, Told

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
# a document is read whole; larger answers have one job a line
MAX_DOCUMENT_BYTES = 256 * 1024**2
# what is nobody's business stays in the file: the user's address, the command line, what the tool printed
_COLUMNS = ("id", "server", "tool_id", "tool_version", "state", "create_time", "exit_code", "info", "destination_id")
_WRAPPED = "metrics"
_COLLECTIONS = frozenset({"hdca", "dce"})

Json = Mapping[str, Any]


@dataclass(frozen=True)
class _Sizes:
    """Datasets as ``GET /api/datasets/{id}`` answers, which may lie beside the jobs, by source and id."""

    known: Mapping[tuple[str, str], Json]

    def of(self, told: Json) -> Json:
        """Return what is known of an input."""
        return {**self.known.get((str(told.get("src")), str(told.get("id"))), {}), **told}


_NO_SIZES = _Sizes({})


class ApiReader(GalaxyJobs):
    """The jobs of documents, one after the other.

    Parameters
    ----------
    files : iterable of Path
        The documents.
    told : Told
        What the administrator told.
    """

    def __init__(self, files: Iterable[Path], told: Told) -> None:
        super().__init__(told.label or ANY_PEAK)
        self._files = sorted(files)

    def rows(self) -> Iterator[tuple[str, GalaxyJob]]:
        """Yield each job."""
        several = len(self._files) > 1
        sizes = _Sizes(dict(_datasets(self._files)) if several else {})
        for file in self._files:
            for place, found in _documents(file):
                if "tool_id" in found:
                    yield f"{file.name}, {place}" if several else place, job_of(found, sizes)


def _datasets(files: Iterable[Path]) -> Iterator[tuple[tuple[str, str], Json]]:
    for file in files:
        for _, found in _documents(file):
            if "tool_id" not in found and "file_size" in found and "id" in found:
                yield (str(found.get("hda_ldda", "hda")), str(found["id"])), found


def _documents(path: Path) -> Iterator[tuple[str, Json]]:
    """Yield the objects of a file and where they stand."""
    with opened(path) as file:
        numbered = _lines(file, path) if ".jsonl" in path.suffixes else _whole(file, path)
        for place, found in numbered:
            inner = found.get(_WRAPPED) if isinstance(found, dict) else None
            job = inner if isinstance(inner, dict) else found
            if not isinstance(job, dict):
                raise RecordsError(f"{path}, {place}: expected a job as Galaxy's API answers, found no object")
            yield place, job


def _lines(file: IO[bytes], path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines(file, str(path)), start=1):
        if line.strip():
            yield f"line {number}", _parsed(line, path, f"line {number}")


def _whole(file: IO[bytes], path: Path) -> Iterator[tuple[str, Any]]:
    text = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(text) > MAX_DOCUMENT_BYTES:
        raise RecordsError(f"{path}: more than {MAX_DOCUMENT_BYTES:,} bytes; write one job a line into a .jsonl file")
    found = _parsed(text.removeprefix(b"\xef\xbb\xbf"), path, "job 1")
    for number, job in enumerate(found if isinstance(found, list) else [found], start=1):
        yield f"job {number}", job


def _parsed(text: str | bytes, path: Path, place: str) -> Any:
    try:
        return read_json(text)
    except InvalidMessage as error:
        raise RecordsError(f"{path}, {place}: {error}") from error


def job_of(found: Json, sizes: _Sizes = _NO_SIZES) -> GalaxyJob:
    """Return the job of an answer, whose inputs may tell their sizes themselves."""
    metrics = found.get("job_metrics")
    cells = {
        str(metric["name"]): str(metric.get("raw_value"))
        for metric in (metrics if isinstance(metrics, list) else ())
        if isinstance(metric, dict) and "name" in metric
    }
    cells.update({name: str(found[name]) for name in _COLUMNS if found.get(name) is not None})
    if version := _version_in(cells.get("tool_id", "")):
        cells.setdefault("tool_version", version)
    params = found.get("destination_params")
    if isinstance(params, dict):
        cells["destination_params"] = json.dumps(params)
    named = [(str(name), told) for name, told in _items(found.get("inputs")) if isinstance(told, dict)]
    parameters = dict(_items(found.get("params")))
    return GalaxyJob(
        cells,
        [_dataset(name, sizes.of(told)) for name, told in named if told.get("src") not in _COLLECTIONS],
        parameters,
        {name for name, told in named if told.get("src") in _COLLECTIONS} | _collections_in(parameters),
    )


def _version_in(tool_id: str) -> Optional[str]:
    """Return the version of a ToolShed's tool; of no other does the API tell it."""
    parts = tool_id.split("/")
    return parts[5] if len(parts) == 6 and parts[1] == "repos" else None


def _collections_in(parameters: Json) -> set[str]:
    """Return the parameters that took a collection, or an element of one: Galaxy lists only the datasets inside."""
    found: set[str] = set()
    for name, text in parameters.items():
        try:
            found.update(_paths_of_collections(name, json.loads(text)))
        except (TypeError, ValueError, RecursionError):
            # free text is no collection
            continue
    return found


def _paths_of_collections(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for number, block in enumerate(value):
            yield from _paths_of_collections(f"{path}_{number}", block)
    elif isinstance(value, dict):
        entries = value.get("values")
        if isinstance(entries, list) and any(
            isinstance(one, dict) and one.get("src") in _COLLECTIONS for one in entries
        ):
            yield path
        for name, inner in value.items():
            yield from _paths_of_collections(f"{path}|{name}", inner)


def _items(found: Any) -> Iterable[tuple[str, Any]]:
    return found.items() if isinstance(found, dict) else ()


def _dataset(name: str, told: Json) -> RecordedDataset:
    """Return an input; the answer for the job tells its id alone, a dataset's own answer its size."""
    size = told.get("file_size")
    return RecordedDataset(
        name,
        told.get("uuid") or (told.get("src"), told.get("id")),
        size if isinstance(size, int) and size >= 0 else None,
        _text(told.get("extension") or told.get("file_ext")),
        _text(told.get("genome_build") or told.get("dbkey")),
    )


def _text(value: Any) -> Optional[str]:
    return value if isinstance(value, str) else None
