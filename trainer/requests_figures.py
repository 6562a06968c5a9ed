"""What the requests of a tool were worth: how many were too little, what they saved, and whether the cap was kept."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Optional

import numpy as np

from .distribution import Vector
from .replay import Replay, replay, wilson_interval
from .requests_joined import Joined, Sized

KEPT, WITHIN_CHANCE, BROKEN, NOTHING_PROMISED, NOTHING_KNOWN = (
    "kept",
    "above, within chance",
    "broken",
    "nothing promised",
    "no jobs",
)


@dataclass(frozen=True)
class Saved:
    """What some jobs would have cost by what their destination requests by itself, and what they cost.

    Parameters
    ----------
    jobs : int
        Jobs whose peak, run time and destination's own memory are known.
    used_gbh, wasted_gbh, own_wasted_gbh : float
        What they used, what was allocated and not used, and what would have been by the destination's own memory.
        A killed attempt wastes its whole request for as long as the job ran at last; an attempt that ended well what
        it did not use.
    """

    jobs: int
    used_gbh: float
    wasted_gbh: float
    own_wasted_gbh: float

    @property
    def saved_gbh(self) -> float:
        """How much less is wasted; below 0 where it is more."""
        return self.own_wasted_gbh - self.wasted_gbh

    @property
    def saved_share(self) -> Optional[float]:
        """The same as a share of what is wasted by the destination's own memory."""
        return self.saved_gbh / self.own_wasted_gbh if self.own_wasted_gbh else None


