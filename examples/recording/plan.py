"""Which jobs are recorded: drawn from the seed, in the ranges that a small machine can afford."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

TOOLS = ("bowtie2", "hisat2")
# Build names of the cached indexes and their genomes' sizes, as shares of the largest one of a tool.
CACHED_BUILDS = {"simA": 0.03, "simB": 0.08, "simC": 0.2, "simD": 0.4, "simE": 0.7, "simF": 1.0}
_LARGEST_BP = {"bowtie2": 20_000_000, "hisat2": 12_000_000}
_MOST_READS = {"bowtie2": 300_000, "hisat2": 200_000}
_SMALLEST_BP = 60_000
_FEWEST_READS = 1_000
_TWIN_SHARE = 0.1
_HISTORY_SHARE = 0.55
_PAIRED_SHARE = 0.45
_PACKED_SHARE = 0.35


@dataclass(frozen=True)
class Job:
    """One job to run.

    Parameters
    ----------
    tool : str
        ``bowtie2`` or ``hisat2``.
    number : int
        Its place in the plan.
    input_seed : list of int
        What genome and reads are drawn from; twins share it.
    build : str or None
        The cached index; None where the genome comes from the history.
    genome_bp, read_count, read_length_bp : int
        Sizes of what is simulated; `read_count` pairs where the reads are paired.
    paired, packed : bool
        Whether there are two files of reads, and whether they are gzipped.
    slots : int
        Threads.
    index_cold : bool
        Whether a cached index is dropped from the page cache before the job.
    parameters : dict of str to str
        Tool parameters, under the names of the columns.
    """

    tool: str
    number: int
    input_seed: list[int]
    build: str | None
    genome_bp: int
    read_count: int
    read_length_bp: int
    paired: bool
    packed: bool
    slots: int
    index_cold: bool
    parameters: dict[str, str]

    @property
    def extension(self) -> str:
        """Galaxy's datatype of the reads."""
        return "fastqsanger.gz" if self.packed else "fastqsanger"


def plan(tool: str, count: int, seed: int) -> list[Job]:
    """Return the jobs of one tool, the same for the same seed; a longer plan begins with a shorter one."""
    jobs: list[Job] = []
    for number in range(count):
        rng = np.random.default_rng([seed, TOOLS.index(tool), number])
        job = _draw(tool, number, seed, rng)
        if jobs and rng.random() < _TWIN_SHARE:
            # people run the same data again with other settings
            twin = jobs[int(rng.integers(0, len(jobs)))]
            job = replace(twin, number=number, slots=job.slots, parameters=_parameters(tool, twin.paired, rng))
        jobs.append(job)
    return jobs


def cached_bp(tool: str, build: str) -> int:
    """Return the size of a cached build's genome."""
    return int(_LARGEST_BP[tool] * CACHED_BUILDS[build])


def _draw(tool: str, number: int, seed: int, rng: np.random.Generator) -> Job:
    build = None if rng.random() < _HISTORY_SHARE else str(rng.choice(list(CACHED_BUILDS)))
    paired = bool(rng.random() < _PAIRED_SHARE)
    reads = _log_uniform(rng, _FEWEST_READS, _MOST_READS[tool])
    return Job(
        tool=tool,
        number=number,
        input_seed=[seed, TOOLS.index(tool), number],
        build=build,
        genome_bp=cached_bp(tool, build) if build else _log_uniform(rng, _SMALLEST_BP, _LARGEST_BP[tool]),
        read_count=reads // 2 if paired else reads,
        read_length_bp=int(rng.choice([50, 75, 100, 150])),
        paired=paired,
        packed=bool(rng.random() < _PACKED_SHARE),
        slots=int(rng.integers(1, 3)),
        index_cold=bool(rng.random() < 0.5),
        parameters=_parameters(tool, paired, rng),
    )


def _parameters(tool: str, paired: bool, rng: np.random.Generator) -> dict[str, str]:
    def one_of(*values: str) -> Any:
        return str(rng.choice(values))

    if tool == "bowtie2":
        return {
            "save_mapping_stats": one_of("False", "True"),
            "analysis_type_selector": "simple",
            "presets": one_of("no_presets", "--very-fast", "--sensitive", "--very-sensitive", "--very-fast-local"),
            "rg_selector": one_of("do_not_set", "set"),
            "sam_options_selector": one_of("no", "yes"),
        }
    return {
        "rna_strandness": one_of("nan", "nan", "RF" if paired else "F"),
        "type": "paired" if paired else "single",
        "new_summary": one_of("false", "true"),
        "summary_file": one_of("false", "true"),
    }


def _log_uniform(rng: np.random.Generator, low: int, high: int) -> int:
    return int(np.exp(rng.uniform(np.log(low), np.log(high))))
