"""Runs one job in a memory cgroup of its own and measures it."""

import os
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from . import commands, simulate
from .cgroups import Controller, Group
from .journal import Entry, known_before
from .plan import CACHED_BUILDS, Job, cached_bp

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

    def build_cached_indexes(self, tool: str, seed: int) -> None:
        """Build the indexes that a server would offer, each once."""
        for number, build in enumerate(CACHED_BUILDS):
            folder = self.work / "indexes" / tool / build
            if (folder / "done").exists():
                continue
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            # above every job's number, so that no job shares its genome by chance
            simulate.write_fasta(
                folder / "genome.fa", simulate.genome(cached_seed(seed, number), cached_bp(tool, build))
            )
            subprocess.run(
                ["bash", "-c", commands.build_index(tool, folder / "genome.fa", folder / "index", 2)],
                check=True,
                stderr=subprocess.DEVNULL,
            )
            (folder / "done").touch()

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
            if job.build is not None and job.index_cold:
                for path in index.parent.iterdir():
                    simulate.make_cold(path)
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
            number = list(CACHED_BUILDS).index(job.build)
            sequence = simulate.genome(cached_seed(job.input_seed[0], number), job.genome_bp)
        ending = ".fastq.gz" if job.packed else ".fastq"
        reads = [folder / f"input_{end}{ending}" for end in ((1, 2) if job.paired else (1,))]
        simulate.write_reads(reads, [*job.input_seed, 1], sequence, job.read_count, job.read_length_bp)
        return genome, reads

    def _cached(self, job: Job) -> Path:
        return self.work / "indexes" / job.tool / str(job.build)

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


def cached_seed(seed: int, number: int) -> list[int]:
    """Return what the genome of a cached build is drawn from."""
    return [seed, 10_000 + number]


def _planned(job: Job) -> Entry:
    return {
        "galaxy_slots": job.slots,
        "index_cold": int(job.index_cold and job.build is not None),
        "read_count": job.read_count * (2 if job.paired else 1),
        "read_length": job.read_length_bp,
        "genome_bp": job.genome_bp,
    }
