"""A training's results as the page of one tool."""

import numpy as np

from galaxy_memory_rules.memory import format_bytes

from .choice import Choice
from .familiarity import Familiarity
from .held_out import HeldOut
from .learning import Learned
from .page_facts import CapPoint, PolicyLine, ToolPage
from .peers import Policy, peers, requested
from .replay import Replay, replay
from .sizing_rule import SizingRule
from .training import Trained

# The peers that an administrator knows, cheap enough to be learned at each training; `backtest` has all of them.
_PEERS = ("mean", "mean+20%", "static-p95", "max-ever")
_REQUESTED = "in force (as requested)"
_LEAST = "what is expected to waste least"
_JOBS_ON = {
    Familiarity.INPUTS_SEEN: "recorded inputs",
    Familiarity.REFERENCE_SEEN: "new inputs",
    Familiarity.REFERENCE_UNSEEN: "a new reference",
}


def page_of(trained: Trained, held_out: HeldOut) -> ToolPage:
    """Return the page of a tool whose training held some jobs out.

    Parameters
    ----------
    trained : Trained
        The training.
    held_out : HeldOut
        Its own.
    """
    learned, rule = trained.learned, trained.learned.rule
    dropped = trained.bundle.facts["rows"]["dropped"]
    outcome = held_out.outcome
    return ToolPage(
        tool=trained.bundle.tool,
        jobs=rule.rows,
        model=learned.rung.name,
        choice=requested_text(rule),
        failure_cap=rule.failure_cap,
        achieved_failure=outcome.failure_rate,
        achieved_interval=outcome.failure_interval,
        rel=outcome.rel,
        dropped=dropped,
        flagged=trained.cleaned.flagged,
        input_bytes=held_out.jobs.totals_bytes,
        peaks_bytes=held_out.jobs.peaks_bytes,
        requests_bytes=held_out.requests_bytes,
        censored=held_out.jobs.censored,
        limit_bytes=trained.cleaned.limit_bytes,
        policies=_policies(held_out),
        cap_curve=cap_points(learned),
        unit=held_out.jobs.unit,
    )


def requested_text(rule: SizingRule) -> str:
    """Say what is requested, and how it differs from one kind of jobs to another where it does."""
    if rule.held_bytes is not None:
        return f"{format_bytes(rule.held_bytes)}, which was enough: its peak follows its own request"
    jobs_on: dict[tuple[str, str], list[str]] = {}
    for familiarity, jobs in _JOBS_ON.items():
        # where references are not told apart no job is on a new one
        if familiarity is not Familiarity.REFERENCE_UNSEEN or len(rule.familiar.references):
            choice = rule.choices[familiarity]
            jobs_on.setdefault((_price_text(choice), _factor_text(choice)), []).append(jobs)
    if len(jobs_on) == 1:
        return choice_text(rule.choices[Familiarity.INPUTS_SEEN])
    kinds = [
        f"{price} on {' or '.join(jobs)}{factor and f' (then {factor})'}" for (price, factor), jobs in jobs_on.items()
    ]
    return f"{_LEAST}, a failed attempt counted so many times its usual memory more: {', '.join(kinds)}"


def choice_text(choice: Choice) -> str:
    """Say what is requested of a distribution."""
    price = f"a failed attempt counted {_price_text(choice)} times its usual memory more" if choice.price else ""
    what = "the largest peak thought possible" if choice.price is None else _LEAST
    return ", ".join(part for part in (what, price, _factor_text(choice)) if part)


def _price_text(choice: Choice) -> str:
    return "without end" if choice.price is None else f"{choice.price:.4g}"


def _factor_text(choice: Choice) -> str:
    factor = f"{choice.factor:.4g}"
    return "" if factor == "1" else f"times {factor}"


def _policies(held_out: HeldOut) -> list[PolicyLine]:
    known = peers()
    lines = [policy_line("galaxy-memory-rules", held_out.outcome)]
    lines += [policy_line(name, _replay(known[name], held_out)) for name in _PEERS]
    if np.isfinite(held_out.jobs.requested_bytes).all():
        lines.append(policy_line(_REQUESTED, _replay(requested(), held_out), in_force=True))
    return lines


def _replay(policy: Policy, held_out: HeldOut) -> Replay:
    jobs = held_out.jobs
    asked = policy.learn(held_out.past)(jobs)
    return replay(asked.first_bytes, jobs.peaks_bytes, jobs.run_hours, asked.then_bytes)


def cap_points(learned: Learned) -> list[CapPoint]:
    """Return what other failure caps would have cost."""
    return [CapPoint(cap, curve.rel, curve.wastage_gbh, curve.failure_rate) for cap, curve in learned.cap_curve.items()]


def policy_line(name: str, outcome: Replay, in_force: bool = False) -> PolicyLine:
    """Return how a policy did as a line of the page."""
    return PolicyLine(
        name,
        outcome.rel,
        outcome.wastage_gbh,
        outcome.failure_rate,
        outcome.failure_interval,
        outcome.attempts,
        outcome.requested_per_used,
        in_force,
    )
