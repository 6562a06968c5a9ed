"""Servers in processes of their own, ours and those it is compared with, and what they cost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import process_tree
import requests
from serving import PATIENCE_SECONDS, ROOT, free_port

TESTS = ROOT / "tests"
# what takes longer to leave than this is hung, and killed
_LEAVING_SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Parameters
    ----------
    process : Popen
        Its first process.
    port : int
        Where it listens, at 127.0.0.1.
    log : Path
        What it wrote to stdout and stderr.
    """

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def cpu_seconds(self) -> float:
        """CPU time so far, children included."""
        return process_tree.cpu_seconds(self.process.pid)

    @property
    def rss_bytes(self) -> int:
        """Resident memory now, children included."""
        return process_tree.rss_bytes(self.process.pid)

    @property
    def is_alive(self) -> bool:
        """Whether its first process runs."""
        return self.process.poll() is None


@contextmanager
def ours(models: Path, *options: str, wait_for: str = "/health/ready") -> Iterator[Server]:
    """Run our service as its README says."""
    port = free_port()
    command = [sys.executable, "-m", "service", "--models", str(models), "--port", str(port), *options]
    with running(command, port, wait_for, {"PYTHONPATH": str(ROOT)}) as server:
        yield server


@contextmanager
def asgi(application: str, wait_for: str) -> Iterator[Server]:
    """Run another FastAPI application of tests/ on the uvicorn that ours runs on."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), "--no-access-log"]
    with running(command, port, wait_for, {"PYTHONPATH": str(TESTS)}) as server:
        yield server


@contextmanager
def running(
    command: Sequence[str], port: int, wait_for: str, environment: Mapping[str, str], folder: Path = ROOT
) -> Iterator[Server]:
    """Run a command until the block ends; it must answer 200 at `wait_for` first.

    The one thread for OpenMP is for all alike: with more, the slowest answers of a busy machine take ten times as long.
    """
    with TemporaryDirectory() as place, (Path(place) / "log.txt").open("wb") as log:
        env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT)
        server = Server(process, port, Path(log.name))
        try:
            _wait(server, wait_for)
            yield server
        finally:
            _end(process)


def _wait(server: Server, path: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert server.is_alive, f"the server has ended:\n{server.log.read_text()[-2000:]}"
        try:
            if requests.get(f"{server.url}{path}", timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.02)
    raise AssertionError(f"the server did not come up:\n{server.log.read_text()[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    family = process_tree.members(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_LEAVING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # workers whose parent was killed
    for member in family:
        if Path(f"/proc/{member}").exists():
            os.kill(member, signal.SIGKILL)
