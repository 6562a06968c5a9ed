"""What ``python -m trainer report-requests`` may be asked, and how it answers: on the screen or in a file."""

import argparse
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from galaxy_memory_rules.errors import ConfigError, InvalidMessage, RecordsError

from .options import add_cap, sizing_of
from .written import put, require_room

if TYPE_CHECKING:
    from .decisions import DecisionLog
    from .records import JobRecord
    from .requests_report import RequestsReport

DONE, BROKEN = 0, 1
FORMATS = ("text", "json")
_DAY_SECONDS = 86400.0


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``report-requests``."""
    parser = commands.add_parser(
        "report-requests",
        help="compare what the rule requested with what the jobs used",
        description="Join the rule's decisions with exported jobs: how many first attempts ran out of memory against "
        "the failure cap, and what was saved against the destination's own memory, for each tool and week. Exit "
        "status: 0 every tool keeps its promise; 1 one breaks it by more than chance; 2 usage.",
    )
    parser.set_defaults(command=run)
    add = parser.add_argument
    add(
        "records",
        type=Path,
        nargs="+",
        metavar="RECORDS",
        help="recorded jobs with their ids: what `export` wrote, or another file or folder that `inspect` knows",
    )
    add(
        "--decisions",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="the rule's decision log (`record` in memory_rules.yml), with what was rotated away (default: what the "
        "records tell of the requests, without the destination's own memory, shadow mode, fallbacks and guards)",
    )
    add("--since", type=_since, default=0.0, metavar="WHEN", help="a date (2026-11-01) or an age (28d); default: all")
    add("--server", help="only jobs of this server, where the records are of several")
    add("--format", choices=FORMATS, default="text", help="how the results are written (default: text)")
    add("-o", "--output", type=Path, metavar="FILE", help="write them there instead of on the screen")
    add_cap(parser)


def run(options: argparse.Namespace) -> int:
    """Do what `add_command` lets an administrator ask for.

    Returns
    -------
    int
        0 where every tool keeps its failure cap or may do so, 1 where one does not.

    Raises
    ------
    ConfigError
        If an option, the records or the log cannot be used.
    """
    from .requests_report import as_json, as_text

    if options.output:
        # now there are no results to lose yet
        require_room(options.output, "-o")
    try:
        report = _report(options)
    except RecordsError as error:
        raise ConfigError(str(error)) from error
    text = as_json(report) if options.format == "json" else as_text(report)
    if options.output:
        put(options.output, f"{text}\n", "-o")
    else:
        print(text)
    return BROKEN if report.broken else DONE


def _report(options: argparse.Namespace) -> "RequestsReport":
    # after the options are read: --help has no scikit-learn to wait for
    from .decisions import DecisionLog
    from .following import Watch
    from .requests_figures import by_tool
    from .requests_joined import join
    from .requests_report import RequestsReport

    sizing = sizing_of(options)
    log = DecisionLog(options.decisions) if options.decisions else None
    watch = Watch()
    joined = join(watch.through(_records(options.records, options.server)), log, options.since)
    tools = by_tool(joined, lambda tool: sizing.settings(tool).failure_cap)
    return RequestsReport(tools, joined, watch.followers(), _notes(log))


def _records(paths: Sequence[Path], server: Optional[str]) -> Iterator["JobRecord"]:
    from .readers.dialects import open_source
    from .readers.reader import Told

    for path in paths:
        reader = open_source(path, Told(None, path.name.split(".")[0])).reader
        for place, row in reader.rows():
            try:
                record = reader.record(row)
            except InvalidMessage as error:
                raise RecordsError(f"{path}, {place}: {error}; repair or remove it") from error
            if server in (None, record.server):
                yield record


def _notes(log: Optional["DecisionLog"]) -> list[str]:
    if log is None:
        return ["no decision log: of a job that was resubmitted the first request is taken to be half of the next one"]
    return [f"{log.damaged:,} lines of the log were passed over: {log.first_damage}"] if log.damaged else []


def _since(text: str) -> float:
    """Read a date or an age in days as seconds since 1970."""
    try:
        if text.endswith("d"):
            return datetime.now(timezone.utc).timestamp() - float(text[:-1]) * _DAY_SECONDS
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a date (2026-11-01) or an age in days (28d)") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
