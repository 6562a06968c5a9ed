"""The only file that reads Galaxy's job, tool and dataset objects -> JobDescription."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional

from .earlier import FIRST, Earlier
from .messages import (
    MAX_INPUTS,
    MAX_PARAMETERS,
    MAX_SIZE_BYTES,
    InputDataset,
    JobDescription,
    ParameterValue,
)
from .names import unnumbered

# Choices are short; longer text is what people write: titles, sequences, names.
MAX_VALUE_LENGTH = 64
_UNKNOWN_DBKEYS = ("", "?", "None")
# Datasets given for a collection are recorded as ``reads|__adapter_part__|<name of the dataset>``: nobody's business.
_ADAPTER_PART = "|__adapter_part__|"


def describe(job: Any, tool: Any, earlier: Earlier = FIRST) -> JobDescription:
    """Describe a Galaxy job before it is dispatched.

    Parameters
    ----------
    job : galaxy.model.Job
        The job; nothing of it is changed, and no file is looked at.
    tool : galaxy.tools.Tool or None
        Its tool.
    earlier : Earlier
        Its earlier attempts. One that did not end for want of memory is none that the service has to double.
    """
    datasets = _unique_datasets(job)
    told = _decoded(job)
    tool_id, tool_version = tool_of(job, tool)
    was_too_little = earlier.was_too_little and earlier.request_bytes is not None
    return JobDescription(
        tool_id=tool_id,
        tool_version=tool_version,
        inputs=tuple(_fit([_input(name, dataset) for name, dataset in datasets])),
        parameters=dict(list(_parameters(told))[:MAX_PARAMETERS]),
        dbkey=_dbkey(told, [dataset for _, dataset in datasets]),
        attempt=earlier.attempt,
        previous_request_bytes=earlier.request_bytes if was_too_little else None,
    )


def tool_of(job: Any, tool: Any) -> tuple[str, Optional[str]]:
    """Return id and version of a job's tool."""
    tool_id = getattr(tool, "id", None) or job.tool_id
    return str(tool_id), _text(getattr(tool, "version", None) or getattr(job, "tool_version", None))


def _unique_datasets(job: Any) -> list[tuple[str, Any]]:
    """Return (parameter, dataset association) for each dataset once.

    Galaxy records the datasets of a ``multiple="true"`` parameter as ``name``, ``name1``, ``name2``..., where the
    first two are the same dataset, and those of a collection as ``name1``, ``name2``... beside the collection.
    """
    direct = [
        (str(entry.name).partition(_ADAPTER_PART)[0], entry.dataset)
        for relation in ("input_datasets", "input_library_datasets")
        for entry in getattr(job, relation, None) or ()
        if entry.dataset is not None
    ]
    collections = list(_collections(job))
    keys = {name: _key(dataset) for name, dataset in direct}
    parents = {name for name, _ in collections}
    unique: dict[Any, tuple[str, Any]] = {}
    for name, dataset in direct:
        unique.setdefault(_key(dataset), (_parameter_of(name, keys, parents), dataset))
    for name, collection in collections:
        # the leaves of a collection are recorded one by one as well; only if they are not is it worth a query
        if name + "1" not in keys:
            for dataset in collection.dataset_instances:
                unique.setdefault(_key(dataset), (name, dataset))
    return list(unique.values())


def _collections(job: Any) -> Iterator[tuple[str, Any]]:
    for entry in getattr(job, "input_dataset_collections", None) or ():
        if entry.dataset_collection is not None:
            yield str(entry.name), entry.dataset_collection
    for entry in getattr(job, "input_dataset_collection_elements", None) or ():
        if entry.dataset_collection_element is not None:
            yield str(entry.name), entry.dataset_collection_element


def _parameter_of(name: str, keys: Mapping[str, Any], collections: set[str]) -> str:
    for parameter in unnumbered(name):
        if parameter in collections or (parameter in keys and keys[parameter] == keys.get(parameter + "1")):
            return parameter
    return name


def _key(dataset: Any) -> Any:
    """Two associations may share one file: it is read once."""
    stored = getattr(dataset, "dataset", None)
    return getattr(stored, "id", None) or id(stored if stored is not None else dataset)


def _input(name: str, dataset: Any) -> InputDataset:
    extension = getattr(dataset, "extension", None) or getattr(dataset, "ext", None)
    return InputDataset(name, _size_bytes(getattr(dataset, "dataset", None)), _text(extension))


