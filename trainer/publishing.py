"""A folder of bundles in which a reader finds the old build or the new one, whenever the writer is stopped.

::

    models/.lock                    held by the one trainer that publishes
    models/<tool>/current           names the build that is served, replaced by one rename
    models/<tool>/<build>/...       never changed once it is there
    models/<tool>/.unfinished-...   what a killed trainer left; swept by the next one
"""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from galaxy_memory_rules.errors import BundleError, BundleLocked

KEPT_BUILDS = 3
_CURRENT = "current"
_LOCK = ".lock"
_UNFINISHED = ".unfinished-"
_BUILD_NAME = re.compile(r"[0-9a-f]{16}")
_PLAIN_TOOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


def homes(root: Path) -> list[Path]:
    """Return the folders of the tools that have a published bundle below `root`."""
    return sorted(current.parent for current in root.glob(f"*/{_CURRENT}"))


def current_build(home: Path) -> Path:
    """Return the folder of the build that a tool's `home` names as current.

    Raises
    ------
    BundleError
        If it names none.
    """
    build = read_small(home / _CURRENT, 64).decode("ascii", "replace").strip()
    if not _BUILD_NAME.fullmatch(build):
        raise BundleError(f"{home / _CURRENT}: names no build; train this tool again")
    return home / build


@contextmanager
def lock(root: Path) -> Iterator[None]:
    """Keep other trainers out of `root`, and sweep what a killed one left behind.

    Raises
    ------
    BundleLocked
        If another trainer is at work.
    BundleError
        If `root` cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise BundleError(f"{root}: cannot be written ({error}); choose another folder with -d") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BundleLocked(f"{root}: another trainer is publishing here; wait for it to finish") from None
        for leftover in root.glob(f"*/{_UNFINISHED}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        os.close(handle)


def folder_name(tool: str) -> str:
    """Return the folder of a tool: its name where that is plain, else a hash, so that no id is ever a path."""
    if _PLAIN_TOOL.fullmatch(tool):
        return tool
    readable = re.sub(r"[^A-Za-z0-9]+", "_", tool)[-40:].strip("_")
    return f"{readable}-{hashlib.sha256(tool.encode()).hexdigest()[:12]}"


def publish(files: Mapping[str, bytes], home: Path, build: str) -> None:
    """Write a build's files into a folder of their own and give it its name when all of them are on disk."""
    home.mkdir(parents=True, exist_ok=True)
    unfinished = Path(mkdtemp(prefix=_UNFINISHED, dir=home))
    try:
        for name, data in files.items():
            _write_synced(unfinished / name, data)
        unfinished.chmod(0o755)
        _sync_folder(unfinished)
        _put_aside(home, build)
        unfinished.rename(home / build)
        _sync_folder(home)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _put_aside(home: Path, build: str) -> None:
    """Take a damaged build of the same name away in one step: a half removed one must never bear its name."""
    aside = home / (_UNFINISHED + build)
    shutil.rmtree(aside, ignore_errors=True)
    if (home / build).exists():
        (home / build).rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def make_current(home: Path, build: str) -> None:
    """Name `build` as the one to serve, and remove the oldest beyond `KEPT_BUILDS`."""
    beside = home / (_UNFINISHED + _CURRENT)
    _write_synced(beside, build.encode())
    beside.replace(home / _CURRENT)
    _sync_folder(home)
    _prune(home, build)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _prune(home: Path, current: str) -> None:
    """Keep the newest builds to roll back to, and the current one whatever its age."""
    builds = [folder for folder in home.iterdir() if _BUILD_NAME.fullmatch(folder.name) and folder.name != current]
    for folder in sorted(builds, key=lambda folder: folder.stat().st_mtime, reverse=True)[KEPT_BUILDS - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


def read_small(path: Path, most_bytes: int) -> bytes:
    """Read a file that must not be larger than `most_bytes`."""
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error})") from error
    if len(data) > most_bytes:
        raise BundleError(f"{path}: larger than {most_bytes:,} bytes; train this tool again")
    return data
