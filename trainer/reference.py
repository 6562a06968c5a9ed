"""The reference that a job works on: how large it is, and by what it is recognised."""

import re
from collections.abc import Mapping
from functools import lru_cache

from galaxy_memory_rules.messages import InputDataset, JobDescription

from .columns import path

# How much larger sequence data is once it is unpacked: the usual ratio of FASTQ under gzip (sizing-study.md, 8.1).
UNPACKED_PER_PACKED_BYTE = 3.5
PACKED_ENDINGS = (".gz", ".bz2", ".zip", ".xz", ".zst")

# What Galaxy's wrappers call a reference from the history: own_file (bowtie2, bwa), history_item (hisat2), ref_file...
_REFERENCE_INPUT = re.compile(
    r"own_?file|history_?item|(ref|reference|genome)(_?(file|fasta|genome|seq|sequence))?", re.I
)
_REFERENCE_EXTENSIONS = frozenset({"fasta", "twobit", "2bit", "fa", "fna"})
_UNKNOWN_BUILDS = frozenset({None, "", "?"})


def unpacked_bytes(dataset: InputDataset) -> int:
    """Return the size of a dataset after unpacking, as far as its extension tells that it is packed."""
    size_bytes = dataset.size_bytes or 0
    packed = bool(dataset.extension) and str(dataset.extension).endswith(PACKED_ENDINGS)
    return round(size_bytes * UNPACKED_PER_PACKED_BYTE) if packed else size_bytes


def reference_input(job: JobDescription) -> InputDataset | None:
    """Return the input that is a reference: by its parameter's name, else the one FASTA beside data of other kinds."""
    there = [dataset for dataset in job.inputs if dataset.size_bytes]
    for dataset in there:
        if _names_a_reference(dataset.name):
            return dataset
    fasta = [dataset for dataset in there if (dataset.extension or "").partition(".")[0] in _REFERENCE_EXTENSIONS]
    return fasta[0] if len(fasta) == 1 and len(there) > 1 else None


@lru_cache(maxsize=1000)
def _names_a_reference(name: str) -> bool:
    return bool(_REFERENCE_INPUT.fullmatch(path(name)[-1]))


def reference_bytes(job: JobDescription, genomes: Mapping[str, int]) -> int:
    """Return the size of the job's reference: its file's, else its build's length; a base of FASTA is a byte.

    Parameters
    ----------
    job : JobDescription
        The job.
    genomes : mapping of str to int
        Genome length, in bases, by build.

    Returns
    -------
    int
        0 where neither is known.
    """
    dataset = reference_input(job)
    return unpacked_bytes(dataset) if dataset else genomes.get(job.dbkey or "", 0)


def told_reference(job: JobDescription) -> str | None:
    """Return what names the job's reference: its file's size, else its build; None where neither is told."""
    dataset = reference_input(job)
    if dataset:
        return f"size:{dataset.size_bytes}"
    return None if job.dbkey in _UNKNOWN_BUILDS else f"dbkey:{job.dbkey}"


def reference_key(job: JobDescription) -> str:
    """Return what is told of the job's reference; the largest input, to two digits, where nothing is.

    Jobs of one study read files of about one size from one organism: the best there is to keep them together.
    """
    return told_reference(job) or f"input:{max((dataset.size_bytes or 0 for dataset in job.inputs), default=0):.1e}"
