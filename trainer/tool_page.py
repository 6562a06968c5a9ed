"""A training's results as the page of one tool."""

import numpy as np

from .choice import Choice
from .learning import Learned
from .page_facts import CapPoint, PolicyLine, ToolPage
from .peers import Policy, peers, requested
from .replay import Replay, replay
from .training import HeldOut, Trained

# The peers that an administrator knows, cheap enough to be learned at each training; `backtest` has all of them.
_PEERS = ("mean", "mean+20%", "static-p95", "max-ever")
_REQUESTED = "in force (as requested)"


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
        choice=choice_text(next(iter(rule.choices.values()))),
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


def choice_text(choice: Choice) -> str:
    """Say what is requested of a distribution."""
    factor = "" if choice.factor == 1 else f", times {choice.factor:.4g}"
    if choice.price is None:
        return f"the largest peak thought possible{factor}"
    price = f", a failed attempt counted {choice.price:.4g} times its usual memory more" if choice.price else ""
    return f"what is expected to waste least{price}{factor}"


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
