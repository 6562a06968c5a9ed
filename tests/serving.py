"""The real service in a process of its own."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 60.0
# below those that the kernel gives to whoever asks for any: nobody gets one between here and the start of its server;
# each process of tests goes round from a place of its own
_PORTS = range(10_000, 30_000)
_places = itertools.count(os.getpid() * 997)


def free_port() -> int:
    """Return a port that nobody listens on."""
    while True:
        port = _PORTS[next(_places) % len(_PORTS)]
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def start(models: Path, port: int, *options: str, python: str = sys.executable) -> "subprocess.Popen[bytes]":
    """Start the service, which is not live at once."""
    command = [python, "-m", "service", "--models", str(models), "--port", str(port), *options]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


@contextmanager
def served(models: Path, *options: str, python: str = sys.executable) -> Iterator[str]:
    """Run the service for the length of a test; it must end well when it is asked to."""
    port = free_port()
    process = start(models, port, *options, python=python)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_live(process, url)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)


def wait_until_live(process: "subprocess.Popen[bytes]", url: str) -> None:
    """Wait until the service answers."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the service has ended"
        try:
            requests.get(f"{url}/health/live", timeout=1)
            return
        except requests.RequestException:
            time.sleep(0.05)
    raise AssertionError("the service did not come up")
