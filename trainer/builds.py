"""The builds that a folder of bundles holds: list them, roll back to an older one, pin one whatever is published."""

import argparse
import difflib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

from galaxy_memory_rules.errors import BundleError, ConfigError

from . import publishing
from .manifest import read_manifest

_HEADER = ("tool", "build", "state", "published (UTC)", "rows", "promised", "achieved")


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands ``builds``, ``roll-back``, ``pin`` and ``unpin``."""
    listing = commands.add_parser("builds", help="list the published builds of each tool, the newest first")
    listing.set_defaults(command=_list)
    listing.add_argument("tool", nargs="?", metavar="TOOL", help="this tool only")
    back = commands.add_parser(
        "roll-back",
        help="serve an older build until the next one is published",
        description="Serve an older build. Running services take it up by themselves. The next training publishes "
        "over it: pin the build to keep it.",
    )
    back.set_defaults(command=_roll_back)
    back.add_argument("tool", metavar="TOOL")
    back.add_argument("--to", metavar="BUILD", help="this build (default: the one published before the current one)")
    pin = commands.add_parser("pin", help="serve one build of a tool whatever is published")
    pin.set_defaults(command=_pin)
    pin.add_argument("tool", metavar="TOOL")
    pin.add_argument("build", metavar="BUILD", help="its name as `builds` lists it, or its first letters")
    unpin = commands.add_parser("unpin", help="serve the build of a tool again that was published last")
    unpin.set_defaults(command=_unpin)
    unpin.add_argument("tool", metavar="TOOL")
    for parser in (listing, back, pin, unpin):
        parser.add_argument("-d", "--directory", type=Path, required=True, help="folder of the bundles")


def _list(options: argparse.Namespace) -> int:
    homes = [home_of(options.directory, options.tool)] if options.tool else _homes(options.directory)
    lines = [_HEADER, *(line for home in homes for line in lines_of(home))]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_HEADER))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    return 0


def lines_of(home: Path) -> Iterator[tuple[str, ...]]:
    """Yield a line of text for each build of a tool, the newest first."""
    named = {"current": _named(publishing.current_build, home), "pinned": _named(publishing.pinned_build, home)}
    for folder in publishing.builds(home):
        state = ", ".join(name for name, build in named.items() if build == folder)
        published = datetime.fromtimestamp(folder.stat().st_mtime, timezone.utc).strftime("%Y-%m-%d %H:%M")
        try:
            manifest = read_manifest(folder)
            yield (manifest["tool"], folder.name, state, published, *_numbers(manifest))
        except (BundleError, KeyError, TypeError, ValueError) as error:
            yield (home.name, folder.name, ", ".join(filter(None, [state, "damaged"])), published, "", "", str(error))


def _numbers(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    cap, held_out = manifest["sizing"]["failure_cap"], manifest["facts"]["held_out"]
    promised = "least cost" if cap is None else f"{cap:.1%}"
    return (
        f"{manifest['sizing']['rows']:,}",
        promised,
        f"{held_out['failure_rate']:.1%}" if held_out else "not held out",
    )


def roll_back(home: Path, build: Optional[str] = None) -> str:
    """Let a tool's `current` name an older build.

    A trainer that is at work is not waited for: it may take hours, and whoever rolls back cannot.

    Parameters
    ----------
    home : Path
        The tool's folder.
    build : str, optional
        Which one; else the last one that was published before the current one.

    Returns
    -------
    str
        The build that is current now.

    Raises
    ------
    ConfigError
        If there is no such build.
    BundleError
        If it is damaged, or nothing can be written.
    """
    folder = _build_of(home, build) if build else _before_current(home)
    return _point(home, publishing.CURRENT, folder)


def _before_current(home: Path) -> Path:
    builds, current = publishing.builds(home), publishing.current_build(home)
    older = builds[builds.index(current) + 1 :] if current in builds else builds
    if not older:
        kept = ", ".join(folder.name for folder in builds)
        raise ConfigError(f"{home.name}: no build is older than the current one; there are {kept}: name one with --to")
    return older[0]


def _point(home: Path, name: str, folder: Path) -> str:
    # every command imports this file, and few of them need numpy
    from . import bundle

    bundle.load_build(folder)
    try:
        publishing.point(home, name, folder.name)
    except OSError as error:
        raise BundleError(f"{home}: cannot be written ({error}); nothing was changed") from error
    return folder.name


def home_of(root: Path, tool: str) -> Path:
    """Return the folder of a tool.

    Raises
    ------
    ConfigError
        If there is none, with near matches.
    """
    tools = {name: home for home in _homes(root) for name in (home.name, *_tool_of(home))}
    if tool not in tools:
        near = ", ".join(difflib.get_close_matches(tool, tools) or list(tools)[:8])
        raise ConfigError(f"{root}: no bundle of {tool}; near it are {near}")
    return tools[tool]


def _homes(root: Path) -> list[Path]:
    homes = publishing.homes(root)
    if not homes:
        raise ConfigError(f"{root}: no bundles; name their folder with -d")
    return homes


def _tool_of(home: Path) -> list[str]:
    try:
        return [str(read_manifest(publishing.served_build(home))["tool"])]
    except BundleError:
        return []


def _build_of(home: Path, text: str) -> Path:
    builds = publishing.builds(home)
    found = [folder for folder in builds if folder.name.startswith(text)]
    if len(found) != 1:
        kept = ", ".join(folder.name for folder in builds)
        raise ConfigError(f"{home.name}: {text} is not the name of one build; there are {kept}")
    return found[0]


def _named(read: Callable[[Path], Optional[Path]], home: Path) -> Optional[Path]:
    try:
        return read(home)
    except BundleError:
        return None


def _roll_back(options: argparse.Namespace) -> int:
    home = home_of(options.directory, options.tool)
    print(f"{options.tool}: current is {roll_back(home, options.to)}")
    pinned = _named(publishing.pinned_build, home)
    if pinned:
        print(f"{options.tool}: stays pinned to {pinned.name}, which is served until you unpin it")
    return 0


def _pin(options: argparse.Namespace) -> int:
    home = home_of(options.directory, options.tool)
    print(f"{options.tool}: pinned to {_point(home, publishing.PINNED, _build_of(home, options.build))}")
    return 0


def _unpin(options: argparse.Namespace) -> int:
    home = home_of(options.directory, options.tool)
    try:
        publishing.unpin(home)
    except OSError as error:
        raise BundleError(f"{home}: cannot be written ({error}); nothing was changed") from error
    print(f"{options.tool}: current is {publishing.current_build(home).name}, and is served")
    return 0
