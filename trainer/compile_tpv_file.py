"""The file of compiled expressions: YAML for TPV, with a comment of evidence above each tool."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from galaxy_memory_rules.names import tool_names

from .compile_tpv import Compiled
from .facts import achieved

# one line for each expression, however long
_WIDEST = 10**6
_HEAD = """\
Memory for {count} tools, compiled from recorded jobs by `python -m trainer compile-tpv` for TPV 3.3; mem is in GiB.

Of the expressions that keep the failure cap on jobs they were not fitted on, each tool has the one that wastes least,
fitted on all its jobs. Its evidence is that of an expression fitted in the same way on four fifths of the jobs and
tried on the others, beside the best constant under the same cap and the full model that `python -m service` has.
failed: first requests below the peak. wasted: memory allocated and not used, in 10^9 bytes times hours or jobs, with
killed attempts run to the end and each one after that given twice as much: TPV does so only where a destination's
`resubmit` does. rel: (used + wasted) / used memory. Inputs larger than those recorded follow the line up to its bound.
"""


def text_of(tools: Sequence[Compiled]) -> str:
    """Return the file's content."""
    head = [f"# {line}".rstrip() for line in _HEAD.format(count=len(tools)).splitlines()]
    body = [line for compiled in tools for line in ("", *_entry(compiled))]
    return "\n".join([*head, "", "tools:", *body, ""])


def key_of(tool: str) -> str:
    """Return the regular expression of a tool's ids: all versions of a ToolShed id, as in the shared database.

    A bare name may be the last part of a ToolShed id, where the records do not tell.
    """
    exact, *others = tool_names(tool)
    if "/" not in tool:
        return f"(.*/)?{_escaped(tool)}(/[^/]*)?$"
    family = next((name for name in others if "/" in name and exact.startswith(f"{name}/")), exact)
    return f"{_escaped(family)}/.*"


def _escaped(name: str) -> str:
    # the dots of a host stay as the shared database writes them: an equal key is what its entries are merged by
    return re.sub(r"[^\w/.-]", lambda found: re.escape(found[0]), name)


def _entry(compiled: Compiled) -> Iterator[str]:
    yield from (f"  # {_plain(line)}" for line in _evidence(compiled))
    text = compiled.expression.text
    # a constant is a number in YAML too
    value = text if compiled.expression.slope else yaml.safe_load(text)
    entry = yaml.safe_dump({key_of(compiled.tool): {"mem": value}}, width=_WIDEST)
    yield from (f"  {line}" for line in entry.splitlines())


def _evidence(compiled: Compiled) -> Iterator[str]:
    cap = "no failure cap" if compiled.failure_cap is None else f"failure cap {compiled.failure_cap:.3g}"
    which = "the newest" if compiled.in_time_order else "drawn at random"
    wasted = compiled.constant.outcome.wastage_gbh
    yield f"{compiled.tool}: {compiled.jobs:,} recorded jobs of {compiled.file}, {cap}"
    yield f"tried on {compiled.line.outcome.jobs:,} of them, {which}; wasted in {compiled.unit.replace('·', ' ')}:"
    yield _row("such an expression", achieved(compiled.line.outcome), wasted)
    yield _row(f"constant {compiled.constant.expression.text}", achieved(compiled.constant.outcome), wasted)
    if compiled.model_differs:
        yield f"  {'full model':<20}{compiled.model_differs}"
    else:
        yield _row("full model", compiled.model, wasted)
    if "/" not in compiled.tool:
        yield "the records tell no more of its id; write the whole one before others get this"


def _row(name: str, found: Mapping[str, Any], constant_gbh: float) -> str:
    low, high = found["failure_interval"]
    failed = f"{found['failure_rate']:6.1%} failed (95 % interval {low:.1%} to {high:.1%})"
    of_constant = f", {found['wastage_gbh'] / constant_gbh:.0%} of the constant" if constant_gbh else ""
    return f"  {name:<20}{failed}, wasted {found['wastage_gbh']:,.4g}{of_constant}, rel {found['rel']:.3f}"


def _plain(text: str) -> str:
    """Return one line of ASCII, whatever an id or a file is called."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable.encode("ascii", "backslashreplace").decode()
