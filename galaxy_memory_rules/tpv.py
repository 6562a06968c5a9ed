"""Door 2: the function that TPV's expressions and rules call."""

import math
from typing import Any, Optional

from .config_file import settings_of
from .decision import decide
from .memory import GIB
from .record import complain

# Where nobody can tell what the tool requests without us: what TPV's shared database gives a tool of one core, 3.8,
# rounded up. Slurm would take 0 for all the memory of a node.
_USUAL_GIB = 4.0


def predicted_mem(job: Any, tool: Any, rules_config: object, default: object) -> float:
    """Return the memory that a job is expected to need; it never raises.

    Parameters
    ----------
    job, tool
        As TPV hands them to its code; in `tpv dry-run` they lack much.
    rules_config : str
        Path of memory_rules.yml.
    default : float
        What the tool requests without us, in GiB: it stays where the service cannot be asked, or may not. In a rule,
        ``entity.mem`` may still be a text that TPV has yet to evaluate, and is no default then.

    Returns
    -------
    float
        GiB, which is what TPV counts in.

    Notes
    -----
    TPV evaluates a ``mem:`` expression once to find destinations and once for each that it tries; the answer is
    remembered, so that a job is asked for once an attempt and always gets the same.
    """
    default_gib = _gib(default)
    usual_gib = _USUAL_GIB if default_gib is None else default_gib
    try:
        decision = decide(job, tool, settings_of(rules_config), round(default_gib * GIB) if default_gib else None)
        return usual_gib if decision.request_bytes is None else decision.request_bytes / GIB
    except (KeyboardInterrupt, SystemExit):
        raise
    # an exception in TPV's code fails the job, and stops Galaxy's handler for good when the job is a resubmitted one
    except BaseException as error:
        complain(f"{usual_gib:g} GiB stay: {type(error).__name__}: {error}")
    return usual_gib


def _gib(default: Any) -> Optional[float]:
    """Return the default as a number; None, with one log line, where it is none."""
    try:
        gib = float(default)
    except (TypeError, ValueError, OverflowError):
        gib = math.nan
    if math.isfinite(gib) and gib >= 0:
        return gib
    complain(
        f"default: expected a number of GiB, found {default!r}: {_USUAL_GIB:g} GiB in its place where nothing is"
        " predicted; in a rule of TPV, hand over entity.evaluate_resources(dict(locals())).mem"
    )
    return None
