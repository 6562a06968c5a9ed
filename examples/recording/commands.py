"""The command lines, in the shape of Galaxy's wrappers."""

import shutil
import subprocess
from pathlib import Path

from .errors import RecordingError
from .plan import Job

PROGRAMS = ("bowtie2", "hisat2", "samtools")


def require_programs() -> dict[str, str]:
    """Return the version of each program.

    Raises
    ------
    RecordingError
        Naming the Debian packages of those that are missing.
    """
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise RecordingError(f"{', '.join(missing)} not found; install with: apt-get install {' '.join(PROGRAMS)}")
    return {program: _version(program) for program in PROGRAMS}


def _version(program: str) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, check=True).stdout
    # behind its version samtools prints names of people in an encoding of its own
    return told.decode(errors="replace").splitlines()[0].split()[-1]


def build_index(tool: str, genome: Path, index: Path, slots: int) -> str:
    """Return the command that builds an index."""
    threads = "--threads" if tool == "bowtie2" else "-p"
    return f"{tool}-build {threads} {slots} '{genome}' '{index}' >/dev/null"


def script(job: Job, genome: Path, index: Path, reads: list[Path], output: Path) -> str:
    """Return the job: an index build where the genome comes from the history, the alignment, the sort."""
    align = _bowtie2(job, index, reads) if job.tool == "bowtie2" else _hisat2(job, index, reads)
    sort = f"samtools sort -l 0 -@ {job.slots} -T '{output.parent}/sort' -O bam"
    view = f"samtools view -@ {job.slots} -O bam -o '{output}'"
    build = f"{build_index(job.tool, genome, index, job.slots)} && " if job.build is None else ""
    return f"set -o pipefail; {build}{align} | {sort} | {view}"


def _bowtie2(job: Job, index: Path, reads: list[Path]) -> str:
    options = [f"bowtie2 -p {job.slots} -x '{index}'"]
    options.append(f"-1 '{reads[0]}' -2 '{reads[1]}'" if job.paired else f"-U '{reads[0]}'")
    preset = job.parameters["presets"]
    options += [] if preset == "no_presets" else [preset]
    options += ["--local"] if preset.endswith("-local") else []
    options += ["--rg-id 1 --rg SM:sim"] if job.parameters["rg_selector"] == "set" else []
    options += ["--no-unal"] if job.parameters["sam_options_selector"] == "yes" else []
    options += ["2> mapping_stats.txt"] if job.parameters["save_mapping_stats"] == "True" else []
    return " ".join(options)


def _hisat2(job: Job, index: Path, reads: list[Path]) -> str:
    options = [f"hisat2 -p {job.slots} -x '{index}'"]
    options.append(f"-1 '{reads[0]}' -2 '{reads[1]}'" if job.paired else f"-U '{reads[0]}'")
    strandness = job.parameters["rna_strandness"]
    options += [] if strandness == "nan" else [f"--rna-strandness {strandness}"]
    options += ["--new-summary"] if job.parameters["new_summary"] == "true" else []
    options += ["--summary-file summary.txt"] if job.parameters["summary_file"] == "true" else []
    return " ".join(options)
