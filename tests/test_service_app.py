"""The service over HTTP, in process."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from application import client_of
from fastapi.testclient import TestClient

from galaxy_memory_rules.messages import parse_recommendation

MIB = 1024**2
JOB: dict[str, Any] = {
    "tool_id": "toolshed.g2.bx.psu.edu/repos/owner/repository/tool/1.0",
    "inputs": [{"name": "library|input_1", "size_bytes": 30 * MIB, "extension": "fastqsanger"}],
    "parameters": {"settings|mode": "fast"},
    "dbkey": "hg38",
}


@pytest.fixture(scope="module")
def client(models: Path) -> TestClient:
    return client_of(models)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    return client_of(tmp_path_factory.mktemp("empty"))


def test_a_job_gets_a_recommendation(client: TestClient) -> None:
    answer = client.post("/v1/predict", json=JOB)
    assert answer.status_code == 200
    recommendation = parse_recommendation(answer.json())
    assert recommendation.tool == "tool"
    assert recommendation.memory_bytes >= recommendation.predicted_peak_bytes
    assert set(answer.json()) == {
        "memory_bytes",
        "predicted_peak_bytes",
        "quantiles",
        "failure_probability",
        "tool",
        "source",
        "bundle",
        "guards",
        "reasons",
    }


def test_an_unknown_tool_is_404(client: TestClient) -> None:
    answer = client.post("/v1/predict", json={"tool_id": "cat1"})
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown_tool")


def body(**fields: str) -> str:
    """Write a body by hand: a JSON library would not write what is wrong here."""
    sizes = {"name": '"input_1"', "size_bytes": "1", **{k: v for k, v in fields.items() if k in ("name", "size_bytes")}}
    entry = ", ".join(f'"{name}": {value}' for name, value in sizes.items())
    others = "".join(f', "{k}": {v}' for k, v in fields.items() if k not in sizes)
    tool = "" if "tool_id" in fields else '"tool_id": "tool", '
    return f'{{{tool}"inputs": [{{{entry}}}]{others}}}'


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (body(size_bytes="NaN"), "inputs[0].size_bytes"),
        (body(size_bytes="Infinity"), "inputs[0].size_bytes"),
        (body(size_bytes="-Infinity"), "inputs[0].size_bytes"),
        (body(size_bytes="1e999"), "inputs[0].size_bytes"),
        (body(size_bytes="1e308"), "inputs[0].size_bytes"),
        (body(size_bytes="-1"), "inputs[0].size_bytes"),
        (body(size_bytes="9007199254740992"), "inputs[0].size_bytes"),
        (body(size_bytes="1.5"), "inputs[0].size_bytes"),
        (body(size_bytes="true"), "inputs[0].size_bytes"),
        (body(size_bytes='"12"'), "inputs[0].size_bytes"),
        (body(name="7"), "inputs[0].name"),
        (body(slots="NaN"), "slots"),
        (body(slots="0"), "slots"),
        (body(attempt="-1"), "attempt"),
        (body(parameters='{"a": NaN}'), "parameters.a"),
        (body(parameters='{"a": [1]}'), "parameters.a"),
        (body(tool_id="7"), "tool_id"),
        (body(tool_id='"a\\u0000b"'), "tool_id"),
        (body(tool_id='"\\ud800"'), "tool_id"),
        (body(memory="1"), "memory"),
        ('{"tool_id": "tool", "\\ud800": 1}', "\\ud800"),  # which UTF-8 cannot spell, so the answer spells it out
        (body(parameters='{"\\udfff": 1}'), "parameters.\\udfff"),
        ("[]", ""),
        ("", ""),
        ("{", ""),
        ("9" * 5000, ""),
        ("[" * 50_000, ""),
    ],
)
def test_a_wrong_field_is_422_and_named(content: str, field: str, client: TestClient) -> None:
    answer = client.post("/v1/predict", content=content)
    assert (answer.status_code, answer.json()["error"], answer.json()["field"]) == (422, "invalid", field)


def test_a_batch_is_answered_in_order_with_errors_in_their_places(client: TestClient) -> None:
    jobs = [JOB, {"tool_id": "cat1"}, {"tool_id": "tool", "slots": 0}, JOB]
    answer = client.post("/v1/predict/batch", json={"jobs": jobs})
    assert answer.status_code == 200
    first, unknown, wrong, last = answer.json()["recommendations"]
    assert first == last == client.post("/v1/predict", json=JOB).json()
    assert unknown["error"] == "unknown_tool"
    assert (wrong["error"], wrong["field"]) == ("invalid", "jobs[2].slots")


@pytest.mark.parametrize("content", [[], {}, {"jobs": {}}, {"jobs": [JOB] * 10_001}])
def test_what_is_no_batch_is_422(content: Any, client: TestClient) -> None:
    answer = client.post("/v1/predict/batch", json=content)
    assert (answer.status_code, answer.json()["field"]) == (422, "jobs")


def test_the_seeds_address_answers_for_every_tool(client: TestClient) -> None:
    answer = client.get("/tool/memory/", params={"input_1": 30 * MIB, "own_file": 0, "mode": "fast"})
    assert answer.status_code == 200
    assert answer.json()["Tool name"] == "tool"
    # 100 MiB and twice 30 MiB
    assert answer.json()["Required memory"] == pytest.approx(160 * MIB, rel=0.15)


def test_the_seeds_address_answers_as_the_post_does(client: TestClient) -> None:
    query: dict[str, str | int] = {"input_1": 30 * MIB, "input_1_extension": "fastqsanger"}
    query.update(mode="fast", dbkey="hg38")
    by_address, by_post = client.get("/tool/memory/", params=query).json(), client.post("/v1/predict", json=JOB).json()
    assert by_address["Required memory"] == by_post["predicted_peak_bytes"]
    assert by_address["Recommended request"] == by_post["memory_bytes"]


def test_the_seeds_address_takes_a_toolshed_id_too(client: TestClient) -> None:
    assert client.get(f"/{JOB['tool_id']}/memory/").status_code == 200
    assert client.get("/cat1/memory/").status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("input_1=-1", "input_1"),
        ("input_1=nan_", "input_1"),
        ("input_1=inf", "input_1"),
        ("input_1=1e308", "input_1"),
        ("input_1=1_000", "input_1"),
        ("input_1=%D9%A1", "input_1"),  # a digit of another script
        ("input_1=9007199254740992", "input_1"),
        ("input_1=" + "9" * 5000, "input_1"),
        ("slots=two", "slots"),
        ("slots=70000", "slots"),
        ("inputt_1=1", "inputt_1"),
        ("input_1=1&input_1=2", "input_1"),
        ("mode=a%0Ab", "parameters.mode"),
    ],
)
def test_a_wrong_parameter_of_the_seeds_address_is_422_and_named(query: str, field: str, client: TestClient) -> None:
    answer = client.get(f"/tool/memory/?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_an_absent_parameter_may_be_left_out_or_nan(client: TestClient) -> None:
    left_out = client.get("/tool/memory/", params={"input_1": 5 * MIB}).json()
    written = client.get(
        "/tool/memory/", params={"input_1": 5 * MIB, "own_file": 0, "own_file_extension": "nan"}
    ).json()
    assert left_out == written


def test_the_documentation_has_each_tools_own_columns(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    described = {one["name"]: one for one in document["paths"]["/tool/memory/"]["get"]["parameters"]}
    assert list(described) == [
        "input_1",
        "input_1_extension",
        "own_file",
        "own_file_extension",
        "dbkey",
        "mode",
        "slots",
    ]
    assert described["input_1"]["schema"]["type"] == "integer"
    assert described["mode"]["schema"]["type"] == "string"
    assert described["mode"]["description"] == "seen: fast, sensitive"
    assert not any(one["required"] for one in described.values())
    # every reference leads somewhere
    for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(document)):
        assert name in document["components"]["schemas"]
    assert document["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]


def test_the_documentation_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert addresses
    for address in addresses:
        assert address.startswith("/")
        assert client.get(address).status_code == 200


def test_what_is_loaded_can_be_listed_and_looked_at(client: TestClient) -> None:
    [line] = client.get("/v1/tools").json()["tools"]
    assert (line["tool"], line["rows"], line["promised_failure_rate"], line["source"]) == ("tool", 80, 0.05, "forest")
    details = client.get("/v1/tools/tool").json()
    assert details["bundle"] == line["bundle"]
    # 80 records of 1 to 80 MiB; every fourth has a genome of 3 MiB
    assert details["sizes_bytes"] == {
        "input_1": {"smallest": MIB, "median": 40.5 * MIB, "largest": 80 * MIB},
        "own_file": {"smallest": 3 * MIB, "median": 3 * MIB, "largest": 3 * MIB},
    }
    assert line["model"] == "forest of extremely randomised trees"
    # of the 16 jobs held out
    assert line["achieved_failure_rate"] * 16 == pytest.approx(round(line["achieved_failure_rate"] * 16))
    least, most = line["achieved_failure_interval"]
    assert least <= line["achieved_failure_rate"] <= most
    assert line["test_rel"] >= 1
    assert line["wastage_saved_share"] == 1 - line["wastage_gbh"] / line["constant_wastage_gbh"]
    assert line["wastage_unit"] == "GB·job"
    assert line["published_seconds"] == pytest.approx(time.time(), abs=3600)
    assert (line["censored_share"], line["limit_bytes"]) == (0, None)
    assert details["held_out"]["wastage_gbh"] == line["wastage_gbh"]
    assert details["constant"]["wastage_gbh"] == line["constant_wastage_gbh"]
    assert (details["run_seconds"], details["usual_slots"]) == (None, 0)
    # two jobs have 80 MiB together: the one of 77 and a genome of 3 is sensitive, and needs 100 and twice 77 and 50
    assert [len(details["recorded"][name]) for name in ("sizes_bytes", "peaks_bytes")] == [80, 80]
    assert (details["recorded"]["sizes_bytes"][-1], details["recorded"]["peaks_bytes"][-1]) == (80 * MIB, 304 * MIB)
    assert (details["rows_dropped"], details["rows_flagged"], details["limit_bytes"]) == ({}, {}, None)
    assert [point["failure_cap"] for point in details["cap_curve"]] == [0.01, 0.02, 0.05, 0.1, 0.2, None]
    assert details["categories"]["parameter:mode"] == ["fast", "sensitive"]
    assert client.get(f"/v1/tools/{JOB['tool_id']}").json() == details
    assert client.get("/v1/tools/cat1").status_code == 404


def test_health_tells_a_live_process_from_a_useful_one(client: TestClient, empty: TestClient) -> None:
    assert client.get("/health/live").status_code == empty.get("/health/live").status_code == 200
    assert client.get("/health/ready").json() == {"status": "ready", "tools": 1, "refused": {}}
    assert (empty.get("/health/ready").status_code, empty.get("/health/ready").json()["error"]) == (503, "not_ready")
    assert empty.post("/v1/predict", json=JOB).status_code == 503
    assert empty.post("/v1/predict/batch", json={"jobs": [JOB]}).status_code == 503
    assert empty.get("/tool/memory/").status_code == 503


def test_every_refusal_has_the_same_shape(client: TestClient) -> None:
    for answer in (client.get("/nowhere"), client.delete("/v1/predict"), client.get("/v1/predict")):
        assert answer.status_code in (404, 405)
        assert set(answer.json()) == {"error", "message", "request_id"}
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert client.get("/v1/predict").headers["allow"] == "POST"
    assert client.get("/nowhere").json()["error"] == "not_found"
