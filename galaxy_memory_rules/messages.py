"""The wire: what the rule tells the service about a job, and what the service answers."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional, Union

from .errors import InvalidMessage
from .fields import Fields

ParameterValue = Union[str, int, float, bool, None]

# Counts and sizes stay exactly representable as JSON numbers in every language (RFC 8259, section 6): 8 PiB.
MAX_SIZE_BYTES = 2**53 - 1

MAX_TOOL_ID_LENGTH = 255
MAX_PARAMETERS = 256
MAX_INPUTS = 64
MAX_SLOTS = 2**16
MAX_ATTEMPT = 1000


@dataclass(frozen=True)
class InputDataset:
    """One dataset that a job reads, or several of one tool parameter added up.

    Parameters
    ----------
    name : str
        The tool parameter that takes it, by its full path (``library|input_1``).
    size_bytes : int or None
        Size on disk, summed over `count` datasets; None where the server does not know it.
    extension : str or None
        Galaxy's datatype, for example ``fastqsanger.gz``; None where it is not told.
    count : int
        How many datasets this entry stands for.
    """

    name: str
    size_bytes: Optional[int]
    extension: Optional[str] = None
    count: int = 1


@dataclass(frozen=True)
class JobDescription:
    """A job before it is dispatched: all that a prediction may depend on, and nothing personal.

    Parameters
    ----------
    tool_id : str
        Galaxy's id, a ToolShed id with its version included.
    tool_version : str or None
        Only needed where the id does not hold it.
    inputs : tuple of InputDataset
        Every input dataset once.
    parameters : mapping of str to str, int, float, bool or None
        Tool parameters by full path (``analysis_type|analysis_type_selector``).
    dbkey : str or None
        The genome build; ``?`` is Galaxy's word for unknown.
    slots : int or None
        Cores that the job will get.
    attempt : int
        1 for the first dispatch of a job.
    previous_request_bytes : int or None
        What the attempt before asked for.
    """

    tool_id: str
    tool_version: Optional[str] = None
    inputs: tuple[InputDataset, ...] = ()
    parameters: Mapping[str, ParameterValue] = dataclasses.field(default_factory=dict)
    dbkey: Optional[str] = None
    slots: Optional[int] = None
    attempt: int = 1
    previous_request_bytes: Optional[int] = None

    def to_dict(self) -> dict[str, Any]:
        """Return what `parse_job` reads."""
        fields = dict(vars(self), parameters=dict(self.parameters))
        fields["inputs"] = [dict(vars(dataset)) for dataset in self.inputs]
        return fields


@dataclass(frozen=True)
class MemoryRecommendation:
    """What to request for a job, and why.

    Parameters
    ----------
    memory_bytes : int
        The recommendation, after the policy.
    predicted_peak_bytes : int
        The model's single best guess of the peak.
    quantiles : mapping of str to int
        Peaks, in bytes, by quantile of the predictive distribution (``"0.95"``).
    failure_probability : float
        Chance that the job needs more than `memory_bytes`, as the distribution sees it.
    tool : str
        Name of the tool whose bundle answered.
    source : str
        The rung that answered: ``forest`` or another model's class.
    bundle : str
        Which bundle answered, ``<tool>/<build>``.
    guards : tuple of str
        Which guards fired, by name.
    reasons : tuple of str
        The steps that led to `memory_bytes`, as sentences.
    """

    memory_bytes: int
    predicted_peak_bytes: int
    quantiles: Mapping[str, int]
    failure_probability: float
    tool: str
    source: str
    bundle: str
    guards: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what `parse_recommendation` reads."""
        lists = {"guards": list(self.guards), "reasons": list(self.reasons)}
        return dict(vars(self), quantiles=dict(self.quantiles), **lists)


def read_json(body: Union[str, bytes]) -> Any:
    """Read JSON; NaN and infinities, which Python's parser lets through, are refused where their field is checked.

    Raises
    ------
    InvalidMessage
        If the text is no JSON, or is nested too deeply.
    """
    try:
        return json.loads(body)
    # ValueError covers bad JSON, bad UTF-8 and integers of thousands of digits
    except (ValueError, RecursionError) as error:
        raise InvalidMessage("", f"expected a JSON object ({error or 'nested too deeply'})") from error


# In the order in which an error lists them.
_JOB_FIELDS, _INPUT_FIELDS = (
    dict.fromkeys(field.name for field in dataclasses.fields(kind)) for kind in (JobDescription, InputDataset)
)


def parse_job(message: Any, path: str = "") -> JobDescription:
    """Check a JobDescription at the door.

    Parameters
    ----------
    message : Any
        What `read_json` returned.
    path : str
        Where the message stands in a larger one, for errors (``jobs[3]``).

    Raises
    ------
    InvalidMessage
        Naming the field, if one is missing, unknown, of the wrong type or out of range.
    """
    fields = Fields(message, path, _JOB_FIELDS)
    return JobDescription(
        tool_id=fields.text("tool_id", longest=MAX_TOOL_ID_LENGTH),
        tool_version=fields.optional_text("tool_version"),
        inputs=tuple(
            _parse_input(entry, place) for place, entry in fields.entries("inputs", "input datasets", MAX_INPUTS)
        ),
        parameters=fields.parameters("parameters", MAX_PARAMETERS),
        dbkey=fields.optional_text("dbkey"),
        slots=fields.optional_integer("slots", 1, MAX_SLOTS),
        attempt=fields.integer("attempt", 1, MAX_ATTEMPT, default=1),
        previous_request_bytes=fields.optional_integer("previous_request_bytes", 1, MAX_SIZE_BYTES),
    )


def _parse_input(message: Any, path: str) -> InputDataset:
    fields = Fields(message, path, _INPUT_FIELDS)
    return InputDataset(
        name=fields.text("name"),
        size_bytes=fields.optional_integer("size_bytes", 0, MAX_SIZE_BYTES),
        extension=fields.optional_text("extension"),
        count=fields.integer("count", 1, MAX_SIZE_BYTES, default=1),
    )


def parse_recommendation(message: Any) -> MemoryRecommendation:
    """Check a MemoryRecommendation at the door; fields of a newer service are passed over.

    Raises
    ------
    InvalidMessage
        Naming the field, if one is missing, of the wrong type or out of range.
    """
    fields = Fields(message, "")
    return MemoryRecommendation(
        memory_bytes=fields.integer("memory_bytes", 1, MAX_SIZE_BYTES),
        predicted_peak_bytes=fields.integer("predicted_peak_bytes", 1, MAX_SIZE_BYTES),
        quantiles=fields.quantiles("quantiles", MAX_SIZE_BYTES),
        failure_probability=fields.fraction("failure_probability"),
        tool=fields.text("tool", longest=MAX_TOOL_ID_LENGTH),
        source=fields.text("source"),
        bundle=fields.text("bundle"),
        guards=fields.texts("guards"),
        reasons=fields.texts("reasons"),
    )
