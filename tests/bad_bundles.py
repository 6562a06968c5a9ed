"""Ways in which a bundle on disk can be bad, and builds that differ from another only by name."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from trainer import publishing

_MANIFEST = "manifest.json"
Damage = Callable[[Path, random.Random], None]


def flip(path: Path, dice: random.Random) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    _replace(path, bytes(data))


def cut(path: Path, dice: random.Random) -> None:
    """Cut a file short, perhaps to nothing."""
    data = path.read_bytes()
    _replace(path, data[: dice.randrange(len(data))])


def _replace(path: Path, data: bytes) -> None:
    # the file may have other names, whose content must stay
    path.unlink()
    path.write_bytes(data)


def files(home: Path) -> list[Path]:
    """Return all files of a tool's current build, and the one that names it."""
    return [*sorted(publishing.current_build(home).iterdir()), home / "current"]


def renamed(build: Path, number: int, newer_by: int = 0) -> Path:
    """Copy a build beside itself, under the name that a changed manifest gives it.

    Parameters
    ----------
    build : Path
        The build to copy.
    number : int
        Goes into the manifest's facts, so that each number is another build.
    newer_by : int
        How much newer the format is that it claims.
    """
    manifest = json.loads((build / _MANIFEST).read_bytes())
    manifest["format"] += newer_by
    manifest["facts"]["file"] = f"{manifest['facts']['file']} ({number})"
    data = json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"
    copy = build.with_name(hashlib.sha256(data).hexdigest()[:16])
    shutil.copytree(build, copy)
    (copy / _MANIFEST).write_bytes(data)
    return copy


def make_current(home: Path, content: str) -> None:
    """Write the file that names the current build, in one step."""
    beside = home / ".current-to-be"
    beside.write_text(content)
    beside.replace(home / "current")


def publish_bad(good: Path, way: str, number: int, dice: random.Random) -> None:
    """Publish what must be refused, in one of the ways; no two builds get the same number, good or bad."""
    make_current(good.parent, WAYS[way](good, number, dice))


def _damaged(damage: Damage) -> Callable[[Path, int, random.Random], str]:
    def spoil(good: Path, number: int, dice: random.Random) -> str:
        build = renamed(good, number)
        damage(dice.choice(sorted(build.iterdir())), dice)
        return build.name

    return spoil


def _half_copied(good: Path, number: int, dice: random.Random) -> str:
    build = renamed(good, number)
    for path in sorted(build.iterdir())[::2]:
        path.unlink()
    return build.name


def _of_format(newer_by: int) -> Callable[[Path, int, random.Random], str]:
    return lambda good, number, dice: renamed(good, number, newer_by).name


# each takes a good build, a number and dice, makes something bad and returns what `current` is to say
WAYS: dict[str, Callable[[Path, int, random.Random], str]] = {
    "a flipped bit": _damaged(flip),
    "a file cut short": _damaged(cut),
    "a missing file": _damaged(lambda path, dice: path.unlink()),
    "half copied": _half_copied,
    "an older format": _of_format(-1),
    "a newer format": _of_format(1),
    "a build that is not there": lambda good, number, dice: f"{dice.getrandbits(64):016x}",
    "no build's name": lambda good, number, dice: "../../etc/passwd",
}
