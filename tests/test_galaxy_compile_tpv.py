"""What compile-tpv writes, taken by the real TPV for jobs of the real Galaxy (make test-galaxy)."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from real_galaxy import ROOT, Galaxy

pytest.importorskip("tpv", reason="TPV is installed beside the newest Galaxy alone")

from galaxy_memory_rules.describe import describe
from trainer.tpv_file import load

# Galaxy and TPV warn of much that is their own business
pytestmark = [pytest.mark.galaxy, pytest.mark.filterwarnings("ignore")]

MIB = 1024**2
BOWTIE2 = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2"
READS = "library|input_1"
# a site's own file, which comes before
SITE = {
    "global": {"default_inherits": "default"},
    "tools": {"default": {"abstract": True, "cores": 1, "mem": 4}},
    "destinations": {
        "slurm": {"runner": "slurm", "params": {"native_specification": "--mem={round(mem * 1024)}M", "gib": "{mem}"}}
    },
}
JOB_CONF = {
    "runners": {"slurm": {"load": "galaxy.jobs.runners.slurm:"}},
    "execution": {"default": "tpv_dispatcher", "environments": {"tpv_dispatcher": {"runner": "dynamic"}}},
}
# memory is 100 MiB and five times the reads, unpacked; the genome, as large, is no matter
HEADER = f"memory,{READS},{READS}_extension,reference_genome|own_file,reference_genome|own_file_extension"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiled rules of two tools, a site's own and a job_conf.yml."""
    python = os.environ.get("GMR_PYTHON")
    if python is None:
        pytest.fail("set GMR_PYTHON to the Python that the trainer and the service are installed for")
    folder = tmp_path_factory.mktemp("compiled")
    rows = [row(number) for number in range(60)]
    (folder / "bowtie2.csv").write_text("\n".join([HEADER, *rows, ""]))
    (folder / "sort1.csv").write_text(
        "\n".join(["memory,input,input_extension", *(f"{(50 + n % 7) * MIB},{n * MIB},txt" for n in range(40)), ""])
    )
    (folder / "input_files.csv").write_text(
        f"input_file,label,tool_id\nbowtie2.csv,memory,{BOWTIE2}/2.5.0\nsort1.csv,memory,sort1\n"
    )
    line = {"module_name": "sklearn.linear_model", "class_name": "LinearRegression"}
    (folder / "models.json").write_text(json.dumps({"Line": line}))
    trainer = [python, "-m", "trainer"]
    jobs = ["-i", "input_files.csv", "-d", "models", "--jobs", "1"]
    run(folder, [*trainer, "train", *jobs, "-m", "models.json", "-o", "output.csv"])
    run(folder, [*trainer, "compile-tpv", *jobs, "-o", "compiled.yml"])
    (folder / "site.yml").write_text(yaml.safe_dump(SITE))
    (folder / "job_conf.yml").write_text(yaml.safe_dump(JOB_CONF))
    # mypy, which lint runs, takes minutes for the whole of Galaxy, and it is not Galaxy that is linted
    (folder / "mypy.ini").write_text("[mypy]\n[mypy-galaxy.*]\nfollow_imports = skip\n")
    return folder


def row(number: int) -> str:
    size, extension, factor = (number + 1) * MIB, *(("fastqsanger", 1.0), ("fastqsanger.gz", 3.4))[number % 2]
    genome = (number * 37 % 61) * MIB
    return f"{round(100 * MIB + 5 * factor * size)},{size},{extension},{genome},fasta"


def run(folder: Path, command: list[str]) -> "subprocess.CompletedProcess[str]":
    paths = {"PYTHONPATH": str(ROOT), "MYPY_CACHE_DIR": f"{sys.prefix}/.mypy_cache"}
    done = subprocess.run(command, cwd=folder, env={**os.environ, **paths}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def tpv(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run(folder, [str(Path(sys.executable).parent / "tpv"), *arguments])


def mem_of(folder: Path) -> dict[str, Any]:
    return {key: entry["mem"] for key, entry in yaml.safe_load((folder / "compiled.yml").read_text())["tools"].items()}


def test_lint_finds_nothing(compiled: Path) -> None:
    # without -v TPV tells errors only
    told = tpv(compiled, "-v", "lint", "compiled.yml").stdout
    assert "import-untyped" in told, "no warning is told"
    # TPV 3.3 ships no types of its own
    complaints = [line for line in told.splitlines() if "WARNING" in line or "ERROR" in line]
    assert [line for line in complaints if "import-untyped" not in line and "missing-imports" not in line] == []


def test_a_dry_run_requests_what_the_expression_says(compiled: Path) -> None:
    sort1 = mem_of(compiled)["(.*/)?sort1(/[^/]*)?$"]
    assert isinstance(sort1, float)
    arguments = ["dry-run", "--job-conf", "job_conf.yml", "--input-size", "2"]
    shown = tpv(compiled, *arguments, "--tool", "sort1", "site.yml", "compiled.yml").stdout
    assert f"--mem={round(sort1 * 1024)}M" in shown
    # the mock job has no input of this name, and gets the floor
    shown = tpv(compiled, *arguments, "--tool", f"{BOWTIE2}/2.6", "site.yml", "compiled.yml").stdout
    floor = mem_of(compiled)[f"{BOWTIE2}/.*"].rpartition("), ")[0].rpartition(", ")[2]
    assert f"--mem={round(float(floor) * 1024)}M" in shown


@pytest.mark.parametrize("kind", ["single", "packed", "many", "paired_collection"])
def test_jobs_of_a_real_galaxy_get_what_the_reads_need(compiled: Path, tmp_path: Path, kind: str) -> None:
    from galaxy.jobs import JobDestination
    from tpv.rules.gateway import map_tool_to_destination

    assert f'helpers.get_input_size(job, "{READS}")' in mem_of(compiled)[f"{BOWTIE2}/.*"]
    galaxy = Galaxy(tmp_path)
    galaxy.app.config.watch_job_rules = "false"
    galaxy.tool.id = f"{BOWTIE2}/2.5.0"
    sizes, factor = ([20 * MIB], 3.4) if kind == "packed" else ([20 * MIB, 10 * MIB], 1.0)
    reads = [galaxy.dataset(size, "fastqsanger.gz" if kind == "packed" else "fastqsanger") for size in sizes]
    library: dict[str, Any] = {
        "single": {"type": "single", "input_1": reads[0]},
        "packed": {"type": "single", "input_1": reads[0]},
        "many": {"type": "many", "input_1": reads},
        "paired_collection": {"type": "paired_collection"},
    }[kind]
    if kind == "paired_collection":
        library["input_1"] = galaxy.collection("paired", {"forward": reads[0], "reverse": reads[1]})
    job = galaxy.job(library, genome=galaxy.dataset(900 * MIB, "fasta"))
    files = [str(compiled / name) for name in ("site.yml", "compiled.yml")]
    destination = map_tool_to_destination(
        galaxy.app, job, galaxy.tool, job.user, JobDestination(id=str(tmp_path)), tpv_config_files=files
    )
    read_mib = sum(sizes) / MIB if kind in ("many", "paired_collection") else sizes[0] / MIB
    requested_gib = float(destination.params["gib"])
    # as our own reader of such files works it out for the same job, described by the rule
    rules = load(compiled / "compiled.yml")
    assert rules.memory_bytes(describe(job, galaxy.tool)) == math.ceil(requested_gib * 1024**3)
    # 100 MiB and five times the reads, with a tenth to spare at most
    needed_mib = 100 + 5 * factor * read_mib
    assert needed_mib * 0.99 <= requested_gib * 1024 <= needed_mib * 1.15
