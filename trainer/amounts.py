"""Numbers, amounts of memory and times as exports write them."""

import math
import re
from datetime import datetime, timezone
from decimal import Decimal
from typing import Optional

from galaxy_memory_rules.errors import InvalidMessage
from galaxy_memory_rules.memory import parse_bytes
from galaxy_memory_rules.messages import MAX_SIZE_BYTES

# as databases and spreadsheets write a number that is not negative; an exponent of more digits would cost a fortune
NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?")
NOTHING = frozenset({"", "nan", "none", "null", "na"})


def whole(cell: str, column: str) -> int:
    """Read a number of bytes or pieces, rounded up; nothing counts as 0.

    Raises
    ------
    InvalidMessage
        Naming the column, if the cell is no number that is not negative.
    """
    if cell.lower() in NOTHING:
        return 0
    if not NUMBER.fullmatch(cell):
        raise InvalidMessage(column, f"{cell[:40]!r} is no number of bytes or pieces")
    return int(cell) if cell.isdigit() and len(cell) < 20 else math.ceil(Decimal(cell))


def number(text: str) -> Optional[float]:
    """Read a number that is not negative; None if the text is none."""
    value = float(text) if NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def amount_bytes(text: str, unit_bytes: int = 1) -> Optional[int]:
    """Read an amount of memory; None if there is none, or if no machine has that much (the kernel's "no limit").

    Parameters
    ----------
    text : str
        ``max``, ``12G``, ``12Gi``, or a number alone.
    unit_bytes : int
        What a number alone counts.
    """
    value = number(text)
    try:
        # Kubernetes leaves out the B
        found = parse_bytes(re.sub("i$", "iB", text)) if value is None else math.ceil(value * unit_bytes)
    except (ValueError, OverflowError):
        return None
    return found if 0 < found <= MAX_SIZE_BYTES else None


def seconds_since_1970(text: str) -> Optional[float]:
    """Read a time as ISO 8601 text (without a zone it is UTC, as Galaxy's database keeps it) or as epoch seconds."""
    value = number(text)
    if value is not None:
        return value or None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
