"""Damages a published bundle, by accident or as somebody would who knows its rules."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trainer import manifest, publishing

# content and a source of chance -> damaged content
Damage = Callable[[bytes, random.Random], bytes]


def flipped(content: bytes, chance: random.Random) -> bytes:
    """Flip one bit."""
    damaged = bytearray(content)
    damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def cut(content: bytes, chance: random.Random) -> bytes:
    """Lose the end."""
    return content[: chance.randrange(len(content))]


def damaged_in_turn(build: Path, damage: Damage, times: int, seed: int) -> Iterator[str]:
    """Damage each file of a build a few times, one at a time; it is whole again when the next one is."""
    chance = random.Random(seed)
    for path in sorted(build.iterdir()):
        content = path.read_bytes()
        for time in range(times):
            path.write_bytes(damage(content, chance))
            try:
                yield f"{damage.__name__} {path.name}, time {time}"
            finally:
                path.write_bytes(content)


def rewrite(home: Path, change: Callable[[dict[str, Any], Path], object]) -> None:
    """Change a manifest by its rules: the folder gets the name of the new hash, and is the current one."""
    build = publishing.current_build(home)
    content = json.loads((build / manifest.MANIFEST).read_text())
    change(content, build)
    data = json.dumps(content).encode()
    (build / manifest.MANIFEST).write_bytes(data)
    name = manifest.build_name(data)
    build.rename(home / name)
    (home / publishing.CURRENT).write_text(name)


def put(home: Path, name: str, content: bytes) -> None:
    """Put a file into the current build by its rules: the manifest has its hash."""

    def change(told: dict[str, Any], build: Path) -> None:
        (build / name).write_bytes(content)
        files = manifest.to_bytes({}, {name: content})
        told["files"].update(json.loads(files)["files"])

    rewrite(home, change)


def copied(home: Path, folder: Path) -> Path:
    """Return a copy of a tool's folder, to be damaged."""
    return Path(shutil.copytree(home, folder / home.name))
