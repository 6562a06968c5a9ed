"""What the service's answer says: a recommendation, or why there is none."""

from typing import Any, NamedTuple, Optional

from .errors import InvalidMessage, JobRefused, PredictionUnavailable, ServiceBusy, UnknownTool
from .messages import MemoryRecommendation, parse_recommendation, read_json

_LONGEST_MESSAGE = 200
_OF_THIS_TOOL = ((404, "unknown_tool"), (503, "bundle_refused"))


class Answer(NamedTuple):
    """One answer as it came over the wire.

    Parameters
    ----------
    status : int
        The HTTP status.
    content_type : str or None
        The header of that name.
    retry_after : str or None
        The header of that name.
    body : bytes
        The whole body.
    """

    status: int
    content_type: Optional[str]
    retry_after: Optional[str]
    body: bytes


def read_answer(answer: Answer) -> MemoryRecommendation:
    """Read a recommendation.

    Raises
    ------
    UnknownTool
        If the service has no bundle for the job's tool, or a damaged one: it may answer for all others.
    JobRefused
        If the service found a field of the job wrong.
    ServiceBusy
        If the service asks to be left alone for a while.
    PredictionUnavailable
        If the answer has any other status.
    InvalidMessage
        If what claims to be a recommendation is none.
    """
    if answer.status == 200:
        return parse_recommendation(_json(answer))
    told = _error_of(answer)
    message = str(told.get("message", ""))[:_LONGEST_MESSAGE]
    if (answer.status, told.get("error")) in _OF_THIS_TOOL:
        raise UnknownTool(message or "unknown tool")
    said = f"the service answered {answer.status} {message!r}"
    if answer.status == 422 and told.get("error") == "invalid":
        raise JobRefused(said)
    pause_seconds = _pause_seconds(answer)
    if pause_seconds is not None:
        raise ServiceBusy(said, pause_seconds)
    raise PredictionUnavailable(said)


def _json(answer: Answer) -> Any:
    kind = (answer.content_type or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise InvalidMessage("", f"expected application/json, found {kind[:_LONGEST_MESSAGE]!r}")
    return read_json(answer.body)


def _error_of(answer: Answer) -> dict[str, object]:
    try:
        message = _json(answer)
    except InvalidMessage:
        return {}
    return message if isinstance(message, dict) else {}


def _pause_seconds(answer: Answer) -> Optional[int]:
    """Return for how long the service asks for a pause; a date, which needs a clock that is right, is passed over."""
    seconds = (answer.retry_after or "").strip()
    if answer.status not in (429, 503) or not (seconds.isascii() and seconds.isdigit()):
        return None
    # a number of thousands of digits, which int() refuses, is as good as a long one
    return int(seconds[:9])
