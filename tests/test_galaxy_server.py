"""Jobs of a real Galaxy on a real Slurm, with the rule between them and the real service (make test-galaxy-server).

The harness's test tool takes as much memory as its parameter `mem_mb` says. What is asserted is what Slurm says that it
gave (MinMemoryNode) and what Galaxy stored of the destination.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import recorded
import serving
from galaxy_server import OWN_MIB, FinishedJob, GalaxyServer, running
from slurm_cluster import Attempt, missing

pytestmark = [pytest.mark.galaxy_server, pytest.mark.skipif(bool(missing()), reason=missing())]

MIB = 1024**2
RECORDED_MB = (100, 300, 500, 700, 900)
UNSEEN_MB = 1500
# What the rule's floor and the service's rounding leave of what 900 MB need, 909 MiB: the most of any recorded job.
MOST_RECORDED_MIB = 960


def peak_mib(mem_mb: int) -> int:
    """As the cgroup metric tells it: Python needs 9 MiB beside its blocks, and Galaxy's metadata step 330 alone."""
    return max(mem_mb + 9, 330)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train on 60 recorded jobs of the tool, under both names that it has in Galaxy."""
    folder = tmp_path_factory.mktemp("trained")
    jobs = recorded.write(folder / "memtool.csv", [_recorded(number) for number in range(60)])
    tools = [f"{jobs},{recorded.LABEL},{tool}\n" for tool in ("memtool", "memtool_tpv")]
    (folder / "input_files.csv").write_text("input_file,label,tool_id\n" + "".join(tools))
    forest = {"module_name": "sklearn.ensemble", "class_name": "ExtraTreesRegressor", "parameters": {}}
    (folder / "models.json").write_text(json.dumps({"ExtraTrees": forest}))
    files = ["-i", f"{folder}/input_files.csv", "-m", f"{folder}/models.json", "-o", f"{folder}/output.csv"]
    command = [sys.executable, "-m", "trainer", "train", *files, "-d", f"{folder}/models"]
    subprocess.run(command, cwd=serving.ROOT, check=True)
    return folder / "models"


def _recorded(number: int) -> dict[str, object]:
    mem_mb = RECORDED_MB[number % len(RECORDED_MB)]
    return {
        recorded.LABEL: peak_mib(mem_mb) * MIB,
        "input1": 1_000_000 + number,
        "input1_extension": "tabular",
        "input2": 500_000,
        "input2_extension": "txt",
        "dbkey": "hg19",
        "mem_mb": mem_mb,
        "seconds": 1.0,
    }


@pytest.fixture(scope="module")
def galaxy(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalaxyServer]:
    with running(tmp_path_factory.mktemp("galaxy")) as server:
        yield server


@pytest.fixture
def service_url(models: Path) -> Iterator[str]:
    with serving.served(models) as url:
        yield url


@pytest.fixture
def stopped_url(models: Path) -> str:
    """Where the service was a moment ago."""
    with serving.served(models) as url:
        pass
    return url


def told(job: FinishedJob, galaxy: GalaxyServer) -> FinishedJob:
    """Show what happened to whoever watches."""
    print(f"\n{' > '.join(job.states)} in {job.seconds} s\n{job.attempts}\n{job.notes}\n{galaxy.last_word()}")
    return job


def assert_it_fitted(job: FinishedJob) -> None:
    assert (job.state, [attempt.ended for attempt in job.attempts]) == ("ok", ["COMPLETED"])
    # 709 MiB are needed; the recorded jobs agree to the MiB, so the next multiple of 64 MiB is enough
    assert job.attempts[0].memory_mib == 768
    assert job.notes["gmem_request_bytes"] == str(768 * MIB)


def assert_it_was_killed_and_got_twice_as_much(job: FinishedJob) -> None:
    first, second = job.attempts
    assert first == Attempt("OUT_OF_MEMORY", MOST_RECORDED_MIB)
    assert second.ended == "COMPLETED"
    assert second.memory_mib >= 2 * first.memory_mib
    assert job.state == "ok"
    assert job.notes["gmem_request_bytes"] == str(second.memory_mib * MIB)


def test_a_job_gets_what_jobs_like_it_needed_and_ends_well(galaxy: GalaxyServer, service_url: str) -> None:
    galaxy.set_rules(service_url)
    job = told(galaxy.run("memtool", 700), galaxy)
    assert_it_fitted(job)
    assert job.params["job_--mem"] == "768M"
    assert (job.notes["gmem_attempt"], job.notes["gmem_bundle"].partition("/")[0]) == ("1", "memtool")
    assert "768.00 MiB" in galaxy.last_word()


def test_a_job_that_slurm_killed_comes_back_and_gets_twice_as_much(galaxy: GalaxyServer, service_url: str) -> None:
    # no recorded job had this value, and none needed so much
    galaxy.set_rules(service_url)
    job = told(galaxy.run("memtool", UNSEEN_MB), galaxy)
    assert_it_was_killed_and_got_twice_as_much(job)
    assert job.notes["gmem_attempt"] == "2"
    assert "attempt 2" in galaxy.last_word()


def test_a_job_goes_to_its_unchanged_destination_while_the_service_is_stopped(
    galaxy: GalaxyServer, stopped_url: str
) -> None:
    galaxy.set_rules(stopped_url)
    job = told(galaxy.run("memtool", 700), galaxy)
    assert job.state == "ok"
    assert job.attempts == (Attempt("COMPLETED", OWN_MIB),)
    assert job.notes == {}
    assert "cannot connect" in galaxy.last_word()


def test_in_shadow_mode_the_request_is_noted_and_not_made(galaxy: GalaxyServer, service_url: str) -> None:
    galaxy.set_rules(service_url, mode="shadow")
    job = told(galaxy.run("memtool", 700), galaxy)
    assert job.state == "ok"
    assert job.attempts == (Attempt("COMPLETED", OWN_MIB),)
    assert job.params["job_--mem"] == f"{OWN_MIB}M"
    assert job.notes["gmem_shadow_bytes"] == str(768 * MIB)


def test_tpv_gives_a_job_what_jobs_like_it_needed(galaxy: GalaxyServer, service_url: str) -> None:
    galaxy.set_rules(service_url)
    assert_it_fitted(told(galaxy.run("memtool_tpv", 700), galaxy))


def test_tpv_gives_a_job_that_slurm_killed_twice_as_much(galaxy: GalaxyServer, service_url: str) -> None:
    galaxy.set_rules(service_url)
    assert_it_was_killed_and_got_twice_as_much(told(galaxy.run("memtool_tpv", UNSEEN_MB), galaxy))


def test_tpv_keeps_its_own_memory_while_the_service_is_stopped(galaxy: GalaxyServer, stopped_url: str) -> None:
    galaxy.set_rules(stopped_url)
    job = told(galaxy.run("memtool_tpv", 700), galaxy)
    assert (job.state, job.attempts) == ("ok", (Attempt("COMPLETED", OWN_MIB),))
