"""sizing.yml -> what an administrator decides about sizing, for all tools and for single ones."""

import difflib
import math
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Optional, TypeVar

import yaml

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import format_bytes, parse_bytes
from galaxy_memory_rules.messages import MAX_SIZE_BYTES
from galaxy_memory_rules.names import tool_names

from . import genomes
from .hygiene import LARGEST_NODE_BYTES
from .learning import Settings
from .policy import Limits

_T = TypeVar("_T")

_TOOL_KEYS = ("failure_cap", "floor", "ceiling")
_KEYS = (*_TOOL_KEYS, "largest_node", "round_up_to", "genomes", "tools")
# PyYAML passes on what int, float and datetime raise at the scalars that it takes for theirs
_UNREADABLE = (OSError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)
# a few nested aliases are a value that nobody has the memory to write out
_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2


@dataclass(frozen=True)
class SizingConfig:
    """What an administrator decides about sizing.

    Parameters
    ----------
    node_bytes : int
        The memory of the largest node; a peak above it is a faulty measurement.
    general : Settings
        What holds for every tool that has no entry of its own.
    tools : mapping of str to mapping
        By a name of the tool: the fields of `Settings` that differ.
    """

    node_bytes: int = LARGEST_NODE_BYTES
    general: Settings = Settings(limits=Limits(ceiling_bytes=LARGEST_NODE_BYTES))
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def settings(self, tool: str) -> Settings:
        """Return what holds for a tool: of the entries that name it, the most exact one lies over the general."""
        differing = (self.tools[name] for name in tool_names(tool) if name in self.tools)
        return replace(self.general, **next(differing, {}))


# What holds without a file.
DEFAULTS = SizingConfig()


def load_sizing(path: Path) -> SizingConfig:
    """Read and check sizing.yml, and the genomes that it names.

    Raises
    ------
    ConfigError
        Naming file and key, what was expected, and near matches of an unknown key.
    """
    fields = _Section(path, "", _read(path))
    fields.refuse_unknown(_KEYS)
    node_bytes = fields.read("largest_node", _amount_above_0, DEFAULTS.node_bytes)
    step_bytes = fields.read("round_up_to", _amount_above_0, Limits.round_up_bytes)
    general = Settings(
        failure_cap=fields.read("failure_cap", parse_cap, Settings.failure_cap),
        limits=_limits(fields, Limits(ceiling_bytes=node_bytes, round_up_bytes=step_bytes), node_bytes),
        genomes=_genomes(fields),
    )
    tools = fields.inner("tools")
    return SizingConfig(
        node_bytes, general, {name: _differing(tools.inner(name), general.limits, node_bytes) for name in tools.content}
    )


def with_cap(config: SizingConfig, cap: Optional[float]) -> SizingConfig:
    """Overrule the general failure cap, as the command line does; a tool's own cap stays."""
    return replace(config, general=replace(config.general, failure_cap=cap))


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


@dataclass(frozen=True)
class _Section:
    """A mapping of the file, and where it stands: what its keys begin with."""

    file: Path
    place: str
    content: Mapping[str, Any]

    def refuse(self, key: str, why: object) -> NoReturn:
        raise ConfigError(f"{self.file}: {self.place}{key}: {why}")

    def refuse_unknown(self, known: tuple[str, ...]) -> None:
        for key in self.content:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=3) or known
                self.refuse(key, f"unknown key; near it are {', '.join(near)}")

    def read(self, key: str, parse: Callable[[Any], _T], default: _T) -> _T:
        try:
            return parse(self.content[key]) if key in self.content else default
        except ValueError as error:
            self.refuse(key, error)

    def inner(self, key: str) -> "_Section":
        return _Section(self.file, f"{self.place}{key}.", self.read(key, _mapping, {}))


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, where YAML silently takes the last."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return node


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return _mapping(_Loader(path.read_text(encoding="utf-8")).get_single_data())
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line}: cannot be read as YAML ({error.problem})") from error
    except (*_UNREADABLE, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error


def _limits(fields: _Section, otherwise: Limits, node_bytes: int) -> Limits:
    limits = replace(
        otherwise,
        floor_bytes=fields.read("floor", _amount, otherwise.floor_bytes),
        ceiling_bytes=fields.read("ceiling", partial(_ceiling, node_bytes=node_bytes), otherwise.ceiling_bytes),
    )
    if limits.floor_bytes > limits.ceiling_bytes:
        floor, ceiling = format_bytes(limits.floor_bytes), format_bytes(limits.ceiling_bytes)
        fields.refuse("floor", f"expected an amount not above the ceiling of {ceiling}, found {floor}")
    return limits


def _differing(fields: _Section, otherwise: Limits, node_bytes: int) -> Mapping[str, Any]:
    """Return the fields of `Settings` that a tool sets itself; its cap only if given, for with_cap keeps it then."""
    fields.refuse_unknown(_TOOL_KEYS)
    differing: dict[str, Any] = {"limits": _limits(fields, otherwise, node_bytes)}
    if "failure_cap" in fields.content:
        differing["failure_cap"] = fields.read("failure_cap", parse_cap, None)
    return differing


def _genomes(fields: _Section) -> Optional[Mapping[str, int]]:
    own: list[Path] = fields.read("genomes", partial(_paths, folder=fields.file.parent), [])
    try:
        return genomes.load(own) if own else None
    except ConfigError as error:
        raise ConfigError(f"{fields.file}: genomes: {error}") from error


def _amount(value: object, least_bytes: int = 0) -> int:
    try:
        # only these two: parse_bytes would write out whatever it is given
        amount_bytes = parse_bytes(value) if isinstance(value, (str, int)) else -1
    except ValueError:
        amount_bytes = -1
    if not least_bytes <= amount_bytes <= MAX_SIZE_BYTES:
        bounds = f"from {format_bytes(least_bytes)} to {format_bytes(MAX_SIZE_BYTES)}"
        raise ValueError(f"expected an amount of memory {bounds}, for example 64 GiB; found {_shown(value)}")
    return amount_bytes


_amount_above_0 = partial(_amount, least_bytes=1)


def _ceiling(value: object, node_bytes: int) -> int:
    if _is_none(value):
        return node_bytes
    ceiling_bytes = _amount_above_0(value)
    if ceiling_bytes > node_bytes:
        # such a request would wait for ever
        largest = format_bytes(node_bytes)
        raise ValueError(f"expected an amount not above the largest node's {largest}, found {_shown(value)}")
    return ceiling_bytes


def _is_none(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() == "none")


def _mapping(value: object) -> Mapping[str, Any]:
    # all settings may be commented out
    content = {} if value is None else value
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ValueError(f"expected a mapping of settings by their names, found {_shown(value)}")
    return content


def _paths(value: object, folder: Path) -> list[Path]:
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


def _shown(value: object) -> str:
    try:
        return _SHORT.repr(value)
    except ValueError:
        # YAML reads 0xfff... of any length; Python refuses to write more than 4300 digits
        return "a number of thousands of digits"
