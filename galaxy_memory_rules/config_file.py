"""A configuration file that may change, or break, while Galaxy runs."""

import logging
import threading
from pathlib import Path
from typing import Optional

from .config import RulesConfig, load_config
from .errors import ConfigError

log = logging.getLogger(__name__)


class ConfigFile:
    """Read again when it changes; the last good configuration is kept."""

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


_files: dict[str, ConfigFile] = {}
_files_lock = threading.Lock()


def settings_of(path: object) -> RulesConfig:
    """Return the settings of the file that job_conf or TPV names.

    Raises
    ------
    ConfigError
        If it names none, or there never was a good one.
    """
    if not isinstance(path, str):
        raise ConfigError(f"rules_config: expected the path of memory_rules.yml, found {path!r}")
    with _files_lock:
        file = _files.setdefault(path, ConfigFile(Path(path)))
    return file.read()
