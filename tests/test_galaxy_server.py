"""Jobs of a real Galaxy on a real Slurm, with the rule between them and the real service (make test-galaxy-server).

The harness's test tool takes as much memory as its parameter `mem_mb` says. What is asserted is what Slurm says that it
gave (MinMemoryNode) and what Galaxy stored of the destination.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import closed_loop
import pytest
import recorded
import serving
from closed_loop import FIRST_ROUND, KILLED_MB, SECOND_ROUND, Loop
from galaxy_client import SECOND_BYTES
from galaxy_server import OWN_MIB, FinishedJob, GalaxyServer, running
from slurm_cluster import Attempt, missing

from trainer.features import FeatureSchema
from trainer.records import JobRecord

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
    """Train on 60 recorded jobs of the tool, under all names that it has in Galaxy."""
    folder = tmp_path_factory.mktemp("trained")
    jobs = recorded.write(folder / "memtool.csv", [_recorded(number) for number in range(60)])
    tools = [f"{jobs},{recorded.LABEL},{tool}\n" for tool in ("memtool", "memtool_tpv", closed_loop.TOOL)]
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
        "input2": SECOND_BYTES,
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


# ---- the loop: what those jobs left behind is learned from, and the next jobs are sized by it


@pytest.fixture(scope="module")
def loop(galaxy: GalaxyServer, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """Turn the loop once, on bundles of its own."""
    folder = tmp_path_factory.mktemp("loop")
    return closed_loop.run(galaxy, Path(shutil.copytree(models, folder / "models")), folder)


def test_the_database_of_a_galaxy_that_runs_is_exported_with_what_slurm_gave_and_galaxy_measured(loop: Loop) -> None:
    records = loop.records(0)
    # the job that came back was running
    assert sorted(records) == sorted(FIRST_ROUND)
    for mem_mb, record in records.items():
        job = loop.first[mem_mb]
        assert (job.state, record.outcome, record.job.attempt) == ("ok", "ok", 1)
        [attempt] = job.attempts
        assert record.requested_bytes == attempt.memory_mib * MIB
        assert (record.peak_metric, record.peak_bytes) == (recorded.LABEL, job.metrics[recorded.LABEL])
        assert mem_mb * MIB < record.peak_bytes < (mem_mb + 64) * MIB
        assert record.run_seconds == job.metrics["runtime_seconds"]
        sizes = {(dataset.name, dataset.size_bytes, dataset.extension) for dataset in record.job.inputs}
        assert sizes == {("input1", FIRST_ROUND[mem_mb], "tabular"), ("input2", SECOND_BYTES, "txt")}
        assert (record.job.dbkey, record.destination_id) == ("hg19", "slurm")


def test_an_export_is_looked_at_before_training(loop: Loop) -> None:
    [tool] = [found for file in loop.inspected["files"] for found in file["tools"] if found["tool"] == closed_loop.TOOL]
    assert tool["rows"] == len(FIRST_ROUND)


def test_an_attempt_that_was_killed_and_left_no_metrics_is_learned_from(loop: Loop) -> None:
    assert f"{closed_loop.TOOL}: 1 killed attempts added, the peaks of 0 others are known" in loop.said["train"]
    assert f"{closed_loop.TOOL}: {len(FIRST_ROUND) + 1} recorded jobs from" in loop.said["train"]


def test_the_next_jobs_are_sized_by_what_the_first_ones_used(loop: Loop) -> None:
    [old] = {job.notes["gmem_bundle"] for job in loop.first.values()}
    [new] = {job.notes["gmem_bundle"] for job in loop.second.values()}
    assert old != new
    assert [job.notes["gmem_source"] for job in loop.second.values()] == ["pooled"] * len(SECOND_ROUND)
    assert [(job.state, len(job.attempts)) for job in loop.second.values()] == [("ok", 1)] * len(SECOND_ROUND)


def test_the_next_export_adds_the_new_jobs_and_the_one_that_came_back_and_keeps_the_others(loop: Loop) -> None:
    first, second = loop.exports
    assert {job_id: second[job_id] for job_id in first} == first
    records = loop.records(1)
    assert sorted(records) == sorted([*FIRST_ROUND, KILLED_MB, *SECOND_ROUND])
    came_back = records[KILLED_MB]
    assert (came_back.outcome, came_back.job.attempt) == ("ok", 2)
    assert came_back.requested_bytes == loop.first[KILLED_MB].attempts[1].memory_mib * MIB


def test_what_slurm_killed_at_the_ceiling_is_known_to_have_run_out_of_memory(loop: Loop) -> None:
    assert (loop.given_up.state, loop.given_up.attempts) == ("error", (Attempt("OUT_OF_MEMORY", 640),))
    records = [record for record in loop.exports[1].values() if record.job.tool_id == closed_loop.HOPELESS]
    newest = max(records, key=lambda record: int(record.job_id))
    assert (newest.outcome, newest.requested_bytes) == ("out_of_memory", 640 * MIB)
    assert newest.peak_bytes == loop.given_up.metrics[recorded.LABEL]


def test_the_report_shows_both_rounds(loop: Loop) -> None:
    [tool] = [found for found in loop.report["tools"] if found["tool"] == closed_loop.TOOL]
    old, new = tool["bundles"]
    assert old["bundle"] == loop.first[KILLED_MB].notes["gmem_bundle"]
    assert_it_adds_up(old["applied"], list(loop.first.values()), failures=1)
    assert_it_adds_up(new["applied"], list(loop.second.values()), failures=0)
    # of ten first attempts one was killed; 95 % of what chance makes of 5 % reaches far above 10 %
    whole = tool["applied"]
    assert (whole["judged"], whole["failures"], whole["failure_rate"], whole["fallbacks"]) == (10, 1, 0.1, 0)
    assert tool["promise"] == "above, within chance"
    assert sum(week["applied"]["judged"] for week in tool["weeks"]) == 10
    # of the other tool there was one job, killed at its ceiling: nobody is called for one
    [hopeless] = [found for found in loop.report["tools"] if found["tool"] == closed_loop.HOPELESS]
    assert (hopeless["applied"]["judged"], hopeless["applied"]["failures"]) == (1, 1)
    assert (hopeless["promise"], loop.report["broken"]) == ("above, within chance", [])
    for build in (old, new):
        assert build["bundle"].rpartition("/")[2] in loop.said["report"]


def assert_it_adds_up(told: dict[str, Any], jobs: Sequence[FinishedJob], failures: int) -> None:
    """Compare a report with what Slurm gave and Galaxy measured."""
    requests = [job.attempts[0].memory_mib * MIB for job in jobs]
    peaks = [job.metrics[recorded.LABEL] for job in jobs]
    hours = [job.metrics["runtime_seconds"] / 3600 for job in jobs]
    assert (told["judged"], told["failures"]) == (len(jobs), failures)
    assert told["mean_request_bytes"] == pytest.approx(sum(requests) / len(jobs))
    assert told["mean_peak_bytes"] == pytest.approx(sum(peaks) / len(jobs))
    # an attempt that ended well wastes what it does not use, one that was killed all that it had
    given = [sum(attempt.memory_mib for attempt in job.attempts) * MIB for job in jobs]
    rows = list(zip(given, peaks, hours, strict=True))
    assert told["used_gbh"] == pytest.approx(sum(peak * hour for _, peak, hour in rows) / 1e9)
    assert told["wasted_gbh"] == pytest.approx(sum((had - peak) * hour for had, peak, hour in rows) / 1e9)
    own = sum((OWN_MIB * MIB - peak) * hour for _, peak, hour in rows) / 1e9
    assert told["saved"]["saved_gbh"] == pytest.approx(own - told["wasted_gbh"])


def test_what_was_described_live_and_what_was_exported_have_equal_features(loop: Loop) -> None:
    exported = loop.exports[1]
    schema = FeatureSchema.learn([record.job for record in exported.values()])
    asked = [asked for asked in loop.log if asked.job_id in exported]
    # the killed one twice, and the one that was given up
    assert len(asked) == len(FIRST_ROUND) + len(SECOND_ROUND) + 3
    for one in asked:
        found = exported[one.job_id].job
        assert schema.features(found) == schema.features(one.job)
        # what it was given of cores, and which attempt it was, nobody learns from
        live = replace(one.job, attempt=1, previous_request_bytes=None)
        assert replace(found, attempt=1, slots=None) == live


def test_the_api_tells_the_same_records_as_the_database(loop: Loop) -> None:
    # it tells no destination, no version of a tool that is of no ToolShed, no attempt but what our rule noted, which it
    # cannot where TPV makes the destination; and its ids are encoded
    def comparable(record: JobRecord) -> JobRecord:
        attempt = 1 if record.job.tool_id == "memtool_tpv" else record.job.attempt
        job = replace(record.job, tool_version=None, attempt=attempt)
        return replace(record, job=job, job_id="", destination_id="", server="")

    def order(record: JobRecord) -> tuple[str, float]:
        return record.job.tool_id, record.created_seconds or 0.0

    by_database = sorted(map(comparable, loop.exports[1].values()), key=order)
    assert sorted(map(comparable, loop.by_api), key=order) == by_database
