"""The memory rule that a server has today, as a policy that a backtest compares with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import format_bytes, parse_bytes
from galaxy_memory_rules.messages import JobDescription

from . import tpv_file
from .history import History
from .peers import Policy, Requester, Requests, constant, requested
from .tpv_rules import TpvRules

# No entry of a file names it, so that it gets what every tool gets.
_OTHER_TOOL = "a tool without an entry"


@dataclass(frozen=True)
class InForce:
    """The rule in force.

    Parameters
    ----------
    policy : Policy
        What it requests.
    skipped : callable
        What it could not work out for the jobs so far, a sentence each.
    """

    policy: Policy
    skipped: Callable[[], tuple[str, ...]] = tuple


def in_force(text: str) -> InForce:
    """Read what an administrator says of the rule in force.

    Parameters
    ----------
    text : str
        ``requested``, for what the records tell was requested; an amount such as ``8 GiB`` for every job; or the path
        of a file of rules for Total Perspective Vortex.

    Raises
    ------
    ConfigError
        If it is none of these, or the file cannot be used.
    """
    if text == "requested":
        return InForce(_named(text, requested()))
    if Path(text).is_file():
        rules = tpv_file.load(Path(text))
        return InForce(_named(text, Policy(text, lambda past: _by_rules(rules, past))), lambda: rules.skipped)
    try:
        request_bytes = parse_bytes(text)
    except ValueError as error:
        raise ConfigError(f"--in-force: no such file, and not the word 'requested': {error}") from error
    if not request_bytes:
        raise ConfigError(f"--in-force: {text} is no memory at all")
    return InForce(_named(format_bytes(request_bytes), constant(request_bytes)))


def _named(what: str, policy: Policy) -> Policy:
    return replace(policy, name=f"in force ({what})")


def _by_rules(rules: TpvRules, past: History) -> Requester:
    most_bytes = float(past.peaks_bytes.max())

    def request_bytes(job: JobDescription) -> float:
        return rules.memory_bytes(job) or rules.memory_bytes(replace(job, tool_id=_OTHER_TOOL)) or most_bytes

    return lambda jobs: Requests(np.array([request_bytes(job) for job in jobs.jobs], dtype=np.float64))
