"""The administrator's own memory rules, a file of Total Perspective Vortex (TPV), read and checked."""

import dataclasses
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import yaml

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.yaml_files import UNREADABLE

from .expressions import Expression, Value
from .tpv_rules import RESOURCES, Entry, TpvRules, stacked

_OF_RULES = ("if", "fail", "execute")


def load(path: Path) -> TpvRules:
    """Read the rules.

    Parameters
    ----------
    path : Path
        YAML with ``tools``, and with ``global`` where it says which tool all others inherit from; the tool named
        ``default`` where it does not, as the shared database leaves that to each site's own file.

    Returns
    -------
    TpvRules
        To be asked about one job after another.

    Raises
    ------
    ConfigError
        Naming file and key, where TPV itself could not use the file.
    """
    content = _mapping(str(path), _read(path))
    tools = _tools(f"{path}: tools", content.get("tools"))
    if not tools:
        raise ConfigError(f"{path}: tools: expected an entry for each tool")
    common = _mapping(f"{path}: global", content.get("global"))
    default = _text(f"{path}: global", common, "default_inherits") or "default"
    entries = {key: stacked([tools[name] for name in _ancestry(f"{path}: tools", tools, key)]) for key in tools}
    return TpvRules(
        [(_pattern(f"{path}: tools", key), entry) for key, entry in entries.items()],
        entries.get(default, Entry()).over(Entry(context=_context(f"{path}: global", common))),
        [
            f"{path}: {section}: what these change is left out, as no recorded job tells which of them it met"
            for section in ("roles", "users", "destinations")
            if any(entry.sets_memory for entry in _tools(f"{path}: {section}", content.get(section)).values())
        ],
    )


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except UNREADABLE as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error}); is it a template still to be filled?") from error


def _mapping(place: str, content: Any) -> dict[str, Any]:
    content = {} if content is None else content
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"{place}: expected a mapping by names")
    return content


def _text(place: str, fields: Mapping[str, Any], key: str) -> Optional[str]:
    value = fields.get(key)
    if not isinstance(value, (str, int, float, type(None))):
        raise ConfigError(f"{place}: {key}: expected a text or a number")
    return None if value is None else str(value)


def _context(place: str, fields: Mapping[str, Any]) -> dict[str, Value]:
    context = _mapping(f"{place}: context", fields.get("context"))
    return {key: value for key, value in context.items() if isinstance(value, (str, int, float, type(None)))}


def _tools(place: str, content: Any) -> dict[str, Entry]:
    return {key: _tool(f"{place}: {key}", entry) for key, entry in _mapping(place, content).items()}


def _tool(place: str, content: Any) -> Entry:
    fields = _mapping(place, content)
    return dataclasses.replace(
        _entry(place, fields, RESOURCES),
        rules=dict(_rules(f"{place}: rules", fields.get("rules"))),
        inherits=_text(place, fields, "inherits"),
        abstract=(_text(place, fields, "abstract") or "").lower() == "true",
    )


def _rules(place: str, content: Any) -> Iterator[tuple[str, Entry]]:
    if isinstance(content, list):
        listed = [_mapping(f"{place}[{index}]", rule) for index, rule in enumerate(content)]
        content = {_text(place, rule, "id") or f"{place}[{index}]": rule for index, rule in enumerate(listed)}
    for key, rule in _mapping(place, content).items():
        rule_place = key if key.startswith(place) else f"{place}: {key}"
        entry = _entry(rule_place, _mapping(rule_place, rule), (*RESOURCES, *_OF_RULES))
        if "if" not in entry.settings:
            raise ConfigError(f"{rule_place}: if: expected the condition under which the rule applies")
        yield key, entry


def _entry(place: str, fields: Mapping[str, Any], keys: Sequence[str]) -> Entry:
    texts = {key: _text(place, fields, key) for key in keys}
    settings = {key: Expression(f"{place}: {key}", text) for key, text in texts.items() if text is not None}
    return Entry(settings, _context(place, fields))


def _ancestry(place: str, tools: Mapping[str, Entry], key: str) -> list[str]:
    chain = [key]
    while parent := tools[chain[0]].inherits:
        if parent not in tools or parent in chain:
            raise ConfigError(f"{place}: {chain[0]}: inherits: expected another tool of the file, not {parent!r}")
        chain.insert(0, parent)
    return chain


def _pattern(place: str, key: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            # of expressions that a later Python may read in another way
            warnings.simplefilter("ignore")
            return re.compile(key)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{place}: {key}: expected a regular expression of tool ids ({error})") from error
