"""The same job read from Galaxy's database, from its API and from a GRT report is the same record."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from galaxy_api import Answers, encoded
from galaxy_database import CORE, V1, V2, Filled

from trainer.exporting.database import GalaxyDatabase
from trainer.exporting.database_jobs import DatabaseJobs
from trainer.exporting.selection import Selection
from trainer.readers import read
from trainer.records import JobRecord

READS = {"values": [{"id": 1, "src": "hda"}]}
WHOLE = {"values": [{"id": 1, "src": "hdca"}]}


def several(galaxy: Filled) -> Any:
    first, second = galaxy.dataset(10), galaxy.dataset(20, "fasta")
    return {"inputs": [("reads", first), ("reads1", first), ("reads2", second)]}


def collected(galaxy: Filled) -> Any:
    leaves = [galaxy.dataset(size) for size in (1, 2, 3)]
    inputs = [(f"group|pair_1{number}", leaf) for number, leaf in enumerate(leaves, 1)]
    parameters = {"group": {"pair_1": WHOLE, "kind": "list"}}
    return {"inputs": inputs, "collections": [("group|pair_1", galaxy.collection(leaves))], "parameters": parameters}


def shared(galaxy: Filled) -> Any:
    stored = galaxy.stored(30)
    return {"inputs": [("a", galaxy.dataset(None, stored=stored)), ("b", galaxy.dataset(None, stored=stored))]}


# each kind of job, and in what a GRT report falls short of the others
KINDS: dict[str, tuple[Callable[[Filled], Any], frozenset[str]]] = {
    "v1": (lambda galaxy: {"inputs": [("reads", galaxy.dataset(10))], "metrics": {**CORE, **V1}}, frozenset()),
    "v2": (lambda galaxy: {"inputs": [("reads", galaxy.dataset(10))], "metrics": {**CORE, **V2}}, frozenset()),
    "choices": (lambda galaxy: {"parameters": {"a": {"b": {"c": "d"}, "n": 7, "reads": READS}, "dbkey": "hg38"}},
                frozenset()),
    "several": (several, frozenset()),
    # nothing in it says that numbered datasets are those of a collection
    "collection": (collected, frozenset({"names"})),
    # its ids are those of associations, not of files; what is in libraries it leaves out
    "shared": (shared, frozenset({"inputs"})),
    "build": (lambda galaxy: {"inputs": [("reads", galaxy.dataset(1, build=["mm10"]))]}, frozenset({"dbkey"})),
    "library": (lambda galaxy: {"inputs": [("reads", galaxy.dataset(1))],
                                "library_inputs": [("genome", galaxy.library_dataset(2))]}, frozenset({"inputs"})),
    "unknown size": (lambda galaxy: {"inputs": [("reads", galaxy.dataset(None))]}, frozenset()),
    "asked": (lambda galaxy: {"destination_params": {"gmem_request_bytes": "7000", "native_specification": "--mem=9"}},
              frozenset({"requested_bytes"})),
    "came back": (lambda galaxy: {"states": ("queued", "resubmitted", "queued"), "destination_params": {
                  "gmem_request_bytes": "7000", "gmem_attempt": "2"}}, frozenset({"requested_bytes", "attempt"})),
    "told by Galaxy": (lambda galaxy: {"metrics": {**V2, "galaxy_memory_mb": "4096"}}, frozenset()),
    "killed": (lambda galaxy: {"state": "error", "exit_code": 137, "metrics": {**V2, "memory.events.oom_kill": "1"}},
               frozenset()),
    "failed": (lambda galaxy: {"state": "error", "exit_code": 1, "metrics": V2}, frozenset()),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_is_the_same_record_whichever_way_it_comes(
    kind: str, galaxy: Filled, address: str, tmp_path: Path
) -> None:
    written, falls_short = KINDS[kind]
    job = galaxy.job("cat1", tool_version="1.0", **written(galaxy))
    answers = Answers(galaxy)
    [batch] = DatabaseJobs(GalaxyDatabase(address, 30), Selection(), "").batches(None, ())
    [record] = batch.records
    # neither of the others tells where it ran, nor the API which version it was of a tool that is of no ToolShed
    expected = replace(record, destination_id="")
    folder = tmp_path / "api"
    folder.mkdir()
    for number, document in enumerate(answers.all_documents()):
        (folder / f"{number}.json").write_text(json.dumps(document))
    assert only(folder) == replace(expected, job=replace(expected.job, tool_version=None), job_id=encoded(job))
    answers.report(tmp_path / "1767603605.tar.gz")
    assert without(only(tmp_path / "1767603605.tar.gz"), falls_short) == without(expected, falls_short)


def only(path: Path) -> JobRecord:
    """Return the one record of an export."""
    [found] = read(path, "memory.peak")
    assert found.fault is None
    [record] = found.records
    return record


def without(record: JobRecord, lost: frozenset[str]) -> JobRecord:
    """Return a record without what one of the exports cannot tell."""
    job = record.job
    if "names" in lost:
        job = replace(job, inputs=tuple(replace(one, name=one.name.rstrip("0123456789")) for one in job.inputs))
        job = replace(job, inputs=tuple(replace(one, name=one.name.removesuffix("_")) for one in job.inputs))
    if "inputs" in lost:
        job = replace(job, inputs=job.inputs[:1])
    if "dbkey" in lost:
        job = replace(job, dbkey=None)
    if "attempt" in lost:
        job = replace(job, attempt=1)
    return replace(record, job=job, requested_bytes=None if "requested_bytes" in lost else record.requested_bytes)
