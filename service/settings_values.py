"""Values of settings: typed where YAML tells them, text where the environment or the command line does."""

import os
from collections.abc import Sequence
from pathlib import Path

from galaxy_memory_rules.values import parse_number, parse_text, shown

_SWITCH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_NOTHING = (None, "", "none", "null")


def parse_count(value: object, folder: Path, low: int, high: int) -> int:
    """Read a whole number between two others, both included."""
    number = _number(value)
    if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
        raise ValueError(f"expected a whole number from {low} to {high}, found {shown(value)}")
    return number


def parse_seconds(value: object, folder: Path, low: float, high: float) -> float:
    """Read a number of seconds between two others, both included."""
    return parse_number(_number(value), low, high)


def parse_switch(value: object, folder: Path) -> bool:
    """Read true or false."""
    switch = value if isinstance(value, bool) else _SWITCH.get(value.lower()) if isinstance(value, str) else None
    if switch is None:
        raise ValueError(f"expected true or false, found {shown(value)}")
    return switch


def parse_choice(value: object, folder: Path, known: Sequence[str]) -> str:
    """Read one of a few words."""
    if value not in known:
        raise ValueError(f"expected one of {', '.join(known)}, found {shown(value)}")
    return str(value)


def parse_host(value: object, folder: Path) -> str:
    """Read an address to listen on."""
    text = parse_text(value)
    if any(char.isspace() or char in "/[]" for char in text):
        raise ValueError(f"expected an address such as 127.0.0.1, ::1 or 0.0.0.0, found {shown(value)}")
    return text


def parse_folder(value: object, folder: Path) -> Path:
    """Read a folder that is there; a relative one starts from `folder`."""
    path = (folder / parse_text(value)).absolute()
    if not path.is_dir():
        raise ValueError(f"{path}: no such folder; train first, or name another with --models")
    return path


def parse_file(value: object, folder: Path) -> Path | None:
    """Read a file that is there and can be read; a relative one starts from `folder`, and none is none."""
    if value in _NOTHING:
        return None
    path = (folder / parse_text(value)).absolute()
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ValueError(f"expected a file that can be read, found none at {path}")
    return path


def _number(value: object) -> object:
    """Return the number that a text spells; what spells none is refused by who asks."""
    if not isinstance(value, str):
        return value
    for spelled in (int, float):
        try:
            return spelled(value)
        except ValueError:
            continue
    return value
