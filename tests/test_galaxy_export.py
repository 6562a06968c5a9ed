"""A job described live and exported later gives equal features, over every kind of input (make test-galaxy).

The jobs are recorded by Galaxy's own code in its own models; the export runs in the environment of the trainer.
"""

import json
import os
import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from real_galaxy import ROOT, Galaxy

from galaxy_memory_rules.describe import describe

# Galaxy warns of much that is its own business
pytestmark = [pytest.mark.galaxy, pytest.mark.filterwarnings("ignore")]
METRICS = {"memory.peak": 322_122_547, "galaxy_slots": 4, "runtime_seconds": 17}


def pairs(galaxy: Galaxy, sizes: int = 1) -> Mapping[str, Any]:
    return {name: galaxy.dataset(sizes + number) for number, name in enumerate(("forward", "reverse"))}


def with_collection(galaxy: Galaxy, kind: str, elements: Mapping[str, Any]) -> Any:
    job = galaxy.job({"type": "single"})
    job.add_input_dataset_collection("library|input_1", galaxy.collection(kind, elements))
    return job


def with_element(galaxy: Galaxy) -> Any:
    """As where a tool is mapped over a list of pairs: each job gets one of them."""
    whole = galaxy.collection("list:paired", {"a": pairs(galaxy), "b": pairs(galaxy, 7)})
    job = galaxy.job({"type": "single"})
    job.add_input_dataset_collection_element("library|input_1", whole.collection.elements[1])
    return job


def thousands(galaxy: Galaxy) -> Any:
    job = galaxy.job({"type": "single"})
    galaxy.add_thousands(job, "library|input_1", 200)
    return job


def from_library(galaxy: Galaxy) -> Any:
    job = galaxy.job({"type": "single", "input_1": galaxy.dataset(5)})
    job.add_input_library_dataset("reference_genome|own_file", galaxy.library_dataset(7))
    return job


def copied(galaxy: Galaxy) -> Any:
    reads = galaxy.dataset(30)
    again = reads.copy(flush=False)
    galaxy.session.add(again)
    galaxy.session.commit()
    return galaxy.job({"type": "many", "input_1": [reads, again]})


def built(galaxy: Galaxy) -> Any:
    reads = galaxy.dataset(30)
    reads.dbkey = "mm10"
    return galaxy.job({"type": "single", "input_1": reads}, dbkey="?")


def purged(galaxy: Galaxy) -> Any:
    reads = galaxy.dataset(30)
    job = galaxy.job({"type": "single", "input_1": reads})
    reads.deleted = reads.purged = reads.dataset.deleted = reads.dataset.purged = True
    return job


def named_element(galaxy: Galaxy) -> Any:
    job = galaxy.job({"type": "single", "input_1": galaxy.dataset(30)}, title="short")
    job.add_parameter("library|input_1|__identifier__", json.dumps("Jane's sample"))
    return job


KINDS = {
    "single": lambda galaxy: galaxy.job({"type": "single", "input_1": galaxy.dataset(10)}),
    "paired": lambda galaxy: galaxy.job({"type": "paired", **{f"input_{i}": galaxy.dataset(i) for i in (1, 2)}}),
    "several": lambda galaxy: galaxy.job({"type": "many", "input_1": [galaxy.dataset(10), galaxy.dataset(20)]}),
    "list": lambda galaxy: galaxy.job({"type": "many", "input_1": galaxy.collection("list", pairs(galaxy))}),
    "pair": lambda galaxy: galaxy.job(
        {"type": "paired_collection", "input_1": galaxy.collection("paired", pairs(galaxy))}
    ),
    "unlisted": lambda galaxy: with_collection(galaxy, "paired", pairs(galaxy)),
    "nested": lambda galaxy: with_collection(galaxy, "list:paired", {"a": pairs(galaxy), "b": pairs(galaxy, 7)}),
    "element": with_element,
    "thousands": thousands,
    "library": from_library,
    "copied": copied,
    "genome": lambda galaxy: galaxy.job({"type": "single", "input_1": galaxy.dataset(1)}, galaxy.dataset(9, "fasta")),
    "no size": lambda galaxy: galaxy.job({"type": "single", "input_1": galaxy.dataset(None)}),
    "empty": lambda galaxy: galaxy.job({"type": "single", "input_1": galaxy.dataset(0)}),
    "nothing": lambda galaxy: galaxy.job({"type": "single"}),
    "repeat": lambda galaxy: galaxy.job({"type": "single"}, queries=[{"kind": "a"}, {"kind": "b"}]),
    "build": built,
    "purged": purged,
    "identifier": named_element,
}


def record(galaxy: Galaxy, job: Any) -> dict[str, Any]:
    """Let a job run and end, and return how the rule had described it."""
    galaxy.session.commit()
    galaxy.session.expire_all()
    described = describe(job, galaxy.tool).to_dict()
    for name, value in METRICS.items():
        job.add_metric("cgroup", name, value)
    job.set_state("ok")
    galaxy.session.add(job)
    galaxy.session.commit()
    return described


def test_a_job_that_was_described_live_is_exported_with_equal_features(tmp_path: Path) -> None:
    galaxy = Galaxy(tmp_path)
    live = {}
    for make in KINDS.values():
        job = make(galaxy)
        live[str(job.id)] = record(galaxy, job)
    (tmp_path / "live.json").write_text(json.dumps(live))
    connection = galaxy.session.connection().connection.driver_connection
    with sqlite3.connect(tmp_path / "universe.sqlite") as file:
        connection.backup(file)
    program = [os.environ["GMR_PYTHON"], str(ROOT / "tests" / "exported_features.py")]
    arguments = [f"sqlite:///{tmp_path}/universe.sqlite", str(tmp_path / "out"), str(tmp_path / "live.json")]
    done = subprocess.run(
        [*program, *arguments], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["differences"] == {}
    assert told["jobs"] == len(KINDS)
    # they differ in size, number, kind, build and choices: there is something to be equal in
    assert told["columns"] > 10
