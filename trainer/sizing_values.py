"""The values of sizing.yml, read as an administrator writes them, or refused by a ValueError with what was expected."""

import math
from pathlib import Path
from typing import Optional, Union

from galaxy_memory_rules.memory import format_bytes
from galaxy_memory_rules.values import parse_amount_above_0, shown

_HOLD = {"auto": True, "never": False}


def parse_cap(value: object) -> Optional[float]:
    """Read a failure cap as an administrator writes it, in the file or on the command line.

    Parameters
    ----------
    value : object
        A number, also as text, for YAML takes ``5e-2`` for one; None or ``none`` counts the cost alone.

    Returns
    -------
    float or None
        Share of first attempts that may run out of memory.

    Raises
    ------
    ValueError
        If it is anything else, or not above 0 and below 1.
    """
    if _is_none(value):
        return None
    try:
        # no integer is inside, and no boolean is a share
        share = float(value) if isinstance(value, (str, float)) else math.nan
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise ValueError(f"expected a share above 0 and below 1, or none; found {shown(value)}")
    return share


def parse_ceiling(value: object, node_bytes: int) -> int:
    """Read a ceiling, in bytes; without one it is the largest node."""
    if _is_none(value):
        return node_bytes
    ceiling_bytes = parse_amount_above_0(value)
    if ceiling_bytes > node_bytes:
        # such a request would wait for ever
        largest = format_bytes(node_bytes)
        raise ValueError(f"expected an amount not above the largest node's {largest}, found {shown(value)}")
    return ceiling_bytes


def parse_hold(value: object) -> Union[bool, int]:
    """Read what is done with a tool whose peak follows its own request.

    Returns
    -------
    bool or int
        Whether its request is held once that is recognised (``auto``, ``never``), or what it is held at in any case.
    """
    if isinstance(value, str) and value.strip().lower() in _HOLD:
        return _HOLD[value.strip().lower()]
    try:
        return parse_amount_above_0(value)
    except ValueError as error:
        raise ValueError(f"expected auto, never or an amount; found {shown(value)}") from error


def parse_paths(value: object, folder: Path) -> list[Path]:
    """Read paths of genomes, from the working directory or else from a folder."""
    given = [] if value is None else value
    if not isinstance(given, list) or not all(isinstance(text, str) and text for text in given):
        raise ValueError(f"expected a list of .len or .loc files, or of folders of them; found {shown(value)}")
    return [_existing(text, folder) for text in given]


def _existing(text: str, folder: Path) -> Path:
    for path in (Path(text), folder / text):
        try:
            if path.exists():
                return path
        except OSError as error:
            raise ValueError(f"{text!r} cannot be read ({error.strerror})") from error
    raise ValueError(f"expected a file or a folder, found no {text!r} here or in {folder.absolute()}")


def _is_none(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() == "none")
