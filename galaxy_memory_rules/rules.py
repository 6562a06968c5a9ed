"""Door 1: the dynamic rule that job_conf names."""

import contextlib
from typing import Any, Optional

from . import destinations
from .config_file import settings_of
from .decision import decide
from .errors import ConfigError, DestinationError
from .record import Decision, complain
from .templates import DestinationTemplate

# Galaxy's name for the runner of an environment that is a rule.
_RULE = "dynamic"


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
        Where jobs go while that file, or the destination it names, cannot be used; a param of the job_conf
        environment.

    Returns
    -------
    galaxy.jobs.JobDestination
        The destination with the request written into it, or unchanged, with one log line, if anything goes wrong.
    """
    destination = None
    try:
        config = settings_of(rules_config)
        if config.destination is None:
            raise ConfigError(f"{rules_config}: destination: expected the job_conf environment that jobs go to")
        destination = _named(app, config.destination)
        decision = decide(job, tool, config, destinations.own_memory_bytes(destination))
        write(destination, config.destinations[config.destination], decision)
    except (KeyboardInterrupt, SystemExit):
        raise
    # a rule that raises stops Galaxy's handler for good when the job is a resubmitted one
    except BaseException as error:
        if destination is None:
            destination = _fall_back(app, default_destination)
        complain(f"job {_id(job)}: destination unchanged: {type(error).__name__}: {error}")
    return destination


def _named(app: Any, name: Optional[str]) -> Any:
    """Return a copy of the destination with this id."""
    # for no id at all Galaxy returns its default, which is often this very rule
    try:
        found = app.job_config.get_destination(str(name))
    except KeyError:
        raise DestinationError(f"job_conf has no environment {name}") from None
    if found.runner == _RULE:
        raise DestinationError(f"job_conf's environment {name} is a rule itself: a job would go round and round")
    return found


def _fall_back(app: Any, name: Optional[str]) -> Any:
    """Return the destination that job_conf names for this case, else the first one that is no rule itself."""
    with contextlib.suppress(Exception):
        return _named(app, name)
    with contextlib.suppress(Exception):
        known = [found for candidates in app.job_config.destinations.values() for found in candidates]
        return _named(app, next(found.id for found in known if found.runner != _RULE))
    return None


def write(destination: Any, template: DestinationTemplate, decision: Decision) -> None:
    """Write what was decided into a destination: the request, or what it would be in shadow mode.

    Raises
    ------
    DestinationError
        If the destination is none that a request can be written into.
    """
    notes = {"attempt": str(decision.attempt), "source": decision.source, "bundle": decision.bundle}
    if decision.request_bytes is not None:
        destinations.write(destination, template, decision.request_bytes, notes)
        if decision.at_ceiling:
            destinations.end_at_kill(destination)
    elif decision.shadow_bytes is not None:
        destinations.note(destination, {**notes, "shadow_bytes": str(decision.shadow_bytes)})


def _id(job: Any) -> Any:
    """Return the job's id, for which a database that has gone may be asked."""
    with contextlib.suppress(Exception):
        return job.id
    return "?"
