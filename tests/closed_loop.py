"""The whole loop on a real Galaxy: jobs, export, training, the service, jobs again, and what was requested and used."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import serving
from galaxy_client import JOB_SECONDS
from galaxy_server import FinishedJob, GalaxyServer

from trainer import canonical
from trainer.decisions import Asked, DecisionLog
from trainer.records import JobRecord

# no other test runs this tool
TOOL = "memtool_oom"
# by what each of them takes of memory in MiB, which tells the jobs apart, the bytes of its first file
FIRST_ROUND = {500: 400_000, 550: 450_000, 600: 500_000, 700: 600_000, 800: 700_000, 900: 800_000}
SECOND_ROUND = {580: 480_000, 750: 650_000, 1100: 900_000}
# the one that Slurm kills for its memory; its second attempt runs on while the others are learned from
KILLED_MB, KILLED_BYTES, KILLED_SECONDS = 1500, 1_000_000, 90.0
# may never have what it needs
HOPELESS = "memtool"


@dataclass(frozen=True)
class Loop:
    """What happened in one turn of the loop.

    Parameters
    ----------
    first, second : mapping of int to FinishedJob
        The jobs of both rounds by what they take of memory; the one that was killed is among the first.
    given_up : FinishedJob
        One of another tool that Slurm killed at the rule's ceiling.
    exports : sequence of mapping of str to JobRecord
        All records by job id: after the first round, and after the second one.
    by_api : sequence of JobRecord
        What Galaxy's API tells at the end.
    inspected, report : Any
        JSON of `inspect` after the first round, and of `report-requests` at the end.
    said : mapping of str to str
        What the commands printed, by name.
    log : sequence of Asked
        The rule's decisions.
    """

    first: Mapping[int, FinishedJob]
    second: Mapping[int, FinishedJob]
    given_up: FinishedJob
    exports: Sequence[Mapping[str, JobRecord]]
    by_api: Sequence[JobRecord]
    inspected: Any
    report: Any
    said: Mapping[str, str]
    log: Sequence[Asked]

    def records(self, export: int) -> dict[int, JobRecord]:
        """Return the records of the loop's own tool by what its jobs take of memory."""
        found = [record for record in self.exports[export].values() if record.job.tool_id == TOOL]
        return {int(str(record.job.parameters["mem_mb"])): record for record in found}


class Administrator:
    """Somebody with a shell beside a Galaxy, a folder of bundles that a service serves, and this trainer."""

    def __init__(self, galaxy: GalaxyServer, models: Path, folder: Path) -> None:
        self._galaxy, self._models, self._folder = galaxy, models, folder
        self.log = folder / "decisions.jsonl"
        self.said: dict[str, str] = {}

    def export(self, name: str, *more: str) -> dict[str, JobRecord]:
        """Export the server's own database, and return all that is in the folder now."""
        self._type(name, "export", "--database", self._galaxy.database_url, "-o", "exported", *more)
        return self._exported("exported")

    def export_by_api(self) -> list[JobRecord]:
        """Ask Galaxy's API for the same."""
        client = self._galaxy.client
        self._type("export by API", "export", "--galaxy", client.url, "-o", "by_api", GALAXY_API_KEY=client.key)
        return list(self._exported("by_api").values())

    def inspect(self) -> Any:
        """Look at what was exported."""
        return json.loads(self._type("inspect", "inspect", "exported", "--format", "json"))

    def train(self) -> None:
        """Learn from it, and from the decision log."""
        config = serving.ROOT / "config"
        files = ("-i", "exported", "-m", config / "models.json", "-s", config / "sizing.yml", "-o", "trained.csv")
        self._type("train", "train", *files, "-d", self._models, "--decisions", self.log)

    def report(self) -> Any:
        """Compare what was requested with what was used, as text for the reader of this test and as JSON."""
        command = ("report-requests", "exported", "--decisions", self.log)
        self._type("report", *command)
        return json.loads(self._type("report as JSON", *command, "--format", "json"))

    def _type(self, name: str, *arguments: object, **variables: str) -> str:
        """Give the trainer a command, which must end well, and return what it printed."""
        command = [sys.executable, "-m", "trainer", *map(str, arguments)]
        env = {**os.environ, "PYTHONPATH": str(serving.ROOT), **variables}
        done = subprocess.run(command, cwd=self._folder, env=env, stdout=subprocess.PIPE, text=True, check=False)
        print(f"\n$ python -m trainer {' '.join(map(str, arguments))}\n{done.stdout}", flush=True)
        assert done.returncode == 0
        self.said[name] = done.stdout
        return done.stdout

    def _exported(self, name: str) -> dict[str, JobRecord]:
        files = (self._folder / name).glob("*.parquet")
        return {record.job_id: record for file in files for record in canonical.read(file)}


def run(galaxy: GalaxyServer, models: Path, folder: Path) -> Loop:
    """Turn the loop once.

    Parameters
    ----------
    galaxy : GalaxyServer
        It runs, and may have run jobs of other tools.
    models : Path
        Bundles that size the first round, `TOOL` among them; the training in between publishes into this folder.
    folder : Path
        Where the exports, the decision log and the reports go.
    """
    admin = Administrator(galaxy, models, folder)
    with serving.served(models) as url:
        galaxy.set_rules(url, record=str(admin.log), tools={HOPELESS: {"ceiling": "640 MiB"}})
        galaxy.client.upload([*FIRST_ROUND.values(), KILLED_BYTES, *SECOND_ROUND.values()])
        jobs = _submitted(galaxy, FIRST_ROUND)
        # the last one, so that its second attempt outlasts the others
        killed = galaxy.client.submit(TOOL, KILLED_MB, KILLED_BYTES, KILLED_SECONDS)
        first = _ended(galaxy, jobs)
        _until(lambda: _attempts(admin.log, KILLED_MB) == 2, JOB_SECONDS)
        exports = [admin.export("first export")]
        assert galaxy.client.state(killed) in ("queued", "running"), "it ended before it could be learned from"
        inspected, before = admin.inspect(), _served(url)
        admin.train()
        _until(lambda: _served(url) != before)
        jobs, hopeless = _submitted(galaxy, SECOND_ROUND), galaxy.client.submit(HOPELESS, KILLED_MB, KILLED_BYTES)
        second, given_up = _ended(galaxy, jobs), galaxy.wait(hopeless)
        first[KILLED_MB] = galaxy.wait(killed)
    exports.append(admin.export("second export", "--resume"))
    report, by_api = admin.report(), admin.export_by_api()
    return Loop(first, second, given_up, exports, by_api, inspected, report, admin.said, list(DecisionLog([admin.log])))


def _submitted(galaxy: GalaxyServer, sizes_bytes: Mapping[int, int]) -> dict[int, str]:
    return {mem_mb: galaxy.client.submit(TOOL, mem_mb, size_bytes) for mem_mb, size_bytes in sizes_bytes.items()}


def _ended(galaxy: GalaxyServer, jobs: Mapping[int, str]) -> dict[int, FinishedJob]:
    return {mem_mb: galaxy.wait(job_id) for mem_mb, job_id in jobs.items()}


def _attempts(log: Path, mem_mb: int) -> int:
    asked = [one.job for one in DecisionLog([log]) if one.job.parameters["mem_mb"] == str(mem_mb)]
    return max((job.attempt for job in asked), default=0)


def _served(url: str) -> str:
    """Return the build of the tool that answers."""
    return str(requests.get(f"{url}/v1/tools/{TOOL}", timeout=10).json()["bundle"])


def _until(holds: Callable[[], bool], patience_seconds: float = serving.PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + patience_seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.5)
