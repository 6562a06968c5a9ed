"""What ``python -m trainer backtest`` may be asked, and how it answers: on the screen or in a file."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .options import add_input, add_most_rows, add_sizing, at_least, positive, sizing_of
from .written import put, require_room

if TYPE_CHECKING:
    from .backtest_report import Report
    from .backtest_tools import Plan

DONE, SOME_FAILED = 0, 1
DIVISIONS = ("auto", "random", "inputs", "reference", "time", "arrivals")
FORMATS = ("text", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the backtest."""
    add = parser.add_argument
    add_input(parser)
    add("--policy", nargs="+", metavar="NAME", help="compare with these ways to size requests (default: with all)")
    add("--in-force", metavar="RULE", help="today's rule: an amount (8 GiB), `requested`, or a file of rules for TPV")
    add_most_rows(parser)
    add_sizing(parser)
    add(
        "--division",
        choices=DIVISIONS,
        default="auto",
        help="how past jobs and jobs asked for are divided (default: by time where all jobs have one, else by inputs)",
    )
    add("--step", type=positive, metavar="N", help="jobs until it learns anew (default: 5 %% of the past, 50 to 150)")
    add("--seed", type=_seed, metavar="N", help="of what is shuffled (default: 13, or 1996 for arrivals)")
    add("--format", choices=FORMATS, default="text", help="how the results are written (default: text)")
    add("--report", type=Path, metavar="FILE", help="HTML page that gets the results, with plots beside it")
    add("-o", "--output", type=Path, metavar="FILE", help="write them there instead of on the screen")


def run(options: argparse.Namespace) -> int:
    """Do what `add_arguments` lets an administrator ask for.

    Returns
    -------
    int
        0 when done, 1 when some tools failed; each of them has been named on the screen.

    Raises
    ------
    ConfigError
        If an option or a configuration file is wrong.
    """
    # after the options are read: --help has no scikit-learn to wait for
    from . import page
    from .backtest_report import as_json, as_text
    from .backtest_tools import backtest_all
    from .input_files import load_input_files

    plan = _plan(options)
    files = load_input_files(options.input)
    if options.output:
        # now there are no results to lose yet
        require_room(options.output, "-o")
    report = backtest_all(files, plan, options.jobs)
    _warn(report)
    if options.report:
        page.write([result.page for result in report.tools if result.page], options.report)
    text = as_json(report) if options.format == "json" else as_text(report)
    if options.output:
        put(options.output, f"{text}\n", "-o")
    else:
        print(text)
    return SOME_FAILED if report.failed else DONE


def _plan(options: argparse.Namespace) -> "Plan":
    from .backtest_tools import Plan, known_peers
    from .in_force import in_force

    return Plan(
        sizing_of(options),
        known_peers(options.policy),
        None if options.in_force is None else in_force(options.in_force),
        options.division,
        options.seed,
        options.step,
        with_pages=options.report is not None,
        most_rows=options.most_rows,
    )


def _warn(report: "Report") -> None:
    said: set[str] = set()
    for result in report.tools:
        for note in result.notes:
            if note not in said:
                print(f"{result.tool}: warning: {note}", file=sys.stderr)
        said.update(result.notes)


def _seed(text: str) -> int:
    return at_least(0, text)