@dataclass(frozen=True)
class Figures:
    """What the first requests of some jobs were worth, of those that were applied or of those in shadow mode.

    Parameters
    ----------
    asked : int
        Jobs that the rule was asked for and that ended well or ran out of memory.
    fallbacks : int
        Those of them that the service did not size.
    judged, failures : int
        Jobs that the service sized and of which is known whether the first request was enough, and those of which it
        was not.
    guards, unavailable : mapping of str to int
        How often each guard fired, and what kept the service from being asked.
    mean_request_bytes, mean_peak_bytes : float or None
        What was requested first and what was used, of the jobs of which both are known.
    cost : Replay or None
        Of all requests whose peaks and run times are known.
    saved : Saved or None
        Of those of them whose destination's own memory is known too.
    """

    asked: int
    fallbacks: int
    judged: int
    failures: int
    guards: Mapping[str, int]
    unavailable: Mapping[str, int]
    mean_request_bytes: Optional[float]
    mean_peak_bytes: Optional[float]
    cost: Optional[Replay]
    saved: Optional[Saved]

    @property
    def failure_rate(self) -> Optional[float]:
        """Share of first requests that were not enough."""
        return self.failures / self.judged if self.judged else None

    @property
    def failure_interval(self) -> Optional[tuple[float, float]]:
        """Its 95 % interval (Wilson 1927)."""
        return wilson_interval(self.failures, self.judged) if self.judged else None

    def promise(self, cap: Optional[float]) -> str:
        """Say whether a failure cap was kept; broken is what chance does not explain."""
        rate, interval = self.failure_rate, self.failure_interval
        if cap is None:
            return NOTHING_PROMISED
        if rate is None or interval is None:
            return NOTHING_KNOWN
        if rate <= cap:
            return KEPT
        # of few jobs one failure is above any cap, and Wilson's interval too narrow: nobody is called for one
        return WITHIN_CHANCE if self.failures == 1 or interval[0] <= cap else BROKEN

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON gets."""
        told = {name: getattr(self, name) for name in ("asked", "fallbacks", "judged", "failures", "failure_rate")}
        return {
            **told,
            "fallback_share": self.fallbacks / self.asked if self.asked else None,
            "failure_interval": list(self.failure_interval or ()) or None,
            "guards": dict(self.guards),
            "unavailable": dict(self.unavailable),
            "mean_request_bytes": self.mean_request_bytes,
            "mean_peak_bytes": self.mean_peak_bytes,
            "wasted_gbh": self.cost.wastage_gbh if self.cost else None,
            "used_gbh": self.cost.used_gbh if self.cost else None,
            "saved": _saved_dict(self.saved) if self.saved else None,
        }


@dataclass(frozen=True)
class ToolFigures:
    """The requests of one tool.

    Parameters
    ----------
    tool : str
        Its family.
    failure_cap : float or None
        What was promised.
    applied, shadow : Figures
        Of requests that jobs got, and of those that were only told.
    weeks : mapping of str to (Figures, Figures)
        The same for each ISO week (``2026-W48``) in which the rule was asked, the oldest first.
    bundles : mapping of str to (Figures, Figures)
        The same for each bundle that answered, in the order in which they began to.
    """

    tool: str
    failure_cap: Optional[float]
    applied: Figures
    shadow: Figures
    weeks: Mapping[str, tuple[Figures, Figures]]
    bundles: Mapping[str, tuple[Figures, Figures]]

    @property
    def promise(self) -> str:
        """Whether the cap was kept by the requests that jobs got."""
        return self.applied.promise(self.failure_cap)


def by_tool(joined: Joined, cap_of: Callable[[str], Optional[float]]) -> list[ToolFigures]:
    """Return the figures of each tool, by name.

    Parameters
    ----------
    joined : Joined
        The jobs.
    cap_of : callable
        Returns the failure cap that a tool was trained with.
    """
    tools: dict[str, list[Sized]] = defaultdict(list)
    for sized in joined.sized:
        tools[sized.tool].append(sized)
    return [_of_tool(tool, tools[tool], cap_of(tool)) for tool in sorted(tools)]


def both(jobs: Sequence[Sized]) -> tuple[Figures, Figures]:
    """Return the figures of the requests that were applied, and of those in shadow mode."""
    return figures([job for job in jobs if not job.is_shadow]), figures([job for job in jobs if job.is_shadow])


def figures(jobs: Sequence[Sized]) -> Figures:
    """Return the figures of some jobs."""
    judged = [job.was_too_little for job in jobs if not job.is_fallback and job.was_too_little is not None]
    known = [job for job in jobs if job.request_bytes and job.peak_bytes]
    costed = [job for job in known if job.run_hours]
    compared = [job for job in costed if job.own_bytes]
    return Figures(
        asked=len(jobs),
        fallbacks=sum(job.is_fallback for job in jobs),
        judged=len(judged),
        failures=sum(judged),
        guards=Counter(guard for job in jobs for guard in job.guards),
        unavailable=Counter(job.failure for job in jobs if job.failure),
        mean_request_bytes=_mean([job.request_bytes for job in known]),
        mean_peak_bytes=_mean([job.peak_bytes for job in known]),
        cost=_ours(costed) if costed else None,
        saved=_saved(compared) if compared else None,
    )


def _of_tool(tool: str, jobs: Sequence[Sized], cap: Optional[float]) -> ToolFigures:
    in_order = sorted(jobs, key=lambda job: job.seconds)
    weeks = _parts(in_order, lambda job: _week(job.seconds))
    return ToolFigures(tool, cap, *both(jobs), weeks, _parts(in_order, lambda job: job.bundle))


def _parts(jobs: Sequence[Sized], name_of: Callable[[Sized], str]) -> dict[str, tuple[Figures, Figures]]:
    """Return the figures of the jobs that share a name, in the order of the first of them."""
    parts: dict[str, list[Sized]] = defaultdict(list)
    for job in jobs:
        if name := name_of(job):
            parts[name].append(job)
    return {name: both(part) for name, part in parts.items()}


def _week(seconds: float) -> str:
    year, week, _ = datetime.fromtimestamp(seconds, timezone.utc).isocalendar()
    return f"{year}-W{week:02}"


def _ours(jobs: Sequence[Sized]) -> Replay:
    # what a job in shadow mode asked for after a kill had nothing to do with what would have been requested
    then = _column([0 if job.is_shadow else job.then_bytes for job in jobs])
    return replay(_column([job.request_bytes for job in jobs]), _needs(jobs), _hours(jobs), then)


def _saved(jobs: Sequence[Sized]) -> Saved:
    ours, own = _ours(jobs), replay(_column([job.own_bytes for job in jobs]), _needs(jobs), _hours(jobs))
    return Saved(len(jobs), ours.used_gbh, ours.wastage_gbh, own.wastage_gbh)


def _needs(jobs: Sequence[Sized]) -> Vector:
    return _column([job.need_bytes for job in jobs])


def _hours(jobs: Sequence[Sized]) -> Vector:
    return _column([job.run_hours for job in jobs])


def _mean(amounts: Sequence[Optional[int]]) -> Optional[float]:
    return float(_column(amounts).mean()) if amounts else None


def _column(values: Sequence[Optional[float]]) -> Vector:
    return np.array([value or 0 for value in values], dtype=np.float64)


def _saved_dict(saved: Saved) -> dict[str, Any]:
    return {**vars(saved), "saved_gbh": saved.saved_gbh, "saved_share": saved.saved_share}
