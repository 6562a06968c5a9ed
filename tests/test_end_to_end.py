"""The whole walk, from a CSV of recorded jobs to ``--mem=``, with nothing standing in but Galaxy's objects."""

from pathlib import Path

import pytest
import serving
import yaml
from galaxy_stand_ins import Destination, Tool, app_with, bowtie2_job

from galaxy_memory_rules import map_job_to_destination
from galaxy_memory_rules.config import load_config
from galaxy_memory_rules.decision import client_for
from trainer.__main__ import main

MIB = 1024**2


def test_recorded_jobs_become_a_memory_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(serving.ROOT)
    output, models, settings = tmp_path / "output.csv", tmp_path / "models", tmp_path / "memory_rules.yml"
    arguments = ["-i", "config/input_files.csv", "-m", "config/models.json", "-o", str(output), "-d", str(models)]
    assert main(["train", *arguments]) == 0
    before = {"native_specification": "--ntasks=1 --cpus-per-task=4 --mem=8192M"}
    with serving.served(models) as url:
        shipped = yaml.safe_load(Path("config/memory_rules.yml").read_text())
        # the deadline of a test machine; the floor would hide how small the recorded jobs are
        settings.write_text(yaml.safe_dump({**shipped, "service_url": url, "deadline_seconds": 5, "floor": "64 MiB"}))
        job = bowtie2_job(reads_bytes=30_000_000, genome_bytes=4_000_000)
        found = map_job_to_destination(app_with(Destination("slurm", "slurm", before)), job, Tool(), str(settings))
        client_for(load_config(settings)).close()
    start, _, amount = found.params["native_specification"].partition("--mem=")
    assert start == "--ntasks=1 --cpus-per-task=4 "
    # examples/bowtie2.csv: jobs that build the index of such a genome peak at 100 to 250 MiB
    assert amount.endswith("M")
    assert 128 <= int(amount[:-1]) <= 512
    assert int(found.params["gmem_request_bytes"]) == int(amount[:-1]) * MIB
    assert found.params["gmem_source"] == "forest"
    assert found.params["gmem_bundle"].startswith("bowtie2/")
