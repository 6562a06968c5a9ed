"""Galaxy's own classes record jobs, call the rule, and the rule asks the real service (make test-galaxy)."""

import importlib.util
import json
import os
import re
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import serving
import yaml
from galaxy_settings import settings_for
from real_galaxy import JOB_CONF, RELEASE, ROOT, Galaxy

from galaxy_memory_rules.config import load_config
from galaxy_memory_rules.describe import describe
from galaxy_memory_rules.messages import InputDataset, parse_job

# Galaxy warns of much that is its own business
pytestmark = [pytest.mark.galaxy, pytest.mark.filterwarnings("ignore")]

MIB = 1024**2
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def galaxy(tmp_path_factory: pytest.TempPathFactory) -> Galaxy:
    return Galaxy(tmp_path_factory.mktemp("galaxy"))


@pytest.fixture(scope="module")
def service_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Train on the recorded bowtie2 jobs and serve the bundle, with the Python that has what this takes."""
    python = os.environ.get("GMR_PYTHON")
    if not python:
        pytest.fail("set GMR_PYTHON to the Python that the trainer and the service are installed for")
    folder = tmp_path_factory.mktemp("service")
    (folder / "input_files.csv").write_text(
        f"input_file,label\n{ROOT / 'examples' / 'bowtie2.csv'},memory.max_usage_in_bytes\n"
    )
    forest = {"module_name": "sklearn.ensemble", "class_name": "ExtraTreesRegressor"}
    (folder / "models.json").write_text(json.dumps({"ExtraTrees": {**forest, "parameters": {"n_estimators": [50]}}}))
    models = folder / "models"
    files = ["-i", f"{folder}/input_files.csv", "-m", f"{folder}/models.json", "-o", f"{folder}/output.csv"]
    subprocess.run([python, "-m", "trainer", "train", *files, "-d", models, "--jobs", "1"], cwd=ROOT, check=True)
    with serving.served(models, python=python) as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Any]:
    """Write the shipped settings for a service at another address."""
    with ExitStack() as stack:
        # nothing is proved by a prediction that a busy machine has no time for
        yield lambda url, **changes: stack.enter_context(
            settings_for(tmp_path, url, **{"deadline_seconds": 5, **changes})
        )


@pytest.fixture
def served(galaxy: Galaxy, service_url: str, settings: Any) -> Galaxy:
    """Galaxy with the rule in front of its destinations and the service behind it."""
    # the floor is above what the example's small jobs need: without it their predictions can be seen
    galaxy.configure(rules_config=settings(service_url, floor="1 MiB", round_up_to="1 MiB"))
    return galaxy


def inputs_of(galaxy: Galaxy, job: Any) -> list[tuple[str, int | None]]:
    described = describe(job, galaxy.tool)
    parse_job(described.to_dict())
    return [(found.name, found.size_bytes) for found in described.inputs]


def request_mib(destination: Any) -> int:
    """Return what a destination requests, of which its own note must tell the same."""
    found = re.fullmatch(r"--ntasks=1 --cpus-per-task=4 --mem=(\d+)M", destination.params["native_specification"])
    assert found, destination.params
    assert int(destination.params["gmem_request_bytes"]) == int(found[1]) * MIB
    return int(found[1])


def words(destination: Any) -> list[Any]:
    """Return all of a destination that job_conf can say; the rest of two copies is never equal."""
    return [getattr(destination, name) for name in ("id", "runner", "params", "env", "resubmit", "tags", "shell")]


def single(galaxy: Galaxy, reads_bytes: int | None = 30_000_000, genome_bytes: int = 4_000_000) -> Any:
    library = {"type": "single", "input_1": galaxy.dataset(reads_bytes)}
    return galaxy.job(library, galaxy.dataset(genome_bytes, "fasta"))


def test_a_job_on_a_genome_of_the_history_gets_what_the_service_recommends(served: Galaxy, service_url: str) -> None:
    job = single(served)
    destination = served.map(job)
    message = json.dumps(describe(job, served.tool).to_dict()).encode()
    with urllib.request.urlopen(f"{service_url}/v1/predict", message, timeout=PATIENCE_SECONDS) as answer:
        recommended_bytes = json.load(answer)["memory_bytes"]
    assert request_mib(destination) == -(-recommended_bytes // MIB)
    assert destination.params["gmem_bundle"].startswith("bowtie2/")
    assert (destination.id, destination.runner, destination.params["gmem_attempt"]) == ("slurm", "slurm", "1")
    assert destination.resubmit[0]["environment"] == "memory_rule"


def test_a_job_that_builds_its_index_gets_more_memory_than_one_that_finds_it_built(served: Galaxy) -> None:
    # recorded: 106 to 173 MB with a genome of the history, 21 to 81 MB with the index of simB
    indexed = served.job({"type": "single", "input_1": served.dataset(1_000_000)}, dbkey="simB")
    assert request_mib(served.map(indexed)) < request_mib(served.map(single(served, reads_bytes=1_000_000)))


def test_what_galaxy_records_of_a_plain_job_is_told_and_nothing_personal(galaxy: Galaxy) -> None:
    reads, genome = galaxy.dataset(30), galaxy.dataset(4, "fasta")
    job = galaxy.job({"type": "single", "input_1": reads}, genome, title="of jane@example.org", queries=[{"kind": "a"}])
    described = describe(job, galaxy.tool)
    assert described.inputs == (
        InputDataset("library|input_1", 30, "fastqsanger"),
        InputDataset("reference_genome|own_file", 4, "fasta"),
    )
    assert described.parameters == {
        "library|type": "single",
        "reference_genome|source": "history",
        "queries_0|kind": "a",
        "save_mapping_stats": False,
    }
    assert (described.tool_id, described.dbkey, described.attempt) == ("bowtie2", "hg38", 1)
    assert "jane" not in str(described).lower()


def test_the_elements_of_a_paired_collection_are_counted_once(served: Galaxy) -> None:
    pair = served.collection("paired", {"forward": served.dataset(10), "reverse": served.dataset(20)})
    job = served.job({"type": "paired_collection", "input_1": pair})
    assert sorted(entry.name for entry in job.input_datasets if entry.dataset) == [
        "library|input_11",
        "library|input_12",
    ]
    assert inputs_of(served, job) == [("library|input_1", 10), ("library|input_1", 20)]
    assert request_mib(served.map(job)) > 0


def test_one_pair_of_a_list_of_pairs_is_counted_once(galaxy: Galaxy) -> None:
    pair = {"forward": galaxy.dataset(10), "reverse": galaxy.dataset(20)}
    pairs = galaxy.collection("list:paired", {"Jane's sample": pair})
    job = galaxy.job({"type": "paired_collection", "input_1": pairs.collection.elements[0]})
    assert job.input_dataset_collection_elements, "Galaxy records an element of a collection as such"
    assert inputs_of(galaxy, job) == [("library|input_1", 10), ("library|input_1", 20)]


def test_a_collection_that_is_reduced_is_counted_once(galaxy: Galaxy) -> None:
    many = galaxy.collection("list", {f"Jane {number}": galaxy.dataset(number) for number in range(1, 101)})
    job = galaxy.job({"type": "many", "input_1": many})
    assert describe(job, galaxy.tool).inputs == (InputDataset("library|input_1", 5050, "fastqsanger", 100),)


def test_a_nested_collection_whose_datasets_are_not_recorded_is_opened(galaxy: Galaxy) -> None:
    pair = {"forward": galaxy.dataset(10), "reverse": galaxy.dataset(20)}
    job = galaxy.job({"type": "single", "input_1": galaxy.dataset(1)})
    job.add_input_dataset_collection("more", galaxy.collection("list:list:paired", {"a": {"b": pair}}))
    galaxy.session.commit()
    assert inputs_of(galaxy, job) == [("library|input_1", 1), ("more", 10), ("more", 20)]


def test_the_alias_of_a_multiple_input_is_not_counted_twice(served: Galaxy) -> None:
    job = served.job({"type": "many", "input_1": [served.dataset(10), served.dataset(20)]})
    assert sorted(entry.name for entry in job.input_datasets if entry.dataset) == [
        "library|input_1",
        "library|input_11",
        "library|input_12",
    ]
    assert inputs_of(served, job) == [("library|input_1", 10), ("library|input_1", 20)]
    assert request_mib(served.map(job)) > 0


def test_an_optional_input_that_is_not_set_is_no_input(galaxy: Galaxy) -> None:
    job = single(galaxy)
    assert ("annotation", None) in [(entry.name, entry.dataset) for entry in job.input_datasets]
    assert [name for name, _ in inputs_of(galaxy, job)] == ["library|input_1", "reference_genome|own_file"]


def test_a_dataset_of_a_library_is_an_input(served: Galaxy) -> None:
    job = served.job({"type": "single", "input_1": served.dataset(30)})
    job.add_input_library_dataset("reference_genome|own_file", served.library_dataset(4_000_000))
    served.session.commit()
    assert inputs_of(served, job) == [("library|input_1", 30), ("reference_genome|own_file", 4_000_000)]
    assert request_mib(served.map(job)) > 0


@pytest.mark.parametrize("size_bytes", [None, 0])
def test_a_size_that_the_database_lacks_is_unknown_and_nobody_looks_at_the_file(
    served: Galaxy, size_bytes: int | None
) -> None:
    job = single(served, reads_bytes=size_bytes)
    # for a size of 0 Galaxy would look at the file if it were let
    assert inputs_of(served, job) == [("library|input_1", size_bytes), ("reference_genome|own_file", 4_000_000)]
    served.session.expire_all()
    # whatever the service makes of it, the object store was not touched and nothing is about to be written
    assert served.map(job).id == "slurm"
    assert served.unsaved() == []


def test_a_service_that_is_down_leaves_the_destination_unchanged(galaxy: Galaxy, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    job_config = galaxy.configure(rules_config=settings(url))
    assert words(galaxy.map(single(galaxy))) == words(job_config.get_destination("slurm"))


def test_a_tool_that_the_service_does_not_know_leaves_the_destination_unchanged(
    served: Galaxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = single(served)
    monkeypatch.setattr(served.tool, "id", "never_recorded")
    assert words(served.map(job)) == words(served.app.job_config.get_destination("slurm"))


def test_a_job_that_was_killed_asks_for_at_least_twice_as_much(served: Galaxy) -> None:
    job = single(served)
    requests_mib = []
    rule = None
    for attempt in ("1", "2", "3"):
        destination = served.map(job, rule)
        assert destination.params["gmem_attempt"] == attempt
        requests_mib.append(request_mib(destination))
        # as 26.1 does it; test_galaxy_retries.py has what each release does
        job.destination_params = destination.params
        rule = served.app.job_config.get_destination(destination.resubmit[0]["environment"])
        rule.params = {**job.destination_params, **rule.params}
        job.destination_params = rule.params
        job.set_state(served.model.Job.states.RESUBMITTED)
        job.set_state(served.model.Job.states.NEW)
        served.session.commit()
    assert requests_mib[1] >= 2 * requests_mib[0]
    assert requests_mib[2] >= 2 * requests_mib[1]


@pytest.mark.parametrize(
    ("default", "expected"), [("htcondor", "htcondor"), (None, "slurm"), ("memory_rule", "slurm"), ("typo", "slurm")]
)
def test_without_settings_a_job_still_gets_a_destination(galaxy: Galaxy, default: str | None, expected: str) -> None:
    # Galaxy's default destination is the rule itself: a job sent there would go round and round
    params = {"default_destination": default} if default else {}
    job_config = galaxy.configure(rules_config="/nowhere/memory_rules.yml", **params)
    assert words(galaxy.map(single(galaxy))) == words(job_config.get_destination(expected))


def test_galaxy_reads_the_example_job_conf(galaxy: Galaxy) -> None:
    as_shipped = yaml.safe_load(JOB_CONF.read_text())["execution"]["environments"]["memory_rule"]
    job_config = galaxy.configure(**{name: as_shipped[name] for name in ("rules_config", "default_destination")})
    rule = job_config.get_destination(None)
    assert (rule.id, rule.runner) == ("memory_rule", "dynamic")
    assert rule.params["function"] == "map_job_to_destination"
    for runner in job_config.runner_plugins:
        # the example's runner for HTCondor came with 26.0
        if runner["id"] != "htcondor" or RELEASE >= (26, 0):
            assert importlib.util.find_spec(runner["load"].partition(":")[0]), runner
    assert job_config.get_destination("slurm").params["native_specification"].endswith("--mem=8192M")
    assert set(load_config(ROOT / "config" / "memory_rules.yml").destinations) < set(job_config.destinations)
