"""The wire."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules import messages
from galaxy_memory_rules.errors import InvalidMessage
from galaxy_memory_rules.messages import InputDataset, JobDescription, MemoryRecommendation

printable = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40)
sizes = st.none() | st.integers(0, messages.MAX_SIZE_BYTES)
inputs = st.builds(InputDataset, printable, sizes, st.none() | printable, st.integers(1, 10_000))
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | printable
jobs = st.builds(
    JobDescription,
    tool_id=printable,
    tool_version=st.none() | printable,
    inputs=st.lists(inputs, max_size=5).map(tuple),
    parameters=st.dictionaries(printable, values, max_size=5),
    dbkey=st.none() | printable,
    slots=st.none() | st.integers(1, messages.MAX_SLOTS),
    attempt=st.integers(1, messages.MAX_ATTEMPT),
    previous_request_bytes=st.none() | st.integers(1, messages.MAX_SIZE_BYTES),
)
amounts = st.integers(1, messages.MAX_SIZE_BYTES)
recommendations = st.builds(
    MemoryRecommendation,
    memory_bytes=amounts,
    predicted_peak_bytes=amounts,
    quantiles=st.dictionaries(st.sampled_from(["0.5", "0.9"]), amounts),
    failure_probability=st.floats(0, 1),
    tool=printable,
    source=printable,
    bundle=printable,
    guards=st.lists(printable, max_size=3).map(tuple),
    reasons=st.lists(printable, max_size=3).map(tuple),
)


@given(jobs)
def test_a_job_survives_the_wire(job: JobDescription) -> None:
    assert messages.parse_job(messages.read_json(json.dumps(job.to_dict()))) == job


@given(recommendations)
def test_a_recommendation_survives_the_wire(recommendation: MemoryRecommendation) -> None:
    assert messages.parse_recommendation(messages.read_json(json.dumps(recommendation.to_dict()))) == recommendation


def test_only_the_tool_is_required() -> None:
    assert messages.parse_job({"tool_id": "bowtie2"}) == JobDescription("bowtie2")


def job_with(**fields: Any) -> dict[str, Any]:
    return {"tool_id": "bowtie2", **fields}


def input_with(**fields: Any) -> dict[str, Any]:
    return job_with(inputs=[{"name": "input_1", "size_bytes": 1, **fields}])


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ([], ""),
        ({}, "tool_id"),
        (job_with(tool_id=""), "tool_id"),
        (job_with(tool_id="a\x00b"), "tool_id"),
        (job_with(tool_id="x" * 256), "tool_id"),
        (job_with(tool_id=7), "tool_id"),
        (job_with(memory=1), "memory"),  # an unknown field is refused by name
        (job_with(inputs={}), "inputs"),
        (job_with(inputs=[1]), "inputs[0]"),
        (job_with(inputs=[{"name": "a", "size_bytes": 1}] * 65), "inputs"),
        (input_with(name=None), "inputs[0].name"),
        (input_with(size_bytes=-1), "inputs[0].size_bytes"),
        (input_with(size_bytes=2**53), "inputs[0].size_bytes"),
        (input_with(size_bytes=True), "inputs[0].size_bytes"),
        (input_with(size_bytes="12"), "inputs[0].size_bytes"),
        (input_with(size_bytes=1.0), "inputs[0].size_bytes"),
        (input_with(extension=["fasta"]), "inputs[0].extension"),
        (input_with(extension=False), "inputs[0].extension"),
        (input_with(count=0), "inputs[0].count"),
        (job_with(parameters=[]), "parameters"),
        (job_with(parameters={"a": {}}), "parameters.a"),
        (job_with(parameters={"a": "two\nlines"}), "parameters.a"),
        (job_with(parameters={str(n): n for n in range(257)}), "parameters"),
        (job_with(slots=0), "slots"),
        (job_with(attempt=1001), "attempt"),
        (job_with(previous_request_bytes=0), "previous_request_bytes"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(message: Any, path: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        messages.parse_job(message)
    assert refused.value.path == path


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1e300"])
def test_numbers_that_json_does_not_know_are_refused_where_they_stand(number: str) -> None:
    body = f'{{"tool_id": "bowtie2", "inputs": [{{"name": "input_1", "size_bytes": {number}}}]}}'
    with pytest.raises(InvalidMessage, match=r"inputs\[0\].size_bytes: expected an integer"):
        messages.parse_job(messages.read_json(body))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'{"a": ' + b"9" * 5000 + b"}", b"[" * 100_000, b"nul"], ids=repr
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessage, match="expected a JSON object"):
        messages.read_json(body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory_bytes", 0),
        ("memory_bytes", -1),
        ("memory_bytes", True),
        ("memory_bytes", "12GB"),
        ("memory_bytes", float("nan")),
        ("memory_bytes", 1e30),
        ("memory_bytes", 4026531840.0),
        ("failure_probability", 1.5),
        ("failure_probability", float("nan")),
        ("quantiles", {"0.5": -1}),
        ("quantiles", [1]),
        ("guards", "none"),
        ("reasons", [1]),
        ("bundle", None),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(field: str, value: object) -> None:
    good = MemoryRecommendation(1, 1, {}, 0.0, "bowtie2", "forest", "bowtie2/1").to_dict()
    with pytest.raises(InvalidMessage):
        messages.parse_recommendation({**good, field: value})


def test_fields_of_a_newer_service_are_passed_over() -> None:
    good = MemoryRecommendation(1, 1, {}, 0.0, "bowtie2", "forest", "bowtie2/1")
    assert messages.parse_recommendation({**good.to_dict(), "new": 1}) == good
