"""How a request is written into a destination, as memory_rules.yml says it."""

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Optional

from .values import parse_text, shown
from .words import FAMILIES
from .yaml_files import Section

# What a template may say; the number is the request.
PLACEHOLDERS = ("memory_mib", "memory_gib", "memory_bytes")
_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]*")
# After a resubmission Galaxy hands a job's old destination params to the rule wherever an argument has the name of one.
RESERVED_PARAMS = re.compile(
    "app|default_destination|function|job|job_id|job_wrapper|referrer|resource_params|rule_helper|rules_config"
    "|rules_module|tool|tool_id|type|user|user_email|workflow_invocation_uuid|workflow_resource_params"
)


@dataclass(frozen=True)
class DestinationTemplate:
    """How a request is written into one destination.

    Parameters
    ----------
    params : mapping of str to str
        Destination params to set, with placeholders.
    env : mapping of str to str
        Environment variables of the job to set, with placeholders.
    words : str or None
        Without params the request is written in the destination's own words; this names the scheduler whose word is
        added where the destination has none.
    """

    params: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    words: Optional[str] = None


def parse_template(fields: Section) -> DestinationTemplate:
    """Read the entry of one destination; an empty one leaves it to the destination's own words."""
    fields.refuse_unknown(("params", "env", "words"))
    params, env = _texts(fields.inner("params"), _check_param), _texts(fields.inner("env"), _check_variable)
    words = fields.read("words", _parse_words, None)
    if words and params:
        fields.refuse("words", "expected none beside params, which say it all")
    return DestinationTemplate(params, env, words)


def _parse_words(value: object) -> str:
    if value not in FAMILIES:
        raise ValueError(f"expected one of {', '.join(FAMILIES)}, found {shown(value)}")
    return str(value)


def _texts(fields: Section, check: Callable[[str], None]) -> Mapping[str, str]:
    def checked(name: str, value: object) -> str:
        check(name)
        return _parse_text(value)

    return MappingProxyType({name: fields.require(name, partial(checked, name)) for name in fields.content})


def _check_param(name: str) -> None:
    if RESERVED_PARAMS.fullmatch(name):
        raise ValueError("expected another name: Galaxy uses this one to call the rule")


def _check_variable(name: str) -> None:
    if not _VARIABLE.fullmatch(name):
        raise ValueError("expected the name of an environment variable")


def _parse_text(value: object) -> str:
    text = parse_text(value)
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"expected a template ({error})") from error
    for _, placeholder, options, conversion in parts:
        # only plain names: format would follow {memory_mib.__class__} wherever it leads
        if placeholder is not None and (placeholder not in PLACEHOLDERS or options or conversion):
            known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
            raise ValueError(f"expected a template with {known} only, found {text!r}")
    return text
