"""What the administrator sees of a backtest: for each tool and for all together, as a table or as JSON."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import geometric_mean
from typing import Any, Optional

from .backtest import OURS
from .page_facts import ToolPage
from .replay import Replay

# how each figure is called in a table, and written there
_COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "wastage": ("wasted {unit}", lambda value: _amount(value)),
    "rel": ("rel", "{:.3f}".format),
    "rel_half": ("rel f=0.5", "{:.3f}".format),
    "rel_geometric_mean": ("geo. mean rel", "{:.3f}".format),
    "rel_half_geometric_mean": ("geo. mean rel f=0.5", "{:.3f}".format),
    "failure_rate": ("failed", "{:.1%}".format),
    "failure_interval": ("95 % interval", lambda ends: "{:.1%} to {:.1%}".format(*ends)),
    "attempts": ("attempts", "{:.3f}".format),
    "requested_per_used": ("requested/used", "{:.2f}".format),
}
_LEGEND = (
    "rel = (used + wasted) / used memory, 1 for who knows the peaks; a killed first attempt runs to the end, or, with "
    "f=0.5, half as long"
)


@dataclass(frozen=True)
class ToolResult:
    """The backtest of one tool.

    Parameters
    ----------
    tool, file, label : str
        Whose records they are, where they were read, and the column of the peaks.
    division : str
        How they were divided.
    unit : str
        ``GB·h``, or ``GB·job`` where run times are not known.
    jobs, asked : int
        Recorded jobs that could be used, and how many of them were asked for.
    dropped, flagged : dict of str to int
        How many records were refused, and how many were kept but marked, by reason.
    replays : dict of str to Replay
        What each policy would have cost.
    unavailable : dict of str to str
        Why a policy could not be asked.
    notes : list of str
        What was warned of on the way, or at a tool before it.
    page : ToolPage, optional
        The same for a person to look at, where that was asked for.
    """

    tool: str
    file: str
    label: str
    division: str
    unit: str
    jobs: int
    asked: int
    dropped: dict[str, int]
    flagged: dict[str, int]
    replays: dict[str, Replay]
    unavailable: dict[str, str]
    notes: list[str] = field(default_factory=list)
    page: Optional[ToolPage] = None

    def to_dict(self, in_force: Optional[str]) -> dict[str, Any]:
        """Return what JSON gets, with what ours saves against the rule in force."""
        policies = {name: _figures(replay) for name, replay in self.replays.items()}
        told = {name: value for name, value in vars(self).items() if name not in ("replays", "notes", "page")}
        return {**told, "policies": policies, "saved": _saved(policies, in_force)}


@dataclass(frozen=True)
class Report:
    """The backtests of all tools.

    Parameters
    ----------
    failure_cap : float or None
        What our policy had to keep.
    in_force : str or None
        The name of the policy that is the rule in force.
    tools : sequence of ToolResult
        In the order of their files.
    failed : sequence of str
        A sentence for each of the others.
    """

    failure_cap: Optional[float]
    in_force: Optional[str]
    tools: Sequence[ToolResult]
    failed: Sequence[str]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON gets."""
        units = dict.fromkeys(result.unit for result in self.tools)
        return {
            "failure_cap": self.failure_cap,
            "in_force": self.in_force,
            "tools": [result.to_dict(self.in_force) for result in self.tools],
            # memory for some hours and memory for some jobs have no sum
            "pooled": [
                _pooled([result for result in self.tools if result.unit == unit], self.in_force) for unit in units
            ],
            "failed": list(self.failed),
            "notes": list(dict.fromkeys(note for result in self.tools for note in result.notes)),
        }


def as_json(report: Report) -> str:
    """Return a report as JSON.

    ``tools`` and ``pooled`` (one entry for each unit) hold ``policies``, by name: ``wastage``, ``wastage_half``,
    ``used`` and ``requested`` in their ``unit``, and the other figures as `Replay` defines them.
    """
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)


def as_text(report: Report) -> str:
    """Return a report as tables for the screen; all tools together where there are more than one."""
    content = report.to_dict()
    cap = "no failure cap" if report.failure_cap is None else f"failure cap {report.failure_cap:.3g}"
    blocks = [_tool_text(tool, report.in_force) for tool in content["tools"]]
    blocks += [_pooled_text(pool, report.in_force) for pool in content["pooled"] if len(pool["tools"]) > 1]
    return "\n\n".join([*blocks, f"{cap}; {_LEGEND}"])


