"""Genomes and reads from a seed, the same bytes each time."""

import gzip
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
_COMPLEMENT = np.zeros(256, dtype=np.uint8)
_COMPLEMENT[_BASES] = _BASES[::-1]
_LINE = 80
_FRAGMENT_BP = 400
_ERROR_SHARE = 0.01
# As a sequencer bins them: mostly good.
_QUALITIES = np.frombuffer(b"FFFFFF::,#", dtype=np.uint8)


def genome(seed: list[int], length_bp: int) -> Bytes:
    """Return a random sequence of `length_bp` bases."""
    return _BASES[np.random.default_rng(seed).integers(0, 4, length_bp)]


def write_fasta(path: Path, sequence: Bytes) -> None:
    """Write one sequence in lines of 80."""
    full = len(sequence) // _LINE * _LINE
    lines = np.full((full // _LINE, _LINE + 1), ord("\n"), dtype=np.uint8)
    lines[:, :_LINE] = sequence[:full].reshape(-1, _LINE)
    rest = sequence[full:].tobytes()
    write_cold(path, b">chr1\n" + lines.tobytes() + (rest + b"\n" if rest else b""))


def write_reads(paths: list[Path], seed: list[int], sequence: Bytes, count: int, length_bp: int) -> None:
    """Write single reads to one path, or the two ends of fragments to two; ``.gz`` is packed."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, len(sequence) - _FRAGMENT_BP, count)
    fragments = sequence[starts[:, None] + np.arange(_FRAGMENT_BP)]
    reverse = _COMPLEMENT[fragments[:, ::-1]]
    for path, strand in zip(paths, (fragments, reverse)):
        reads = strand[:, :length_bp].copy()
        wrong = rng.random(reads.shape, dtype=np.float32) < _ERROR_SHARE
        reads[wrong] = _BASES[rng.integers(0, 4, int(wrong.sum()))]
        content = _fastq(reads, _QUALITIES[rng.integers(0, len(_QUALITIES), reads.shape)])
        # without a time stamp, so that the same seed gives the same bytes
        write_cold(path, gzip.compress(content, compresslevel=1, mtime=0) if path.suffix == ".gz" else content)


def _fastq(reads: Bytes, qualities: Bytes) -> bytes:
    count, length = reads.shape
    names = np.array([f"@r{number:07d}\n" for number in range(count)], dtype="S10").view(np.uint8).reshape(count, 10)
    middle = np.broadcast_to(np.frombuffer(b"\n+\n", dtype=np.uint8), (count, 3))
    end = np.full((count, 1), ord("\n"), dtype=np.uint8)
    return np.concatenate([names, reads, middle, qualities, end], axis=1).tobytes()


def write_cold(path: Path, content: bytes) -> None:
    """Write a file and drop its pages from the cache: who touches them first is charged for them."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    make_cold(path)


def make_warm(path: Path) -> None:
    """Read a file into the cache, at the recorder's charge."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def make_cold(path: Path) -> None:
    """Drop a file's pages from the cache."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
