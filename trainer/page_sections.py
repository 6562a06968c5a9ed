"""The parts of the page, as HTML: a table of all tools, and a section for each of them."""

from collections.abc import Mapping, Sequence
from html import escape

from .page_facts import CapPoint, PolicyLine, ToolPage
from .wording import amount_text, cap_text, change_text, percent_text, printable, size_text

_CAPTIONS = {
    "sizes": "Each point is a recorded job; the green line is what would have been requested for jobs of its size by a "
    "model that had not seen them. A job above its request runs out of memory and is tried again with twice as much. "
    "Jobs without inputs stand at the left edge.",
    "peaks": "A peak that was cut off at the limit says only that the job needed at least as much.",
    "promise": "The line is the 95 % interval of the achieved rate, measured on held-out jobs.",
    "policies": "Ours is green, the rule in force orange; less is better. Failed attempts are counted as wasted.",
    "caps": "What each cap would have wasted on held-out jobs; in brackets, how many first attempts would have failed.",
}


def summary(pages: Sequence[ToolPage]) -> str:
    """Return a table with a line for each tool, which leads to its section."""
    heads = ("tool", "jobs", "failure cap", "achieved failure", "wastage against the rule in force", "model")
    rows = [_row(_summary_cells(page, number)) for number, page in enumerate(pages, 1)]
    return _table("Each tool at a glance", heads, rows)


def _summary_cells(page: ToolPage, number: int) -> tuple[str, ...]:
    tool = f'<a href="#tool-{number}">{escaped(page.tool)}</a>'
    achieved = f"<b>{_verdict(page)}</b>: {_rate(page.achieved_failure, page.achieved_interval)}"
    return tool, f"{page.jobs:,}", cap_text(page.failure_cap), achieved, _saved(page), escaped(page.model)


def section(page: ToolPage, number: int, svgs: Mapping[str, str]) -> str:
    """Return the section of one tool.

    Parameters
    ----------
    page : ToolPage
        The tool's results.
    number : int
        Its place on the page, from 1.
    svgs : mapping of str to str
        Its plots by name, in the order in which they are read.
    """
    figures = (f"<figure>{svg}<figcaption>{_CAPTIONS[name]}</figcaption></figure>" for name, svg in svgs.items())
    limit = f" Jobs were confined to {size_text(page.limit_bytes)}." if page.limit_bytes else ""
    return f"""<section id="tool-{number}"><h2>{escaped(page.tool)}</h2>
<p>{page.jobs:,} recorded jobs. Served: {escaped(page.model)}; requested: {escaped(page.choice)}. For each byte used,
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
    change = "in force" if line.in_force else change_text(line.wastage_gbh, page.in_force_gbh)
    costs = f"{line.rel:.2f}", amount_text(line.wastage_gbh), change or "unknown"
    failures = _rate(line.failure_rate, line.failure_interval)
    return escaped(line.name), *costs, failures, f"{line.attempts:.2f}", f"{line.requested_per_used:.2f}"


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
        return f"{amount_text(point.wastage_gbh)} {escaped(page.unit)}"

    beside = (*page.cap_curve[max(at - 1, 0) : at], *page.cap_curve[at + 1 : at + 2])
    steps = [f"a cap of {cap_text(point.failure_cap)} would have wasted {wasted(point)}" for point in beside]
    chosen = f"With the chosen cap ({cap_text(page.failure_cap)}) {wasted(page.cap_curve[at])} were wasted"
    return "; ".join([chosen, *steps]) + "."


def _reasons(what: str, rows: Mapping[str, int]) -> str:
    items = "".join(f"<li>{escaped(reason)}: {count:,}</li>" for reason, count in rows.items() if count)
    return f"<p>Rows {what}: {sum(rows.values()):,}</p>" + (f"<ul>{items}</ul>" if items else "")


def _saved(page: ToolPage) -> str:
    reference, lines = page.in_force_gbh, page.policies
    if reference is None or not lines:
        return "unknown"
    amounts = f"{amount_text(lines[0].wastage_gbh)} for {amount_text(reference)} {escaped(page.unit)}"
    return f"{change_text(lines[0].wastage_gbh, reference)}<br><small>{amounts}</small>"


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
    first, *others = (f'<th scope="col">{escaped(head)}</th>' for head in heads)
    head = first.replace("<th", '<th class="text"') + "".join(others)
    body = "".join(rows)
    return f'<div class="wide"><table><caption>{caption}</caption><tr>{head}</tr>{body}</table></div>'


def _row(cells: Sequence[str], ours: bool = False) -> str:
    """Return a row of cells that are HTML already."""
    head, *others = cells
    data = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr{" class=ours" if ours else ""}><th scope="row">{head}</th>{data}</tr>'


def escaped(text: str) -> str:
    """Make text from outside harmless in HTML."""
    return escape(printable(text))
