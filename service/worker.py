"""One of several processes that answer: python -m service.worker LISTENING CONTROL, started by the supervisor."""

import logging
import os
import signal
import socket
import sys

from galaxy_memory_rules.errors import ConfigError

from . import logs
from .server import serve
from .settings import SETTINGS_VARIABLE, ServiceSettings

log = logging.getLogger(__name__)


def main(listening: str, control: str) -> int:
    """Answer at the socket with the number `listening`, for the parent at the other end of `control`."""
    # the parent waits for these; we handle them, and would inherit that they are blocked
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        settings = ServiceSettings.from_json(os.environ[SETTINGS_VARIABLE])
    except ConfigError as error:
        logs.configure("error")
        log.error("cannot start: %s", error)
        return 2
    logs.configure(settings.log_level)
    return serve(settings, socket.socket(fileno=int(listening)), socket.socket(fileno=int(control)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
