"""sizing.yml -> what an administrator decides about sizing, for all tools and for single ones."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Optional, TypeVar

import yaml

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import format_bytes
from galaxy_memory_rules.names import tool_names

from . import genomes
from .hygiene import LARGEST_NODE_BYTES
from .learning import Settings
from .policy import Limits
from .sizing_values import parse_amount, parse_amount_above_0, parse_cap, parse_ceiling, parse_mapping, parse_paths
from .yaml_files import UNREADABLE, UniqueKeys

_T = TypeVar("_T")

_TOOL_KEYS = ("failure_cap", "floor", "ceiling")
_KEYS = (*_TOOL_KEYS, "largest_node", "round_up_to", "genomes", "tools")


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
    node_bytes = fields.read("largest_node", parse_amount_above_0, DEFAULTS.node_bytes)
    step_bytes = fields.read("round_up_to", parse_amount_above_0, Limits.round_up_bytes)
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
        return _Section(self.file, f"{self.place}{key}.", self.read(key, parse_mapping, {}))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return parse_mapping(UniqueKeys(path.read_text(encoding="utf-8")).get_single_data())
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line}: cannot be read as YAML ({error.problem})") from error
    except UNREADABLE as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error


def _limits(fields: _Section, otherwise: Limits, node_bytes: int) -> Limits:
    limits = replace(
        otherwise,
        floor_bytes=fields.read("floor", parse_amount, otherwise.floor_bytes),
        ceiling_bytes=fields.read("ceiling", partial(parse_ceiling, node_bytes=node_bytes), otherwise.ceiling_bytes),
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
    own: list[Path] = fields.read("genomes", partial(parse_paths, folder=fields.file.parent), [])
    try:
        return genomes.load(own) if own else None
    except ConfigError as error:
        raise ConfigError(f"{fields.file}: genomes: {error}") from error
