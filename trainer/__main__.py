"""The trainer's command line: python -m trainer train ..."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from galaxy_memory_rules.errors import BundleError, ConfigError

DONE, SOME_FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run one command; return 0 when done, 1 when some tools failed, 2 for a usage or configuration error."""
    options = _parser().parse_args(arguments)
    # the fits share the cores already; scikit-learn reads this when it is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from .run import Plan, train_all

    try:
        failed = train_all(
            Plan(options.input, options.models, options.output, options.directory, options.failure_cap, options.jobs)
        )
    except (ConfigError, BundleError) as error:
        print(f"trainer: {error}", file=sys.stderr)
        return USAGE
    return SOME_FAILED if failed else DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Learn from recorded jobs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser(
        "train",
        help="train every model on every file and write the best one of each tool",
        description="Train every model on every file, report each, and publish the best of each tool.",
    )
    train.add_argument("-i", "--input", type=Path, required=True, help="CSV with the columns input_file,label")
    train.add_argument("-m", "--models", type=Path, required=True, help="JSON with the models and their parameters")
    train.add_argument("-o", "--output", type=Path, required=True, help="CSV that gets a line for each tool and model")
    train.add_argument("-d", "--directory", type=Path, required=True, help="folder that gets the bundles")
    train.add_argument(
        "--failure-cap",
        type=_share,
        default=0.05,
        metavar="SHARE",
        help="share of first attempts that may run out of memory (default 0.05)",
    )
    train.add_argument(
        "--jobs",
        type=_positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="fits that run at the same time (default: the cores of this machine)",
    )
    return parser


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return share


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("trainer: interrupted; what was published before stays in use", file=sys.stderr)
        sys.exit(130)
