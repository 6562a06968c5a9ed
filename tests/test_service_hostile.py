"""Hostile requests: none makes the service fail, tell what is inside, or open a file."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from application import client_of
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

MIB = 1024**2
JOB: dict[str, Any] = {"tool_id": "tool", "inputs": [{"name": "input_1", "size_bytes": 1}]}
POSTS = ("/v1/predict", "/v1/predict/batch", "/v1/plan", "/v2/models/tool/infer")

TRAVERSALS = [
    "../../etc/passwd",
    "..\\..\\etc\\passwd",
    "/etc/passwd",
    "//etc/passwd",
    "....//....//etc/passwd",
    "tool/../../../etc/passwd",
    "tool/./tool",
    "file:///etc/passwd",
    "tool\x00.csv",
    "tool\r\nX-Other: 1",
    "tool\u202egpj",
    "\uff0e\uff0e/etc",
    "C:\\models\\tool",
    "~root",
    "${jndi:ldap://x}",
    "$(touch x)",
    "' OR 1=1 --",
    "tool" * 100,
    "manifest.json",
    "..",
    ".",
    " ",
    "\u0661",
]
ENCODINGS: list[Callable[[str], str]] = [
    lambda text: text,
    lambda text: quote(text, safe=""),
    lambda text: quote(quote(text, safe=""), safe=""),
    lambda text: quote(text).replace("..", "%2e%2e"),
    lambda text: quote(text).replace("/", "%c0%af"),
]


@pytest.fixture(scope="module")
def client(models: Path) -> TestClient:
    return client_of(models)


def refused_well(answer: Any, *statuses: int) -> None:
    """Assert that an answer is a refusal in our shape that tells nothing of the inside."""
    assert answer.status_code in statuses, answer.text
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text
    told = answer.json()
    assert isinstance(told["error"], str)


def test_no_id_of_a_tool_is_ever_taken_for_a_path(client: TestClient) -> None:
    client.post("/v1/predict", json=JOB)
    opened: list[str] = []
    watching = [True]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching[0] and event in ("open", "os.listdir", "os.scandir"):
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    try:
        for tool in TRAVERSALS:
            refused_well(client.post("/v1/predict", json={"tool_id": tool}), 404, 422)
            refused_well(client.post("/v1/predict", json={"tool_id": "x", "tool_version": tool}), 404, 422)
            for encode in ENCODINGS:
                for path in ("/v1/tools/{}", "/{}/memory/", "/v2/models/{}", "/v2/models/{}/ready"):
                    answer = client.get(path.format(encode(tool).replace("\x00", "%00").replace("\r\n", "%0d%0a")))
                    # one whose dots the client itself has taken out may name what is there
                    assert answer.status_code in (200, 400, 404, 422), answer.text
                    assert "root:" not in answer.text
    finally:
        watching[0] = False
    # the framework looks once at the source of a function that it calls
    assert [path for path in opened if not path.endswith(".py")] == []


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({**JOB, "inputs": [{"name": f"i{n}", "size_bytes": 1} for n in range(65)]}, "inputs"),
        ({**JOB, "parameters": {f"p{n}": 1 for n in range(257)}}, "parameters"),
        ({**JOB, "inputs": [{"name": "a" * 1025, "size_bytes": 1}]}, "inputs[0].name"),
        ({**JOB, "parameters": {"p": "a" * 1025}}, "parameters.p"),
        ({**JOB, "tool_id": "a" * 256}, "tool_id"),
        ({**JOB, "inputs": [{"name": "i", "size_bytes": 1, "size": 1}]}, "inputs[0].size"),
        ({**JOB, "inputs": {"name": "i"}}, "inputs"),
        ({**JOB, "slots": True}, "slots"),
        ({**JOB, "slots": 1.0}, "slots"),
        ({**JOB, "dbkey": ["hg38"]}, "dbkey"),
        ({**JOB, "__class__": 1}, "__class__"),
    ],
)
def test_too_much_or_the_wrong_kind_is_422(message: Any, field: str, client: TestClient) -> None:
    answer = client.post("/v1/predict", json=message)
    refused_well(answer, 422)
    assert answer.json()["field"] == field


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe{\x00}\x00",
        b'{"tool_id": "\xff"}',
        b'{"tool_id": "\xc0\xaf"}',
        b"\x1f\x8b\x08\x00",
        b"\x00" * 1000,
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"jobs": [' * 5_000,
        b"9" * 5000,
        b'{"tool_id": ' + b"9" * 5000 + b"}",
        b'{"jobs": ' + b"1" * 5000 + b"}",
        b'{"inputs": [{"name": "input_1", "shape": [1], "datatype": "INT64", "data": [' + b"9" * 5000 + b"]}]}",
        b'{"inputs": [{"name": "input_1", "shape": [NaN], "datatype": "INT64", "data": [NaN]}]}',
        b'"tool"',
        b"null",
        b"true",
        b"tool_id=tool",
        b"<job/>",
        b"{'tool_id': 'tool'}",
        b'{"tool_id": "tool"} trailing',
        b'{"tool_id": "tool", "tool_id": 1}',
    ],
)
def test_what_is_no_job_is_refused_by_every_address(content: bytes, client: TestClient) -> None:
    for path in POSTS:
        refused_well(client.post(path, content=content), 400, 422)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
def test_other_methods_are_405(method: str, client: TestClient) -> None:
    for path in ("/v1/predict", "/v1/predict/batch"):
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert client.request("POST", "/health/live").status_code == 405


def test_nothing_can_be_changed_over_http(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    changing = {
        (method, path) for path, item in document["paths"].items() for method in item if method not in ("get", "post")
    }
    assert changing == set()
    posts = {path for path, item in document["paths"].items() if "post" in item}
    assert posts == {"/v1/predict", "/v1/predict/batch", "/v1/plan", "/v2/models/{tool}/infer"}
    for path in ("/v1/reload", "/reload", "/admin", "/v1/tools/tool", "/v2/repository/models/tool/unload"):
        assert client.post(path).status_code in (404, 405)


@settings(max_examples=150)
@given(st.sampled_from(POSTS), st.binary(max_size=300))
def test_no_bytes_make_it_fail(client: TestClient, path: str, content: bytes) -> None:
    refused_well(client.post(path, content=content), 400, 422)


# As JSON can spell it, lone surrogates and numbers beyond all measure included.
texts = st.text(st.characters(), max_size=15) | st.sampled_from(["tool", "input_1", "BYTES", "INT64", "mode", "fast"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["tool_id", "inputs", "parameters", "dbkey", "slots", "size_bytes", "name", "jobs", "shape", "data", "datatype"]
)
objects = st.dictionaries(names, values | st.lists(st.dictionaries(names, values, max_size=5), max_size=3), max_size=6)


@settings(max_examples=80)
@given(st.sampled_from(POSTS), objects)
def test_no_json_makes_it_fail(client: TestClient, path: str, message: Any) -> None:
    answer = client.post(path, content=json.dumps(message))
    assert answer.status_code in (200, 400, 404, 422), answer.text


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["input_1", "mode", "slots", "dbkey", "x"]) | st.text(max_size=5), st.text(max_size=20)
    )
)
def test_no_query_makes_it_fail(client: TestClient, query: dict[str, str]) -> None:
    assert client.get("/tool/memory/", params=query).status_code in (200, 422)


@settings(max_examples=200)
@given(
    st.text(max_size=30),
    st.dictionaries(
        st.sampled_from(["X-Request-ID", "Authorization", "Content-Encoding", "Accept", "Host"]), st.binary(max_size=20)
    ),
)
def test_no_path_or_header_makes_it_fail(client: TestClient, path: str, headers: dict[str, bytes]) -> None:
    told = {name.encode(): value for name, value in headers.items()}
    answer = client.get("/" + quote(path, safe="/"), headers=told)
    assert answer.status_code < 500
