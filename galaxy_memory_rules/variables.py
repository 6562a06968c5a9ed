"""What a job's environment variables say of its memory: GALAXY_MEMORY_MB, and the heap of a Java virtual machine."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from .memory import GIB, KIB, MIB, TIB, to_mib

TOLD_MIB = "GALAXY_MEMORY_MB"
Variable = Mapping[str, Any]

_CONSTANT = re.compile(r"\s*([0-9]{1,18})\s*")
_LARGEST_HEAP = re.compile(r"-Xmx([0-9]{1,18})([kmgtKMGT]?)(?![\w.])")
_FIRST_HEAP = re.compile(r"-Xms([0-9]{1,18})([kmgtKMGT]?)(?![\w.])")
_UNITS_BYTES = {"": 1, "k": KIB, "m": MIB, "g": GIB, "t": TIB}
# where nobody knows of how much memory the heap was meant to be a part; the rest is for what Java keeps beside it
_USUAL_PERCENT = 80
# java refuses less
_LEAST_HEAP_MIB = 2


def told_bytes(env: Sequence[Variable]) -> Optional[int]:
    """Return the memory that the variables of a destination tell its tools, if that is a constant."""
    found = [_CONSTANT.fullmatch(str(entry.get("value"))) for entry in env if entry.get("name") == TOLD_MIB]
    return int(found[-1][1]) * MIB or None if found and found[-1] else None


def followed(entry: Variable, request_bytes: int, own_bytes: Optional[int]) -> dict[str, Any]:
    """Return a variable that follows a request.

    Parameters
    ----------
    entry : mapping
        A variable as Galaxy keeps it in a destination's ``env``.
    request_bytes : int
        What the job gets.
    own_bytes : int, optional
        What the destination gives a job today: the heap keeps its part of it.
    """
    value = str(entry.get("value"))
    if entry.get("name") == TOLD_MIB and _CONSTANT.fullmatch(value):
        value = str(to_mib(request_bytes))
    elif "-Xmx" in value:
        value = _with_heap(value, request_bytes, own_bytes)
    else:
        return dict(entry)
    return {**entry, "value": value}


def exported(name: str, value: str) -> dict[str, Any]:
    """Return a variable in the shape of Galaxy's job_conf."""
    return {"name": name, "value": value, "raw": False, "file": None, "execute": None}


def _with_heap(value: str, request_bytes: int, own_bytes: Optional[int]) -> str:
    """Give each heap of a value its part of the request, rounding down: it has to fit in."""

    def largest(found: "re.Match[str]") -> str:
        part_bytes = (
            _heap_bytes(found) * request_bytes // own_bytes if own_bytes else request_bytes * _USUAL_PERCENT // 100
        )
        return f"-Xmx{max(part_bytes // MIB, _LEAST_HEAP_MIB)}m"

    def first(found: "re.Match[str]") -> str:
        # java does not start with a first heap above its largest one
        return f"-Xms{top_bytes // MIB}m" if _heap_bytes(found) > top_bytes else found[0]

    value, heaps = _LARGEST_HEAP.subn(largest, value)
    top_bytes = min((_heap_bytes(found) for found in _LARGEST_HEAP.finditer(value)), default=0)
    return _FIRST_HEAP.sub(first, value) if heaps else value


def _heap_bytes(found: "re.Match[str]") -> int:
    return int(found[1]) * _UNITS_BYTES[found[2].lower()]
