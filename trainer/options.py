"""Options that several commands of the trainer share, and how they are read."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .records import MOST_ROWS
from .sizing_values import parse_cap

if TYPE_CHECKING:
    from .sizing_config import SizingConfig

# What stands for "not told" where None has a meaning of its own: count the cost alone.
NOT_TOLD = "as in the sizing file"


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add where the recorded jobs are listed."""
    parser.add_argument(
        "-i",
        "--input",
        type=Path,
        required=True,
        help="CSV with the columns input_file,label; or a folder that `export` wrote",
    )


def add_most_rows(parser: argparse.ArgumentParser) -> None:
    """Add how many recorded jobs of a tool are used."""
    parser.add_argument(
        "--most-rows",
        type=positive,
        default=MOST_ROWS,
        metavar="N",
        help=f"recorded jobs of a tool that are used, a sample where there are more (default: {MOST_ROWS:,})",
    )


def add_cap(parser: argparse.ArgumentParser) -> None:
    """Add what an administrator decides about sizing."""
    parser.add_argument(
        "-s", "--sizing", type=Path, metavar="FILE", help="YAML as config/sizing.yml; else its defaults"
    )
    parser.add_argument(
        "--failure-cap",
        type=_cap,
        default=NOT_TOLD,
        metavar="SHARE",
        help="share of first attempts that may run out of memory, or `none` to count the cost alone (default 0.05)",
    )


def add_sizing(parser: argparse.ArgumentParser) -> None:
    """Add the same, and how many tools are done at the same time."""
    add_cap(parser)
    parser.add_argument(
        "--jobs",
        type=positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="tools that are done at the same time (default: the cores of this machine)",
    )


def sizing_of(options: argparse.Namespace) -> "SizingConfig":
    """Return what `add_cap` lets an administrator decide.

    Raises
    ------
    ConfigError
        If the file cannot be used.
    """
    from .sizing_config import DEFAULTS, load_sizing, with_cap

    config = load_sizing(options.sizing) if options.sizing else DEFAULTS
    return config if options.failure_cap == NOT_TOLD else with_cap(config, options.failure_cap)


def positive(text: str) -> int:
    """Read a number of at least 1."""
    return at_least(1, text)


def at_least(least: int, text: str) -> int:
    """Read a whole number that is not below `least`."""
    number = int(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"{text} is not at least {least}")
    return number


def _cap(text: str) -> Any:
    if text == NOT_TOLD:
        return text
    try:
        return parse_cap(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
