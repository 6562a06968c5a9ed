"""The log: a line of JSON each on stderr, escaped and capped, written so that no request ever waits for it."""

import atexit
import json
import logging
import os
import queue
import sys
import threading
import time
from contextvars import ContextVar
from types import TracebackType

MAX_MESSAGE_CHARS = 2_000
MAX_TRACEBACK_CHARS = 8_000
MAX_WAITING_LINES = 10_000
_FLUSH_SECONDS = 1.0

log = logging.getLogger(__name__)

# The request that is being answered; the application sets it.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON, whatever stands in it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time, level, logger and message, then request, fields and traceback where there are such."""
        line = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:MAX_MESSAGE_CHARS],
            "request_id": getattr(record, "request_id", None),
            # what a program looks for: log.info("...", extra={"fields": {...}})
            **getattr(record, "fields", {}),
            # its end says what happened
            "traceback": self.formatException(record.exc_info)[-MAX_TRACEBACK_CHARS:] if record.exc_info else None,
        }
        return json.dumps({key: value for key, value in line.items() if value is not None}, default=str)


class Writer(logging.Handler):
    """Hands lines to a thread that writes them; those it cannot take, or cannot write, are counted and lost.

    Parameters
    ----------
    descriptor : int
        Where to write. A full disk, a closed pipe or one that nobody reads costs the lines, and nothing else.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self._descriptor = descriptor
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_WAITING_LINES)
        self._lost = 0
        self._torn = b""
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, or count it as lost."""
        try:
            record.request_id = request_id.get()
            self._waiting.put_nowait(self.format(record))
        # a message whose own arguments do not fit it is no reason to fail a request
        except Exception:
            self._lost += 1

    def close(self) -> None:
        """Write what waits, for a second at most."""
        super().close()
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(_FLUSH_SECONDS)

    def _write_all(self) -> None:
        for line in iter(self._waiting.get, None):
            lost = self._lost
            told = f"{line}\n" if not lost else f"{line}\n{_loss(lost)}\n"
            if self._write(told.encode()):
                self._lost -= lost
            else:
                self._lost += 1

    def _write(self, text: bytes) -> bool:
        rest = self._torn + text
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            # half a line ends before the next one begins
            self._torn = self._torn if len(rest) >= len(text) else b"\n"
            return False
        self._torn = b""
        return True


def configure(level: str) -> None:
    """Send everything that is logged in this process to stderr, uncaught errors and warnings too.

    Parameters
    ----------
    level : str
        ``debug``, ``info``, ``warning`` or ``error``.
    """
    # without a stderr its number may be that of any other file, or socket
    writer = Writer(sys.stderr.fileno() if sys.stderr else os.open(os.devnull, os.O_WRONLY))
    atexit.register(writer.close)
    logging.basicConfig(level=level.upper(), handlers=[writer], force=True)
    # nobody is there to read a complaint about the log itself
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    # it would say again what the application says itself, with addresses of clients
    logging.getLogger("uvicorn.access").disabled = True
    sys.excepthook = _uncaught
    threading.excepthook = lambda failed: _uncaught(failed.exc_type, failed.exc_value, failed.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    log.critical("ended by an error", exc_info=(kind, error or kind(), trace))


def _loss(lines: int) -> str:
    record = logging.LogRecord(__name__, logging.WARNING, "", 0, "%d lines of the log were lost", (lines,), None)
    return JsonLines().format(record)
