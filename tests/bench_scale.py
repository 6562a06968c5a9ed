"""Millions of recorded jobs of 500 tools: how long they take to be written, read and trained on, and in which memory.

Run by make bench-scale; name other numbers of records, and the parts to do, on the command line:
``bench_scale.py 1000000 10000000 --parts export read``. Each part is a process of its own, so that its memory is its
own. Training takes hours: with ``--cluster`` it is done there.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from galaxy_memory_rules.messages import InputDataset, JobDescription  # noqa: E402
from trainer import canonical  # noqa: E402
from trainer.readers import read  # noqa: E402
from trainer.records import MOST_ROWS, JobRecord  # noqa: E402

TOOLS = 500
MIB = 1024**2
PARTS = ("export", "read", "train")
MODELS = {"LinearRegression": {"module_name": "sklearn.linear_model", "class_name": "LinearRegression"}}
_BLOCK = 10_000
_BEGIN_SECONDS = 1_700_000_000


def counts(records: int, tools: int) -> list[int]:
    """Share records out as servers do: the tool of rank k has 1 / k of the jobs of the first, and 5 at least."""
    shares = 1 / np.arange(1, tools + 1)
    found = np.maximum((shares / shares.sum() * records).astype(int), 5)
    found[0] += max(records - found.sum(), 0)
    return [int(count) for count in found]


def jobs(number: int, count: int) -> Iterator[JobRecord]:
    """Yield jobs of one tool, the oldest first: a line over two inputs, with a spread and a mode of its own."""
    random = np.random.default_rng(number)
    start_mib, slope, spread = random.uniform(100, 4000), random.uniform(0.1, 8), random.uniform(0.02, 0.4)
    tool = f"toolshed.g2.bx.psu.edu/repos/bench/tool_{number}/tool_{number}/1.{number % 3}"
    for first in range(0, count, _BLOCK):
        block = min(_BLOCK, count - first)
        sizes = random.lognormal(5, 1.5, (block, 2)) * MIB
        peaks = (start_mib * MIB + sizes @ [slope, 1.0]) * random.lognormal(0, spread, block)
        seconds = random.lognormal(6, 1, block)
        for row in range(block):
            yield _job(tool, first + row, sizes[row], peaks[row], seconds[row])


def _job(
    tool: str, number: int, sizes: "np.ndarray[tuple[int], np.dtype[np.float64]]", peak: float, seconds: float
) -> JobRecord:
    inputs = tuple(
        InputDataset(name, int(size), "fastqsanger.gz") for name, size in zip(("lib|input_1", "lib|input_2"), sizes)
    )
    return JobRecord(
        JobDescription(tool, None, inputs, {"mode": ("fast", "sensitive")[number % 2]}, "hg38", slots=8),
        int(peak),
        run_seconds=float(seconds),
        created_seconds=float(_BEGIN_SECONDS + number * 60),
        job_id=str(number),
        server="bench",
        state="ok",
        peak_metric="memory.peak",
        destination_id="slurm",
    )


def export(folder: Path, records: int, tools: int) -> None:
    """Write a Parquet file for each tool, as an export does."""
    for number, count in enumerate(counts(records, tools)):
        canonical.write(jobs(number, count), folder / "jobs" / f"tool_{number}.parquet")


def read_back(folder: Path, most_rows: int) -> None:
    """Read the folder as a training does."""
    found = read(folder / "jobs", canonical.PEAK, most_rows=most_rows)
    kept, sampled = (sum(amounts) for amounts in zip(*((len(tool.records), tool.sampled) for tool in found)))
    print(f"    {len(found)} tools, {kept:,} records kept, {sampled:,} left out", flush=True)


def train(folder: Path, most_rows: int, cluster: str | None) -> None:
    """Train all tools by the command line."""
    (folder / "input_files.csv").write_text(f"input_file,label\n{folder / 'jobs'},{canonical.PEAK}\n")
    (folder / "models.json").write_text(json.dumps(MODELS))
    files = {"-i": "input_files.csv", "-m": "models.json", "-o": "output.csv", "-d": "models"}
    arguments = [part for option, name in files.items() for part in (option, str(folder / name))]
    where = ["--cluster", cluster] if cluster else []
    command = [sys.executable, "-m", "trainer", "train", *arguments, "--most-rows", str(most_rows), *where]
    with (folder / "train.log").open("w") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)})
    print(f"    {len(list((folder / 'models').glob('*/current')))} bundles", flush=True)


def measured(part: str, folder: Path, records: int, options: argparse.Namespace) -> None:
    """Do one part in a child, and print its wall time and the memory of its largest process."""
    begin = time.perf_counter()
    child = os.fork()
    if not child:
        if part == "export":
            export(folder, records, options.tools)
        elif part == "read":
            read_back(folder, options.most_rows)
        else:
            train(folder, options.most_rows, options.cluster)
        children, own = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
        (folder / "most_kib").write_text(str(max(children, own)))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(f"{part} failed; see above and {folder / 'train.log'}")
    seconds, most_mib = time.perf_counter() - begin, int((folder / "most_kib").read_text()) / 1024
    print(f"  {part:6} {seconds:9.1f} s, {records / seconds:10,.0f} records a second, {most_mib:6,.0f} MiB", flush=True)


def main() -> None:
    """Measure each number of records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--tools", type=int, default=TOOLS)
    parser.add_argument("--most-rows", type=int, default=MOST_ROWS)
    parser.add_argument("--cluster", metavar="ADDRESS")
    options = parser.parse_args()
    for records in options.records:
        print(f"{records:,} recorded jobs of {options.tools} tools", flush=True)
        with TemporaryDirectory() as folder:
            for part in options.parts:
                measured(part, Path(folder), records, options)
            size = sum(path.stat().st_size for path in Path(folder).glob("jobs/*"))
        print(f"  {size / 1e6:,.0f} MB of Parquet", flush=True)


if __name__ == "__main__":
    main()
