"""Whether a job that was killed for its memory comes back to the rule, and not for ever."""

import ast
from collections.abc import Collection, Iterator
from typing import Optional

from galaxy_memory_rules.yaml_files import Section

from .findings import Finding, error_at, near, warning_at
from .job_conf import Environment, JobConf

_AFTER_KILL = ("memory_limit_reached", "any_failure", "any_potential_job_failure")
_ATTEMPT = "attempt"
# What a condition may speak of (Galaxy's jobs/runners/state_handlers/resubmit.py).
_KNOWN = (
    *(*_AFTER_KILL, _ATTEMPT, "walltime_reached", "unknown_error", "tool_detected_failure"),
    *("tool_timelimit_reached", "seconds_running", "seconds_since_queued"),
)


def of_resubmit(
    conf: JobConf, environment: Environment, rules: Collection[Environment], is_used: bool
) -> Iterator[Finding]:
    """Yield what is wrong with the resubmissions of one environment; that there are none counts where it is used."""
    for entry in environment.resubmit:
        yield from _of_condition(entry)
        if is_after_kill(entry):
            yield from _of_way_back(conf, entry, rules)
    if is_used and not any(is_after_kill(entry) for entry in environment.resubmit):
        back = f"environment: {min(rule.id for rule in rules)}" if rules else "environment: <the rule>"
        message = "a job that was killed for its memory does not come back; add an entry with"
        how = f"condition: {_AFTER_KILL[0]} and {_ATTEMPT} <= 3, {back}"
        yield warning_at(environment.fields, "resubmit", f"{message} {how}")


def is_after_kill(entry: Section) -> bool:
    """Whether an entry is for a job that was killed for its memory."""
    names = _names(entry.content.get("condition"))
    return names is None or bool(names & {*_AFTER_KILL})


def _of_condition(entry: Section) -> Iterator[Finding]:
    condition = entry.content.get("condition")
    names = _names(condition)
    if not condition:
        message = (
            f"is missing: a job comes back after every failure, for ever; write {_AFTER_KILL[0]} and {_ATTEMPT} <= 3"
        )
        yield error_at(entry, "condition", message)
    elif names is None:
        yield error_at(
            entry, "condition", f"{condition!r} is no expression; write {_AFTER_KILL[0]} and {_ATTEMPT} <= 3"
        )
    else:
        for name in sorted(names - {*_KNOWN}):
            yield error_at(entry, "condition", f"Galaxy knows no {name}{near(name, _KNOWN)}")
        if _ATTEMPT not in names:
            yield error_at(entry, "condition", f"a job may come back for ever; add: and {_ATTEMPT} <= 3")


def _names(condition: object) -> Optional[set[str]]:
    """Return the names in a condition, None where it is no expression."""
    try:
        tree = ast.parse(condition.strip() if isinstance(condition, str) else "", mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        return None
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _of_way_back(conf: JobConf, entry: Section, rules: Collection[Environment]) -> Iterator[Finding]:
    ids = sorted(rule.id for rule in rules)
    back = f"write environment: {' or '.join(ids) or '<the rule>'}"
    if "destination" in entry.content:
        yield error_at(entry, "destination", f"Galaxy's YAML has `environment` for it; {back}")
        return
    name = entry.content.get("environment")
    if name is None:
        yield error_at(entry, "environment", f"is missing: the rule is not asked again; {back}")
    elif not conf.named(name):
        yield error_at(entry, "environment", f"job_conf has no environment {name}; {back}")
    elif not any(found.id in ids for found in conf.named(name)):
        yield warning_at(entry, "environment", f"{name} is not the rule, which cannot raise the request then; {back}")
