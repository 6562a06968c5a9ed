"""Load by wrk: many connections, a list of different requests in turn, one thread."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from goals import CannotMeasure

_SCRIPT = Path(__file__).with_name("wrk.lua")
_RESULT = "RESULT "


class Request(NamedTuple):
    """One request; ``@@`` in it becomes a number that was never used before."""

    method: str
    path: str
    body: str = ""


@dataclass(frozen=True)
class Load:
    """What wrk saw.

    Parameters
    ----------
    requests : int
        Answers, of whatever status.
    seconds : float
        How long it took.
    p50_seconds, p99_seconds, worst_seconds : float
        Latencies of all answers.
    statuses : mapping of int to int
        Answers by status.
    broken : int
        Connections that failed, and reads and writes that failed.
    timeouts : int
        Answers that took more than 10 seconds.
    """

    requests: int
    seconds: float
    p50_seconds: float
    p99_seconds: float
    worst_seconds: float
    statuses: Mapping[int, int]
    broken: int
    timeouts: int

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds

    @property
    def failed(self) -> int:
        """Answers of 500 and more, and what was not answered."""
        return self.broken + self.timeouts + sum(n for status, n in self.statuses.items() if status >= 500)


def run(
    url: str, requests: Sequence[Request], seconds: float, connections: int = 16, pause_seconds: float = 0.0
) -> Load:
    """Send requests for a while; see `start`."""
    with start(url, requests, seconds, connections, pause_seconds) as process:
        return result(process)


@contextmanager
def start(
    url: str, requests: Sequence[Request], seconds: float, connections: int, pause_seconds: float = 0.0
) -> Iterator["subprocess.Popen[str]"]:
    """Send requests beside what else is done.

    Parameters
    ----------
    url : str
        The server's root.
    requests : sequence of Request
        Sent in turn.
    seconds : float
        For how long.
    connections : int
        How many, each of which waits for its answer before it asks again.
    pause_seconds : float
        How long a connection waits before it asks again.

    Raises
    ------
    CannotMeasure
        If wrk is not installed.
    """
    if not shutil.which("wrk"):
        raise CannotMeasure("wrk is not installed: apt-get install wrk")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "requests.tsv"
        file.write_text("".join("\t".join(one) + "\n" for one in requests))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", str(_SCRIPT), url]
        # the number that fresh requests count up from
        own = [str(file), str(round(pause_seconds * 1000)), str(time.monotonic_ns() // 1000 % 10**12)]
        process = subprocess.Popen([*command, "--", *own], stdout=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def result(process: "subprocess.Popen[str]") -> Load:
    """Wait for the end, and return what wrk saw."""
    told, _ = process.communicate()
    [line] = [line for line in told.splitlines() if line.startswith(_RESULT)] or [""]
    assert line, f"wrk did not end well: {told}"
    found = json.loads(line.removeprefix(_RESULT))
    return Load(
        requests=found["requests"],
        seconds=found["microseconds"] / 1e6,
        p50_seconds=found["p50"] / 1e6,
        p99_seconds=found["p99"] / 1e6,
        worst_seconds=found["worst"] / 1e6,
        statuses={int(status): count for status, count in found["statuses"].items()},
        broken=found["broken"],
        timeouts=found["timeouts"],
    )
