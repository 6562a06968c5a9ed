"""The batch: rows are predicted together, others get their turn meanwhile, and all are answered by one snapshot."""

import asyncio
import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from application import client_of
from conftest import serve, train

from service.app import create_app
from service.door import Door
from service.predicting import JOBS_AT_ONCE
from service.predictor import Predictor
from service.settings import ServiceSettings
from trainer.training import Trained

MIB = 1024**2


def job(size_mib: int, tool: str = "tool") -> dict[str, Any]:
    return {"tool_id": tool, "inputs": [{"name": "input_1", "size_bytes": size_mib * MIB}]}


async def post(door: Door, path: str, message: Any) -> Any:
    """Post to the application in this very event loop."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": json.dumps(message).encode()}

    async def send(part: Any) -> None:
        sent.append(part)

    await door({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)
    assert sent[0]["status"] == 200, sent
    return json.loads(sent[1]["body"])


@pytest.fixture
def held(models: Path) -> SimpleNamespace:
    return SimpleNamespace(predictor=Predictor.open(models))


@pytest.fixture
def door(models: Path, held: SimpleNamespace) -> Door:
    return create_app(held, ServiceSettings(models))


def test_many_are_answered_as_each_would_be(door: Door) -> None:
    # three times as many as are predicted at once, and some more
    jobs = [job(size_mib % 90) for size_mib in range(650)]

    async def both() -> None:
        together = (await post(door, "/v1/predict/batch", {"jobs": jobs}))["recommendations"]
        for place in (0, 1, 89, 199, 200, 399, 401, 649):
            assert together[place] == await post(door, "/v1/predict", jobs[place])

    asyncio.run(both())


def test_single_requests_are_answered_while_a_batch_is(door: Door) -> None:
    jobs = [job(size_mib % 90) for size_mib in range(2000)]

    async def meanwhile() -> int:
        batch = asyncio.create_task(post(door, "/v1/predict/batch", {"jobs": jobs}))
        answered = 0
        while not batch.done():
            await post(door, "/v1/predict", job(7))
            answered += 1
            await asyncio.sleep(0)
        assert len(batch.result()["recommendations"]) == 2000
        return answered

    # 2,000 jobs are 10 times 200
    assert asyncio.run(meanwhile()) >= 10


def test_a_batch_of_many_tools_lets_others_in_between_two_tools(trained: Trained, tmp_path: Path) -> None:
    names = [f"tool{number}" for number in range(12)]
    predictor = serve(tmp_path, *(dataclasses.replace(trained.bundle, tool=name) for name in names))
    door = create_app(SimpleNamespace(predictor=predictor), ServiceSettings(tmp_path))
    # the tools alternate, and still each is predicted at once
    jobs = [job(5, names[place % 12]) for place in range(48)]

    async def meanwhile() -> int:
        batch = asyncio.create_task(post(door, "/v1/predict/batch", {"jobs": jobs}))
        turns = 0
        while not batch.done():
            turns += 1
            await asyncio.sleep(0)
        assert [one["tool"] for one in batch.result()["recommendations"]] == [names[place % 12] for place in range(48)]
        return turns

    # once after each tool, and a few times for reading
    assert 12 <= asyncio.run(meanwhile()) < 30


def test_a_batch_never_mixes_two_builds(door: Door, held: SimpleNamespace, tmp_path: Path, models: Path) -> None:
    newer = serve(tmp_path / "models", train(tmp_path, rows=70).bundle)
    before, after = held.predictor.entries["tool"].name, newer.entries["tool"].name
    assert before != after

    async def swapped() -> list[Any]:
        batch = asyncio.create_task(post(door, "/v1/predict/batch", {"jobs": [job(5)] * 1000}))
        # past reading the 1,000, and into predicting them
        for _ in range(1000 // JOBS_AT_ONCE + 3):
            await asyncio.sleep(0)
        assert not batch.done()
        held.predictor = newer
        alone = await post(door, "/v1/predict", job(5))
        return [alone["bundle"], {one["bundle"] for one in (await batch)["recommendations"]}]

    assert asyncio.run(swapped()) == [after, {before}]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ('{"tool_id": "tool", "slots": NaN}', "jobs[1].slots"),
        ('{"tool_id": "tool", "slots": 1e999}', "jobs[1].slots"),
        ('{"tool_id": "tool", "slots": ' + "9" * 5000 + "}", "jobs[1]"),
        ('"\\ud800"', "jobs[1]"),
        ("[]", "jobs[1]"),
        ("null", "jobs[1]"),
        ('{"tool_id": "tool", "\\ud800": 1}', "jobs[1].\\ud800"),
    ],
)
def test_a_job_that_is_wrong_has_its_error_in_its_place(wrong: str, field: str, models: Path) -> None:
    """Those that only the standard library reads among them."""
    content = '{"jobs": [{"tool_id": "tool"}, ' + wrong + ', {"tool_id": "tool"}]}'
    answer = client_of(models).post("/v1/predict/batch", content=content)
    told = answer.json()["recommendations"]
    assert [one.get("field") for one in told] == [None, field, None]
