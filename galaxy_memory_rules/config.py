"""memory_rules.yml -> RulesConfig: what an administrator sets, for all tools and for single ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Optional
from urllib.parse import urlsplit

from .memory import GIB, MIB
from .names import tool_names
from .templates import DestinationTemplate, parse_template
from .values import parse_amount_above_0, parse_number, parse_text, shown
from .yaml_files import Section, load_section

_DEADLINES_SECONDS = (0.05, 5.0)
_TIMES = (0.01, 1000.0)
TOOL_KEYS = ("mode", "canary", "floor", "ceiling", "never_above", "never_below", "fallback")
KEYS = (
    *TOOL_KEYS,
    *("service_url", "deadline_seconds", "authority", "off_switch", "record", "round_up_to"),
    *("destination", "destinations", "tools"),
)


class Mode(str, Enum):
    """What the rule does with an answer."""

    ON = "on"
    SHADOW = "shadow"
    OFF = "off"


@dataclass(frozen=True)
class ToolRules:
    """What holds for the jobs of a tool.

    Parameters
    ----------
    mode : Mode
        ``on``: ask and request; ``shadow``: ask and tell, change nothing; ``off``: do nothing.
    canary : float
        Share of the jobs that the rule looks at; which ones follows from their ids.
    floor_bytes, ceiling_bytes : int
        The least and the most that is ever requested.
    never_below, never_above : float or None
        The least and the most that a first attempt requests, in times what the destination requests by itself.
    fallback_bytes : int or None
        What is requested where the service cannot be asked; None leaves what the destination requests by itself.
    """

    mode: Mode = Mode.ON
    canary: float = 1.0
    # Galaxy's own metadata step needs 400 MB inside the job's allocation
    floor_bytes: int = 512 * MIB
    ceiling_bytes: int = 64 * GIB
    never_below: Optional[float] = None
    never_above: Optional[float] = None
    fallback_bytes: Optional[int] = None


@dataclass(frozen=True)
class RulesConfig:
    """What an administrator sets.

    Parameters
    ----------
    service_url : str
        Where the prediction service listens.
    destination : str or None
        Id of the job_conf environment that jobs go to; none where TPV chooses it.
    destinations : mapping of str to DestinationTemplate
        How a request is written, for each environment that the rule may use.
    deadline_seconds : float
        How long one prediction may hold the handler, all in all.
    authority : str or None
        PEM file of the authority that vouches for an https service.
    off_switch : Path or None
        While this file exists the rule does nothing.
    record : Path or None
        JSON-lines file that each decision is appended to.
    round_up_bytes : int
        Requests are multiples of this.
    general : ToolRules
        What holds for every tool that has no entry of its own.
    tools : mapping of str to ToolRules
        By a name of the tool.
    """

    service_url: str
    destination: Optional[str] = None
    destinations: Mapping[str, DestinationTemplate] = field(default_factory=dict)
    deadline_seconds: float = 0.25
    authority: Optional[str] = None
    off_switch: Optional[Path] = None
    record: Optional[Path] = None
    round_up_bytes: int = 64 * MIB
    general: ToolRules = ToolRules()
    tools: Mapping[str, ToolRules] = field(default_factory=dict)

    def rules_for(self, tool_id: str, tool_version: Optional[str] = None) -> ToolRules:
        """Return what holds for a tool: of the entries that name it, the most exact one."""
        return next(
            (self.tools[name] for name in tool_names(tool_id, tool_version) if name in self.tools), self.general
        )


def load_config(path: Path) -> RulesConfig:
    """Read and check a configuration file.

    Raises
    ------
    ConfigError
        Naming file, line and key, what was expected, and near matches of an unknown key.
    """
    return read_config(load_section(path))


def read_config(fields: Section) -> RulesConfig:
    """Read and check the settings of a file; see `load_config`."""
    folder = fields.file.parent
    fields.refuse_unknown(KEYS)
    general, tools = _tool_rules(fields, ToolRules()), fields.inner("tools")
    config = RulesConfig(
        service_url=fields.require("service_url", _parse_url),
        destination=fields.read("destination", parse_text, None),
        destinations=_templates(fields.inner("destinations")),
        deadline_seconds=fields.read("deadline_seconds", _parse_deadline, RulesConfig.deadline_seconds),
        authority=fields.read("authority", partial(_parse_file, folder=folder), None),
        off_switch=fields.read("off_switch", partial(_parse_path, folder=folder), None),
        record=fields.read("record", partial(_parse_path, folder=folder), None),
        round_up_bytes=fields.read("round_up_to", parse_amount_above_0, RulesConfig.round_up_bytes),
        general=general,
        tools=MappingProxyType({name: _tool_section(tools.inner(name), general) for name in tools.content}),
    )
    if config.destination is not None and config.destination not in config.destinations:
        fields.refuse("destination", f"expected one of the destinations below ({', '.join(config.destinations)})")
    return config


def _tool_section(fields: Section, general: ToolRules) -> ToolRules:
    fields.refuse_unknown(TOOL_KEYS)
    return _tool_rules(fields, general)


def _tool_rules(fields: Section, otherwise: ToolRules) -> ToolRules:
    """Read what holds for a tool; what it does not set is as it is for all others."""
    rules = replace(
        otherwise,
        mode=fields.read("mode", _parse_mode, otherwise.mode),
        canary=fields.read("canary", partial(parse_number, low=0, high=1), otherwise.canary),
        floor_bytes=fields.read("floor", parse_amount_above_0, otherwise.floor_bytes),
        ceiling_bytes=fields.read("ceiling", parse_amount_above_0, otherwise.ceiling_bytes),
        never_below=fields.read("never_below", _parse_times, otherwise.never_below),
        never_above=fields.read("never_above", _parse_times, otherwise.never_above),
        fallback_bytes=fields.read("fallback", parse_amount_above_0, otherwise.fallback_bytes),
    )
    if rules.floor_bytes > rules.ceiling_bytes:
        fields.refuse("floor" if "floor" in fields.content else "ceiling", "expected a floor not above the ceiling")
    if rules.never_below and rules.never_above and rules.never_below > rules.never_above:
        key = "never_below" if "never_below" in fields.content else "never_above"
        fields.refuse(key, "expected a never_below not above never_above")
    return rules


def _templates(fields: Section) -> Mapping[str, DestinationTemplate]:
    return MappingProxyType({name: parse_template(fields.inner(name)) for name in fields.content})


def _parse_mode(value: object) -> Mode:
    # YAML takes on and off for true and false
    text = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
    try:
        return Mode(text)
    except ValueError:
        raise ValueError(f"expected on, shadow or off, found {shown(value)}") from None


def _parse_url(value: object) -> str:
    expected = f"expected http://host:port or https://host:port, found {shown(value)}"
    try:
        parts = urlsplit(parse_text(value))
        good = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and parts.port != 0
    # of the brackets of an IPv6 address, or of the port
    except ValueError:
        good = False
    if not good:
        raise ValueError(expected)
    return str(value)


def _parse_path(value: object, folder: Path) -> Path:
    """Read a path; one that does not begin with / is taken from the file's own folder."""
    return folder / parse_text(value)


def _parse_file(value: object, folder: Path) -> str:
    path = _parse_path(value, folder)
    if not path.is_file():
        raise ValueError(f"expected a file, found none at {path}")
    return str(path)


_parse_deadline = partial(parse_number, low=_DEADLINES_SECONDS[0], high=_DEADLINES_SECONDS[1])
_parse_times = partial(parse_number, low=_TIMES[0], high=_TIMES[1])
