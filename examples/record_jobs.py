"""Records real jobs for examples/: runs bowtie2, hisat2 and samtools and writes down what memory they used.

    python examples/record_jobs.py --output examples --work recordings

Interrupted, it goes on where it was when it is started again with the same folders.
"""

import argparse
import json
import platform
import shlex
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

from recording import cgroups, commands, journal
from recording.errors import RecordingError
from recording.plan import TOOLS, plan
from recording.runner import Runner, Stopped
from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 15.0


def main(arguments: Sequence[str]) -> int:
    """Record; return 0 when all jobs are written down, 2 where this machine cannot, 130 when asked to stop."""
    options = _parser().parse_args(arguments)
    try:
        versions = commands.require_programs()
        controller = cgroups.find_controller()
        swept = controller.sweep()
        if swept:
            print(f"removed {swept} groups that a killed recorder left behind")
        options.work.mkdir(parents=True, exist_ok=True)
        runner = Runner(controller, options.work.absolute())
        _stop_on_signals(runner)
        for tool in options.tool or TOOLS:
            _record(tool, options, runner)
        _write_provenance(options, controller.measure, versions)
    except RecordingError as error:
        print(f"record_jobs: {error}", file=sys.stderr)
        return 2
    except Stopped:
        print("record_jobs: stopped; start it again to go on", file=sys.stderr)
        return 130
    return 0


def _stop_on_signals(runner: Runner) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # under nohup the end of the terminal is no reason to stop
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: runner.stop.set())


def _record(tool: str, options: argparse.Namespace, runner: Runner) -> None:
    book = journal.Journal(options.work / f"{tool}.jsonl", runner.controller.measure, options.seed)
    jobs = [job for job in plan(tool, options.jobs, options.seed) if job.number not in book.entries]
    print(f"{tool}: {len(book.entries)} jobs on file, {len(jobs)} to run", flush=True)
    runner.build_cached_indexes(jobs)
    with ThreadPoolExecutor(options.workers) as pool:
        # each job is written down by its worker, not in its turn: a slow job holds nobody's line back
        _follow(pool.map(lambda job: book.add(runner.run(job)), jobs), book, tool, options.jobs)
    options.output.mkdir(parents=True, exist_ok=True)
    journal.write_tables(options.output, tool, runner.controller.measure, book.entries)
    print(f"{tool}: written to {options.output / tool}.csv", flush=True)


def _follow(done: Iterable[None], book: journal.Journal, tool: str, total: int) -> None:
    """Show how far the recording is: a bar on a terminal, a line every so often elsewhere."""
    said = time.monotonic()
    with tqdm(desc=tool, total=total, initial=len(book.entries), unit="job", leave=False, disable=None) as bar:
        for _ in done:
            bar.update(len(book.entries) - bar.n)
            if bar.disable and time.monotonic() - said > _SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                print(f"{tool}: {len(book.entries)} of {total} jobs", flush=True)


def _write_provenance(options: argparse.Namespace, measure: str, versions: dict[str, str]) -> None:
    counts = {}
    for tool in options.tool or TOOLS:
        entries = journal.Journal(options.work / f"{tool}.jsonl", measure, options.seed).entries.values()
        counts[tool] = {"jobs": len(entries), "failed": sum(entry["exit_code"] != 0 for entry in entries)}
    content = {
        "versions": {**versions, "python": platform.python_version()},
        "kernel": platform.release(),
        "machine": platform.machine(),
        "measure": measure,
        "seed": options.seed,
        "command": shlex.join(["python", "examples/record_jobs.py", *sys.argv[1:]]),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "tools": counts,
    }
    path = options.output / "PROVENANCE.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    if all(before.get(key) == content[key] for key in ("versions", "kernel", "machine", "measure", "seed")):
        # the other tool was recorded alike, by an earlier command
        content["tools"] = {**before["tools"], **counts}
    journal.write_whole(path, json.dumps(content, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Record the peak memory of real bowtie2 and hisat2 jobs.")
    parser.add_argument("--tool", action="append", choices=TOOLS, help="record this tool only; may be given twice")
    parser.add_argument("--jobs", type=int, default=320, help="jobs of each tool (default 320)")
    parser.add_argument(
        "--seed", type=int, default=13, help="what genomes, reads and settings are drawn from (default 13)"
    )
    parser.add_argument("--workers", type=int, default=2, help="jobs that run at the same time (default 2)")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("examples"), help="folder of the CSV files (default examples)"
    )
    parser.add_argument("--work", type=Path, default=Path("recordings"), help="folder to work in (default recordings)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
