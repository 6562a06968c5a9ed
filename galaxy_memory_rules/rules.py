"""Door 1: the dynamic rule that job_conf names."""

import logging
import threading
from pathlib import Path
from typing import Any, Optional

from . import destinations
from .config import ConfigFile, RulesConfig
from .decision import Decision, decide
from .memory import format_bytes

log = logging.getLogger(__name__)

_files: dict[str, ConfigFile] = {}
_files_lock = threading.Lock()


# Galaxy fills the arguments by their plain names: no keyword-only ones, no decorator.
def map_job_to_destination(
    app: Any,
    job: Any,
    tool: Any = None,
    rules_config: Optional[str] = None,
    default_destination: Optional[str] = None,
) -> Any:
    """Send a job to its destination with the memory that it is expected to need.

    Parameters
    ----------
    app, job, tool
        Filled by Galaxy.
    rules_config : str
        Path of memory_rules.yml; a param of the job_conf environment.
    default_destination : str, optional
        Where jobs go while that file cannot be read; a param of the job_conf environment.

    Returns
    -------
    galaxy.jobs.JobDestination
        The destination with the request written into it, or unchanged, with one log line, if anything goes wrong.
    """
    config = _config(rules_config)
    destination = _destination(app, config.destination if config else default_destination)
    # a rule that raises stops Galaxy's handler for good when the job is a resubmitted one
    try:
        decision = decide(job, tool, config) if config else Decision(None, reasons=("no configuration",))
        if config and decision.request_bytes is not None:
            _write(destination, config, decision, decision.request_bytes)
        _say(job, decision)
    except Exception as error:
        log.error("memory rule: destination unchanged: %s: %s", type(error).__name__, error)
    return destination


def _config(path: Optional[str]) -> Optional[RulesConfig]:
    try:
        with _files_lock:
            file = _files.setdefault(str(path), ConfigFile(Path(str(path))))
        return file.read()
    except Exception as error:
        log.error("memory rule: no configuration from rules_config %s: %s", path, error)
        return None


def _destination(app: Any, name: Optional[str]) -> Any:
    """Return a copy of the named destination, else of the first one that is not a rule itself."""
    try:
        return app.job_config.get_destination(name)
    except Exception as error:
        log.error("memory rule: no destination %s in job_conf: %s", name, error)
    try:
        known = [candidate for candidates in app.job_config.destinations.values() for candidate in candidates]
        return app.job_config.get_destination(next(found.id for found in known if found.runner != "dynamic"))
    except Exception as error:
        log.error("memory rule: job_conf has no destination to run a job in: %s", error)
        return None


def _write(destination: Any, config: RulesConfig, decision: Decision, request_bytes: int) -> None:
    notes = {"attempt": str(decision.attempt), "source": decision.source, "bundle": decision.bundle}
    destinations.write(destination, config.destinations[config.destination], request_bytes, notes)


def _say(job: Any, decision: Decision) -> None:
    story = "; ".join(decision.reasons)
    if decision.request_bytes is None:
        log.warning("memory rule: job %s: destination unchanged: %s", job.id, story)
    else:
        log.info("memory rule: job %s: %s: %s", job.id, format_bytes(decision.request_bytes), story)
