"""The trainer's command line: python -m trainer export | inspect | train | backtest | report-requests ..."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from galaxy_memory_rules.errors import BundleError, ConfigError

from . import (
    backtest_run,
    builds,
    check_rule,
    compile_tpv_run,
    export_run,
    inspect_run,
    report_requests,
    signing,
)
from .options import add_input, add_most_rows, add_sizing, sizing_of

DONE, SOME_FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run one command; return 0 when done, 1 when some tools failed, 2 for a usage or configuration error."""
    # the tools share the cores already; scikit-learn reads this when it is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except (ConfigError, BundleError) as error:
        print(f"trainer: {error}", file=sys.stderr)
        return USAGE


def _train(options: argparse.Namespace) -> int:
    from .run import Plan, train_all

    plan = Plan(
        options.input,
        options.models,
        options.output,
        options.directory,
        sizing_of(options),
        options.jobs,
        options.report,
        signing.read_key(options.signing_key) if options.signing_key else None,
        options.most_rows,
        options.decisions,
        options.since_last,
        options.force,
        options.cluster,
    )
    return SOME_FAILED if train_all(plan) else DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Learn from recorded jobs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # in the order in which they are needed
    _add_export(commands)
    _add_inspect(commands)
    _add_train(commands)
    _add_backtest(commands)
    _add_check_rule(commands)
    report_requests.add_command(commands)
    builds.add_commands(commands)
    _add_compile_tpv(commands)
    return parser


class _Room(Protocol):
    """A module that has a command: what may be told, and what is done then."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace) -> int: ...


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, room: _Room, help: str, description: str
) -> None:
    command = commands.add_parser(name, help=help, description=description)
    command.set_defaults(command=room.run)
    room.add_arguments(command)


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    train = commands.add_parser(
        "train",
        help="train every model on every file and publish the least wasteful one of each tool",
        description="Train every model on every file, report each, and publish for each tool the one that wastes least "
        "memory under the failure cap.",
    )
    train.set_defaults(command=_train)
    add_input(train)
    train.add_argument("-m", "--models", type=Path, required=True, help="JSON with the models and their parameters")
    train.add_argument("-o", "--output", type=Path, required=True, help="CSV that gets a line for each tool and model")
    train.add_argument("-d", "--directory", type=Path, required=True, help="folder that gets the bundles")
    train.add_argument(
        "--report", type=Path, metavar="FILE", help="HTML page to look at before switching on (default: beside -o)"
    )
    train.add_argument(
        "--signing-key",
        type=Path,
        metavar="FILE",
        help="sign what is published with this key of 32 bytes or more, for a service with the same signing_key_file",
    )
    train.add_argument(
        "--decisions",
        type=Path,
        nargs="+",
        default=(),
        metavar="FILE",
        help="the rule's decision log: attempts that were killed for their memory, which Galaxy keeps no metrics of, "
        "are learned from too",
    )
    train.add_argument(
        "--since-last",
        action="store_true",
        help="train only tools with enough new jobs since their last training, or with another cap or other limits",
    )
    train.add_argument(
        "--force",
        action="store_true",
        help="publish a bundle even if it does worse than the one before on the newest jobs, which neither has seen",
    )
    add_most_rows(train)
    add_sizing(train)
    train.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="train on the workers of a Dask scheduler, such as tcp://192.0.2.1:8786, one task for each tool",
    )


def _add_backtest(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    _add(
        commands,
        "backtest",
        backtest_run,
        help="replay recorded jobs under our policy, its peers and the rule in force",
        description="Learn from a part of the recorded jobs and replay the others: what each policy would have wasted, "
        "and how many first attempts would have run out of memory.",
    )


def _add_check_rule(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    _add(
        commands,
        "check-rule",
        check_rule,
        help="look at memory_rules.yml and job_conf.yml before Galaxy's handlers are restarted",
        description="Check memory_rules.yml and job_conf.yml, ask the service once, and show for a job what the rule "
        "would request at each destination, and after an out-of-memory kill. Nothing is changed or recorded. Exit "
        "status: 0 fine, warnings allowed; 1 errors found; 2 usage.",
    )


def _add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    _add(
        commands,
        "export",
        export_run,
        help="read finished jobs out of Galaxy's database or API into a file for each tool",
        description="Read finished jobs out of Galaxy's database or API: a Parquet file for each tool, which "
        "config/input_files.csv may name, or their folder. No user, history, file name or e-mail address is in them. "
        "Exit status: 0 done; 1 not read to the end, --resume goes on; 2 usage.",
    )


def _add_compile_tpv(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    _add(
        commands,
        "compile-tpv",
        compile_tpv_run,
        help="write each tool's memory as one expression for TPV, for servers without the service",
        description="Fit one `mem:` expression for each trained tool under the same failure cap, with its evidence in "
        "a comment, ready to be reviewed and given to TPV or to the shared database.",
    )


def _add_inspect(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    _add(
        commands,
        "inspect",
        inspect_run,
        help="say what a file of recorded jobs holds, what is wrong with it, and for which tools it is enough",
        description="Recognise the dialect of files or folders of recorded jobs, and say what they hold: tools, times, "
        "measures, what training would drop or mark and why, and for each tool whether there are enough jobs.",
    )


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
        sys.exit(status)
    except BrokenPipeError:
        # `| head` has read enough; Python would complain once more of what it still has to write
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        print("trainer: interrupted; what was published before stays in use", file=sys.stderr)
        sys.exit(130)
