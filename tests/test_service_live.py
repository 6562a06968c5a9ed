"""The application over a folder that changes: readiness, addresses and documentation follow what is published."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from conftest import serve
from fastapi.testclient import TestClient
from many_tools import names, publish

from service.app import create_app
from service.lifecycle import Lifecycle
from service.metrics import RELOADS, count_reload
from service.opened import OpenedBundles
from service.reloading import Reloader
from service.settings import ServiceSettings
from trainer import publishing
from trainer.training import Trained

MIB = 1024**2


def live(root: Path, budget_bytes: int = 200 * MIB) -> tuple[Reloader, TestClient]:
    """Serve a folder with the real reloader, which is told by hand when to look."""
    reloader = Reloader(root, OpenedBundles(budget_bytes))
    return reloader, TestClient(create_app(reloader, ServiceSettings(root)), raise_server_exceptions=False)


def described(client: TestClient) -> set[str]:
    return {path for path in client.get("/openapi.json").json()["paths"] if path.endswith("/memory/")}


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    shutil.copytree(models, tmp_path / "models")
    return tmp_path / "models"


def test_without_a_bundle_it_is_live_and_becomes_ready_with_the_first(models: Path, tmp_path: Path) -> None:
    root = tmp_path / "models"
    root.mkdir()
    reloader, client = live(root)
    assert (client.get("/health/live").status_code, client.get("/health/ready").status_code) == (200, 503)
    assert client.get("/openapi.json").status_code == 200
    shutil.copytree(models / "tool", root / "tool")
    reloader.reload()
    assert client.get("/health/ready").json() == {"status": "ready", "tools": 1, "refused": {}}
    assert client.post("/v1/predict", json={"tool_id": "tool"}).status_code == 200


def test_readiness_names_what_is_refused_and_the_others_answer(trained: Trained, tmp_path: Path) -> None:
    serve(tmp_path, *(dataclasses.replace(trained.bundle, tool=tool) for tool in ("a", "b", "c")))
    (publishing.current_build(tmp_path / "b") / "bins.npy").write_bytes(b"")
    reloader, client = live(tmp_path)
    answers = {tool: client.post("/v1/predict", json={"tool_id": tool}) for tool in "abc"}
    assert {tool: answer.status_code for tool, answer in answers.items()} == {"a": 200, "b": 503, "c": 200}
    assert answers["b"].json()["error"] == "bundle_refused"
    ready = client.get("/health/ready")
    assert ready.status_code == 200
    assert list(ready.json()["refused"]) == ["b"]
    assert "bins.npy" in ready.json()["refused"]["b"]
    assert "gmr_bundles_refused 1.0" in client.get("/metrics").text
    # a batch gets an error in the places of the tool
    jobs = [{"tool_id": tool} for tool in "abcb"]
    told = client.post("/v1/predict/batch", json={"jobs": jobs}).json()["recommendations"]
    assert [one.get("error") for one in told] == [None, "bundle_refused", None, "bundle_refused"]


def test_it_is_not_ready_any_more_once_it_was_asked_to_stop_and_still_answers(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = live(root)
    monkeypatch.setattr(Lifecycle, "stopping", True)
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/live").status_code == 200
    assert client.post("/v1/predict", json={"tool_id": "tool"}).status_code == 200


def test_a_tool_that_is_published_later_has_its_address_and_is_described(root: Path) -> None:
    reloader, client = live(root)
    assert described(client) == {"/tool/memory/"}
    assert client.get("/new/memory/?input_1=5").status_code == 404
    publish(root / "tool", root, ["new"])
    reloader.reload()
    assert described(client) == {"/tool/memory/", "/new/memory/"}
    assert client.get("/new/memory/?input_1=5").json()["Tool name"] == "new"
    assert client.get("/v2/models/new").json()["name"] == "new"
    parameters = client.get("/openapi.json").json()["paths"]["/new/memory/"]["get"]["parameters"]
    # the median of the recorded 1 to 80 MiB is 40.5 MiB
    assert {one["name"]: one.get("example") for one in parameters}["input_1"] == 40.5 * MIB


def test_a_tool_whose_new_build_is_damaged_is_still_described(root: Path) -> None:
    reloader, client = live(root)
    client.post("/v1/predict", json={"tool_id": "tool"})
    for folder in (root / "tool").iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    reloader.reload()
    assert client.post("/v1/predict", json={"tool_id": "tool"}).status_code == 200
    assert described(client) == {"/tool/memory/"}
    assert client.get("/health/ready").status_code == 200


def test_the_document_is_written_once_for_a_set_of_bundles_and_opens_none(root: Path) -> None:
    publish(root / "tool", root, names(20))
    reloader, client = live(root)
    assert len(described(client)) == 21
    assert reloader.predictor.opened_count == 0
    whole = client.get("/openapi.json").content
    for home in publishing.homes(root):
        shutil.rmtree(home)
    # nothing is read again: what is served has not changed
    assert client.get("/openapi.json").content == whole


def test_one_bundle_that_cannot_be_described_costs_the_others_nothing(models: Path, root: Path) -> None:
    publish(root / "tool", root, ["other"])
    _, client = live(root)
    shutil.rmtree(publishing.current_build(root / "other"))
    assert described(client) == {"/tool/memory/"}


def test_reloads_are_counted_by_outcome(root: Path) -> None:
    def counted() -> dict[str, float]:
        return {
            one.labels["outcome"]: one.value
            for one in next(iter(RELOADS.collect())).samples
            if "outcome" in one.labels and one.name.endswith("_total")
        }

    reloader, _ = live(root)
    reloader.listeners.append(count_reload)
    before = counted()
    reloader.reload()
    publish(root / "tool", root, ["new"])
    reloader.reload()
    publish(root / "tool", root, ["bad"])
    (publishing.current_build(root / "bad") / "bins.npy").write_bytes(b"")
    reloader.reload()
    grown = {outcome: value - before.get(outcome, 0) for outcome, value in counted().items()}
    assert grown == {"unchanged": 1, "taken_up": 1, "refused": 1}
