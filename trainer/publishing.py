"""A folder of bundles in which a reader finds the old build or the new one, whenever the writer is stopped.

::

    models/.lock                    held by the one trainer that publishes
    models/<tool>/current           names the build that was published last, replaced by one rename
    models/<tool>/pinned            where there is one, names the build that is served whatever is published
    models/<tool>/<build>/...       never changed once it is there
    models/<tool>/.unfinished-...   what a killed trainer left; swept by the next one
"""

import fcntl
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp, mkstemp
from typing import Optional

from galaxy_memory_rules.errors import BundleError, BundleLocked

KEPT_BUILDS = 3
CURRENT, PINNED = "current", "pinned"
_LOCK = ".lock"
_UNFINISHED = ".unfinished-"
_BUILD_NAME = re.compile(r"[0-9a-f]{16}")
_PLAIN_TOOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


def homes(root: Path) -> list[Path]:
    """Return the folders of the tools that have a published bundle below `root`."""
    return sorted(current.parent for current in root.glob(f"[!.]*/{CURRENT}"))


def current_build(home: Path) -> Path:
    """Return the folder of the build that a tool's `home` names as current.

    Raises
    ------
    BundleError
        If it names none.
    """
    return _named_by(home / CURRENT, "train this tool again")


def pinned_build(home: Path) -> Optional[Path]:
    """Return the folder of the build that a tool is pinned to, or None.

    Raises
    ------
    BundleError
        If the pin names none.
    """
    if not os.path.lexists(home / PINNED):
        return None
    return _named_by(home / PINNED, f"unpin {home.name}, or pin it to another")


def served_build(home: Path) -> Path:
    """Return the folder of the build to serve: the pinned one, else the current one."""
    return pinned_build(home) or current_build(home)


def builds(home: Path) -> list[Path]:
    """Return the folders of the builds that a tool has, the last published one first."""
    found = [folder for folder in home.iterdir() if _BUILD_NAME.fullmatch(folder.name) and folder.is_dir()]
    return sorted(found, key=lambda folder: folder.stat().st_mtime_ns, reverse=True)


def _named_by(path: Path, remedy: str) -> Path:
    build = read_whole(path, 64).decode("ascii", "replace").strip()
    if not _BUILD_NAME.fullmatch(build):
        raise BundleError(f"{path}: names no build; {remedy}")
    return path.parent / build


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
            _sweep(leftover)
        yield
    finally:
        os.close(handle)


def _sweep(leftover: Path) -> None:
    if leftover.is_dir():
        shutil.rmtree(leftover, ignore_errors=True)
    else:
        leftover.unlink(missing_ok=True)


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
    """Name `build` as the one that was published last, and remove the oldest beyond `KEPT_BUILDS`."""
    # a build that was there already is the newest again
    os.utime(home / build)
    point(home, CURRENT, build)
    _prune(home)


def point(home: Path, name: str, build: str) -> None:
    """Let `CURRENT` or `PINNED` name a build, in one step."""
    handle, beside = mkstemp(prefix=_UNFINISHED, dir=home)
    os.close(handle)
    _write_synced(Path(beside), build.encode())
    Path(beside).chmod(0o644)
    Path(beside).replace(home / name)
    _sync_folder(home)


def unpin(home: Path) -> None:
    """Serve the current build again."""
    (home / PINNED).unlink(missing_ok=True)
    _sync_folder(home)


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


def _prune(home: Path) -> None:
    """Keep the newest builds to roll back to, and those that are current or pinned whatever their age."""
    kept = {_build_or_none(home / name) for name in (CURRENT, PINNED)}
    spare = [folder for folder in builds(home) if folder not in kept]
    for folder in spare[KEPT_BUILDS - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


def _build_or_none(path: Path) -> Optional[Path]:
    try:
        return _named_by(path, "")
    except BundleError:
        return None


def read_whole(path: Path, most_bytes: int) -> bytes:
    """Read a plain file that must not be larger than `most_bytes`.

    Raises
    ------
    BundleError
        If it cannot be read, is larger, or is a folder, a pipe or a device.
    """
    try:
        # a pipe that nobody writes to must not be waited for
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as file:
            told = os.fstat(file.fileno())
            if not stat.S_ISREG(told.st_mode):
                raise BundleError(f"{path}: no plain file; copy or train it again")
            if told.st_size > most_bytes:
                raise BundleError(f"{path}: larger than {most_bytes:,} bytes; train this tool again")
            return file.read(told.st_size)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error}); copy or train it again") from error
