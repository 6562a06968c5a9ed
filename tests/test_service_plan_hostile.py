"""Plans that are wrong, absurd or meant to harm: told by field or line, and never an error of ours."""

import asyncio
import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from application import client_of
from fastapi.testclient import TestClient
from test_service_batch import post

from service import forecast as forecasts
from service import planning
from service.app import create_app
from service.plan_jobs import MOST_JOBS, MOST_ROWS
from service.predictor import Predictor
from service.settings import ServiceSettings

JOB = {"tool_id": "tool"}
NODE = {"name": "n", "memory": "1 GB"}


@pytest.fixture(scope="module")
def client(models: Path) -> TestClient:
    return client_of(models)


def with_node(**more: Any) -> dict[str, Any]:
    return {"jobs": [JOB], "nodes": [{**NODE, **more}]}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({}, "jobs"),
        ([], ""),
        ("plan", ""),
        ({"jobs": [JOB], "csv": "tool\ntool\n"}, "jobs"),
        ({"jobs": JOB}, "jobs"),
        ({"jobs": None}, "jobs"),
        ({"jobs": [JOB], "nodez": []}, "nodez"),
        ({"jobs": ["tool"]}, "jobs[0]"),
        ({"jobs": [JOB, {**JOB, "inputs": [{"name": "a", "size_bytes": -1}]}]}, "jobs[1].inputs[0].size_bytes"),
        ({"jobs": [{**JOB, "count": 0}]}, "jobs[0].count"),
        ({"jobs": [{**JOB, "count": -3}]}, "jobs[0].count"),
        ({"jobs": [{**JOB, "count": 1.5}]}, "jobs[0].count"),
        ({"jobs": [{**JOB, "count": True}]}, "jobs[0].count"),
        ({"jobs": [{**JOB, "count": 10**300}]}, "jobs[0].count"),
        ({"jobs": [{**JOB, "count": MOST_JOBS}, JOB]}, "count"),
        ({"jobs": [{**JOB, "run_seconds": -1}]}, "jobs[0].run_seconds"),
        ({"jobs": [{**JOB, "run_seconds": 1e308}]}, "jobs[0].run_seconds"),
        ({"jobs": [{**JOB, "run_seconds": "1"}]}, "jobs[0].run_seconds"),
        ({"jobs": [{**JOB, "runs": 1}]}, "jobs[0].runs"),
        ({"jobs": [JOB], "nodes": {}}, "nodes"),
        ({"jobs": [JOB], "nodes": [NODE] * 2}, "nodes[1].name"),
        ({"jobs": [JOB], "nodes": [{}] * 51}, "nodes"),
        ({"jobs": [JOB], "nodes": ["n"]}, "nodes[0]"),
        ({"jobs": [JOB], "nodes": [{"name": "n"}]}, "nodes[0].memory"),
        (with_node(memory="a lot"), "nodes[0].memory"),
        (with_node(memory=0), "nodes[0].memory"),
        (with_node(memory=1e308), "nodes[0].memory"),
        (with_node(memory="9" * 5000), "nodes[0].memory"),
        (with_node(memory_bytes=-1), "nodes[0].memory_bytes"),
        (with_node(cores=0), "nodes[0].cores"),
        (with_node(cores=2.5), "nodes[0].cores"),
        (with_node(count=10**12), "nodes[0].count"),
        (with_node(price_per_hour=-1), "nodes[0].price_per_hour"),
        (with_node(price_per_hour=1e308), "nodes[0].price_per_hour"),
        (with_node(name="\u202e"), "nodes[0].name"),
        (with_node(gpus=1), "nodes[0].gpus"),
        ({"jobs": [JOB], "window_hours": 0}, "window_hours"),
        ({"jobs": [JOB], "window_hours": 1e308}, "window_hours"),
        ({"jobs": [JOB], "window_hours": [1]}, "window_hours"),
        ({"jobs": [JOB], "failure_cap": 0.03}, "failure_cap"),
        ({"jobs": [JOB], "failure_cap": [0.05]}, "failure_cap"),
        ({"jobs": [JOB], "failure_cap": True}, "failure_cap"),
        ({"jobs": [JOB], "default_run_seconds": 0}, "default_run_seconds"),
        ({"jobs": [JOB], "seed": -1}, "seed"),
        ({"jobs": [JOB], "seed": 1.5}, "seed"),
        ({"jobs": [JOB], "seed": 10**30}, "seed"),
        ({"csv": 7}, "csv"),
        ({"csv": "tool\ntool\n", "nodes": 3}, "nodes"),
    ],
)
def test_what_is_wrong_is_named(client: TestClient, message: Any, field: str) -> None:
    answer = client.post("/v1/plan", json=message)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", ""),
        (b"{", ""),
        (b"\xff\xfe", ""),
        (b'{"jobs": [{"tool_id": "tool", "run_seconds": NaN}]}', "jobs[0].run_seconds"),
        (b'{"jobs": [{"tool_id": "tool", "run_seconds": Infinity}]}', "jobs[0].run_seconds"),
        (b'{"jobs": [{"tool_id": "tool", "count": 1e999}]}', "jobs[0].count"),
        (b'{"jobs": [], "window_hours": NaN}', "window_hours"),
        (b'{"jobs": [], "window_hours": 1e999}', "window_hours"),
        (b'{"jobs": [{"tool_id": "\\ud800"}]}', "jobs[0].tool_id"),
        (b'{"jobs": [], "\\ud800": 1}', "\\ud800"),
        (b'{"jobs": [], "tool": "\\ud800", "seed": []}', "seed"),
        (b'{"jobs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
        (b'{"jobs": [{"tool_id": "tool", "slots": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]}", ""),
        (b'{"jobs": [], "nodes": ' + b"[" * 900 + b"]" * 900 + b"}", "nodes[0]"),
    ],
)
def test_what_is_hardly_json_is_no_fault_of_ours(client: TestClient, content: bytes, field: str) -> None:
    answer = client.post("/v1/plan", content=content)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text[:500]


