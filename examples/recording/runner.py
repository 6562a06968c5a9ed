"""Runs one job in a memory cgroup of its own and measures it."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from . import commands, simulate
from .cgroups import Controller, Group
from .errors import RecordingError
from .journal import Entry, known_before
from .plan import CACHED_BUILDS, Job

_SAMPLE_SECONDS = 0.02
# The shell puts itself into the group before it becomes the job: a fork of the recorder would bring its memory along.
_ENTER = 'echo $$ > "$1/cgroup.procs" && exec bash -c "$2"'


class Stopped(Exception):
    """The recorder was asked to stop; the job that ran is not written down."""


@dataclass(frozen=True)
class Runner:
    """Where jobs run.

    Parameters
    ----------
    controller : Controller
        Where their groups are made.
    work : Path
        Folder for inputs, outputs and cached indexes.
    stop : threading.Event
        Set when the recorder is asked to stop.
    """

    controller: Controller
    work: Path
    stop: threading.Event = field(default_factory=threading.Event)

    def build_cached_indexes(self, jobs: Iterable[Job]) -> None:
        """Build the indexes that a server would offer these jobs, each once."""
        for job in {self._cached(job): job for job in jobs if job.build is not None}.values():
            folder = self._cached(job)
            if not (folder / "done").exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                self._build_index(job, folder)
                (folder / "done").touch()

    def _build_index(self, job: Job, folder: Path) -> None:
        simulate.write_fasta(folder / "genome.fa", _cached_genome(job))
        text = commands.build_index(job.tool, folder / "genome.fa", folder / "index", 2)
        # in a group too, so that it ends with the recorder
        with self.controller.group(f"{job.tool}-{job.build}") as group:
            exit_code = self._measure(group, text, folder)["exit_code"]
        if exit_code != 0:
            raise RecordingError(f"{folder}: building the index ended with exit status {exit_code}; try: {text}")

    def run(self, job: Job) -> Entry:
        """Simulate a job's inputs, run it, and return its line of the journal."""
        if self.stop.is_set():
            raise Stopped
        folder = self.work / f"{job.tool}-{job.number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            genome, reads = self._inputs(job, folder)
            index = folder / "index" if job.build is None else self._cached(job) / "index"
            if job.build is not None:
                for path in index.parent.glob("index.*"):
                    (simulate.make_cold if job.index_cold else simulate.make_warm)(path)
            sizes_bytes = self._sizes(job, genome, reads)
            with self.controller.group(folder.name) as group:
                text = commands.script(job, genome, index, reads, folder / "output.bam")
                measured = self._measure(group, text, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        known = known_before(job, sizes_bytes)
        return {"job": job.number, "peak_bytes": measured.pop("peak_bytes"), **known, **_planned(job), **measured}

    def _inputs(self, job: Job, folder: Path) -> tuple[Path, list[Path]]:
        if job.build is None:
            genome = folder / "genome.fa"
            sequence = simulate.genome([*job.input_seed, 0], job.genome_bp)
            simulate.write_fasta(genome, sequence)
        else:
            genome = self._cached(job) / "genome.fa"
            sequence = _cached_genome(job)
        ending = ".fastq.gz" if job.packed else ".fastq"
        reads = [folder / f"input_{end}{ending}" for end in ((1, 2) if job.paired else (1,))]
        simulate.write_reads(reads, [*job.input_seed, 1], sequence, job.read_count, job.read_length_bp)
        return genome, reads

    def _cached(self, job: Job) -> Path:
        # seed and size stand in the name: an index never serves reads of another genome
        return self.work / "indexes" / job.tool / f"{job.build}-seed{job.input_seed[0]}-{job.genome_bp}bp"

    @staticmethod
    def _sizes(job: Job, genome: Path, reads: list[Path]) -> dict[str, int]:
        reference = "own_file" if job.tool == "bowtie2" else "history_item"
        return {
            reference: genome.stat().st_size if job.build is None else 0,
            "input_1": reads[0].stat().st_size,
            "input_2": reads[1].stat().st_size if job.paired else 0,
        }

    def _measure(self, group: Group, text: str, folder: Path) -> Entry:
        begin = time.monotonic()
        process = subprocess.Popen(
            ["sh", "-c", _ENTER, "sh", str(group.path), text],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        resident_bytes = cache_bytes = 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            if self.stop.is_set():
                group.remove()
                process.wait()
                raise Stopped
            with suppress(OSError):
                resident, cache = group.resident_and_cache_bytes()
                resident_bytes, cache_bytes = max(resident_bytes, resident), max(cache_bytes, cache)
            time.sleep(_SAMPLE_SECONDS)
        process.returncode = os.waitstatus_to_exitcode(status)
        return {
            "peak_bytes": group.peak_bytes(),
            "wall_seconds": round(time.monotonic() - begin, 2),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
            "peak_rss_bytes": resident_bytes,
            "peak_cache_bytes": cache_bytes,
            "exit_code": process.returncode,
        }


def _cached_genome(job: Job) -> simulate.Bytes:
    # above every job's number, so that no job shares its genome by chance
    number = 10_000 + list(CACHED_BUILDS).index(str(job.build))
    return simulate.genome([job.input_seed[0], number], job.genome_bp)


def _planned(job: Job) -> Entry:
    return {
        "galaxy_slots": job.slots,
        "index_cold": int(job.index_cold and job.build is not None),
        "read_count": job.read_count * (2 if job.paired else 1),
        "read_length": job.read_length_bp,
        "genome_bp": job.genome_bp,
    }
