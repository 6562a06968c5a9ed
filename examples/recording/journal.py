"""What was measured: a line for each finished job, from which the CSV files and the provenance are written."""

import csv
import io
import json
import os
import threading
from pathlib import Path
from typing import Any

from .errors import RecordingError
from .plan import Job

Entry = dict[str, Any]
# Columns of the full file that are not known, or not told, before a job runs.
MEASURED = (
    "galaxy_slots",
    "wall_seconds",
    "cpu_seconds",
    "peak_rss_bytes",
    "peak_cache_bytes",
    "index_cold",
    "read_count",
    "read_length",
    "genome_bp",
    "exit_code",
)


class Journal:
    """One JSON line for each finished job of a tool, in the order they finished.

    Parameters
    ----------
    path : Path
        The file; it is made if it is not there.
    measure : str
        The cgroup file that tells the peak.
    seed : int
        The plan's seed.

    Raises
    ------
    RecordingError
        If the file was begun with another measure or seed: two measures never stand in one table.
    """

    def __init__(self, path: Path, measure: str, seed: int) -> None:
        self.path = path
        self._lock = threading.Lock()
        head = {"measure": measure, "seed": seed}
        lines = _whole_lines(path) if path.exists() else []
        if lines and lines[0] != head:
            raise RecordingError(f"{path}: was begun with {lines[0]}, this is {head}; finish there or remove the file")
        self.entries: dict[int, Entry] = {entry["job"]: entry for entry in lines[1:]}
        # written anew without a torn last line, so that the next one begins on a line of its own
        write_whole(path, "".join(json.dumps(line) + "\n" for line in lines or [head]))

    def add(self, entry: Entry) -> None:
        """Write down a finished job; it is on disk when this returns."""
        with self._lock, self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())
            self.entries[entry["job"]] = entry


def _whole_lines(path: Path) -> list[Any]:
    lines = []
    for line in path.read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            # torn by a kill in the middle of a write; nothing behind it can be whole
            break
    return lines


def known_before(job: Job, sizes_bytes: dict[str, int]) -> Entry:
    """Return the columns of the seed's layout but the target: sizes, extensions, dbkey, parameters."""
    extensions = {name: (job.extension if sizes_bytes[name] else "nan") for name in ("input_1", "input_2")}
    reference = "own_file" if job.tool == "bowtie2" else "history_item"
    return {
        **sizes_bytes,
        f"{reference}_extension": "fasta" if sizes_bytes[reference] else "nan",
        **{f"{name}_extension": extension for name, extension in extensions.items()},
        "dbkey": job.build or "?",
        **job.parameters,
    }


def write_tables(folder: Path, tool: str, measure: str, entries: dict[int, Entry]) -> None:
    """Write ``<tool>.csv`` in the seed's layout from the jobs that succeeded, and ``<tool>_full.csv`` from all."""
    rows = [entries[number] for number in sorted(entries)]
    full = [{measure: row["peak_bytes"], **{k: v for k, v in row.items() if k != "peak_bytes"}} for row in rows]
    known = [{k: v for k, v in row.items() if k not in ("job", *MEASURED)} for row in full if row["exit_code"] == 0]
    _write_csv(folder / f"{tool}_full.csv", full)
    _write_csv(folder / f"{tool}.csv", known)


def _write_csv(path: Path, rows: list[Entry]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


def write_whole(path: Path, text: str) -> None:
    """Write beside the file, then put it in its place."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
