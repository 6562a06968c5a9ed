"""What an inspection found, for the screen and as JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, Optional

from .inspecting import Inspection, ToolInspection

_HEADINGS = ("tool", "rows", "usable", "faulty", "censored", "page cache", "no sizes", "verdict")


def as_json(found: Sequence[Inspection]) -> str:
    """Return all that was found; times are ISO 8601."""
    return json.dumps({"files": [_plain(one) for one in found]}, indent=2)


def as_text(found: Sequence[Inspection]) -> str:
    """Return what an administrator should know, one paragraph for each file."""
    return "\n\n".join("\n".join(_lines(one)) for one in found)


def _plain(found: Inspection) -> dict[str, Any]:
    plain = asdict(found)
    first, last = plain.pop("first_seconds"), plain.pop("last_seconds")
    return {**plain, "first_time": _iso(first), "last_time": _iso(last)}


def _lines(found: Inspection) -> Iterator[str]:
    yield f"{found.file}: {found.dialect}, {found.rows:,} rows of {len(found.tools):,} tools; label {found.label}"
    if found.refusal:
        yield f"  refused for training: {found.refusal}"
    first, last = _iso(found.first_seconds), _iso(found.last_seconds)
    yield f"  created from {first} to {last}" if first and last else "  no times: jobs cannot be put in their order"
    yield f"  measured by {_counts(sum((Counter(tool.measures) for tool in found.tools), Counter()))}"
    for host in found.hosts:
        yield (
            f"  destination {host.destination or '(not told)'}: its peaks look like the host's, not the jobs': of"
            f" {host.jobs:,}, {host.repeated:,} are another job's to the byte, {host.beyond:,} beyond 8 times the"
            " request; leave it out"
        )
    yield from (f"  {line}" for line in _table([_HEADINGS, *map(_cells, found.tools)]))
    for tool in found.tools:
        if tool.unusable or tool.marked:
            yield f"  {tool.tool}: {_told(tool)}"
        if tool.follows_request:
            yield f"  {tool.tool}: {tool.follows_request}; a training holds its request at what was enough"


def _cells(tool: ToolInspection) -> tuple[str, ...]:
    counts = (tool.faulty, tool.censored, tool.page_cache, tool.without_sizes)
    shares = (f"{count / tool.examined:.0%}" if tool.examined else "-" for count in counts)
    usable = f"{tool.usable:,}" if tool.usable == tool.examined else f"{tool.usable:,} of {tool.examined:,}"
    return tool.tool, f"{tool.rows:,}", usable, *shares, f"{tool.verdict}: {tool.why}"


def _told(tool: ToolInspection) -> str:
    parts = [("dropped", tool.unusable), ("marked", tool.marked)]
    return "; ".join(f"{what} {_counts(Counter(counts))}" for what, counts in parts if counts)


def _counts(counts: "Counter[str]") -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.most_common()) or "nothing"


def _table(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def _iso(seconds: Optional[float]) -> Optional[str]:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
