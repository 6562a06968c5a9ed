"""The values of sizing.yml, read as an administrator writes them, or refused by a ValueError with what was expected."""

import math
import reprlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Optional

from galaxy_memory_rules.memory import format_bytes, parse_bytes
from galaxy_memory_rules.messages import MAX_SIZE_BYTES

# a few nested aliases are a value that nobody has the memory to write out
_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2


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
        raise ValueError(f"expected a share above 0 and below 1, or none; found {_shown(value)}")
    return share


def parse_amount(value: object, least_bytes: int = 0) -> int:
    """Read an amount of memory, in bytes."""
    try:
        # only these two: parse_bytes would write out whatever it is given
        amount_bytes = parse_bytes(value) if isinstance(value, (str, int)) else -1
    except ValueError:
        amount_bytes = -1
    if not least_bytes <= amount_bytes <= MAX_SIZE_BYTES:
        bounds = f"from {format_bytes(least_bytes)} to {format_bytes(MAX_SIZE_BYTES)}"
        raise ValueError(f"expected an amount of memory {bounds}, for example 64 GiB; found {_shown(value)}")
    return amount_bytes


parse_amount_above_0 = partial(parse_amount, least_bytes=1)


def parse_ceiling(value: object, node_bytes: int) -> int:
    """Read a ceiling, in bytes; without one it is the largest node."""
    if _is_none(value):
        return node_bytes
    ceiling_bytes = parse_amount_above_0(value)
    if ceiling_bytes > node_bytes:
        # such a request would wait for ever
        largest = format_bytes(node_bytes)
        raise ValueError(f"expected an amount not above the largest node's {largest}, found {_shown(value)}")
    return ceiling_bytes


def parse_mapping(value: object) -> Mapping[str, Any]:
    """Read settings by their names; all of them may be commented out."""
    content = {} if value is None else value
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ValueError(f"expected a mapping of settings by their names, found {_shown(value)}")
    return content


def parse_paths(value: object, folder: Path) -> list[Path]:
    """Read paths of genomes, from the working directory or else from a folder."""
    given = [] if value is None else value
    if not isinstance(given, list) or not all(isinstance(text, str) and text for text in given):
        raise ValueError(f"expected a list of .len or .loc files, or of folders of them; found {_shown(value)}")
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


def _shown(value: object) -> str:
    try:
        return _SHORT.repr(value)
    except ValueError:
        # YAML reads 0xfff... of any length; Python refuses to write more than 4300 digits
        return "a number of thousands of digits"
