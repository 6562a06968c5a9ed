"""What is asked of a plan beside its jobs: nodes, window, failure cap, run times that are not told, seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from galaxy_memory_rules.errors import InvalidMessage
from galaxy_memory_rules.fields import Fields
from galaxy_memory_rules.values import parse_number, shown

from .nodes import KEYS as NODE_KEYS
from .nodes import MOST_NODE_TYPES, NodeType, node_type

# What the failure caps are compared at; bundles have learned these beside their own.
CAPS = (0.01, 0.02, 0.05, 0.1)
MOST_WINDOW_HOURS = 87_600.0
MOST_RUN_SECONDS = 1e9
MOST_SEED = 2**32 - 1

_T = TypeVar("_T")


@dataclass(frozen=True)
class PlanRequest:
    """What is asked of a plan beside its jobs.

    Parameters
    ----------
    nodes : tuple of NodeType
        What there is, or could be bought.
    window_hours : float
        The jobs have so long.
    failure_cap : float or None
        One of `CAPS`; None for that of each bundle.
    default_run_seconds : float
        How long a job runs that does not tell, of a tool of which no run times were recorded.
    seed : int
        The same seed gives the same answer.
    """

    nodes: tuple[NodeType, ...] = ()
    window_hours: float = 168.0
    failure_cap: float | None = None
    default_run_seconds: float = 3600.0
    seed: int = 0


class ToldFields:
    """The fields of one JSON object, read as settings are; see `nodes.Told`."""

    def __init__(self, message: Mapping[str, Any], path: str) -> None:
        self._message, self._prefix = message, f"{path}." if path else ""

    def read(self, key: str, parse: Callable[[Any], _T], default: _T) -> _T:
        """Return a field as `parse` reads it; one that is null is not told."""
        if self._message.get(key) is None:
            return default
        try:
            return parse(self._message[key])
        except ValueError as error:
            self.refuse(key, error)

    def refuse(self, key: str, why: object) -> NoReturn:
        """Refuse a field.

        Raises
        ------
        InvalidMessage
            Naming its path.
        """
        raise InvalidMessage(f"{self._prefix}{key}", str(why))


def parse_request(message: Mapping[str, Any]) -> PlanRequest:
    """Check the fields of a plan that are not its jobs.

    Raises
    ------
    InvalidMessage
        Naming the field.
    """
    told, default = ToldFields(message, ""), PlanRequest()
    return PlanRequest(
        _parse_nodes(message),
        told.read("window_hours", parse_window_hours, default.window_hours),
        told.read("failure_cap", parse_cap, None),
        told.read("default_run_seconds", parse_run_seconds, default.default_run_seconds),
        told.read("seed", parse_seed, default.seed),
    )


def parse_window_hours(value: object) -> float:
    """Read the length of the window: a minute to ten years."""
    return parse_number(value, 1 / 60, MOST_WINDOW_HOURS)


def parse_cap(value: object) -> float:
    """Read a failure cap that every bundle has learned."""
    if isinstance(value, bool) or value not in CAPS:
        raise ValueError(f"expected one of {', '.join(f'{cap:g}' for cap in CAPS)}, found {shown(value)}")
    return next(cap for cap in CAPS if cap == value)


def parse_run_seconds(value: object) -> float:
    """Read how long a job runs."""
    return parse_number(value, 0.001, MOST_RUN_SECONDS)


def parse_seed(value: object) -> int:
    """Read what the random numbers start from."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_SEED:
        raise ValueError(f"expected a whole number from 0 to {MOST_SEED}, found {shown(value)}")
    return value


def _parse_nodes(message: Mapping[str, Any]) -> tuple[NodeType, ...]:
    # null is not told, as for the other fields
    told = {name: value for name, value in message.items() if value is not None}
    entries = Fields(told, "").entries("nodes", "node types", MOST_NODE_TYPES)
    nodes = [_parse_node(entry, path, place) for place, (path, entry) in enumerate(entries)]
    names: set[str] = set()
    for place, node in enumerate(nodes):
        if node.name in names:
            raise InvalidMessage(f"nodes[{place}].name", "expected a name of its own for each node type")
        names.add(node.name)
    return tuple(nodes)


_NODE_KEYS = dict.fromkeys(("name", *NODE_KEYS))


def _parse_node(entry: Any, path: str, place: int) -> NodeType:
    fields = Fields(entry, path, _NODE_KEYS)
    return node_type(fields.optional_text("name") or f"node {place + 1}", ToldFields(fields.message, path))
