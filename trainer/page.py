"""One HTML file, and its plots beside it, that an administrator reads before switching the memory rule on."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import ConfigError, RecordsError

from . import plots
from .distribution import Vector
from .plots import amount_text, cap_text, change_text, percent_text, printable, size_text


@dataclass(frozen=True)
class PolicyLine:
    """What one way to request memory would have cost on a tool's held-out jobs.

    Parameters
    ----------
    name : str
        The policy, as the administrator knows it.
    rel : float
        (Used + wasted) / used memory.
    wastage_gbh : float
        Wasted memory in the unit of the page, GB·h or GB·job.
    failure_rate : float
        Share of jobs whose first request is below their peak.
    failure_interval : tuple of float
        The ends of its 95 % interval.
    attempts : float
        Mean number of attempts a job needs.
    requested_per_used : float
        First requests over peaks, both summed over the jobs.
    in_force : bool
        Whether this is what the server does today.
    """

    name: str
    rel: float
    wastage_gbh: float
    failure_rate: float
    failure_interval: tuple[float, float]
    attempts: float
    requested_per_used: float
    in_force: bool = False


@dataclass(frozen=True)
class CapPoint:
    """What another failure cap would have cost.

    Parameters
    ----------
    failure_cap : float or None
        The cap, as a share of first attempts; None is no cap.
    rel, wastage_gbh, achieved_failure : float
        As in `PolicyLine`, on held-out jobs.
    """

    failure_cap: float | None
    rel: float
    wastage_gbh: float
    achieved_failure: float


@dataclass(frozen=True)
class ToolPage:
    """All that the page tells of one tool.

    Parameters
    ----------
    tool : str
        The tool's id, as recorded: from outside, and escaped wherever it is written.
    jobs : int
        How many recorded jobs were learned from.
    model : str
        The model that is served.
    choice : str
        What is requested of it, for example "0.95 quantile x 1.05 of forest".
    failure_cap : float or None
        The promised share of first attempts that run out of memory at most; None where nothing is promised.
    achieved_failure : float
        That share on held-out jobs.
    achieved_interval : tuple of float
        The ends of its 95 % interval.
    rel : float
        (Used + wasted) / used memory on held-out jobs.
    dropped, flagged : mapping of str to int
        How many rows were left out, and kept under suspicion, by reason in words.
    input_bytes : array of shape (n_jobs,)
        The size of all inputs of each job, 0 where it has none.
    peaks_bytes : array of shape (n_jobs,)
        What each job used at most, above 0.
    requests_bytes : array of shape (n_jobs,)
        What would have been requested for each job by a model that has not seen it, above 0.
    censored : array of bool, of shape (n_jobs,)
        Whether the job needed more than its recorded peak, because its limit cut it off.
    limit_bytes : float or None
        The memory that jobs were confined to, None where unknown.
    policies : sequence of PolicyLine
        Ours first.
    cap_curve : sequence of CapPoint
        From the strictest cap to none.
    unit : str
        Of all wastage: "GB·h", or "GB·job" where run times are unknown.

    Raises
    ------
    RecordsError
        If there is no job, or the arrays differ in length.
    """

    tool: str
    jobs: int
    model: str
    choice: str
    failure_cap: float | None
    achieved_failure: float
    achieved_interval: tuple[float, float]
    rel: float
    dropped: Mapping[str, int]
    flagged: Mapping[str, int]
    input_bytes: Vector
    peaks_bytes: Vector
    requests_bytes: Vector
    censored: npt.NDArray[np.bool_]
    limit_bytes: float | None
    policies: Sequence[PolicyLine]
    cap_curve: Sequence[CapPoint]
    unit: str = "GB·h"

    def __post_init__(self) -> None:
        lengths = {len(column) for column in (self.input_bytes, self.peaks_bytes, self.requests_bytes, self.censored)}
        if len(lengths) != 1 or 0 in lengths:
            raise RecordsError(f"{self.tool}: a page needs as many inputs, peaks, requests and flags, and at least one")


_STYLE = """
:root{color-scheme:light dark;--ink:#1d2530;--soft:#5a6573;--line:#d5dae1;--back:#fff;--card:#f6f8fa;--ours:#e3f4ec}
@media (prefers-color-scheme:dark){
:root{--ink:#e3e8ee;--soft:#9faab8;--line:#39424e;--back:#14181d;--card:#1b2027;--ours:#173528}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem 1rem 4rem;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
h1,h2,h3{line-height:1.2;margin:1.6em 0 .5em}h1{margin-top:0}h2{border-top:1px solid var(--line);padding-top:1.2em}
p,li{max-width:46rem}.soft,figcaption{color:var(--soft)}a{color:inherit}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding-bottom:.3rem}
th,td{padding:.35rem .8rem .35rem 0;text-align:right;border-bottom:1px solid var(--line);overflow-wrap:normal}
th{font-weight:600;vertical-align:bottom}th[scope=row],th.text{text-align:left}
th[scope=row]{font-weight:400;min-width:9rem;overflow-wrap:anywhere}tr.ours{background:var(--ours)}
tr.ours th{font-weight:600}td{white-space:nowrap}td,th[scope=row]{vertical-align:baseline}
.plots{columns:2 24rem;column-gap:1rem}
figure{margin:0 0 1rem;padding:.8rem;background:var(--card);border-radius:.5rem;break-inside:avoid}
figure svg{display:block;width:100%;height:auto;max-width:40rem;margin:0 auto}
figure svg text{font-family:system-ui,"DejaVu Sans",sans-serif!important}
figcaption{font-size:.88rem;margin-top:.5rem}
@media print{body{max-width:none;padding:0;font-size:11pt}.wide{overflow:visible}.plots{columns:2 auto}
h2{break-before:page;border:0}}
"""
_CAPTIONS = {
    "sizes": "Each point is a recorded job; the green line is what would have been requested for jobs of its size by a "
    "model that had not seen them. A job above its request runs out of memory and is tried again with twice as much. "
    "Jobs without inputs stand at the left edge.",
    "peaks": "A peak that was cut off at the limit says only that the job needed at least as much.",
    "promise": "The line is the 95 % interval of the achieved rate, measured on held-out jobs.",
    "policies": "Ours is green, the rule in force orange; less is better. Failed attempts are counted as wasted.",
    "caps": "What each cap would have wasted on held-out jobs; in brackets, how many first attempts would have failed.",
}
_CHOOSING = """<h2>Choosing the cap</h2>
<p>The cap is the share of jobs that may run out of memory at their first attempt. Such a job is killed and tried
again with twice as much: the user waits longer, and all that the first attempt held is lost. A low cap fails few jobs,
but asks for more than most of them need, so that fewer run side by side. Follow the curve of a tool from left to
right: as long as it falls steeply, a higher cap frees much memory; where it is flat, take the lower cap, for it costs
next to nothing. Choose a low cap where jobs run for days or people wait for them, a higher one where jobs are short
and many. Where the achieved rate lies above the promised one, record more jobs before you rely on it.</p>
<h3>Words</h3>
<p class="soft">1 GB is 10<sup>9</sup> bytes. Wastage is memory that was requested and not used, over the time for which
it was held (GB·h), or for each job alike where run times are unknown (GB·job). rel is (used + wasted) / used memory: 1
would be perfect, 2 wastes a byte for each byte used. An interval made this way
holds the true rate in 95 of 100 cases.</p>"""


def render(pages: Sequence[ToolPage], written: str) -> str:
    """Return the page as HTML that needs nothing else: no script, no font, no other file.

    Parameters
    ----------
    pages : sequence of ToolPage
        The tools, in the order in which they are shown.
    written : str
        When and by whom, for the line below the heading.
    """
    return _html(pages, _drawn(pages), written)


def _drawn(pages: Sequence[ToolPage]) -> list[dict[str, str]]:
    """Return the plots of each tool by name; no two of them have an id in common."""
    return [
        {name: plots.draw(page, name, f"t{number}-{name}-") for name in plots.names(page)}
        for number, page in enumerate(pages, 1)
    ]


def _html(pages: Sequence[ToolPage], drawn: Sequence[Mapping[str, str]], written: str) -> str:
    sections = "\n".join(_section(page, number, drawn[number - 1]) for number, page in enumerate(pages, 1))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>What the memory rule would request</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>What the memory rule would request</h1>
<p class="soft">{_text(written)}. All rates and wastage are those of jobs that the model had not seen.</p>
{_summary(pages)}
{sections}
{_CHOOSING}
</body>
</html>
"""


def write(pages: Sequence[ToolPage], path: Path, written: str | None = None) -> None:
    """Write the page, and its plots as SVG files into the folder ``<stem>_plots`` beside it, each file in one piece.

    Parameters
    ----------
    pages : sequence of ToolPage
        The tools, in the order in which they are shown.
    path : Path
        The HTML file.
    written : str, optional
        The line below the heading; the time of day in UTC where it is left out.

    Raises
    ------
    ConfigError
        If a file cannot be written.
    """
    drawn = _drawn(pages)
    html = _html(pages, drawn, written or f"Written {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC")
    folder = path.with_name(f"{path.stem}_plots")
    for slug, svgs in zip(slugs([page.tool for page in pages]), drawn):
        for name, svg in svgs.items():
            _put(folder / f"{slug}-{name}.svg", svg)
    # last: a new page has all of its plots beside it
    _put(path, html)


def slugs(tools: Sequence[str]) -> list[str]:
    """Name a file after each tool: lower-case letters, digits, dots and hyphens, no two alike."""
    found: list[str] = []
    for tool in tools:
        slug = re.sub(r"[^a-z0-9.]+", "-", tool.lower())[-80:].strip("-.") or "tool"
        taken = sum(slug == other or other.startswith(f"{slug}--") for other in found)
        found.append(f"{slug}--{taken + 1}" if taken else slug)
    return found


def _put(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error}); choose another file for the page") from error


def _summary(pages: Sequence[ToolPage]) -> str:
    heads = ("tool", "jobs", "failure cap", "achieved failure", "wastage against the rule in force", "model")
    rows = [_row(_summary_cells(page, number)) for number, page in enumerate(pages, 1)]
    return _table("Each tool at a glance", heads, rows)


def _summary_cells(page: ToolPage, number: int) -> tuple[str, ...]:
    tool = f'<a href="#tool-{number}">{_text(page.tool)}</a>'
    achieved = f"<b>{_verdict(page)}</b>: {_rate(page.achieved_failure, page.achieved_interval)}"
    return tool, f"{page.jobs:,}", cap_text(page.failure_cap), achieved, _saved(page), _text(page.model)


def _section(page: ToolPage, number: int, svgs: Mapping[str, str]) -> str:
    figures = (f"<figure>{svg}<figcaption>{_CAPTIONS[name]}</figcaption></figure>" for name, svg in svgs.items())
    limit = f" Jobs were confined to {size_text(page.limit_bytes)}." if page.limit_bytes else ""
    return f"""<section id="tool-{number}"><h2>{_text(page.tool)}</h2>
<p>{page.jobs:,} recorded jobs. Served: {_text(page.model)}; requested: {_text(page.choice)}. For each byte used,
{page.rel:.2f} are allocated (rel).{limit}</p>
<div class="plots">{"".join(figures)}</div>
<h3>Compared with other policies</h3>{_policies(page)}
<h3>What was left out, and what is doubtful</h3>
{_reasons("left out", page.dropped)}{_reasons("doubtful, but kept", page.flagged)}
<h3>Other caps</h3><p>{_neighbours(page)}</p>{_caps(page)}</section>"""


def _policies(page: ToolPage) -> str:
    heads = ("policy", "rel", f"wastage, {page.unit}", "against the rule in force", "first attempts that fail")
    rows = [_row(_policy_cells(page, line), ours=line is page.policies[0]) for line in page.policies]
    return _table("On held-out jobs; ours first", (*heads, "attempts a job", "requested for a byte used"), rows)


def _policy_cells(page: ToolPage, line: PolicyLine) -> tuple[str, ...]:
    change = "in force" if line.in_force else change_text(line.wastage_gbh, _in_force_gbh(page))
    costs = f"{line.rel:.2f}", amount_text(line.wastage_gbh), change or "unknown"
    failures = _rate(line.failure_rate, line.failure_interval)
    return _text(line.name), *costs, failures, f"{line.attempts:.2f}", f"{line.requested_per_used:.2f}"


def _caps(page: ToolPage) -> str:
    heads = ("failure cap", "achieved failure", f"wastage, {page.unit}", "rel")
    rows = []
    for point in page.cap_curve:
        cells = percent_text(point.achieved_failure), amount_text(point.wastage_gbh), f"{point.rel:.2f}"
        rows.append(_row((cap_text(point.failure_cap), *cells), ours=point.failure_cap == page.failure_cap))
    return _table("The chosen cap is highlighted", heads, rows) if rows else ""


def _neighbours(page: ToolPage) -> str:
    """Say what a step to either side of the chosen cap would change."""
    caps = [point.failure_cap for point in page.cap_curve]
    if page.failure_cap not in caps:
        return "The chosen cap is not among those that were tried." if caps else "No other cap was tried."
    at = caps.index(page.failure_cap)

    def wasted(point: CapPoint) -> str:
        return f"{amount_text(point.wastage_gbh)} {_text(page.unit)}"

    beside = (*page.cap_curve[max(at - 1, 0) : at], *page.cap_curve[at + 1 : at + 2])
    steps = [f"a cap of {cap_text(point.failure_cap)} would have wasted {wasted(point)}" for point in beside]
    chosen = f"With the chosen cap ({cap_text(page.failure_cap)}) {wasted(page.cap_curve[at])} were wasted"
    return "; ".join([chosen, *steps]) + "."


def _reasons(what: str, rows: Mapping[str, int]) -> str:
    items = "".join(f"<li>{_text(reason)}: {count:,}</li>" for reason, count in rows.items() if count)
    return f"<p>Rows {what}: {sum(rows.values()):,}</p>" + (f"<ul>{items}</ul>" if items else "")


def _saved(page: ToolPage) -> str:
    reference, lines = _in_force_gbh(page), page.policies
    if reference is None or not lines:
        return "unknown"
    amounts = f"{amount_text(lines[0].wastage_gbh)} for {amount_text(reference)} {_text(page.unit)}"
    return f"{change_text(lines[0].wastage_gbh, reference)}<br><small>{amounts}</small>"


def _in_force_gbh(page: ToolPage) -> float | None:
    return next((line.wastage_gbh for line in page.policies if line.in_force), None)


def _verdict(page: ToolPage) -> str:
    """Say whether the promise was kept, and whether chance alone may have broken it."""
    if page.failure_cap is None:
        return "nothing promised"
    if page.achieved_failure <= page.failure_cap:
        return "kept"
    return "above, within chance" if page.achieved_interval[0] <= page.failure_cap else "not kept"


def _rate(rate: float, interval: tuple[float, float]) -> str:
    return f"{percent_text(rate)} <br><small>{percent_text(interval[0])} to {percent_text(interval[1])}</small>"


def _table(caption: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    first, *others = (f'<th scope="col">{_text(head)}</th>' for head in heads)
    head = first.replace("<th", '<th class="text"') + "".join(others)
    body = "".join(rows)
    return f'<div class="wide"><table><caption>{caption}</caption><tr>{head}</tr>{body}</table></div>'


def _row(cells: Sequence[str], ours: bool = False) -> str:
    """Return a row of cells that are HTML already."""
    head, *others = cells
    data = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr{" class=ours" if ours else ""}><th scope="row">{head}</th>{data}</tr>'


def _text(text: str) -> str:
    """Make text from outside harmless in HTML."""
    return escape(printable(text))
