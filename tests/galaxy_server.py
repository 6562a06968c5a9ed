"""A real Galaxy 26.1 in front of a real Slurm, set up as README's "Into Galaxy" says."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml
from galaxy_client import JOB_SECONDS, ApiJob, GalaxyClient
from serving import ROOT, free_port
from slurm_cluster import HARNESS, Attempt, attempts_of, ended_by, script, slurm

# 1.2 GB, made once
VENV = Path(os.environ.get("GX_VENV", ROOT / ".venv-galaxy-server"))
# What the destination requests by itself: more than any prediction here, and less than most machines have.
OWN_MIB = 3072
# as the recorded jobs of the test tool had it
FIRST_BYTES = 1_000_000
_MORE_SECONDS = 300.0


@dataclass(frozen=True)
class FinishedJob(ApiJob):
    """A job that has ended as Galaxy tells of it, and its attempts as Slurm does."""

    attempts: tuple[Attempt, ...]

    @property
    def notes(self) -> dict[str, str]:
        """Return what the rule left in the destination's params."""
        return {name: text for name, text in self.params.items() if name.startswith("gmem_")}


class GalaxyServer:
    """A Galaxy that runs."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.client = GalaxyClient(f"http://127.0.0.1:{variables['GX_PORT']}", variables["GX_API_KEY"])

    @property
    def database_url(self) -> str:
        """Return `database_connection` of galaxy.yml, which is all that an administrator has to know."""
        settings = yaml.safe_load((Path(self._variables["GX_RUN"]) / "config" / "galaxy.yml").read_text())
        return str(settings["galaxy"]["database_connection"])

    def set_rules(self, service_url: str, **changes: Any) -> None:
        """Write memory_rules.yml as shipped, but for this service and this destination (step 2)."""
        shipped = yaml.safe_load((ROOT / "config" / "memory_rules.yml").read_text())
        ours = {
            "service_url": service_url,
            # nothing is proved by a prediction that a busy machine has no time for
            "deadline_seconds": 5,
            "destinations": {"slurm": {"words": "cli"}},
        }
        Path(self._variables["GX_RULES_CONFIG"]).write_text(yaml.safe_dump({**shipped, **ours, **changes}))

    def run(self, tool: str, mem_mb: int) -> FinishedJob:
        """Run the tool that takes so much memory, on two files that are uploaded once, and wait for its end."""
        return self.wait(self.client.submit(tool, mem_mb, FIRST_BYTES))

    def wait(self, job_id: str) -> FinishedJob:
        """Wait for the end of a job."""
        job = self.client.wait(job_id)
        return FinishedJob(**vars(job), attempts=attempts_of(job.external_id, self._variables))

    def last_word(self) -> str:
        """Return what the rule said last in the handler's log (step 5)."""
        log = (Path(self._variables["GX_RUN"]) / "galaxy.log").read_text()
        return [line for line in log.splitlines() if "memory rule:" in line][-1]


@contextmanager
def running(folder: Path) -> Iterator[GalaxyServer]:
    """Run Slurm and Galaxy; whatever happens, neither is there afterwards."""
    variables = _variables(folder)
    _install()
    _lay_out(folder / "harness")
    with slurm(variables), ended_by(lambda: script("stop_galaxy.sh", variables)):
        _start_galaxy(variables)
        yield GalaxyServer(variables)


def _start_galaxy(variables: Mapping[str, str]) -> None:
    """Start it; on a machine that others use that takes longer than the script waits."""
    if subprocess.run([HARNESS / "start_galaxy.sh"], env=variables, check=False).returncode == 0:
        return
    process = int((Path(variables["GX_RUN"]) / "galaxy.pid").read_text())
    deadline = time.monotonic() + _MORE_SECONDS
    while time.monotonic() < deadline:
        # raises where there is none any more
        os.kill(process, 0)
        with suppress(requests.RequestException):
            if requests.get(f"http://127.0.0.1:{variables['GX_PORT']}/api/version", timeout=10).ok:
                return
        time.sleep(1)
    raise AssertionError(f"Galaxy does not answer; see {variables['GX_RUN']}/galaxy.log")


def _variables(folder: Path) -> dict[str, str]:
    """Return the environment, with all that the harness's env.sh lets us choose."""
    others = {name: text for name, text in os.environ.items() if not name.startswith(("GX_", "SLURM_", "PYTHON"))}
    return {
        **others,
        "GX_HARNESS": str(folder / "harness"),
        "GX_VENV": str(VENV),
        "GX_RUN": str(folder / "run"),
        "GX_PORT": str(free_port()),
        "GX_API_KEY": "a-key-of-this-server-alone-00000000001",
        "GX_RULES_CONFIG": str(folder / "memory_rules.yml"),
        "GX_SLURM_RUN": str(folder / "slurm"),
        # Slurm tells of a first attempt until the last one has ended, and more
        "GX_SLURM_MINJOBAGE": str(2 * JOB_SECONDS),
        "SLURM_CONF": str(folder / "slurm" / "slurm.conf"),
    }


def _install() -> None:
    """Make Galaxy's environment, once, and install this checkout into it, each time (step 1)."""
    ready = VENV / "ready"
    if not ready.exists():
        script("setup.sh", {**os.environ, "GX_VENV": str(VENV)})
        ready.touch()
    subprocess.run([VENV / "bin" / "pip", "install", "-q", "--disable-pip-version-check", ROOT], check=True)
    # what pip leaves there would be in the next wheel, gone from the checkout or not
    shutil.rmtree(ROOT / "build", ignore_errors=True)


def _lay_out(harness: Path) -> None:
    """Write a harness with its own programs and templates, but for our job_conf.yml and tpv.yml (step 3)."""
    templates = harness / "templates"
    templates.mkdir(parents=True)
    for name in ("bin", "tools", "shim", "rules"):
        (harness / name).symlink_to(HARNESS / name)
    for template in (HARNESS / "templates").iterdir():
        (templates / template.name).write_text(template.read_text())
    (templates / "job_conf.yml.in").write_text(yaml.safe_dump(_job_conf(), sort_keys=False))
    (templates / "tpv.yml.in").write_text((ROOT / "tests" / "galaxy_server_tpv.yml").read_text())


def _job_conf() -> dict[str, Any]:
    """Return the shipped example with this server's path and Slurm, and with TPV beside the rule."""
    conf: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "job_conf.yml").read_text())
    environments = conf["execution"]["environments"]
    environments["memory_rule"]["rules_config"] = "@GX_RULES_CONFIG@"
    environments["slurm"] = {
        "runner": "cli",
        "shell_plugin": "LocalShell",
        "job_plugin": "Slurm",
        "job_--ntasks": "1",
        "job_--mem": f"{OWN_MIB}M",
        "resubmit": environments["slurm"]["resubmit"],
    }
    environments["tpv_dispatcher"] = {
        "runner": "dynamic",
        "rules_module": "tpv.rules",
        "function": "map_tool_to_destination",
        "tpv_config_files": ["@GX_RUN@/config/tpv.yml"],
    }
    # Galaxy ends at once where a runner is named whose library is not installed, whether a job needs it or not
    del environments["htcondor"]
    cli = {"load": "galaxy.jobs.runners.cli:ShellJobRunner", "workers": 2}
    conf["runners"] = {"cli": cli, "local": conf["runners"]["local"]}
    conf["tools"].append({"id": "memtool_tpv", "environment": "tpv_dispatcher"})
    return conf
