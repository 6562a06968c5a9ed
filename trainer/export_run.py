"""What ``python -m trainer export`` may be asked, and how it answers."""

import argparse
import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from galaxy_memory_rules.errors import ConfigError, RecordsError, SourceError

if TYPE_CHECKING:
    from .exporting.export import Exported
    from .exporting.selection import Selection
    from .exporting.source import Source

DONE, FAILED = 0, 1
KEY_VARIABLE = "GALAXY_API_KEY"
_TIMEOUT_SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the export."""
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--database",
        metavar="URL",
        help="Galaxy's database, as database_connection of galaxy.yml has it: postgresql://... or sqlite:///...; only "
        "read, an account that may do no more is enough; a password is better kept in ~/.pgpass than written here",
    )
    source.add_argument(
        "--galaxy",
        metavar="URL",
        help=f"Galaxy itself, by its API, with the key of an administrator in {KEY_VARIABLE} or --api-key-file",
    )
    add("--api-key-file", type=Path, metavar="FILE", help="file that holds the API key")
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="folder that gets a Parquet file for each tool")
    add("--resume", action="store_true", help="read only what is new since the last export into this folder")
    add("--since", type=_moment, metavar="DATE", help="leave out jobs created earlier: 2026-01-31, in UTC")
    add("--tools", nargs="+", default=[], metavar="PATTERN", help="only these tools, for example '*/bowtie2/*'")
    add("--destinations", nargs="+", default=[], metavar="PATTERN", help="only jobs that ran at these destinations")
    add(
        "--not-destinations",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="leave out these: those without a memory cgroup for each job, whose peaks are the host's",
    )
    add("--server", metavar="NAME", help="what the records call this Galaxy (default: the host of --galaxy, else none)")
    add("--round-sizes", action="store_true", help="round sizes of inputs up to two digits, to share the records")
    add(
        "--timeout",
        type=_seconds,
        default=_TIMEOUT_SECONDS,
        metavar="SECONDS",
        help="for one statement, or one answer of the API (default: 60)",
    )


def run(options: argparse.Namespace) -> int:
    """Do what `add_arguments` lets an administrator ask for.

    Returns
    -------
    int
        0 when done, 1 when Galaxy or the folder could not be read to the end; --resume goes on from there.

    Raises
    ------
    ConfigError
        If an option is wrong.
    """
    # after the options are read: --help has nothing of it to wait for
    from tqdm import tqdm

    from .exporting.export import Exported, Plan, export

    selection = _selection(options)
    server, source = _source(options, selection)
    kind = "database" if options.database else "api"
    told = json.dumps({"from": kind, "round_sizes": options.round_sizes, **vars(selection)}, default=str)
    plan = Plan(options.output, server, told, options.resume, options.round_sizes)
    done, failure = Exported(), None
    with tqdm(desc="exporting", unit="job", leave=False, disable=None) as bar:
        try:
            for done in export(source, plan):
                bar.update(done.jobs.total() - bar.n)
        except (SourceError, RecordsError) as error:
            failure = error
    if failure is not None:
        print(f"trainer: {failure}; what was read before is kept: repeat with --resume", file=sys.stderr)
    _tell(done, options)
    return FAILED if failure else DONE


def _selection(options: argparse.Namespace) -> "Selection":
    from .exporting.selection import Selection

    if options.galaxy and (options.destinations or options.not_destinations):
        raise ConfigError("--destinations: Galaxy's API does not tell where a job ran; use --database")
    tools, destinations = tuple(options.tools), tuple(options.destinations)
    return Selection(tools, destinations, tuple(options.not_destinations), options.since)


def _source(options: argparse.Namespace, selection: "Selection") -> "tuple[str, Source]":
    """Return what the records call the Galaxy, and the way into it."""
    if options.database:
        from .exporting.database import GalaxyDatabase
        from .exporting.database_jobs import DatabaseJobs

        server = options.server or ""
        return server, DatabaseJobs(GalaxyDatabase(options.database, options.timeout), selection, server)
    from .exporting.api import GalaxyApi
    from .exporting.api_jobs import ApiJobs

    api = GalaxyApi(options.galaxy, _key(options.api_key_file), options.timeout)
    server = options.server or api.host
    return server, ApiJobs(api, selection, server)


def _key(file: Path | None) -> str:
    if file is None:
        key = os.environ.get(KEY_VARIABLE, "")
        if not key:
            raise ConfigError(f"--galaxy: no API key; put it into {KEY_VARIABLE}, or name its file with --api-key-file")
        return key
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--api-key-file: {file}: cannot be read ({error})") from error


def _tell(done: "Exported", options: argparse.Namespace) -> None:
    print(f"{done.jobs.total():,} finished jobs read into {options.output}")
    for metric, jobs in sorted(done.jobs.items()):
        print(
            f"  {jobs:,} " + (f"with {metric}" if metric else "without a peak: they were not measured, or were killed")
        )
    for sentence in done.refused:
        print(f"left out: {sentence}", file=sys.stderr)
    if set(done.jobs) == {""}:
        print(
            "no job has a peak: is `cgroup` among Galaxy's job metrics, and is the API key an administrator's?",
            file=sys.stderr,
        )


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; expected for example 2026-01-31") from error
    return found.astimezone(timezone.utc).replace(tzinfo=None) if found.tzinfo else found


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most a day")
    return seconds
