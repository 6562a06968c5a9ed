"""A plan for a person: what is asked for and used, what other failure caps would change, tools, nodes, notes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from galaxy_memory_rules.memory import format_bytes
from trainer.wording import amount_text, cap_text, percent_text, printable

from .answer import PREDICTED
from .nodes import NodeType
from .request import PlanRequest
from .tool import CONSTANT

_NAMES = {PREDICTED: "predicted", CONSTANT: "one number for each tool"}
_NONE = "-"


def plan_text(told: Mapping[str, Any], request: PlanRequest) -> str:
    """Write an answer as text.

    Parameters
    ----------
    told : mapping
        What `answer.answer` returned.
    request : PlanRequest
        What was asked.
    """
    parts = [_heading(told), _policies(told), _tools(told), _nodes(told, request), _mix(told, request)]
    parts += [_fit_nowhere(told), _refused(told), _notes(told)]
    # what the words have for pages is no help on a screen
    return "\n\n".join(filter(None, parts)).replace("\N{NO-BREAK SPACE}", " ") + "\n"


def _heading(told: Mapping[str, Any]) -> str:
    predicted = told["policies"][PREDICTED]
    wasted, constant = (told["policies"][name]["wasted_gbh"]["mean"] for name in (PREDICTED, CONSTANT))
    used = predicted["used_gbh"]
    lines = [
        f"{told['jobs']:,} jobs, {told['distinct_jobs']:,} of them different, in {told['window_hours']:g} hours",
        f"They use {amount_text(used['mean'])} GB·h (half of the time up to {amount_text(used['p50'])}, "
        f"19 times in 20 up to {amount_text(used['p95'])}).",
    ]
    if constant > 0 and told["jobs"]:
        lines.append(
            f"Beside that, {amount_text(wasted)} GB·h are asked for and not used; one number for each tool would waste "
            f"{amount_text(constant)} GB·h."
        )
    return "\n".join(lines)


def _policies(told: Mapping[str, Any]) -> str:
    rows = [
        (
            _NAMES.get(name, f"failure cap {percent_text(one['failure_cap'] or 0)}"),
            cap_text(one["failure_cap"]),
            *(amount_text(one[key]["mean"]) for key in ("requested_gbh", "wasted_gbh")),
            amount_text(one["expected_retries"]),
            percent_text(one["failure_rate"]),
            format_bytes(one["requested_bytes"]["largest"]),
        )
        for name, one in told["policies"].items()
    ]
    headings = ("requests", "cap", "GB·h asked for", "GB·h wasted", "retries", "jobs that fail first", "largest")
    return f"What is asked for\n{_table(headings, rows)}"


def _tools(told: Mapping[str, Any]) -> str:
    rows = [
        (
            printable(one["tool"]),
            f"{one['jobs']:,}",
            f"{amount_text(one['run_seconds'])} s",
            format_bytes(one["requested_bytes"]["p50"]),
            format_bytes(one["requested_bytes"]["largest"]),
            format_bytes(one["constant_request_bytes"]),
            *(amount_text(one[key]) for key in ("used_gbh", "wasted_gbh", "constant_wasted_gbh", "expected_retries")),
        )
        for one in told["tools"]
    ]
    headings = ("tool", "jobs", "run time", "half ask up to", "largest", "one number", "GB·h used", "wasted")
    return f"Tools\n{_table((*headings, 'by one number', 'retries'), rows)}" if rows else ""


def _nodes(told: Mapping[str, Any], request: PlanRequest) -> str:
    if not request.nodes:
        return ""
    of_constant = told["policies"][CONSTANT]["nodes"]
    rows = [
        (
            *_of_node(node),
            f"{one['at_once_least']:,} to {one['at_once_most']:,}",
            f"{one['jobs_fit']:,}",
            f"{one['jobs_too_large']:,}",
            *_of_need(one),
            _bounds(constant["needed"]),
        )
        for node, one, constant in zip(request.nodes, told["policies"][PREDICTED]["nodes"], of_constant, strict=True)
    ]
    headings = (*_OF_NODE, "run at once", "jobs that fit", "too large", *_OF_NEED, "by one number")
    return f"Nodes, if all jobs that fit ran on this type alone\n{_table(headings, rows)}"


def _mix(told: Mapping[str, Any], request: PlanRequest) -> str:
    if len(request.nodes) < 2:
        return ""
    of_constant = told["policies"][CONSTANT]["mix"]
    rows = [
        (*_of_node(node), f"{one['jobs']:,}", *_of_need(one), f"{constant['jobs']:,}", _bounds(constant["needed"]))
        for node, one, constant in zip(request.nodes, told["policies"][PREDICTED]["mix"], of_constant, strict=True)
    ]
    priced = all(node.price_per_hour is not None for node in request.nodes)
    where = "where its share of a node costs least" if priced else "on the node with the least memory that it fits on"
    headings = (*_OF_NODE, "jobs", *_OF_NEED, "jobs by one number", "needed")
    return f"Nodes, if each job ran {where}\n{_table(headings, rows)}"


_OF_NODE = ("node", "memory", "cores", "there are")
_OF_NEED = ("busy", "needed 50 / 95 %", "enough", "cost 95 %")


def _of_node(node: NodeType) -> tuple[str, ...]:
    there = "unlimited" if node.count is None else f"{node.count:,}"
    return printable(node.name), format_bytes(node.memory_bytes), str(node.cores or _NONE), there


def _of_need(one: Mapping[str, Any]) -> tuple[str, ...]:
    busy, cost = one["busy"], one["cost"]
    enough = {True: "yes", False: "no", None: _NONE}[one["enough"]]
    return (
        amount_text(busy["p95"]) if busy else _NONE,
        _bounds(one["needed"]),
        enough,
        amount_text(cost["p95"]) if cost else _NONE,
    )


def _bounds(needed: Mapping[str, int] | None) -> str:
    return f"{needed['p50']:,} / {needed['p95']:,}" if needed else _NONE


def _fit_nowhere(told: Mapping[str, Any]) -> str:
    counted = told["policies"][PREDICTED]["fit_nowhere"]
    if not counted["jobs"]:
        return ""
    lines = [
        f"  {printable(one['tool'])}, {_place(one)}: {one['jobs']:,} jobs on {format_bytes(one['inputs_bytes'])} of "
        f"inputs and {one['slots']:,} cores ask for {format_bytes(one['request_bytes'])}"
        for one in told["fit_nowhere"]
    ]
    return "\n".join([f"{counted['jobs']:,} jobs fit on no node; those that ask for most:", *lines])


def _refused(told: Mapping[str, Any]) -> str:
    lines = [
        f"  {printable(one['tool'])}, first at {_place(one)}: {one['jobs']:,} jobs, {one['message']}"
        for one in told["refused"]
    ]
    return "\n".join([f"{told['refused_jobs']:,} jobs are not planned:", *lines]) if lines else ""


def _place(one: Mapping[str, Any]) -> str:
    return f"line {one['line']}" if "line" in one else f"job {one['job']}"


def _notes(told: Mapping[str, Any]) -> str:
    notes = list(told["notes"])
    if told["too_long"]:
        notes.append(f"{told['too_long']:,} jobs run longer than the window")
    return "\n".join(["Notes", *(f"  {printable(note)}" for note in notes)]) if notes else ""


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(_lines([headings, *rows]))


def _lines(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """Align the first column to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for first, *others in cells:
        right = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join(["  " + first.ljust(widths[0]), *right])
