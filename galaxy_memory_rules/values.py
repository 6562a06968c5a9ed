"""Values as an administrator writes them in YAML, read or refused by a ValueError with what was expected."""

import reprlib
from collections.abc import Mapping
from functools import partial
from typing import Any

from .memory import format_bytes, parse_bytes
from .messages import MAX_SIZE_BYTES

# a few nested aliases are a value that nobody has the memory to write out
_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2


def shown(value: object) -> str:
    """Return what was found instead, cut to what a person reads."""
    try:
        return _SHORT.repr(value)
    except ValueError:
        # YAML reads 0xfff... of any length; Python refuses to write more than 4300 digits
        return "a number of thousands of digits"


def parse_mapping(value: object) -> Mapping[str, Any]:
    """Read settings by their names; all of them may be commented out."""
    content = {} if value is None else value
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ValueError(f"expected a mapping of settings by their names, found {shown(value)}")
    return content


def parse_text(value: object) -> str:
    """Read a text that says something."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a text, found {shown(value)}")
    return value


def parse_number(value: object, low: float, high: float) -> float:
    """Read a number between two others, both included."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"expected a number from {low:g} to {high:g}, found {shown(value)}")
    return float(value)


def parse_amount(value: object, least_bytes: int = 0) -> int:
    """Read an amount of memory, in bytes."""
    try:
        # only these two: parse_bytes would write out whatever it is given
        amount_bytes = parse_bytes(value) if isinstance(value, (str, int)) else -1
    except ValueError:
        amount_bytes = -1
    if not least_bytes <= amount_bytes <= MAX_SIZE_BYTES:
        bounds = f"from {format_bytes(least_bytes)} to {format_bytes(MAX_SIZE_BYTES)}"
        raise ValueError(f"expected an amount of memory {bounds}, for example 64 GiB; found {shown(value)}")
    return amount_bytes


parse_amount_above_0 = partial(parse_amount, least_bytes=1)
