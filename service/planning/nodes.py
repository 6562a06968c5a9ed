"""Node types: what a job is to run on, as a planner tells them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, Protocol, TypeVar

from galaxy_memory_rules.messages import MAX_SLOTS
from galaxy_memory_rules.values import parse_amount_above_0, parse_number, shown

MOST_NODE_TYPES = 50
_MOST_NODES = 1_000_000
_MOST_PRICE = 1e6
KEYS = ("memory", "memory_bytes", "cores", "count", "price_per_hour")

_T = TypeVar("_T")


class Told(Protocol):
    """Settings of one node type, whether they came as YAML or as JSON: what is wrong is refused by its place."""

    def read(self, key: str, parse: Callable[[Any], _T], default: _T) -> _T:
        """Return a setting as `parse` reads it."""

    def refuse(self, key: str, why: object) -> NoReturn:
        """Refuse a setting."""


@dataclass(frozen=True)
class NodeType:
    """One type of node.

    Parameters
    ----------
    name : str
        What it is called in answers.
    memory_bytes : int
        What jobs may take of it together.
    cores : int or None
        The same of cores; None where only the memory counts.
    count : int or None
        How many there are; None for as many as are needed.
    price_per_hour : float or None
        Of one node, in any currency.
    """

    name: str
    memory_bytes: int
    cores: int | None = None
    count: int | None = None
    price_per_hour: float | None = None


def node_type(name: str, told: Told) -> NodeType:
    """Read one node type; its memory as ``memory: 16 GB`` or in bytes as ``memory_bytes``."""
    memory_bytes: int | None = told.read("memory_bytes", _optional_memory, None)
    memory_bytes = told.read("memory", _optional_memory, memory_bytes)
    if memory_bytes is None:
        told.refuse("memory", "expected an amount of memory, for example 64 GiB")
    return NodeType(
        name,
        memory_bytes,
        told.read("cores", partial(_optional_count, most=MAX_SLOTS), None),
        told.read("count", partial(_optional_count, most=_MOST_NODES), None),
        told.read("price_per_hour", _optional_price, None),
    )


def _optional_memory(value: object) -> int | None:
    return None if value is None else parse_amount_above_0(value)


def _optional_count(value: object, most: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"expected a whole number from 1 to {most:,}, found {shown(value)}")
    return value


def _optional_price(value: object) -> float | None:
    return None if value is None else parse_number(value, 0, _MOST_PRICE)
