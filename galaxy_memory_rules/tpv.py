"""Door 2: the function that a ``mem:`` expression of TPV calls."""

import logging
import math
from typing import Any

from .config_file import settings_of
from .decision import decide
from .memory import GIB

log = logging.getLogger(__name__)


def predicted_mem(job: Any, tool: Any, rules_config: str, default: Any) -> float:
    """Return the memory that a job is expected to need.

    Parameters
    ----------
    job, tool
        As TPV hands them to an expression; in `tpv dry-run` and `tpv lint` they lack much.
    rules_config : str
        Path of memory_rules.yml.
    default : float
        What the tool requests without us, in GiB: it stays where the service cannot be asked, or may not.

    Returns
    -------
    float
        GiB, which is what TPV counts in.

    Notes
    -----
    TPV evaluates an expression once for each destination that it looks at; the answer is remembered, so that a job is
    asked for once an attempt and always gets the same.
    """
    default_gib = _number(default)
    try:
        decision = decide(job, tool, settings_of(rules_config), round(default_gib * GIB) if default_gib else None)
        return default_gib if decision.request_bytes is None else decision.request_bytes / GIB
    except (KeyboardInterrupt, SystemExit):
        raise
    # an exception in an expression fails the user's job
    except BaseException as error:
        log.error("memory rule: the default of %s GiB stays: %s: %s", default_gib, type(error).__name__, error)
    return default_gib


def _number(default: Any) -> float:
    """Return the default in GiB; TPV may hand over an expression that was not evaluated."""
    try:
        gib = float(default)
    except (TypeError, ValueError):
        gib = math.nan
    if math.isfinite(gib) and gib >= 0:
        return gib
    log.error("memory rule: default: expected a number of GiB, found %r; nothing is requested by default", default)
    return 0.0
