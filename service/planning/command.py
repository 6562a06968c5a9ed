"""python -m service plan: capacity planning on the command line, by the same rooms as POST /v1/plan."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from galaxy_memory_rules.errors import ConfigError, InvalidMessage, MemoryRulesError
from service import wire
from service.predictor import Predictor
from service.settings_values import parse_folder
from trainer.written import put, require_room

from .answer import answer
from .csv_jobs import parse_csv
from .forecast import Forecast, forecast
from .jobs import PlannedJobs, parse_jobs
from .nodes_file import load_nodes
from .request import CAPS, PlanRequest, parse_cap, parse_run_seconds, parse_seed, parse_window_hours
from .table import plan_csv
from .text import plan_text

DONE, USAGE, PIPE_CLOSED = 0, 2, 141
_DEFAULT = PlanRequest()


def main(arguments: Sequence[str]) -> int:
    """Plan; return 0 when done, 2 where an option, a file or a bundle is wrong."""
    try:
        options = _parser().parse_args(arguments)
        if options.output is not None:
            require_room(options.output, "-o")
        text = _WRITTEN[options.format](*_planned(options))
        if options.output is not None:
            put(options.output, text, "-o")
        else:
            _print(text)
    except MemoryRulesError as error:
        print(f"service plan: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # `| head` has read enough; Python would complain once more of what it still has to write
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return DONE


def _planned(options: argparse.Namespace) -> tuple[Forecast, PlanRequest]:
    request = PlanRequest(
        load_nodes(options.nodes) if options.nodes else (),
        options.window_hours,
        options.failure_cap,
        options.default_run_seconds,
        options.seed,
    )
    predictor = Predictor.open(options.models)
    planned = _read(options.jobs, options.tool, predictor)
    return forecast(predictor, planned, request.default_run_seconds, request.seed), request


def _read(path: Path, tool: str | None, predictor: Predictor) -> PlannedJobs:
    """Read jobs from CSV, or from the JSON that POST /v1/plan takes."""
    try:
        content = path.read_bytes()
        try:
            if content.lstrip().startswith(b"{"):
                return parse_jobs(_jobs(content))
            return parse_csv(content.decode(), tool, predictor)
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: not UTF-8; convert it, for example with iconv -t UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error}); expected a CSV of jobs") from error
    except InvalidMessage as error:
        raise ConfigError(f"{path}: {error}") from error


def _jobs(content: bytes) -> object:
    fields = wire.decode_fields(content)
    if not isinstance(fields, dict) or "jobs" not in fields:
        raise InvalidMessage("jobs", 'expected {"jobs": [...]}, or a CSV')
    return fields["jobs"]


def _as_text(found: Forecast, request: PlanRequest) -> str:
    return plan_text(answer(found, request), request)


def _as_json(found: Forecast, request: PlanRequest) -> str:
    return wire.encode(answer(found, request)).decode() + "\n"


_WRITTEN: dict[str, Callable[[Forecast, PlanRequest], str]] = {"text": _as_text, "json": _as_json, "csv": plan_csv}


def _print(text: str) -> None:
    # a terminal that is not UTF-8 gets what it can show
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service plan",
        description="How much memory and how many nodes many jobs need, what other failure caps would change, and "
        "which jobs fit nowhere; without a server. Exit status: 0 done; 2 usage or configuration.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("jobs", type=Path, metavar="JOBS", help="CSV with the columns tool,count,<sizes>, or JSON as POST /v1/plan")
    add("--nodes", type=Path, metavar="FILE", help="YAML of node types, as examples/plan/nodes.yml")
    add("--models", type=_models, default="models", metavar="FOLDER", help="folder of bundles (default models)")
    add(
        "--window-hours",
        type=_number(parse_window_hours),
        default=_DEFAULT.window_hours,
        metavar="HOURS",
        help=f"how long the jobs have (default {_DEFAULT.window_hours:g}: a week)",
    )
    add(
        "--failure-cap",
        type=_number(parse_cap),
        metavar="SHARE",
        help=f"plan with {', '.join(f'{cap:g}' for cap in CAPS)} instead of each bundle's own cap",
    )
    add("--tool", metavar="TOOL", help="the tool of all rows, where no column tells it")
    add(
        "--default-run-seconds",
        type=_number(parse_run_seconds),
        default=_DEFAULT.default_run_seconds,
        metavar="SECONDS",
        help=f"run time that is neither told nor recorded (default {_DEFAULT.default_run_seconds:g})",
    )
    add(
        "--seed", type=_seed, default=_DEFAULT.seed, metavar="N", help="the same seed gives the same answer (default 0)"
    )
    add("--format", choices=tuple(_WRITTEN), default="text", help="text (default), json or csv")
    add("-o", "--output", type=Path, metavar="FILE", help="file that gets the answer, instead of the screen")
    return parser


def _models(text: str) -> Path:
    try:
        return parse_folder(text, Path())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _number(parse: Callable[[object], float]) -> Callable[[str], float]:
    """Return what reads an option as `parse` reads a number of a request."""

    def read(text: str) -> float:
        try:
            return parse(float(text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _seed(text: str) -> int:
    try:
        return parse_seed(int(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
