"""What the rule does with a job that does not exist: the rule's own rooms, with stand-ins for what Galaxy has."""

import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from galaxy_memory_rules import destinations, rules
from galaxy_memory_rules.config import Mode, RulesConfig, ToolRules
from galaxy_memory_rules.decision import decide
from galaxy_memory_rules.errors import DestinationError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from galaxy_memory_rules.record import Decision
from galaxy_memory_rules.templates import DestinationTemplate

from .job_conf import Destination

_KILLED = "This job was resubmitted to the queue because it hit the memory limit on its compute resource."
# of an input that stands for very many datasets
_MOST_DATASETS = 1000


@dataclass(frozen=True)
class Asked:
    """How the service answered its one question."""

    decision: Decision
    seconds: float


@dataclass(frozen=True)
class Attempt:
    """One dispatch: what was decided, and the destination before and after."""

    decision: Decision
    before: Destination
    after: Destination
    problem: str = ""


@dataclass(frozen=True)
class _File:
    """Stands in for a file as Galaxy's database knows it."""

    file_size: Optional[int]

    def get_size(self, nice_size: bool = False, calculate_size: bool = False) -> int:
        return self.file_size or 0


@dataclass(frozen=True)
class _Association:
    """Stands in for a dataset of a history."""

    dataset: _File
    extension: Optional[str]


@dataclass(frozen=True)
class _Input:
    """Stands in for a parameter that has a dataset."""

    name: str
    dataset: _Association


@dataclass(frozen=True)
class _State:
    """Stands in for an entry of a job's history."""

    state: str
    info: str


@dataclass(frozen=True)
class _Tool:
    """Stands in for an installed tool."""

    id: str
    version: Optional[str]


@dataclass(frozen=True)
class _Job:
    """Stands in for a job that waits for its destination."""

    tool_id: str
    input_datasets: list[_Input]
    parameters: dict[str, str]
    state_history: list[_State] = field(default_factory=list)
    destination_params: dict[str, Any] = field(default_factory=dict)
    # no job of Galaxy has it: nothing of it is remembered
    id: None = None
    state: str = "new"

    def raw_param_dict(self) -> dict[str, str]:
        return self.parameters


def ask(config: RulesConfig, job: JobDescription) -> Asked:
    """Ask the service once, whatever the mode, as the rule does for a job of its own."""
    asking = replace(rehearsed(config, mode=Mode.ON), off_switch=None)
    started = time.monotonic()
    decision = decide(_job(job), _tool(job), asking)
    return Asked(decision, time.monotonic() - started)


def attempts(config: RulesConfig, name: str, destination: Destination, job: JobDescription) -> tuple[Attempt, Attempt]:
    """Return the first attempt of a job at a destination, and the second one after an out-of-memory kill.

    Parameters
    ----------
    config : RulesConfig
        The administrator's settings.
    name : str
        What they call the destination.
    destination : Destination
        As job_conf has it.
    job : JobDescription
        The job.
    """
    config = rehearsed(config)
    first = _attempt(config, config.destinations[name], destination, _job(job), _tool(job))
    # what Galaxy 26.1 has when it dispatches a resubmitted job
    killed = replace(
        _job(job), state_history=[_State("resubmitted", _KILLED)] * job.attempt, destination_params=first.after.params
    )
    return first, _attempt(config, config.destinations[name], destination, killed, _tool(job))


def rehearsed(config: RulesConfig, **changes: Any) -> RulesConfig:
    """Return the settings for a job that is looked at, with nothing recorded of it; canary takes in every job."""

    def looked_at(of_tool: ToolRules) -> ToolRules:
        return replace(of_tool, canary=1.0, **changes)

    tools = {name: looked_at(of_tool) for name, of_tool in config.tools.items()}
    return replace(config, record=None, general=looked_at(config.general), tools=tools)


def _attempt(
    config: RulesConfig, template: DestinationTemplate, before: Destination, job: _Job, tool: _Tool
) -> Attempt:
    """Do what rules.map_job_to_destination does; a test holds the two together."""
    after = copy.deepcopy(before)
    decision = decide(job, tool, config, destinations.own_memory_bytes(after))
    try:
        rules.write(after, template, decision)
    except DestinationError as error:
        return Attempt(decision, before, before, str(error))
    return Attempt(decision, before, after)


def _tool(job: JobDescription) -> _Tool:
    return _Tool(job.tool_id, job.tool_version)


def _job(job: JobDescription) -> _Job:
    """Return what Galaxy would have of a described job."""
    parameters = {name: json.dumps(value) for name, value in job.parameters.items()}
    if job.dbkey is not None:
        parameters["dbkey"] = json.dumps(job.dbkey)
    kept = {destinations.REQUEST_BYTES: job.previous_request_bytes, destinations.ATTEMPT: job.attempt - 1}
    return _Job(
        job.tool_id,
        [entry for dataset in job.inputs for entry in _inputs(dataset)],
        parameters,
        [_State("resubmitted", _KILLED)] * (job.attempt - 1),
        kept if job.attempt > 1 and job.previous_request_bytes else {},
    )


def _inputs(dataset: InputDataset) -> Iterator[_Input]:
    """Yield the datasets that an input stands for."""
    count = min(dataset.count, _MOST_DATASETS)
    for number in range(count):
        # the first ones are a byte larger, so that all of them together have the size
        size_bytes = None if dataset.size_bytes is None else (dataset.size_bytes + count - 1 - number) // count
        yield _Input(dataset.name, _Association(_File(size_bytes), dataset.extension))
