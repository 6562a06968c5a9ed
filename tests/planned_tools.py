"""Bundles whose peaks and requests are known to the byte, for plans that a test does by hand."""

import dataclasses
import math
from typing import Any

import numpy as np

from galaxy_memory_rules.memory import GIB
from trainer.bundle import Bundle
from trainer.choice import Choice
from trainer.distribution import Grid
from trainer.familiarity import Familiarity
from trainer.lines import LEVELS, Line
from trainer.sizing_rule import SizingRule
from trainer.training import Trained

# Of ten jobs of `two_peaks` one needs so much more.
TWICE_SHARE, MORE = 0.1, 1.5


def constant_peak(trained: Trained, tool: str, peak_bytes: int, **facts: Any) -> Bundle:
    """Return a bundle by which every job needs and requests so much."""
    return _bundle(trained, tool, peak_bytes, np.zeros(LEVELS), 1.0, facts)


def two_peaks(trained: Trained, tool: str, peak_bytes: int = 2 * GIB, **facts: Any) -> Bundle:
    """Return a bundle by which nine of ten jobs need so much, which is requested, and one needs `MORE` times that."""
    errors = np.zeros(LEVELS)
    # of 200 equally likely parts the last 20 are above: the first of them rises there
    errors[-round((LEVELS - 1) * TWICE_SHARE) :] = math.log(MORE)
    return _bundle(trained, tool, peak_bytes, errors, 1 / MORE, facts)


def _bundle(trained: Trained, tool: str, peak_bytes: int, errors: Any, factor: float, facts: dict[str, Any]) -> Bundle:
    model = Line(np.zeros(0, dtype=np.int64), np.array([float(peak_bytes)]), False, Grid(errors))
    sizing = _asking(trained.bundle.sizing, Choice(None, factor), peak_bytes)
    told = {**trained.bundle.facts, "run_seconds": None, "constant": None, **facts}
    return dataclasses.replace(trained.bundle, tool=tool, model=model, sizing=sizing, facts=told)


def _asking(rule: SizingRule, choice: Choice, peak_bytes: int) -> SizingRule:
    """Return a rule that asks for the largest peak times a factor, whatever the cap and the job."""
    choices = dict.fromkeys(Familiarity, choice)
    sizes = dataclasses.replace(
        rule.sizes, largest_bytes=dict.fromkeys(rule.sizes.largest_bytes, 2**50), always_there=()
    )
    asked: dict[str, Any] = {"choices": choices, "tracked_factor": 1.0, "tool_bytes": peak_bytes}
    by_cap = {cap: dataclasses.replace(at, **asked) for cap, at in rule.by_cap.items()}
    return dataclasses.replace(rule, **asked, sizes=sizes, by_cap=by_cap)
