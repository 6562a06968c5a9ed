"""The door of the service: who is let in, how much is read, and what is answered when something breaks."""

import asyncio
import json
import logging
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from application import client_of
from fastapi.testclient import TestClient

from galaxy_memory_rules.errors import ConfigError
from service.app import create_app
from service.door import Door
from service.predictor import Predictor
from service.settings import ServiceSettings

JOB = {"tool_id": "tool"}
TOKEN = "0123456789abcdef-secret"


@pytest.fixture(scope="module")
def client(models: Path) -> TestClient:
    return client_of(models)


class Broken:
    """A predictor with a mistake in it, such as we have not made yet."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("what nobody outside should read")


@pytest.fixture
def broken(tmp_path: Path) -> TestClient:
    app = create_app(SimpleNamespace(predictor=Broken()), ServiceSettings(tmp_path))
    return TestClient(app, raise_server_exceptions=False)


def posted(
    door: Door, *parts: bytes, headers: tuple[tuple[bytes, bytes], ...] = (), gone: bool = False
) -> tuple[list[Any], int]:
    """Post parts of a body to the door itself; return what it sent, and how many parts it took."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.disconnect"} if gone else {"type": "http.request", "body": b""})
    taken, sent = [], []

    async def receive() -> Any:
        taken.append(1)
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/predict", "headers": list(headers)}
    asyncio.run(door(scope, receive, send))
    return sent, len(taken)


@pytest.fixture(scope="module")
def door(models: Path) -> Door:
    """Take at most 1 KiB."""
    return create_app(SimpleNamespace(predictor=Predictor.open(models)), ServiceSettings(models, max_body_kib=1))


def test_a_request_keeps_the_id_it_came_with(client: TestClient) -> None:
    for path in ("/health/live", "/v1/tools/cat1", "/v1/predict"):
        answer = client.get(path, headers={"X-Request-ID": "job-17.a_B"})
        assert answer.headers["x-request-id"] == "job-17.a_B"
    assert answer.json()["request_id"] == "job-17.a_B"
    assert client.post("/v1/predict", json=JOB, headers={"X-Request-ID": "job-18"}).headers["x-request-id"] == "job-18"


@pytest.mark.parametrize("harmful", ["", "a b", "a" * 65, 'a"b', "<script>", "a\tb"])
def test_an_id_that_could_do_harm_is_replaced(harmful: str, client: TestClient) -> None:
    answers = [client.get("/health/live", headers={"X-Request-ID": harmful}) for _ in range(2)]
    first, second = (answer.headers["x-request-id"] for answer in answers)
    assert re.fullmatch(r"[0-9a-f]{16}", first)
    assert first != second


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(f"{TOKEN}\n")
    return path


def test_with_a_token_only_health_is_open(models: Path, token_file: Path) -> None:
    client = client_of(models, token_file=token_file)
    right = {"Authorization": f"Bearer {TOKEN}"}
    for path in ("/health/live", "/health/ready"):
        assert client.get(path).status_code == 200
    for path in ("/v1/tools", "/metrics", "/docs", "/openapi.json", "/tool/memory/", "/v2", "/nowhere", "/health"):
        assert client.get(path).status_code == 401, path
    assert client.get("/v1/tools", headers=right).status_code == 200
    assert client.post("/v1/predict", json=JOB, headers=right).status_code == 200


