"""What an answer of the service means."""

import json

import pytest
from wire_faults import GOOD, RECOMMENDATION

from galaxy_memory_rules.answers import Answer, read_answer
from galaxy_memory_rules.errors import InvalidMessage, JobRefused, PredictionUnavailable, ServiceBusy, UnknownTool
from galaxy_memory_rules.messages import MAX_SIZE_BYTES

JSON = "application/json"


@pytest.mark.parametrize("kind", [JSON, "application/json; charset=utf-8", "Application/JSON"])
def test_a_recommendation_is_read(kind: str) -> None:
    assert read_answer(Answer(200, kind, None, GOOD)) == RECOMMENDATION


@pytest.mark.parametrize("kind", [None, "", "text/html", "application/json-seq", "text/html; application/json"])
def test_what_does_not_say_that_it_is_json_is_none(kind: str | None) -> None:
    with pytest.raises(InvalidMessage, match="expected application/json"):
        read_answer(Answer(200, kind, None, GOOD))


def test_the_largest_amount_is_handed_on_for_the_decision_to_clamp() -> None:
    # 8 PiB less a byte; a byte more is refused
    body = json.loads(GOOD)
    for memory_bytes in (1, MAX_SIZE_BYTES):
        said = json.dumps({**body, "memory_bytes": memory_bytes}).encode()
        assert read_answer(Answer(200, JSON, None, said)).memory_bytes == memory_bytes
    with pytest.raises(InvalidMessage, match="memory_bytes"):
        read_answer(Answer(200, JSON, None, json.dumps({**body, "memory_bytes": MAX_SIZE_BYTES + 1}).encode()))


def said(
    status: int, retry_after: str | None = None, error: str = "", message: str = "a word"
) -> PredictionUnavailable:
    """Return what is raised for an answer of the service's own."""
    body = json.dumps({"error": error, "message": message}).encode()
    with pytest.raises(PredictionUnavailable) as told:
        read_answer(Answer(status, JSON, retry_after, body))
    return told.value


def test_an_unknown_tool_and_a_refused_job_are_told_apart_from_a_service_that_fails() -> None:
    assert type(said(404, error="unknown_tool")) is UnknownTool
    # one damaged bundle says nothing of the others
    assert type(said(503, error="bundle_refused")) is UnknownTool
    assert type(said(422, error="invalid")) is JobRefused
    for status in (400, 404, 422, 500, 502, 204, 307):
        failed = said(status)
        assert type(failed) is PredictionUnavailable
        assert str(failed) == f"the service answered {status} 'a word'"


def test_a_long_message_is_cut() -> None:
    assert len(str(said(404, error="unknown_tool", message="x" * 60_000))) == 200
    assert len(str(said(500, message="x" * 60_000))) < 300


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("retry_after", "seconds"), [("0", 0), (" 7 ", 7), ("3600", 3600), ("9" * 5000, 999_999_999)])
def test_a_pause_that_the_service_asks_for_is_read(status: int, retry_after: str, seconds: int) -> None:
    busy = said(status, retry_after)
    assert isinstance(busy, ServiceBusy)
    assert busy.retry_after_seconds == seconds


@pytest.mark.parametrize("retry_after", [None, "", "-1", "1.5", "nan", "²", "soon", "Wed, 21 Oct 2065 07:28:00 GMT"])
def test_a_pause_that_is_no_number_of_seconds_is_passed_over(retry_after: str | None) -> None:
    assert type(said(503, retry_after)) is PredictionUnavailable


def test_only_those_who_are_busy_may_ask_for_a_pause() -> None:
    assert type(said(500, "60")) is PredictionUnavailable
