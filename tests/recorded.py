"""Recorded jobs whose peaks follow a formula that a test can do by hand."""

import csv
from pathlib import Path

MIB = 1024**2
LABEL = "memory.max_usage_in_bytes"


def peak_of(size_bytes: int, mode: str) -> int:
    """A job needs 100 MiB and twice its input; the mode `sensitive` another 50 MiB."""
    return 100 * MIB + 2 * size_bytes + (50 * MIB if mode == "sensitive" else 0)


def rows(count: int = 60) -> list[dict[str, object]]:
    """Return rows of the seed's dialect: sizes from 1 MiB up, every third one gzipped, every other one sensitive."""
    made: list[dict[str, object]] = []
    for number in range(count):
        size_bytes, mode = (number + 1) * MIB, ("sensitive", "fast")[number % 2]
        extension = "fastqsanger.gz" if number % 3 == 0 else "fastqsanger"
        genome_bytes = 3 * MIB if number % 4 == 0 else 0
        made.append(
            {
                LABEL: peak_of(size_bytes, mode),
                "input_1": size_bytes,
                "own_file": genome_bytes,
                "input_1_extension": extension,
                "own_file_extension": "fasta" if genome_bytes else "nan",
                "dbkey": "?" if genome_bytes else "hg38",
                "mode": mode,
            }
        )
    return made


def write(path: Path, records: list[dict[str, object]]) -> Path:
    """Write rows as a CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return path
