"""What ``python -m trainer inspect`` may be asked, and how it answers."""

import argparse
import sys
from pathlib import Path

from galaxy_memory_rules.errors import RecordsError

from .options import positive

DONE, SOME_FAILED = 0, 1
FORMATS = ("text", "json")
# enough to tell what is wrong with a tool's jobs, and a second for each tool
_MOST_ROWS = 2_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the inspection."""
    add = parser.add_argument
    add("files", type=Path, nargs="+", metavar="FILE", help="file or folder of recorded jobs")
    add("--label", metavar="COLUMN", help="column or metric that holds the peak (default: the dialect's usual one)")
    add("--dialect", metavar="NAME", help="read them as this dialect, whatever they look like")
    add("--format", choices=FORMATS, default="text", help="how the results are written (default: text)")
    add(
        "--most-rows",
        type=positive,
        default=_MOST_ROWS,
        metavar="N",
        help=f"jobs of a tool that are looked at closely, a sample where there are more (default: {_MOST_ROWS:,})",
    )


def run(options: argparse.Namespace) -> int:
    """Look at each file, and say what is there.

    Returns
    -------
    int
        0 when all files could be read, 1 when some could not; each of those has been named on the screen.

    Raises
    ------
    ConfigError
        If there is no such dialect.
    """
    # after the options are read: --help has no scikit-learn to wait for
    from .inspecting import inspect
    from .inspection_report import as_json, as_text

    found, failed = [], False
    for file in options.files:
        try:
            found.append(inspect(file, options.label, options.dialect, options.most_rows))
        except RecordsError as error:
            failed = True
            print(f"inspect: {error}", file=sys.stderr)
    print(as_json(found) if options.format == "json" else as_text(found))
    return SOME_FAILED if failed else DONE
