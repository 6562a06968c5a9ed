"""A memory cgroup for each job: found, made, read and removed, on cgroup v1 and v2."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import RecordingError

MOUNT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
_PREFIX = "gmr-record-"
_GROUP = re.compile(_PREFIX + r"(\d+)-.*")
V1_PEAK, V2_PEAK = "memory.max_usage_in_bytes", "memory.peak"
# Resident and page cache memory of the whole group, as memory.stat names them in each version.
_STAT_NAMES = {V1_PEAK: ("total_rss", "total_cache"), V2_PEAK: ("anon", "file")}


@dataclass(frozen=True)
class Controller:
    """A folder below which memory cgroups can be made, and the file that tells their peak."""

    parent: Path
    measure: str

    @contextmanager
    def group(self, name: str) -> Iterator["Group"]:
        """Make a group, and remove it with all that still runs in it."""
        group = Group(self.parent / f"{_PREFIX}{os.getpid()}-{name}", self.measure)
        group.path.mkdir()
        try:
            yield group
        finally:
            group.remove()

    def sweep(self) -> int:
        """Remove what recorders left behind that were killed; return how many groups."""
        left = [path for path in self.parent.glob(f"{_PREFIX}*") if not _owner_lives(path)]
        for path in left:
            Group(path, self.measure).remove()
        return len(left)


@dataclass(frozen=True)
class Group:
    """The memory cgroup of one job."""

    path: Path
    measure: str

    def peak_bytes(self) -> int:
        """Return the group's measured maximum, page cache included."""
        return int((self.path / self.measure).read_text())

    def resident_and_cache_bytes(self) -> tuple[int, int]:
        """Return what is resident and what is page cache at this moment."""
        stat = dict(line.split() for line in (self.path / "memory.stat").read_text().splitlines())
        resident, cache = (int(stat.get(name, 0)) for name in _STAT_NAMES[self.measure])
        return resident, cache

    def processes(self) -> list[int]:
        """Return the ids of what runs in the group."""
        with suppress(OSError):
            # 0 stands for a process of another namespace; a signal to 0 would reach the recorder itself
            return [int(line) for line in (self.path / "cgroup.procs").read_text().split() if line != "0"]
        return []

    def remove(self, patience_seconds: float = 10.0) -> None:
        """Kill what runs in the group, wait until it is gone, and remove the group."""
        deadline = time.monotonic() + patience_seconds
        while self.path.exists() and time.monotonic() < deadline:
            for process in self.processes():
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            # a group stays busy for a moment after its last process
            with suppress(OSError):
                self.path.rmdir()
                return
            time.sleep(0.01)


def find_controller(mount: Path = MOUNT, own: Path = OWN) -> Controller:
    """Find where memory cgroups can be made: below the recorder's own group if that is visible, else at the top.

    Raises
    ------
    RecordingError
        If there is no memory controller that can be written.
    """
    tried: list[Path] = []
    for measure, parent in _places(mount, own.read_text() if own.exists() else ""):
        tried.append(parent)
        if _works(parent, measure):
            return Controller(parent, measure)
    raise RecordingError(
        f"no memory controller that can be written below {mount} (tried {', '.join(map(str, tried)) or 'nothing'}); "
        "run as root on a machine with cgroup v1 memory or v2 memory.peak (Linux 5.19), or in a delegated v2 subtree"
    )


def _places(mount: Path, own: str) -> Iterator[tuple[str, Path]]:
    paths = {line.split(":", 2)[1]: line.split(":", 2)[2].lstrip("/") for line in own.splitlines() if ":" in line}
    for top, measure, controller in ((mount / "memory", V1_PEAK, "memory"), (mount, V2_PEAK, "")):
        for parent in dict.fromkeys((top / paths.get(controller, ""), top)):
            if (parent / "cgroup.procs").exists():
                yield measure, parent


def _works(parent: Path, measure: str) -> bool:
    probe = parent / f"{_PREFIX}{os.getpid()}-probe"
    with suppress(OSError):
        if measure == V2_PEAK:
            with suppress(OSError):
                (parent / "cgroup.subtree_control").write_text("+memory")
        probe.mkdir()
        try:
            return (probe / measure).exists() and _can_be_entered(probe)
        finally:
            Group(probe, measure).remove()
    return False


def _can_be_entered(probe: Path) -> bool:
    # a delegated v2 subtree can be written and yet refuse processes from outside
    enter = ["sh", "-c", 'echo $$ > "$1"', "sh", str(probe / "cgroup.procs")]
    return subprocess.run(enter, stderr=subprocess.DEVNULL).returncode == 0


def _owner_lives(path: Path) -> bool:
    match = _GROUP.fullmatch(path.name)
    if match is None:
        return True
    try:
        os.kill(int(match.group(1)), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