def _figures(replay: Replay) -> dict[str, Any]:
    return {
        "jobs": replay.jobs,
        "failures": replay.failures,
        "wastage": replay.wastage_gbh,
        "wastage_half": replay.wastage_half_gbh,
        "used": replay.used_gbh,
        "requested": replay.requested_gbh,
        "rel": replay.rel,
        "rel_half": replay.rel_half,
        "failure_rate": replay.failure_rate,
        "failure_interval": list(replay.failure_interval),
        "attempts": replay.attempts,
        "requested_per_used": replay.requested_per_used,
    }


def _saved(policies: Mapping[str, Mapping[str, float]], in_force: Optional[str]) -> Optional[dict[str, Any]]:
    """Return what ours wastes less than the rule in force, and as a share of what that wastes."""
    if in_force is None or not policies.keys() >= {in_force, OURS}:
        return None
    wasted = policies[in_force]["wastage"]
    saved = wasted - policies[OURS]["wastage"]
    return {"wastage": saved, "share": saved / wasted if wasted else None}


def _pooled(results: Sequence[ToolResult], in_force: Optional[str]) -> dict[str, Any]:
    """Pool tools: each job counts the same, and in the geometric means each tool."""
    everywhere = [name for name in results[0].replays if all(name in result.replays for result in results)]
    policies = {name: _pooled_figures([result.replays[name] for result in results]) for name in everywhere}
    unavailable = Counter(name for result in results for name in result.unavailable)
    return {
        "unit": results[0].unit,
        "tools": [result.tool for result in results],
        "jobs": sum(result.jobs for result in results),
        "asked": sum(result.asked for result in results),
        "policies": policies,
        "unavailable": {name: f"at {count} of {len(results)} tools" for name, count in unavailable.items()},
        "saved": _saved(policies, in_force),
    }


def _pooled_figures(replays: Sequence[Replay]) -> dict[str, Any]:
    jobs = sum(replay.jobs for replay in replays)
    pooled = Replay(
        jobs=jobs,
        failures=sum(replay.failures for replay in replays),
        attempts=sum(replay.attempts * replay.jobs for replay in replays) / jobs,
        used_gbh=sum(replay.used_gbh for replay in replays),
        requested_gbh=sum(replay.requested_gbh for replay in replays),
        wastage_gbh=sum(replay.wastage_gbh for replay in replays),
        wastage_half_gbh=sum(replay.wastage_half_gbh for replay in replays),
    )
    means = {
        "rel_geometric_mean": geometric_mean([replay.rel for replay in replays]),
        "rel_half_geometric_mean": geometric_mean([replay.rel_half for replay in replays]),
    }
    return {**_figures(pooled), **means}


def _tool_text(tool: Mapping[str, Any], in_force: Optional[str]) -> str:
    jobs = f"{tool['jobs']:,} jobs of {tool['file']}, {tool['asked']:,} asked for"
    told = f"{tool['tool']}: {jobs}, division {tool['division']}"
    counts = [_counts(what, tool[what]) for what in ("dropped", "flagged") if tool[what]]
    return _block([told, *counts], tool, in_force)


def _pooled_text(pool: Mapping[str, Any], in_force: Optional[str]) -> str:
    jobs = f"{pool['jobs']:,} jobs, {pool['asked']:,} asked for"
    return _block([f"all {len(pool['tools'])} tools with {pool['unit']}: {jobs}"], pool, in_force)


def _counts(what: str, counts: Mapping[str, int]) -> str:
    return f"{what}: {', '.join(f'{count:,} {reason}' for reason, count in counts.items())}"


def _block(head: Sequence[str], part: Mapping[str, Any], in_force: Optional[str]) -> str:
    unavailable = [f"{name}: unavailable: {reason}" for name, reason in part["unavailable"].items()]
    return "\n".join([*head, *_table(part["policies"], part["unit"]), *unavailable, *_saved_text(part, in_force)])


def _saved_text(part: Mapping[str, Any], in_force: Optional[str]) -> list[str]:
    saved = part["saved"]
    if not saved or saved["share"] is None:
        return []
    wasted, theirs = (_amount(part["policies"][name]["wastage"]) for name in (OURS, in_force))
    change = f"{abs(saved['share']):.0%} {'less' if saved['share'] >= 0 else 'more'}"
    return [f"ours wastes {wasted} {part['unit']} instead of {theirs}: {change} than {in_force}"]


def _table(policies: Mapping[str, Mapping[str, Any]], unit: str) -> list[str]:
    shown = {key: column for key, column in _COLUMNS.items() if all(key in figures for figures in policies.values())}
    heads = ["policy", *(head.format(unit=unit) for head, _ in shown.values())]
    cells = [[name, *(write(figures[key]) for key, (_, write) in shown.items())] for name, figures in policies.items()]
    widths = [max(len(row[column]) for row in [heads, *cells]) for column in range(len(heads))]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in [heads, *cells]]


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 999.5 else f"{value:#.4g}"
