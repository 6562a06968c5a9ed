"""What an administrator sets: ServiceSettings, from a YAML file, the environment and the command line."""

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import KIB, MIB
from galaxy_memory_rules.yaml_files import load_section

from .settings_values import (
    parse_choice,
    parse_count,
    parse_file,
    parse_folder,
    parse_host,
    parse_seconds,
    parse_switch,
)

PREFIX = "GMR_"
# By this variable a worker process gets the settings, as JSON.
SETTINGS_VARIABLE = "GMR_SERVICE_SETTINGS"
LOG_LEVELS = ("debug", "info", "warning", "error")


def _setting(help_line: str, parse: Callable[[object, Path], Any], default: Any = MISSING) -> Any:
    return field(default=default, metadata={"help": help_line, "parse": parse})


def _count(help_line: str, default: int, low: int, high: int) -> Any:
    return _setting(help_line, partial(parse_count, low=low, high=high), default)


def _seconds(help_line: str, default: float, low: float, high: float) -> Any:
    return _setting(help_line, partial(parse_seconds, low=low, high=high), default)


def _switch(help_line: str, default: bool) -> Any:
    return _setting(help_line, parse_switch, default)


def _file(help_line: str) -> Any:
    return _setting(help_line, parse_file, None)


@dataclass(frozen=True)
class ServiceSettings:
    """What an administrator sets; the line beside each setting is its help. Sizes are per process, `workers` apart."""

    models: Path = _setting("folder of bundles that the trainer wrote", parse_folder)
    host: str = _setting("address to listen on", parse_host, "127.0.0.1")
    port: int = _count("port to listen on; 0 takes a free one", 8765, 0, 65535)
    workers: int = _count("processes that answer", 1, 1, 256)
    access_log: bool = _switch("log a line for each request", False)
    log_level: str = _setting("debug, info, warning or error", partial(parse_choice, known=LOG_LEVELS), "info")
    max_body_kib: int = _count("largest body of a single request, in KiB", 64, 1, 16 * KIB)
    max_batch_body_mib: int = _count("largest body of a batch, in MiB", 16, 1, KIB)
    max_concurrency: int = _count("requests that a worker has in hand; those beyond get a 503", 64, 1, 100_000)
    max_connections: int = _count("connections of a worker; beyond, what waits longest is closed", 12_000, 8, 1_000_000)
    receive_seconds: float = _seconds("a request must have arrived whole within this time", 10.0, 0.1, 3600)
    keep_alive_seconds: float = _seconds("how long a connection may be idle", 75.0, 0.1, 86_400)
    drain_seconds: float = _seconds("how long it says not ready before it stops listening", 1.0, 0, 600)
    shutdown_seconds: float = _seconds("longest time from SIGTERM to the end", 10.0, 0.5, 3600)
    opened_mib: int = _count("memory for opened bundles, in MiB", 200, 1, KIB * KIB)
    reload_seconds: float = _seconds("how often it looks for new bundles; 0: only at SIGHUP", 2.0, 0, 86_400)
    token_file: Path | None = _file("file with the token that requests must bear; none: no token")
    signing_key_file: Path | None = _file("file with the key that bundles must be signed with; none: not asked for")
    tls_certificate: Path | None = _file("PEM file of the certificate chain; none: plain HTTP")
    tls_key: Path | None = _file("PEM file of the certificate's private key")
    page: bool = _switch("serve the page at /", True)
    docs: bool = _switch("serve /docs and /openapi.json", True)
    metrics: bool = _switch("serve /metrics", True)

    @property
    def max_body_bytes(self) -> int:
        """The largest body of a single request."""
        return self.max_body_kib * KIB

    @property
    def max_batch_body_bytes(self) -> int:
        """The largest body of a batch."""
        return self.max_batch_body_mib * MIB

    @property
    def opened_bytes(self) -> int:
        """How much memory opened bundles may take."""
        return self.opened_mib * MIB

    def to_json(self) -> str:
        """Write the settings for a worker process, or the log; secrets stay in their files."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "ServiceSettings":
        """Read what `to_json` wrote."""
        return _build({name: _Told(value, SETTINGS_VARIABLE, Path()) for name, value in json.loads(text).items()})


# Each setting and its help.
KEYS: Mapping[str, str] = {key.name: key.metadata["help"] for key in fields(ServiceSettings)}


@dataclass(frozen=True)
class _Told:
    """A setting as it was told, by whom, and the folder that a relative path of it starts from."""

    value: object
    origin: str
    folder: Path


def load_settings(options: Mapping[str, str], environment: Mapping[str, str]) -> ServiceSettings:
    """Put the settings together.

    Parameters
    ----------
    options : mapping of str to str
        What the command line told, by the names in `KEYS`, and as ``config`` the YAML file.
    environment : mapping of str to str
        The variables ``GMR_<KEY>``, which weigh more than the file, and less than the command line.

    Raises
    ------
    ConfigError
        Naming the option, the variable, or file, line and key, and what was expected.
    """
    variables = _of_environment(environment)
    told_by_hand = {name: _Told(value, f"--{name.replace('_', '-')}", Path()) for name, value in options.items()}
    above_file = {**variables, **told_by_hand}
    config = above_file.pop("config", None)
    return _check(_build({**(_of_file(config) if config else {}), **above_file}))


def _of_file(config: _Told) -> dict[str, _Told]:
    path = Path(str(config.value))
    section = load_section(path)
    section.refuse_unknown(tuple(KEYS))
    return {
        key: _Told(value, f"{path}, line {section.line(key)}: {key}", path.parent)
        for key, value in section.content.items()
    }


def _of_environment(environment: Mapping[str, str]) -> dict[str, _Told]:
    known = {f"{PREFIX}{key.upper()}": key for key in (*KEYS, "config")}
    for variable in environment.keys() - known.keys():
        # other programs have variables of their own: only what looks like one of ours is a mistake
        near = difflib.get_close_matches(variable, known, n=3, cutoff=0.85) if variable.startswith(PREFIX) else []
        if near:
            raise ConfigError(f"{variable}: unknown variable; near it are {', '.join(near)}")
    return {key: _Told(environment[name], name, Path()) for name, key in known.items() if name in environment}


def _build(told: Mapping[str, _Told]) -> ServiceSettings:
    values = {
        key.name: _read(told[key.name], key.metadata["parse"]) for key in fields(ServiceSettings) if key.name in told
    }
    if "models" not in values:
        raise ConfigError(
            "models: not set; name the folder of bundles with --models, GMR_MODELS or in the --config file"
        )
    return ServiceSettings(**values)


def _read(told: _Told, parse: Callable[[object, Path], Any]) -> Any:
    try:
        return parse(told.value, told.folder)
    except ValueError as error:
        raise ConfigError(f"{told.origin}: {error}") from None


def _check(settings: ServiceSettings) -> ServiceSettings:
    """Refuse what is right by itself, but not together."""
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise ConfigError("tls_certificate, tls_key: expected both or neither")
    if settings.drain_seconds >= settings.shutdown_seconds:
        raise ConfigError(
            f"drain_seconds: expected less than shutdown_seconds ({settings.shutdown_seconds:g}), "
            f"found {settings.drain_seconds:g}"
        )
    return settings
