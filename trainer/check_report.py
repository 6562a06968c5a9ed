"""What a check of the rule found, as a person or a program reads it."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional

from galaxy_memory_rules.memory import format_bytes
from galaxy_memory_rules.messages import JobDescription
from galaxy_memory_rules.record import Decision

from .findings import ERROR, WARNING, Finding
from .job_conf import Destination
from .rehearsal import Asked, Attempt

_WIDTH = 100


@dataclass(frozen=True)
class Service:
    """The service as it was found."""

    url: str
    deadline_seconds: float
    asked: Asked
    tools: Sequence[str]


@dataclass(frozen=True)
class Destined:
    """A job at one destination of memory_rules.yml: its first attempt, and the one after an out-of-memory kill."""

    name: str
    is_used: bool
    first: Attempt
    second: Attempt


@dataclass(frozen=True)
class Report:
    """All that a check found; nobody was asked where memory_rules.yml has faults."""

    settings: Path
    job_conf: Path
    findings: Sequence[Finding]
    service: Optional[Service] = None
    job: Optional[JobDescription] = None
    destined: Sequence[Destined] = ()


def as_json(report: Report) -> str:
    """Return a report for a program."""
    levels = [finding.level for finding in report.findings]
    content = {
        "config": str(report.settings),
        "job_conf": str(report.job_conf),
        "errors": levels.count(ERROR),
        "warnings": levels.count(WARNING),
        "findings": [{**asdict(finding), "file": str(finding.file)} for finding in report.findings],
        "service": _service(report.service) if report.service else None,
        "job": report.job.to_dict() if report.job else None,
        "destinations": [_destined(destined) for destined in report.destined],
    }
    return json.dumps(content, indent=2, default=str)


def _service(service: Service) -> dict[str, Any]:
    return {
        "url": service.url,
        "deadline_seconds": service.deadline_seconds,
        "answered": not service.asked.decision.failure,
        "seconds": round(service.asked.seconds, 4),
        "tools": list(service.tools),
        "decision": asdict(service.asked.decision),
    }


def _destined(destined: Destined) -> dict[str, Any]:
    return {
        "destination": destined.name,
        "environment": destined.first.before.id,
        "runner": destined.first.before.runner,
        "is_used": destined.is_used,
        "attempts": [
            {
                "decision": asdict(attempt.decision),
                "problem": attempt.problem or None,
                "before": _told(attempt.before),
                "after": _told(attempt.after),
            }
            for attempt in (destined.first, destined.second)
        ],
    }


def _told(destination: Destination) -> dict[str, Any]:
    return {"params": destination.params, "env": destination.env, "resubmit": destination.resubmit}


def as_text(report: Report) -> str:
    """Return a report for a person, 100 columns wide but for the findings, which are one line each."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield from map(str, report.findings)
    levels = [finding.level for finding in report.findings]
    counts = ", ".join(f"{levels.count(level)} {level}{'s'[levels.count(level) == 1 :]}" for level in (ERROR, WARNING))
    yield f"{report.settings}, {report.job_conf}: {counts}"
    if report.service is None or report.job is None:
        yield "The service was not asked: memory_rules.yml comes first."
        return
    yield from _service_lines(report.service)
    yield from _job_lines(report.job, report.service.asked.decision)
    for destined in report.destined:
        yield from _destined_lines(destined, {*report.service.asked.decision.reasons})


def _service_lines(service: Service) -> Iterator[str]:
    how = "no usable answer" if service.asked.decision.failure else "answered"
    seconds = f"{1000 * service.asked.seconds:.0f} ms, connecting included; the deadline is"
    yield ""
    yield from _wrapped(f"service {service.url}: ", f"{how} after {seconds} {1000 * service.deadline_seconds:.0f} ms")
    if service.tools:
        yield from _wrapped("  knows ", ", ".join(service.tools))


def _job_lines(job: JobDescription, decision: Decision) -> Iterator[str]:
    inputs = [
        f"{dataset.name} {'of unknown size' if dataset.size_bytes is None else format_bytes(dataset.size_bytes)}"
        for dataset in job.inputs
    ]
    told = [f"{name} {value}" for name, value in job.parameters.items()]
    yield ""
    yield from _wrapped("job of ", f"{job.tool_id}: {', '.join(inputs + told) or 'no inputs'}")
    yield from (line for reason in decision.reasons for line in _wrapped("  * ", reason))


def _destined_lines(destined: Destined, told: set[str]) -> Iterator[str]:
    """Yield both attempts at a destination; reasons that were told before are not told again."""
    before, after = destined.first.before, destined.first.after
    own_bytes = destined.first.decision.own_bytes
    own = "nothing that can be read" if own_bytes is None else format_bytes(own_bytes)
    used = ", where jobs go" if destined.is_used else ""
    yield ""
    yield f"{before.id} (runner {before.runner}){used}; requests {own} by itself"
    yield from _attempt_lines("first attempt", destined.first, told)
    yield from _changes("params", before.params, after.params)
    yield from _changes("env", _variables(before), _variables(after))
    yield from _attempt_lines("second one, after an out-of-memory kill", destined.second, told)
    yield from _wrapped("    comes back ", _way_back(after))


def _attempt_lines(which: str, attempt: Attempt, told: set[str]) -> Iterator[str]:
    yield from _wrapped(f"  {which}: ", _outcome(attempt))
    for reason in attempt.decision.reasons:
        if reason not in told:
            told.add(reason)
            yield from _wrapped("    * ", reason)


def _outcome(attempt: Attempt) -> str:
    decision: Decision = attempt.decision
    if attempt.problem:
        return f"unchanged: {attempt.problem}"
    if decision.request_bytes is not None:
        return format_bytes(decision.request_bytes)
    if decision.shadow_bytes is not None:
        return f"unchanged; without shadow mode {format_bytes(decision.shadow_bytes)}"
    return "unchanged"


def _changes(what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stays, what goes and what comes, marked as in a diff."""
    for name in dict.fromkeys((*before, *after)):
        stays = name in before and name in after and before[name] == after[name]
        marked = [(" " if stays else "-", before)] * (name in before) + [("+", after)] * (name in after and not stays)
        for mark, values in marked:
            yield from _wrapped(f"    {mark} {what} {name}: ", str(values[name]))


def _variables(destination: Destination) -> dict[str, Any]:
    return {
        str(entry.get("name") or entry.get("file") or entry.get("execute")): entry.get("value")
        for entry in destination.env
    }


def _way_back(destination: Destination) -> str:
    entries = [
        f"to {entry.get('environment', 'the same')} if {entry.get('condition', 'whatever happened')}"
        for entry in destination.resubmit
    ]
    return "; ".join(entries) or "never, as it has no resubmit: there is no second attempt"


def _wrapped(begin: str, text: str) -> list[str]:
    indent = " " * (len(begin) - len(begin.lstrip()) + 2)
    return textwrap.wrap(begin + text, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)
