"""memory_rules.yml looked at before it is used: every fault of the file, and what does not fit the machine."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import yaml

from galaxy_memory_rules.config import Mode, RulesConfig, ToolRules, read_config
from galaxy_memory_rules.errors import FaultySetting
from galaxy_memory_rules.memory import format_bytes
from galaxy_memory_rules.yaml_files import Section, UniqueKeys, load_section

from .findings import Finding, error_at, of_fault, warning_at

# the only setting without a default
_REQUIRED = "service_url"


def read_settings(path: Path) -> tuple[Optional[RulesConfig], list[Finding]]:
    """Read memory_rules.yml as the rule does, again and again, each time without what was refused before.

    Returns
    -------
    RulesConfig or None
        None where there is a fault.
    list of Finding
        Every fault that can be told from those before it.
    """
    faults: list[Finding] = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        # what there is to say of it is said by the reader of the rule
        text = None
    while True:
        try:
            config = read_config(load_section(path, text))
        except FaultySetting as fault:
            # an anchor may have gone with what was refused: that is no fault of the file
            if fault.key or not faults:
                faults.append(of_fault(fault))
            text = None if text is None else _without(fault, text)
            if text is None:
                return None, faults
        else:
            return None if faults else config, faults


def _without(fault: FaultySetting, text: str) -> Optional[str]:
    """Return the text with blanks in place of a setting, so that all others keep their lines."""
    # in its place another one, as it has to be there
    instead = f"\n{_REQUIRED}: http://127.0.0.1" if fault.key == _REQUIRED else ""
    if instead and fault.line is None:
        return text + instead
    for place, start, end in _places(yaml.compose(text, Loader=UniqueKeys)) if fault.key else ():
        if place == fault.key and text.count("\n", 0, start) + 1 == fault.line:
            gone = re.sub(r"[^\r\n]", " ", text[start:end])
            # of a mapping between braces
            return text[:start] + gone + re.sub(r"\A(\s*),", r"\1 ", text[end:]) + instead
    return None


def _places(node: Optional[yaml.Node], place: str = "") -> Iterator[tuple[str, int, int]]:
    """Yield the full path of each setting, and where it begins and ends."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode):
            yield f"{place}{key.value}", key.start_mark.index, value.end_mark.index
            yield from _places(value, f"{place}{key.value}.")


def of_settings(path: Path, config: RulesConfig) -> Iterator[Finding]:
    """Yield what is well written but does not fit the machine, or itself."""
    fields = load_section(path)
    if config.general.mode is Mode.OFF:
        yield warning_at(fields, "mode", "off: the rule changes nothing; write on or shadow")
    if config.general.canary == 0:
        yield warning_at(fields, "canary", "0: the rule looks at no job; write a share up to 1")
    if config.off_switch is not None:
        yield from _of_off_switch(fields, config.off_switch)
    if config.record is not None:
        yield from _of_record(fields, config.record)
    yield from _of_fallback(fields, config.general)
    tools = fields.inner("tools")
    for name, rules in config.tools.items():
        yield from _of_fallback(tools.inner(name), rules)


def _of_off_switch(fields: Section, switch: Path) -> Iterator[Finding]:
    if switch.exists():
        yield warning_at(fields, "off_switch", f"{switch} exists: the rule changes nothing; remove it to switch on")
    elif not switch.parent.is_dir():
        yield warning_at(fields, "off_switch", f"no folder {switch.parent}: make it, or the switch cannot be thrown")


def _of_record(fields: Section, record: Path) -> Iterator[Finding]:
    if record.is_dir():
        yield error_at(fields, "record", f"{record} is a folder; write the path of a file")
    elif not record.parent.is_dir():
        yield error_at(fields, "record", f"no folder {record.parent}; make it, or nothing is recorded")
    elif not os.access(record if record.exists() else record.parent, os.W_OK):
        yield error_at(fields, "record", f"{record} cannot be written by this user; Galaxy's needs to")


def _of_fallback(fields: Section, rules: ToolRules) -> Iterator[Finding]:
    if rules.fallback_bytes is None or not {"fallback", "floor", "ceiling"} & set(fields.content):
        return
    found = format_bytes(rules.fallback_bytes)
    if rules.fallback_bytes < rules.floor_bytes:
        floor = format_bytes(rules.floor_bytes)
        yield warning_at(
            fields, "fallback", f"{found} is below the floor, {floor}, which is what is requested; raise it"
        )
    if rules.fallback_bytes > rules.ceiling_bytes:
        ceiling = format_bytes(rules.ceiling_bytes)
        yield warning_at(
            fields, "fallback", f"{found} is above the ceiling, {ceiling}, which is what is requested; lower it"
        )
