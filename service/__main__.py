"""The service's command line: python -m service --models models serves, python -m service plan plans."""

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from typing import Any

from galaxy_memory_rules.errors import ConfigError

from . import logs
from .listening import check_certificate, listening_socket
from .settings import KEYS, SETTINGS_VARIABLE, ServiceSettings, load_settings

log = logging.getLogger(__name__)


# What is done instead of serving.
_PLAN = "plan"


def main(arguments: Sequence[str]) -> int:
    """Serve until stopped, or plan; return 2 for a usage error, such as a port that is taken."""
    # one thread for each process: with more, the slowest answers of a busy machine take ten times as long
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if arguments[:1] == [_PLAN]:
        from .planning import command

        return command.main(arguments[1:])
    return _serve(arguments)


def _serve(arguments: Sequence[str]) -> int:
    try:
        settings = load_settings(vars(_parser().parse_args(arguments)), os.environ)
        check_certificate(settings)
        listening = listening_socket(settings)
    except ConfigError as error:
        print(f"service: {error}", file=sys.stderr)
        return 2
    # asked for new bundles before it has the first ones, it need not end
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.environ[SETTINGS_VARIABLE] = settings.to_json()
    logs.configure(settings.log_level)
    host, port, *_ = listening.getsockname()
    log.info("listening at %s port %d", host, port, extra={"fields": {"settings": json.loads(settings.to_json())}})
    if settings.workers > 1:
        from .supervisor import supervise

        return supervise(settings, listening)
    from .server import serve

    return serve(settings, listening)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Serve the trainer's bundles over HTTP.",
        epilog="Every option may also be set in the file, and as GMR_<OPTION> in the environment. "
        "python -m service plan --help: capacity planning, without a server.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file of settings, as config/service.yml")
    for key in fields(ServiceSettings):
        alone: Any = {"nargs": "?", "const": "true"} if isinstance(key.default, bool) else {}
        parser.add_argument(f"--{key.name.replace('_', '-')}", metavar=key.name.upper(), help=_help(key), **alone)
    return parser


def _help(key: "Field[Any]") -> str:
    """Return the help of a setting, with its default where there is one."""
    if key.default is MISSING or key.default is None:
        return KEYS[key.name]
    return f"{KEYS[key.name]} (default {str(key.default).lower()})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
