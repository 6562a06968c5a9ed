"""Publishes one trained bundle under many names.

``python tests/many_tools.py FOLDER COUNT [ROWS]`` makes a folder of as many tools to serve.
"""

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trainer import manifest, publishing


def publish(home: Path, root: Path, tools: Iterable[str]) -> None:
    """Publish the current build of a tool under other names too, by the rules but without waiting for the disk.

    Parameters
    ----------
    home : Path
        The tool's folder.
    root : Path
        The folder of bundles that gets them.
    tools : iterable of str
        The other names, each for a tool of its own.
    """
    build = publishing.current_build(home)
    content = json.loads((build / manifest.MANIFEST).read_text())
    for tool in tools:
        data = json.dumps({**content, "tool": tool}, indent=1, sort_keys=True).encode() + b"\n"
        name = manifest.build_name(data)
        made = root / publishing.folder_name(tool) / name
        shutil.copytree(build, made)
        (made / manifest.MANIFEST).write_bytes(data)
        (made.parent / publishing.CURRENT).write_text(name)


def names(count: int) -> list[str]:
    """Return ids as a ToolShed has them, the first one without."""
    return [
        "tool0",
        *(f"toolshed.g2.bx.psu.edu/repos/owner/tool{number}/tool{number}/1.0" for number in range(1, count)),
    ]


def main(folder: Path, count: int, rows: int) -> None:
    """Train one tool on as many rows and publish it under as many names."""
    from conftest import FOREST, serve, train

    with TemporaryDirectory() as scratch:
        serve(Path(scratch) / "models", train(Path(scratch), (FOREST,), rows).bundle)
        publish(Path(scratch) / "models" / "tool", folder, names(count))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 2000)
