"""A backtest's results as the page of one tool."""

from collections.abc import Mapping
from typing import Optional

import numpy as np

from .backtest import OURS, Backtest
from .history import History
from .hygiene import Cleaned
from .learning import Settings, learn
from .page_facts import ToolPage
from .tool_page import cap_points, policy_line, requested_text


def page_of(
    tool: str,
    history: History,
    done: Backtest,
    settings: Settings,
    cleaned: Cleaned,
    dropped: Mapping[str, int],
    in_force: Optional[str],
) -> Optional[ToolPage]:
    """Return the page of a tool, or None where it has too few jobs for a model.

    Parameters
    ----------
    tool : str
        The tool's id.
    history : History
        Its recorded jobs.
    done : Backtest
        How our policy, the first one, and the others did.
    settings : Settings
        What an administrator decided.
    cleaned : Cleaned
        What became of the records.
    dropped : mapping of str to int
        How many rows were left out, by reason.
    in_force : str or None
        The policy that is the rule in force.
    """
    learned = learn(history, settings)
    if learned is None or OURS not in done.outcomes:
        return None
    ours = done.outcomes[OURS]
    asked = np.flatnonzero(np.isfinite(ours.first_bytes))
    jobs = history.part(asked)
    return ToolPage(
        tool=tool,
        jobs=len(history),
        model=learned.rung.name,
        choice=requested_text(learned.rule),
        failure_cap=settings.failure_cap,
        achieved_failure=ours.replay.failure_rate,
        achieved_interval=ours.replay.failure_interval,
        rel=ours.replay.rel,
        dropped=dropped,
        flagged=cleaned.flagged,
        input_bytes=jobs.totals_bytes,
        peaks_bytes=jobs.peaks_bytes,
        requests_bytes=ours.first_bytes[asked],
        censored=jobs.censored,
        limit_bytes=cleaned.limit_bytes,
        policies=[policy_line(name, one.replay, name == in_force) for name, one in done.outcomes.items()],
        cap_curve=cap_points(learned),
        unit=history.unit,
    )
