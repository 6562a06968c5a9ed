"""The service's command line: python -m service --models models."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str]) -> int:
    """Serve until stopped; return 2 for a usage error, such as a port that is taken."""
    options = _parser().parse_args(arguments)
    if not options.models.is_dir():
        print(f"service: {options.models}: no such folder; train first, or name another with --models", file=sys.stderr)
        return 2
    # one thread for each process: with more, the slowest answers of a busy machine take ten times as long
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import uvicorn

    from .app import MODELS_VARIABLE

    os.environ[MODELS_VARIABLE] = str(options.models.absolute())
    uvicorn.run(
        "service.app:from_environment",
        factory=True,
        host=options.host,
        port=options.port,
        workers=options.workers,
        log_level="info",
        access_log=False,
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description="Serve the trainer's bundles over HTTP.")
    parser.add_argument("--models", type=Path, required=True, help="folder of bundles that the trainer wrote")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8765, help="port to listen on (default 8765)")
    parser.add_argument("--workers", type=int, default=1, help="processes that answer (default 1)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
