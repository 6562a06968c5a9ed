"""What a process and all its children cost, as /proc tells it."""

import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# places in /proc/<pid>/stat after the name in parentheses: see proc(5), whose numbers are 3 higher
_PARENT, _USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = 1, 11, 12, 13, 14


def members(pid: int) -> list[int]:
    """Return a process and its descendants that are alive."""
    parents = {int(path.name): _stat(path)[_PARENT] for path in Path("/proc").glob("[0-9]*") if _stat(path)}
    found = [pid]
    for parent in found:
        found += [child for child, of in parents.items() if int(of) == parent]
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process tree, of children that have ended too."""
    ticks = 0
    for member in members(pid):
        stat = _stat(Path("/proc") / str(member))
        ticks += sum(int(stat[place]) for place in (_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM) if stat)
    return ticks / _TICKS_PER_SECOND


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process tree; pages that several share count for each of them."""
    return sum(_rss_bytes(member) for member in members(pid))


def _rss_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        # it ended since it was listed
        return 0
    [kib] = [line.split()[1] for line in lines if line.startswith("Rss:")]
    return int(kib) * 1024


def _stat(folder: Path) -> list[str]:
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