@pytest.mark.parametrize(
    "told", [None, "", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, f"Basic {TOKEN}", "Bearer \xe9"]
)
def test_without_the_right_token_nothing_is_predicted(told: str | None, models: Path, token_file: Path) -> None:
    client = client_of(models, token_file=token_file)
    headers = {} if told is None else {b"Authorization": told.encode("latin-1")}
    answer = client.post("/v1/predict", json=JOB, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text


@pytest.mark.parametrize("content", ["", "short", "two words of a token", "a" * 5000, "\xe9" * 20])
def test_a_file_without_a_token_is_refused_at_the_start(content: str, models: Path, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(ConfigError, match=f"{path}: expected one token") as refused:
        client_of(models, token_file=path)
    assert not content or content not in str(refused.value)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="every user may read"):
        client_of(models, token_file=path)
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        client_of(models, token_file=path)


def test_a_body_that_says_it_is_too_long_is_not_read(door: Door) -> None:
    for length in (b"1025", b"9" * 5000):
        [start, body], taken = posted(door, b"{", headers=((b"content-length", length),))
        assert (start["status"], taken) == (413, 0)
        assert json.loads(body["body"])["error"] == "too_large"


def test_a_body_that_turns_out_too_long_is_read_no_further(door: Door) -> None:
    # 4 parts of 300 bytes are more than 1,024; the other 96 are left where they are
    [start, _], taken = posted(door, *[b" " * 300] * 100)
    assert (start["status"], taken) == (413, 4)
    [start, _], taken = posted(door, b" " * 1025)
    assert start["status"] == 413


def test_a_body_in_parts_is_one_body(door: Door) -> None:
    [start, body], _ = posted(door, b'{"tool_', b'id": "to', b'ol"}')
    assert (start["status"], json.loads(body["body"])["tool"]) == (200, "tool")


def test_who_has_gone_gets_no_answer(door: Door) -> None:
    assert posted(door, b"{", gone=True) == ([], 2)


def test_a_batch_may_be_longer_than_a_job(models: Path) -> None:
    client = client_of(models, max_body_kib=1, max_batch_body_mib=1)
    jobs = json.dumps({"jobs": [JOB] * 100})
    assert len(jobs) > 1024
    assert client.post("/v1/predict/batch", content=jobs).status_code == 200
    assert client.post("/v1/predict", content=jobs).status_code == 413
    # 2**20 and 1
    assert client.post("/v1/predict/batch", content=b" " * 1_048_577).status_code == 413


def test_a_compressed_body_is_refused(client: TestClient) -> None:
    for encoding, status in (("gzip", 415), ("br", 415), ("gzip, identity", 415), ("Identity", 200)):
        answer = client.post("/v1/predict", json=JOB, headers={"Content-Encoding": encoding})
        assert answer.status_code == status
    assert client.post("/v1/predict", json=JOB, headers={"Content-Encoding": "x"}).json()["error"] == (
        "unsupported_encoding"
    )


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/batch", "/v1/tools", "/tool/memory/", "/openapi.json"])
def test_a_mistake_of_ours_is_told_to_the_log_alone(
    path: str, broken: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    content = json.dumps({"jobs": [JOB]} if path.endswith("batch") else JOB)
    answer = broken.post(path, content=content) if "predict" in path else broken.get(path)
    assert (answer.status_code, answer.json()["error"]) == (500, "internal")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "nobody" not in answer.text
    assert "Traceback" not in answer.text
    [told] = [record for record in caplog.records if record.exc_info]
    assert "what nobody outside should read" in caplog.text
    assert told.name == "service.door"


def test_each_request_is_logged_where_it_is_asked_for_without_what_the_client_wrote(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service")
    client = client_of(models, access_log=True)
    client.post("/v1/predict", json=JOB)
    client.get("/tool/memory/?input_1=17")
    client.get("/nowhere/of%0Aany%1b[1mkind")
    lines = [record.getMessage() for record in caplog.records if record.name == "service.door"]
    assert lines == [
        "POST /v1/predict 200",
        "GET /{tool:path}/memory/ 200",
        "GET other 404",
    ]


def test_only_what_cannot_be_served_is_logged_by_default(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service")
    client = client_of(tmp_path)
    client.get("/health/live")
    client.get("/nowhere")
    client.post("/v1/predict", json=JOB)
    [line] = [record.getMessage() for record in caplog.records if record.name == "service.door"]
    assert line == "POST /v1/predict 503"
