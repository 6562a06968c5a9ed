"""What the administrator sees of the requests that were made: for each tool, week and bundle, as tables or as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from .requests_figures import BROKEN, Figures, ToolFigures
from .requests_joined import Joined
from .wording import amount_text, cap_text, percent_text, size_text

_HEADS = (
    *("tool", "week or bundle", "jobs", "too little", "95 % interval", "cap", "promise", "not sized"),
    *("asked for", "used", "wasted GB·h", "saved GB·h", "guards and failures"),
)
_LEGEND = (
    "jobs: those that the service sized and of which is known whether the first request was enough; not sized: share "
    "of the jobs that got the fallback or kept the destination's own memory; asked for, used: means of first requests "
    "and peaks; saved: against the destination's own memory, for jobs whose peak, run time and own memory are known; a "
    "killed attempt counts as run to the end"
)
_APPLIED, _SHADOW = "Requests that jobs got", "In shadow mode: what would have been requested"
_ALL = "all"


@dataclass(frozen=True)
class RequestsReport:
    """The requests of all tools.

    Parameters
    ----------
    tools : sequence of ToolFigures
        By name.
    joined : Joined
        The jobs behind them, and how many others there are.
    followers : mapping of str to str
        Tools whose peak follows their own request, with the evidence in words.
    notes : sequence of str
        What else has to be told.
    """

    tools: Sequence[ToolFigures]
    joined: Joined
    followers: Mapping[str, str]
    notes: Sequence[str]

    @property
    def broken(self) -> list[str]:
        """Tools whose failure rate is above their cap by more than chance."""
        return [found.tool for found in self.tools if found.promise == BROKEN]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON gets."""
        return {
            "tools": [self._tool_dict(found) for found in self.tools],
            "broken": self.broken,
            "failed_otherwise": self.joined.failed_otherwise,
            "not_asked": self.joined.not_asked,
            "not_recorded": self.joined.not_recorded,
            "notes": list(self.notes),
        }

    def _tool_dict(self, found: ToolFigures) -> dict[str, Any]:
        return {
            "tool": found.tool,
            "failure_cap": found.failure_cap,
            "promise": found.promise,
            "follows_request": self.followers.get(found.tool),
            **_both_dict((found.applied, found.shadow)),
            "weeks": [{"week": week, **_both_dict(parts)} for week, parts in found.weeks.items()],
            "bundles": [{"bundle": bundle, **_both_dict(parts)} for bundle, parts in found.bundles.items()],
        }


def as_json(report: RequestsReport) -> str:
    """Return a report as JSON; see the README for its fields."""
    return json.dumps(report.to_dict(), indent=1, allow_nan=False)


def as_text(report: RequestsReport) -> str:
    """Return a report as tables for the screen."""
    parts = [_section(_APPLIED, report.tools, 0), _section(_SHADOW, report.tools, 1)]
    shown = [part for part in parts if part] or ["No job of these records was sized by the rule."]
    return "\n\n".join([*shown, "\n".join(_closing(report))])


def _closing(report: RequestsReport) -> Iterator[str]:
    joined = report.joined
    yield _LEGEND
    yield (
        f"{joined.failed_otherwise:,} jobs failed for another reason, of {joined.not_asked:,} recorded jobs the rule "
        f"said nothing, {joined.not_recorded:,} that it was asked for are not recorded (yet)"
    )
    for tool, why in report.followers.items():
        yield f"{tool}: {why}"
    yield from report.notes
    for tool in report.broken:
        yield f"{tool}: BROKEN: more first attempts run out of memory than its failure cap allows"


def _section(title: str, tools: Sequence[ToolFigures], place: int) -> str:
    """Return a table of the applied (0) or of the shadow requests (1); empty where there are none."""
    lines = [cells for found in tools for cells in _lines(found, place)]
    if not lines:
        return ""
    widths = [max(len(row[column]) for row in [_HEADS, *lines]) for column in range(len(_HEADS))]
    table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in [_HEADS, *lines]]
    return "\n".join([title, *table])


def _lines(found: ToolFigures, place: int) -> Iterator[tuple[str, ...]]:
    whole = (found.applied, found.shadow)[place]
    if whole.asked:
        yield found.tool, _ALL, *_cells(whole, found.failure_cap)
        # the tool's name is told already
        builds = [(bundle.rpartition("/")[2], parts) for bundle, parts in found.bundles.items()]
        for name, parts in [*found.weeks.items(), *builds]:
            if parts[place].asked:
                yield "", name, *_cells(parts[place], found.failure_cap)


def _cells(figures: Figures, cap: Optional[float]) -> tuple[str, ...]:
    rate, interval, saved = figures.failure_rate, figures.failure_interval, figures.saved
    told = {**figures.guards, **figures.unavailable}
    return (
        f"{figures.judged:,}",
        "-" if rate is None else percent_text(rate),
        "-" if interval is None else " to ".join(map(percent_text, interval)),
        cap_text(cap),
        figures.promise(cap),
        percent_text(figures.fallbacks / figures.asked),
        *("-" if mean is None else size_text(mean) for mean in (figures.mean_request_bytes, figures.mean_peak_bytes)),
        amount_text(figures.cost.wastage_gbh) if figures.cost else "-",
        "-" if saved is None else _saved_text(saved.saved_gbh, saved.saved_share),
        ", ".join(f"{name} {count:,}" for name, count in sorted(told.items())),
    )


def _saved_text(saved_gbh: float, share: Optional[float]) -> str:
    return amount_text(saved_gbh) + (f" ({percent_text(share)})" if share is not None else "")


def _both_dict(parts: tuple[Figures, Figures]) -> dict[str, Any]:
    return {"applied": parts[0].to_dict(), "shadow": parts[1].to_dict()}
