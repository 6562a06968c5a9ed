"""python -m trainer check-rule: what an administrator runs before Galaxy's handlers are restarted."""

import argparse
import logging
from pathlib import Path
from typing import Optional

from galaxy_memory_rules.errors import ConfigError, InvalidMessage
from galaxy_memory_rules.messages import InputDataset, JobDescription, parse_job, read_json
from galaxy_memory_rules.values import parse_amount

from .findings import ERROR

FINE, ERRORS = 0, 1
FORMATS = ("text", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the check."""
    add = parser.add_argument
    add("--config", type=Path, required=True, metavar="FILE", help="memory_rules.yml, the very file that Galaxy reads")
    add("--job-conf", type=Path, required=True, metavar="FILE", help="Galaxy's job_conf.yml")
    described = parser.add_mutually_exclusive_group()
    described.add_argument("--job", type=Path, metavar="FILE", help="JSON of a job, as POST /v1/predict takes it")
    described.add_argument("--tool", metavar="ID", help="a job of this tool (default: of the first the service knows)")
    add(
        "--input",
        type=_input,
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=SIZE",
        help="an input of the --tool, for example library|input_1=1.5GiB",
    )
    add("--format", choices=FORMATS, default="text", help="how the results are written (default: text)")


def run(options: argparse.Namespace) -> int:
    """Check, ask, and show what the rule would do.

    Returns
    -------
    int
        0 when there is no error, 1 when there is one.

    Raises
    ------
    ConfigError
        If an option is wrong, or a file is not there.
    """
    described = _described(options)
    for file, option in ((options.config, "--config"), (options.job_conf, "--job-conf")):
        if not file.is_file():
            raise ConfigError(f"{file}: no such file; name another one with {option}")
    # what the rule logs is in its decisions too
    logging.getLogger("galaxy_memory_rules").addHandler(logging.NullHandler())
    # after the options are read: the other commands have nothing of it to wait for
    from .check import check
    from .check_report import as_json, as_text

    report = check(options.config, options.job_conf, described)
    print(as_json(report) if options.format == "json" else as_text(report))
    return ERRORS if any(finding.level == ERROR for finding in report.findings) else FINE


def _described(options: argparse.Namespace) -> Optional[JobDescription]:
    """Return the job that the options describe, None where they describe none."""
    if options.input and options.tool is None:
        raise ConfigError("--input: expected a --tool that it is an input of")
    if options.tool is not None:
        return _parsed("--tool", JobDescription(options.tool, inputs=tuple(options.input)).to_dict())
    if options.job is None:
        return None
    try:
        return _parsed(str(options.job), read_json(options.job.read_bytes()))
    except (OSError, InvalidMessage) as error:
        raise ConfigError(f"{options.job}: cannot be read ({error}); name another file with --job") from error


def _parsed(place: str, message: object) -> JobDescription:
    try:
        return parse_job(message)
    except InvalidMessage as error:
        raise ConfigError(f"{place}: {error}") from error


def _input(text: str) -> InputDataset:
    """Read NAME=SIZE."""
    name, _, size = text.rpartition("=")
    try:
        return InputDataset(name, parse_amount(size))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: expected NAME=SIZE ({error})") from error
