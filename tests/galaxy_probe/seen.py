"""A rule whose answers can be told apart, and all that it was given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEMORY_KILL = {"condition": "memory_limit_reached and attempt <= 9", "environment": "memory_rule"}
WALLTIME = {"condition": "walltime_reached", "environment": "memory_rule"}


@dataclass(frozen=True)
class Call:
    """What could be seen of a job when the rule was called."""

    state: str
    states: tuple[str, ...]
    reasons: tuple[str, ...]
    info: str | None
    external_id: str | None
    destination_id: str | None
    params: Mapping[str, Any]
    referrer_params: Mapping[str, Any]


calls: list[Call] = []
arguments: dict[str, Any] = {}


def see(app: Any, job: Any, referrer: Any) -> Any:
    """Send a job to slurm with the number of this call in its params, an env and ways back of the rule's own."""
    history = [(str(entry.state), entry.info) for entry in job.state_history]
    calls.append(
        Call(
            str(job.state),
            tuple(state for state, _ in history),
            tuple(info for state, info in history if state == "resubmitted"),
            job.info,
            job.job_runner_external_id,
            job.destination_id,
            dict(job.destination_params or {}),
            dict(referrer.params),
        )
    )
    destination = app.job_config.get_destination("slurm")
    destination.params = {"gmem_request_bytes": str(len(calls))}
    destination.env = [{"name": "GALAXY_MEMORY_MB", "value": "1"}]
    destination.resubmit = [MEMORY_KILL, WALLTIME]
    return destination


def refuse(app: Any, job: Any, referrer: Any) -> Any:
    """Raise from the second call on."""
    if calls:
        raise ValueError("no destination")
    return see(app, job, referrer)


def every_name(
    job_id: Any,
    tool: Any,
    tool_id: Any,
    job_wrapper: Any,
    rule_helper: Any,
    app: Any,
    referrer: Any,
    job: Any,
    user: Any,
    user_email: Any,
    resource_params: Any,
    workflow_invocation_uuid: Any,
    workflow_resource_params: Any,
    own_param: Any,
    *,
    keyword_only: Any = "not filled",
    **others: Any,
) -> Any:
    """Take every name that Galaxy fills, and two that it does not."""
    arguments.clear()
    arguments.update(locals())
    return "slurm"


def by_id(app: Any) -> str:
    """Answer with an id alone."""
    return "htcondor"


def in_two_modules(app: Any) -> str:
    """Be found."""
    return "slurm"