def test_more_jobs_than_are_planned_at_once_are_refused(client: TestClient) -> None:
    content = b'{"jobs": [' + b",".join([b'{"tool_id": "tool"}'] * (MOST_ROWS + 1)) + b"]}"
    assert client.post("/v1/plan", content=content).json()["field"] == "jobs"
    answer = client.post("/v1/plan", json={"tool": "tool", "csv": "count\n" + "1\n" * (MOST_ROWS + 1)})
    assert answer.json()["message"] == f"csv: expected at most {MOST_ROWS:,} rows"


def test_a_body_that_is_too_large_or_packed_is_not_read(models: Path) -> None:
    client = client_of(models, max_batch_body_mib=1)
    assert client.post("/v1/plan", content=b" " * (1024**2 + 1)).status_code == 413
    assert client.post("/v1/plan", content=b"{}", headers={"Content-Encoding": "gzip"}).status_code == 415
    assert client.get("/v1/plan").status_code == 405


def test_ten_million_jobs_of_the_largest_size_are_planned(client: TestClient) -> None:
    huge = {"name": "input_1", "size_bytes": 2**53 - 1}
    jobs = [{"tool_id": "tool", "inputs": [huge], "count": MOST_JOBS - 1, "run_seconds": 1e9}, JOB]
    nodes = [{"name": "n", "memory_bytes": 2**53 - 1, "price_per_hour": 1e6}, {"name": "m", "memory": "1"}]
    answer = client.post("/v1/plan", json={"jobs": jobs, "nodes": nodes, "window_hours": 1 / 60})
    assert answer.status_code == 200, answer.text
    assert answer.json()["jobs"] == MOST_JOBS


def test_the_names_of_tools_stay_what_they_are(client: TestClient) -> None:
    names = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "../../etc/passwd", "\U0001f9ec"]
    told = client.post("/v1/plan", json={"jobs": [{"tool_id": name} for name in names]}).json()
    assert {one["tool"] for one in told["refused"]} == set(names)


def test_a_thousand_unknown_tools_are_counted_and_a_hundred_listed(client: TestClient) -> None:
    told = client.post("/v1/plan", json={"jobs": [{"tool_id": f"x{number}"} for number in range(1000)]}).json()
    assert (told["refused_jobs"], len(told["refused"])) == (1000, 100)
    assert "1,000 tools are not planned; 100 of them are listed" in told["notes"]


def test_without_a_bundle_nothing_is_planned(tmp_path: Path) -> None:
    answer = client_of(tmp_path).post("/v1/plan", json={"jobs": [JOB]})
    assert (answer.status_code, answer.json()["error"]) == (503, "not_ready")


def test_others_are_answered_while_a_plan_is_made(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The forecast stands still until a prediction was answered: were it in the way, neither would ever come."""
    door = create_app(SimpleNamespace(predictor=Predictor.open(models)), ServiceSettings(models))
    answered, real = threading.Event(), forecasts.forecast

    def waiting(*told: Any) -> Any:
        assert answered.wait(30), "nobody else was answered"
        return real(*told)

    monkeypatch.setattr(planning, "forecast", waiting)

    async def meanwhile() -> Any:
        plans = [asyncio.create_task(_plan(door, seed)) for seed in range(4)]
        await asyncio.sleep(0.1)
        assert (await post(door, "/v1/predict", JOB))["tool"] == "tool"
        answered.set()
        return await asyncio.gather(*plans)

    assert [told["jobs"] for told in asyncio.run(meanwhile())] == [1] * 4


async def _plan(door: Any, seed: int) -> Any:
    body = json.dumps({"jobs": [JOB], "seed": seed}).encode()
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(part: Any) -> None:
        sent.append(part)

    scope = {"type": "http", "method": "POST", "path": "/v1/plan", "headers": [], "query_string": b""}
    await door(scope, receive, send)
    assert sent[0]["status"] == 200, sent
    return json.loads(b"".join(part.get("body", b"") for part in sent[1:]))


def test_what_is_kept_of_plans_stays_within_its_room(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = planning._Kept()
    monkeypatch.setattr(planning, "_Kept", lambda: kept)
    client = client_of(models)
    monkeypatch.setattr(planning, "_KEPT_BYTES", 200_000)
    for seed in range(30):
        assert client.post("/v1/plan", json={"jobs": [JOB], "seed": seed}).status_code == 200
    taken = [one.taken_bytes for one in kept._forecasts.values()]
    assert 0 < len(taken) < 30
    assert sum(taken) <= 200_000
