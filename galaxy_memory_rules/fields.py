"""One JSON object at the door: each field is taken out and checked, and one that is wrong is named."""

import math
from collections.abc import Iterable
from typing import Any, Optional

from .errors import InvalidMessage

MAX_TEXT_LENGTH = 1024


class Fields:
    """One JSON object; every job of a server passes here, so that nothing is looked through before it is wrong.

    Parameters
    ----------
    message : Any
        What was read.
    path : str
        Where it stands in a larger message, for errors (``jobs[3]``).
    known : dict, optional
        Whose keys are the only fields there may be, where there is such a list.

    Raises
    ------
    InvalidMessage
        If it is no object, or has a field that is not known; later, from each method, if a field is wrong.
    """

    __slots__ = ("message", "prefix")

    def __init__(self, message: Any, path: str, known: Optional[dict[str, Any]] = None) -> None:
        if not isinstance(message, dict):
            raise InvalidMessage(path, "expected an object")
        self.message = message
        self.prefix = f"{path}." if path else ""
        if known is not None and not message.keys() <= known.keys():
            name = next(name for name in message if name not in known)
            raise InvalidMessage(f"{self.prefix}{name}"[:200], f"unknown field; known are {', '.join(known)}")

    def _refuse(self, name: str, expected: str) -> InvalidMessage:
        return InvalidMessage(f"{self.prefix}{name}", f"expected {expected}")

    def integer(self, name: str, low: int, high: int, default: Optional[int] = None) -> int:
        """Return a whole number from `low` to `high`."""
        value = self.message.get(name, default)
        if type(value) is not int or not low <= value <= high:
            raise self._refuse(name, f"an integer from {low} to {high}")
        return value

    def optional_integer(self, name: str, low: int, high: int) -> Optional[int]:
        """Return the same, or None where none is told."""
        return None if self.message.get(name) is None else self.integer(name, low, high)

    def fraction(self, name: str) -> float:
        """Return a number from 0 to 1."""
        value = self.message.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise self._refuse(name, "a number from 0 to 1")
        return float(value)

    def text(self, name: str, longest: int = MAX_TEXT_LENGTH) -> str:
        """Return a text that is not empty."""
        value = self.message.get(name)
        if type(value) is not str or not 0 < len(value) <= longest or not value.isprintable():
            raise self._refuse(name, f"printable text of 1 to {longest} characters")
        return value

    def optional_text(self, name: str) -> Optional[str]:
        """Return the same, or None where none is told."""
        value = self.message.get(name)
        return None if value is None or value == "" else self.text(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.message.get(name, [])
        if not isinstance(value, list) or not all(_is_text(item) for item in value):
            raise self._refuse(name, "a list of texts")
        return tuple(value)

    def entries(self, name: str, what: str, most: int) -> Iterable[tuple[str, Any]]:
        """Return path and content of each entry of a list."""
        value = self.message.get(name, [])
        if not isinstance(value, list) or len(value) > most:
            raise self._refuse(name, f"a list of at most {most:,} {what}")
        return [(f"{self.prefix}{name}[{index}]", entry) for index, entry in enumerate(value)]

    def parameters(self, name: str, most: int) -> dict[str, Any]:
        """Return an object of tool parameters, each a text, a number, true, false or None."""
        value = self.message.get(name)
        value = {} if value is None else value
        if not isinstance(value, dict) or len(value) > most:
            raise self._refuse(name, f"an object of at most {most} tool parameters")
        for key, item in value.items():
            if not _is_text(key) or not (_is_text(item) or _is_plain(item)):
                raise self._refuse(f"{name}.{key}"[:200], "a text, a finite number, true, false or null")
        return dict(value)

    def quantiles(self, name: str, high: int) -> dict[str, int]:
        """Return an object of peaks in bytes by quantile."""
        value = self.message.get(name, {})
        if not isinstance(value, dict):
            raise self._refuse(name, "an object of peaks in bytes by quantile")
        inner = Fields(value, f"{self.prefix}{name}")
        return {str(quantile): inner.integer(quantile, 0, high) for quantile in value}


def _is_text(value: Any) -> bool:
    return type(value) is str and len(value) <= MAX_TEXT_LENGTH and (value.isprintable() or not value)


def _is_plain(value: Any) -> bool:
    """Whether this is a number, true, false or nothing; infinities, which Python's JSON reads, are none of these."""
    return math.isfinite(value) if isinstance(value, float) else value is None or isinstance(value, (bool, int))
