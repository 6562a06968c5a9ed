"""memory_rules.yml -> RulesConfig; read again when the file changes, the last good one kept."""

import difflib
import logging
import re
import string
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Optional
from urllib.parse import urlsplit

import yaml

from .errors import ConfigError
from .memory import GIB, MIB, parse_bytes
from .words import FAMILIES

log = logging.getLogger(__name__)

# What a template may say; the number is the request.
PLACEHOLDERS = ("memory_mib", "memory_gib", "memory_bytes")
_DEADLINES_SECONDS = (0.05, 5.0)
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
    words : str, optional
        Without params the request is written in the destination's own words; this names the scheduler whose word is
        added where the destination has none.
    """

    params: Mapping[str, str]
    env: Mapping[str, str]
    words: Optional[str] = None


@dataclass(frozen=True)
class RulesConfig:
    """What an administrator sets.

    Parameters
    ----------
    service_url : str
        Where the prediction service listens.
    destination : str
        Id of the job_conf environment that jobs go to.
    destinations : mapping of str to DestinationTemplate
        How a request is written, for each environment that the rule may use.
    deadline_seconds : float
        How long one prediction may hold the handler, all in all.
    floor_bytes, ceiling_bytes : int
        The least and the most that is ever requested.
    round_up_bytes : int
        Requests are multiples of this.
    """

    service_url: str
    destination: str
    destinations: Mapping[str, DestinationTemplate]
    deadline_seconds: float = 0.25
    # Galaxy's own metadata step needs 400 MB inside the job's allocation
    floor_bytes: int = 512 * MIB
    ceiling_bytes: int = 64 * GIB
    round_up_bytes: int = 64 * MIB


def load_config(path: Path) -> RulesConfig:
    """Read and check a configuration file.

    Raises
    ------
    ConfigError
        Naming file and key, what was expected, and near matches of an unknown key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error})") from error
    fields = _Mapping(str(path), content)
    fields.refuse_unknown(
        ("service_url", "destination", "destinations", "deadline_seconds", "floor", "ceiling", "round_up_to")
    )
    config = RulesConfig(
        service_url=_service_url(fields),
        destination=fields.text("destination"),
        destinations=_templates(fields),
        deadline_seconds=fields.number("deadline_seconds", RulesConfig.deadline_seconds, *_DEADLINES_SECONDS),
        floor_bytes=fields.amount("floor", RulesConfig.floor_bytes),
        ceiling_bytes=fields.amount("ceiling", RulesConfig.ceiling_bytes),
        round_up_bytes=fields.amount("round_up_to", RulesConfig.round_up_bytes),
    )
    if config.floor_bytes > config.ceiling_bytes:
        raise fields.wrong("floor", "an amount not above the ceiling")
    if config.destination not in config.destinations:
        raise fields.wrong("destination", f"one of the destinations below ({', '.join(config.destinations)})")
    return config


class ConfigFile:
    """A configuration file that may change while Galaxy runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: Optional[tuple[int, int, int]] = None
        self._config: Optional[RulesConfig] = None
        self._error: Optional[ConfigError] = None

    def read(self) -> RulesConfig:
        """Return the configuration as it is now, or the last good one, with one log line, if it is broken now.

        Raises
        ------
        ConfigError
            If there never was a good one.
        """
        with self._lock:
            stamp = self._look()
            if stamp is None or stamp != self._stamp:
                self._stamp = stamp
                self._load()
            if self._config is None:
                raise self._error or ConfigError(f"{self._path}: not read")
            return self._config

    def _look(self) -> Optional[tuple[int, int, int]]:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _load(self) -> None:
        try:
            self._config, self._error = load_config(self._path), None
        except ConfigError as error:
            if self._config is not None and str(error) != str(self._error):
                log.error("the last good configuration stays in use: %s", error)
            self._error = error


class _Mapping:
    """One mapping of the file: each method takes a key out and checks it."""

    def __init__(self, place: str, content: Any) -> None:
        if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
            raise ConfigError(f"{place}: expected a mapping of settings")
        self.place = place
        self.content: Mapping[str, Any] = MappingProxyType(content)

    def wrong(self, key: str, expected: str) -> ConfigError:
        return ConfigError(f"{self.place}: {key}: expected {expected}, found {self.content.get(key)!r}")

    def refuse_unknown(self, known: tuple[str, ...]) -> None:
        for key in self.content:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=3) or known
                raise ConfigError(f"{self.place}: unknown key {key!r}; near it are {', '.join(near)}")

    def text(self, key: str) -> str:
        value = self.content.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a text")
        return value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        value = self.content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise self.wrong(key, f"a number of seconds from {low} to {high}")
        return float(value)

    def amount(self, key: str, default_bytes: int) -> int:
        try:
            amount_bytes = parse_bytes(self.content.get(key, default_bytes))
        except ValueError as error:
            raise self.wrong(key, f"an amount of memory ({error})") from error
        if amount_bytes < 1:
            raise self.wrong(key, "an amount above 0")
        return amount_bytes

    def inner(self, key: str, optional: bool = False) -> "_Mapping":
        content = self.content.get(key)
        return _Mapping(f"{self.place}: {key}", {} if content is None and optional else content)


def _service_url(fields: _Mapping) -> str:
    url = fields.text("service_url")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and parts.port != 0
    # of the brackets of an IPv6 address, or of the port
    except ValueError:
        good = False
    if not good:
        raise fields.wrong("service_url", "http://host:port or https://host:port")
    return url


def _templates(fields: _Mapping) -> Mapping[str, DestinationTemplate]:
    destinations = fields.inner("destinations")
    found = {}
    for name in destinations.content:
        entry = destinations.inner(name, optional=True)
        entry.refuse_unknown(("params", "env", "words"))
        found[name] = DestinationTemplate(_texts(entry, "params"), _texts(entry, "env"), _words(entry))
    return MappingProxyType(found)


def _words(entry: _Mapping) -> Optional[str]:
    if "words" not in entry.content:
        return None
    if entry.content.get("params"):
        raise entry.wrong("words", "none beside params, which say it all")
    if entry.text("words") not in FAMILIES:
        raise entry.wrong("words", f"one of {', '.join(FAMILIES)}")
    return entry.text("words")


def _texts(entry: _Mapping, key: str) -> Mapping[str, str]:
    fields = entry.inner(key, optional=True)
    for name in fields.content:
        if key == "params" and RESERVED_PARAMS.fullmatch(name):
            raise fields.wrong(name, "another name: Galaxy uses this one to call the rule")
        if key == "env" and not _VARIABLE.fullmatch(name):
            raise fields.wrong(name, "the name of an environment variable")
        text = fields.text(name)
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise fields.wrong(name, f"a template ({error})") from error
        for _, placeholder, options, conversion in parts:
            # only plain names: format would follow {memory_mib.__class__} wherever it leads
            if placeholder is not None and (placeholder not in PLACEHOLDERS or options or conversion):
                known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
                raise fields.wrong(name, f"a template with {known} only")
    return MappingProxyType({name: str(text) for name, text in fields.content.items()})
