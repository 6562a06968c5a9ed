"""A real Slurm of one node, started by the scripts of ../shared/galaxy-harness, and nothing of it left afterwards."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving import PATIENCE_SECONDS, ROOT

HARNESS = Path(os.environ.get("GX_HARNESS", ROOT.parent / "shared" / "galaxy-harness"))
_CGROUPS = Path("/sys/fs/cgroup")
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "scancel", "curl")
_APT = "apt-get install --no-install-recommends slurm-wlm slurm-wlm-basic-plugins slurm-client munge curl"
# as the harness's slurm.conf says
_PORTS = (16817, 16818)
_MIB = {"M": 1, "G": 1024}


@dataclass(frozen=True)
class Attempt:
    """One attempt of a job: Slurm's own words for how it ended, and its MinMemoryNode."""

    ended: str
    memory_mib: int


def missing() -> str:
    """Say what this machine lacks for a Slurm and a Galaxy of its own, if anything."""
    absent = [program for program in _PROGRAMS if not shutil.which(program)]
    lacking = [
        (not (HARNESS / "start_galaxy.sh").is_file(), f"no Galaxy harness in {HARNESS}; name another with GX_HARNESS"),
        (os.geteuid() != 0, "only root can start Slurm's daemons"),
        (bool(absent), f"no {', '.join(absent)}: {_APT}"),
        (not os.access(_CGROUPS / "memory" / "cgroup.procs", os.W_OK), "no memory controller of cgroup v1 to write to"),
        (any(map(_is_taken, _PORTS)), f"another Slurm listens on one of the ports {_PORTS}"),
    ]
    return next((reason for lacks, reason in lacking if lacks), "")


def script(name: str, variables: Mapping[str, str]) -> None:
    """Run one of the harness's scripts."""
    subprocess.run([HARNESS / name], env=variables, check=True)


@contextmanager
def slurm(variables: Mapping[str, str]) -> Iterator[None]:
    """Run Slurm's daemons; its jobs, sockets and cgroups end with them."""
    with ended_by(lambda: _stop(variables)):
        script("start_slurm.sh", variables)
        yield


@contextmanager
def ended_by(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the end, however it comes: kill and a closed terminal are like Ctrl-C, and a second one waits."""
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in endings}
    try:
        yield
    finally:
        # what `stop` starts inherits it
        for number in endings:
            signal.signal(number, signal.SIG_IGN)
        try:
            stop()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def attempts_of(slurm_id: str, variables: Mapping[str, str]) -> tuple[Attempt, ...]:
    """Ask Slurm for every job of its own that was an attempt of the same job of Galaxy's, whose number they bear."""
    shown = _output(["scontrol", "--oneliner", "show", "jobs"], variables)
    jobs = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in shown.splitlines()]
    [name] = [job["JobName"] for job in jobs if job["JobId"] == slurm_id]
    return tuple(
        Attempt(job["JobState"], _mib(job["MinMemoryNode"]))
        for job in sorted(jobs, key=lambda job: int(job["JobId"]))
        if job["JobName"] == name
    )


def _mib(amount: str) -> int:
    """Read Slurm's 768M, 3G or 1.50G; it says G where nothing is lost."""
    return round(float(amount[:-1]) * _MIB[amount[-1]])


def _stop(variables: Mapping[str, str]) -> None:
    # the processes of a job outlive the daemons
    subprocess.run(["scancel", "--me"], env=variables, check=False)
    _wait_until("no job of Slurm's runs", lambda: not _output(["squeue", "--noheader"], variables).strip())
    script("stop_slurm.sh", variables)
    _wait_until("no cgroup of Slurm's is left", _remove_cgroups)


def _remove_cgroups() -> bool:
    """Remove what slurmd made and does not remove itself, and tell whether all of it is gone."""
    found = list(_CGROUPS.glob(f"*/slurm_{socket.gethostname().partition('.')[0]}"))
    try:
        for top in found:
            for folder in sorted(filter(Path.is_dir, top.rglob("*")), reverse=True):
                folder.rmdir()
            top.rmdir()
    # a process that is about to end is still in it
    except OSError:
        return False
    return True


def _wait_until(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.5)


def _output(command: list[str], variables: Mapping[str, str]) -> str:
    return subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=False).stdout


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
