"""The Open Inference Protocol (KServe v2): what its clients send and expect."""

from pathlib import Path
from typing import Any

import pytest
from application import client_of
from fastapi.testclient import TestClient

from galaxy_memory_rules import __version__
from service.lifecycle import Lifecycle

MIB = 1024**2
INFER = "/v2/models/tool/infer"
SHED = "toolshed.g2.bx.psu.edu/repos/owner/repository/tool/1.0"


@pytest.fixture(scope="module")
def client(models: Path) -> TestClient:
    return client_of(models)


def tensor(name: str, *data: Any, datatype: str = "INT64", **other: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": list(data), **other}


def outputs(answer: dict[str, Any]) -> dict[str, list[Any]]:
    return {one["name"]: one["data"] for one in answer["outputs"]}


def test_the_server_tells_what_it_is(client: TestClient) -> None:
    assert client.get("/v2").json() == {"name": "galaxy-memory-rules", "version": __version__, "extensions": []}
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}


def test_a_server_without_a_bundle_or_about_to_stop_is_live_but_not_ready(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = client_of(tmp_path)
    assert empty.get("/v2/health/live").status_code == 200
    assert (empty.get("/v2/health/ready").status_code, empty.get("/v2/health/ready").json()) == (400, {"ready": False})
    assert empty.post(INFER, json={"inputs": [tensor("input_1", 1)]}).status_code == 503
    monkeypatch.setattr(Lifecycle, "stopping", True)
    assert client.get("/v2/health/ready").status_code == 400


def test_a_tool_is_a_model_with_its_own_columns(client: TestClient) -> None:
    told = client.get("/v2/models/tool").json()
    build = client.get("/v1/tools/tool").json()["bundle"].rpartition("/")[2]
    assert (told["name"], told["versions"]) == ("tool", [build])
    assert {one["name"]: one["datatype"] for one in told["inputs"]} == {
        "input_1": "INT64",
        "input_1_extension": "BYTES",
        "own_file": "INT64",
        "own_file_extension": "BYTES",
        "dbkey": "BYTES",
        "mode": "BYTES",
        "slots": "INT64",
    }
    assert {"name": "memory_bytes", "datatype": "INT64", "shape": [-1]} in told["outputs"]
    assert client.get("/v2/models/tool/ready").json() == {"name": "tool", "ready": True}


def test_rows_are_predicted_as_the_seeds_address_predicts_them(client: TestClient) -> None:
    message = {
        "id": "42",
        "parameters": {"of": "no concern"},
        "inputs": [
            tensor("input_1", 30 * MIB, 60 * MIB),
            tensor("mode", "fast", "sensitive", datatype="BYTES", parameters={}),
        ],
    }
    answer = client.post(INFER, json=message).json()
    assert (answer["id"], answer["model_name"]) == ("42", "tool")
    assert [one["shape"] for one in answer["outputs"]] == [[2]] * len(answer["outputs"])
    told = outputs(answer)
    queries: list[dict[str, str | int]] = [
        {"input_1": 30 * MIB, "mode": "fast"},
        {"input_1": 60 * MIB, "mode": "sensitive"},
    ]
    for row, query in enumerate(queries):
        alone = client.get("/tool/memory/", params=query).json()
        assert told["predicted_peak_bytes"][row] == alone["Required memory"]
        assert told["memory_bytes"][row] == alone["Recommended request"]
        assert told["quantile_0.95_bytes"][row] == alone["Quantiles"]["0.95"]
    # 100 MiB and twice 30 MiB; 100 MiB, twice 60 MiB and 50 MiB
    assert told["predicted_peak_bytes"] == pytest.approx([160 * MIB, 270 * MIB], rel=0.15)
    assert all(0 <= one <= 1 for one in told["failure_probability"])


def test_only_the_outputs_that_are_asked_for_are_sent(client: TestClient) -> None:
    wanted = [{"name": "source"}, {"name": "memory_bytes", "parameters": {}}]
    answer = client.post(INFER, json={"inputs": [tensor("input_1", 1)], "outputs": wanted}).json()
    assert [one["name"] for one in answer["outputs"]] == ["source", "memory_bytes"]
    assert outputs(answer)["source"] == ["forest"]
    assert "id" not in answer


def test_a_column_may_be_nested(client: TestClient) -> None:
    flat = client.post(INFER, json={"inputs": [tensor("input_1", MIB, 2 * MIB)]}).json()
    nested = tensor("input_1", [MIB], [2 * MIB], shape=[2, 1])
    half_flat = tensor("input_1", MIB, 2 * MIB, shape=[2, 1])
    for one in (nested, half_flat):
        assert client.post(INFER, json={"inputs": [one]}).json() == flat


def test_a_toolshed_id_and_a_version_may_stand_in_the_address(client: TestClient) -> None:
    message = {"inputs": [tensor("input_1", MIB)]}
    [build] = client.get("/v2/models/tool").json()["versions"]
    plain = client.post(INFER, json=message).json()
    assert plain["model_version"] == build
    for address in (f"/v2/models/{SHED}", f"/v2/models/tool/versions/{build}", f"/v2/models/{SHED}/versions/{build}"):
        assert client.get(address).json()["name"] == "tool"
        assert client.get(f"{address}/ready").status_code == 200
        assert client.post(f"{address}/infer", json=message).json() == plain
    for path in ("", "/ready"):
        assert client.get(f"/v2/models/tool/versions/1{path}").status_code == 404
    assert client.post("/v2/models/tool/versions/1/infer", json=message).status_code == 404


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ([], "expected an object"),
        ({}, "inputs: expected a list"),
        ({"inputs": []}, "inputs: expected a list of one or more"),
        ({"inputs": [7]}, "inputs[0]: expected an object"),
        ({"inputs": [tensor("inputt_1", 1)]}, "inputs[0].name: expected each of input_1, "),
        ({"inputs": [tensor("input_1", 1), tensor("input_1", 1)]}, "inputs[1].name"),
        ({"inputs": [tensor(["input_1"], 1)]}, "inputs[0].name"),  # type: ignore[arg-type]
        ({"inputs": [tensor("input_1", 1, datatype="FP32")]}, "inputs[0].datatype: expected INT64"),
        ({"inputs": [tensor("input_1", 1, shape=[2])]}, "inputs[0].shape: expected [1]"),
        ({"inputs": [tensor("input_1", 1, shape=None)]}, "inputs[0].shape"),
        ({"inputs": [tensor("input_1")]}, "inputs[0].data"),
        ({"inputs": [tensor("input_1", *[1] * 10_001)]}, "inputs[0].data: expected a list of 1 to 10,000 values"),
        ({"inputs": [tensor("input_1", 1, 2), tensor("slots", 1)]}, "inputs[1].shape: expected as many rows"),
        ({"inputs": [tensor("input_1", 1, True)]}, "inputs[0].data[1]: expected INT64"),
        ({"inputs": [tensor("input_1", 1.5)]}, "inputs[0].data[0]: expected INT64"),
        ({"inputs": [tensor("input_1", "1")]}, "inputs[0].data[0]: expected INT64"),
        ({"inputs": [tensor("input_1", None)]}, "inputs[0].data[0]: expected INT64"),
        ({"inputs": [tensor("input_1", [1], 2)]}, "inputs[0].data[0]: expected INT64"),
        ({"inputs": [tensor("input_1", 1, -1)]}, "input_1: expected an integer from 0"),
        ({"inputs": [tensor("input_1", 2**53)]}, "input_1: expected an integer from 0"),
        ({"inputs": [tensor("mode", 1, datatype="BYTES")]}, "inputs[0].data[0]: expected BYTES"),
        ({"inputs": [tensor("mode", "a\nb", datatype="BYTES")]}, "parameters.mode"),
        ({"inputs": [tensor("input_1", 1)], "outputs": {"name": "x"}}, "outputs: expected a list"),
        ({"inputs": [tensor("input_1", 1)], "outputs": [{"name": "memory"}]}, "outputs[0].name: expected one of mem"),
        ({"inputs": [tensor("input_1", 1)], "outputs": [{"name": []}]}, "outputs[0].name"),
        ({"inputs": [tensor("input_1", 1)], "outputs": ["memory_bytes"]}, "outputs[0]: expected an object"),
    ],
)
def test_what_is_wrong_is_400_and_named_in_the_protocols_shape(message: Any, told: str, client: TestClient) -> None:
    answer = client.post(INFER, json=message)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert told in answer.json()["error"]


def test_other_refusals_have_its_shape_too(client: TestClient) -> None:
    for path, status in (("/v2/models/cat1", 404), ("/v2/nowhere", 404), ("/v2/models/" + "a" * 300, 400)):
        answer = client.get(path)
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]
    assert client.post(INFER, content=b"{").status_code == 400
    assert client.post(INFER, content=b"{", headers={"Content-Encoding": "gzip"}).status_code == 415
    assert client.post("/v2").status_code == 405
