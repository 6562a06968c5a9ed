"""sizing.yml -> what an administrator decides about sizing, for all tools and for single ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Optional, Union

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import format_bytes
from galaxy_memory_rules.names import tool_names
from galaxy_memory_rules.values import parse_amount, parse_amount_above_0
from galaxy_memory_rules.yaml_files import Section, load_section

from . import genomes
from .hygiene import LARGEST_NODE_BYTES
from .learning import Settings
from .sizing_rule import Limits
from .sizing_values import parse_cap, parse_ceiling, parse_hold, parse_paths

_TOOL_KEYS = ("failure_cap", "floor", "ceiling", "hold")
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
    fields = load_section(path)
    fields.refuse_unknown(_KEYS)
    node_bytes = fields.read("largest_node", parse_amount_above_0, DEFAULTS.node_bytes)
    step_bytes = fields.read("round_up_to", parse_amount_above_0, Limits.round_up_bytes)
    general = Settings(
        failure_cap=fields.read("failure_cap", parse_cap, Settings.failure_cap),
        limits=_limits(fields, Limits(ceiling_bytes=node_bytes, round_up_bytes=step_bytes), node_bytes),
        genomes=_genomes(fields),
        **_hold(fields),
    )
    tools = fields.inner("tools")
    return SizingConfig(
        node_bytes, general, {name: _differing(tools.inner(name), general.limits, node_bytes) for name in tools.content}
    )


def with_cap(config: SizingConfig, cap: Optional[float]) -> SizingConfig:
    """Overrule the general failure cap, as the command line does; a tool's own cap stays."""
    return replace(config, general=replace(config.general, failure_cap=cap))


def _limits(fields: Section, otherwise: Limits, node_bytes: int) -> Limits:
    limits = replace(
        otherwise,
        floor_bytes=fields.read("floor", parse_amount, otherwise.floor_bytes),
        ceiling_bytes=fields.read("ceiling", partial(parse_ceiling, node_bytes=node_bytes), otherwise.ceiling_bytes),
    )
    if limits.floor_bytes > limits.ceiling_bytes:
        floor, ceiling = format_bytes(limits.floor_bytes), format_bytes(limits.ceiling_bytes)
        fields.refuse("floor", f"expected an amount not above the ceiling of {ceiling}, found {floor}")
    return limits


def _differing(fields: Section, otherwise: Limits, node_bytes: int) -> Mapping[str, Any]:
    """Return the fields of `Settings` that a tool sets itself; its cap only if given, for with_cap keeps it then."""
    fields.refuse_unknown(_TOOL_KEYS)
    differing: dict[str, Any] = {"limits": _limits(fields, otherwise, node_bytes)}
    if "failure_cap" in fields.content:
        differing["failure_cap"] = fields.read("failure_cap", parse_cap, None)
    if "hold" in fields.content:
        differing.update(_hold(fields))
    return differing


def _hold(fields: Section) -> dict[str, Any]:
    """Return the fields of `Settings` for tools whose peak follows their own request."""
    otherwise: Union[bool, int] = True
    hold: Union[bool, int] = fields.read("hold", parse_hold, otherwise)
    is_amount = not isinstance(hold, bool)
    return {"may_hold": is_amount or hold, "held_bytes": hold if is_amount else None}


def _genomes(fields: Section) -> Optional[Mapping[str, int]]:
    own: list[Path] = fields.read("genomes", partial(parse_paths, folder=fields.file.parent), [])
    try:
        return genomes.load(own) if own else None
    except ConfigError as error:
        raise ConfigError(f"{fields.file}: genomes: {error}") from error
