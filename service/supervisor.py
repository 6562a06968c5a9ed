"""Several processes that answer at one address: started, watched, replaced, told to reload and to stop."""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .orders import RELOAD, STOP
from .settings import SETTINGS_VARIABLE, ServiceSettings

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# A worker that has not been heard of for so long is beyond help; a batch of 10,000 jobs takes seconds.
HUNG_SECONDS = 30.0
# A worker that ends sooner than that after its start is not replaced before this time is over.
_STEADY_SECONDS = 2.0
# What a worker may take longer to end than it should.
_GRACE_SECONDS = 1.0
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}

log = logging.getLogger(__name__)


class Worker:
    """One process that answers.

    Parameters
    ----------
    listening : socket.socket
        What all workers accept connections from.
    environment : dict of str to str
        Holds the settings.
    """

    def __init__(self, listening: socket.socket, environment: dict[str, str]) -> None:
        self._control, of_worker = socket.socketpair()
        self._control.setblocking(False)
        descriptors = (listening.fileno(), of_worker.fileno())
        self.process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "service.worker", *map(str, descriptors)],
            env=environment,
            pass_fds=descriptors,
            # Ctrl-C at a terminal is for the parent, which says it to all
            start_new_session=True,
        )
        of_worker.close()
        self.started = False
        self.born = self._heard = time.monotonic()

    def tell(self, order: bytes) -> None:
        """Say what to do; one that is no more does nothing."""
        try:
            self._control.send(order)
        except OSError:
            log.debug("worker %d does not listen", self.process.pid)

    def listen(self) -> None:
        """Hear whether it lives, and end it if it has not been heard of for long."""
        try:
            if self._control.recv(4096):
                self.started, self._heard = True, time.monotonic()
        except OSError:
            pass
        if self.started and time.monotonic() - self._heard > HUNG_SECONDS:
            log.error("worker %d has not been heard of for %d s", self.process.pid, HUNG_SECONDS)
            self.process.kill()

    def close(self) -> None:
        """Let go of what is left of it."""
        self._control.close()


class Supervisor:
    """Keeps `settings.workers` workers alive.

    Parameters
    ----------
    settings : ServiceSettings
        What the administrator set.
    listening : socket.socket
        What the workers accept connections from.
    metrics : Path
        Folder in which the workers' metrics are added up.
    """

    def __init__(self, settings: ServiceSettings, listening: socket.socket, metrics: Path) -> None:
        self._settings = settings
        self._listening = listening
        self._metrics = metrics
        self._environment = {**os.environ, SETTINGS_VARIABLE: settings.to_json(), METRICS_VARIABLE: str(metrics)}
        self._workers: list[Worker] = []
        self._ever_started = False

    def run(self) -> int:
        """Work until a signal says stop, or no worker can start; return the exit status."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self._workers = [self._start() for _ in range(self._settings.workers)]
        while True:
            told = signal.sigtimedwait(_SIGNALS, 1.0)
            if told is not None and told.si_signo in (signal.SIGTERM, signal.SIGINT):
                return self._stop()
            if told is not None and told.si_signo == signal.SIGHUP:
                self._tell(RELOAD)
            failed = self._look_after_all()
            if failed is not None:
                log.error("a worker could not start; stopping")
                self._stop()
                return failed

    def _start(self) -> Worker:
        return Worker(self._listening, self._environment)

    def _tell(self, order: bytes) -> None:
        for worker in self._workers:
            worker.tell(order)

    def _look_after_all(self) -> int | None:
        """Replace those that ended; return the exit status of one that ended before any ever started."""
        for place, worker in enumerate(self._workers):
            worker.listen()
            self._ever_started |= worker.started
            status = worker.process.poll()
            if status is None:
                continue
            if not self._ever_started and status > 0:
                return status
            if worker.started or time.monotonic() - worker.born > _STEADY_SECONDS:
                log.warning("worker %d ended with %d; a new one takes its place", worker.process.pid, status)
                self._bury(worker)
                self._workers[place] = self._start()
        return None

    def _bury(self, worker: Worker) -> None:
        worker.close()
        # what it alone could tell is not so any more; what it has counted stays
        for path in self._metrics.glob(f"gauge_live*_{worker.process.pid}.db"):
            path.unlink(missing_ok=True)

    def _stop(self) -> int:
        """Tell all to stop, and wait; who says it twice, or waits too long, gets it at once."""
        self._listening.close()
        self._tell(STOP)
        deadline = time.monotonic() + self._settings.shutdown_seconds + _GRACE_SECONDS
        while any(worker.process.poll() is None for worker in self._workers):
            told = signal.sigtimedwait(_SIGNALS, 0.1)
            again = told is not None and told.si_signo in (signal.SIGTERM, signal.SIGINT)
            if again or time.monotonic() > deadline:
                for worker in self._workers:
                    worker.process.kill()
        return max(abs(worker.process.wait()) and 1 for worker in self._workers)


def supervise(settings: ServiceSettings, listening: socket.socket) -> int:
    """Answer by several workers until told to stop; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="gmr-metrics-") as metrics:
        return Supervisor(settings, listening, Path(metrics)).run()