def _size_bytes(stored: Any) -> Optional[int]:
    """Return a dataset's size as the database knows it; a file is never looked at."""
    if stored is None or getattr(stored, "file_size", 0) is None:
        return None
    try:
        size_bytes = int(stored.get_size(nice_size=False, calculate_size=False))
    except (TypeError, ValueError, OverflowError):
        return None
    return size_bytes if 0 <= size_bytes <= MAX_SIZE_BYTES else None


def _fit(inputs: list[InputDataset]) -> list[InputDataset]:
    """Add up the datasets of each parameter where there are too many for a message."""
    if len(inputs) <= MAX_INPUTS:
        return inputs
    merged: dict[tuple[str, Optional[str]], list[InputDataset]] = {}
    for dataset in inputs:
        merged.setdefault((dataset.name, dataset.extension), []).append(dataset)
    if len(merged) > MAX_INPUTS:
        merged = {("", None): inputs}
    return [_added_up(name, extension, parts) for (name, extension), parts in merged.items()]


def _added_up(name: str, extension: Optional[str], parts: list[InputDataset]) -> InputDataset:
    sizes = [part.size_bytes for part in parts if part.size_bytes is not None]
    size_bytes = min(sum(sizes), MAX_SIZE_BYTES) if len(sizes) == len(parts) else None
    return InputDataset(name or "(many)", size_bytes, extension, len(parts))


def _decoded(job: Any) -> dict[str, Any]:
    """Return the tool parameters, which Galaxy stores as JSON texts."""
    raw = job.raw_param_dict() if hasattr(job, "raw_param_dict") else {}
    return {str(name): _json(value) for name, value in raw.items() if not _is_galaxys_own(str(name))}


def _is_galaxys_own(name: str) -> bool:
    """Whether no tool has such a parameter; ``reads|__identifier__`` is what somebody calls a sample."""
    return "|__" in f"|{name}"


def _json(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError, RecursionError):
        return value


def _parameters(told: Any, prefix: str = "") -> Iterator[tuple[str, ParameterValue]]:
    """Yield the choices among the parameters by full path; data, paths and free text are not sent."""
    named: Iterable[tuple[str, Any]]
    if isinstance(told, Mapping):
        named = ((prefix + str(name), value) for name, value in told.items() if not _is_galaxys_own(str(name)))
    else:
        # the blocks of a repeat, which Galaxy numbers
        named = ((f"{prefix[:-1]}_{number}", value) for number, value in enumerate(told))
    for path, value in named:
        if _is_group(value):
            yield from _parameters(value, f"{path}|")
        elif _is_choice(value) and path not in ("dbkey", "chromInfo") and len(path) <= 255:
            yield path, value


def _is_group(value: Any) -> bool:
    """Whether other parameters are inside: a conditional, a section or a repeat, but not a dataset."""
    if isinstance(value, Mapping):
        return not _is_data(value)
    return isinstance(value, list) and all(isinstance(block, Mapping) for block in value)


def _is_data(value: Mapping[str, Any]) -> bool:
    """Whether this is how Galaxy writes datasets down: ``{"values": [{"src": "hda", "id": 1}]}``."""
    entries = value.get("values")
    return isinstance(entries, list) and all(isinstance(entry, Mapping) and "src" in entry for entry in entries)


def _is_choice(value: Any) -> bool:
    if isinstance(value, str):
        # neither an e-mail address nor a path
        telling = "@" in value or value.startswith(("/", "~"))
        return 0 < len(value) <= MAX_VALUE_LENGTH and value.isprintable() and not telling
    return isinstance(value, bool) or (isinstance(value, (int, float)) and abs(value) <= MAX_SIZE_BYTES)


def _dbkey(told: Mapping[str, Any], datasets: Iterable[Any]) -> Optional[str]:
    """Return the build the job was given, else the one its datasets agree on."""
    chosen = told.get("dbkey")
    if isinstance(chosen, str) and chosen not in _UNKNOWN_DBKEYS:
        return _text(chosen)
    found = {str(getattr(dataset, "dbkey", None) or "?") for dataset in datasets} - set(_UNKNOWN_DBKEYS)
    return _text(found.pop()) if len(found) == 1 else "?"


def _text(value: Any) -> Optional[str]:
    text = str(value) if value is not None else ""
    return text if text and text.isprintable() and len(text) <= 255 else None
