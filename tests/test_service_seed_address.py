"""The seed's address for a tool whose records know totals only."""

import pytest
from application import client_of
from conftest import FOREST
from fastapi.testclient import TestClient

from trainer import bundle, publishing
from trainer.learning import Settings
from trainer.readers import read
from trainer.training import train_tool

MIB = 1024**2
CIRCOS = "toolshed.g2.bx.psu.edu/repos/iuc/circos/circos/0.69.8+galaxy7"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """Serve what 60 rows of job-metrics teach: 100 MiB and three times all inputs together."""
    path = tmp_path_factory.mktemp("metrics") / "metrics.txt"
    rows = [(size * MIB, 1 + size % 3, 1, (100 + 3 * size) * MIB) for size in range(1, 61)]
    path.write_text("".join(f"{CIRCOS},{','.join(map(str, row))},2022-05-05 09:55:37.128908\n" for row in rows))
    [found] = read(path, "memory_bytes")
    made = train_tool(found, [FOREST], Settings()).bundle
    models = tmp_path_factory.mktemp("models")
    with publishing.lock(models):
        bundle.save(made, models)
    return client_of(models)


def test_it_is_asked_by_total_and_count(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    [path] = [path for path in document["paths"] if path.endswith("/memory/")]
    described = [one["name"] for one in document["paths"][path]["get"]["parameters"]]
    assert described == ["total_filesize", "num_files", "slots"]
    # the recorded job of 30 MiB had 1 + 30 % 3 = 1 file, and needed 100 MiB and 3 * 30 MiB = 190 MiB
    answer = client.get("/circos/memory/", params={"total_filesize": 30 * MIB, "num_files": 1}).json()
    assert answer["Required memory"] == pytest.approx(190 * MIB, rel=0.1)


def test_the_inputs_of_a_live_job_are_summed_and_counted_to_meet_it(client: TestClient) -> None:
    inputs = [{"name": name, "size_bytes": 10 * MIB, "extension": "bed"} for name in ("a", "b", "c|d")]
    posted = client.post("/v1/predict", json={"tool_id": CIRCOS, "inputs": inputs, "slots": 1}).json()
    asked = client.get("/circos/memory/", params={"total_filesize": 30 * MIB, "num_files": 3, "slots": 1}).json()
    assert posted["predicted_peak_bytes"] == asked["Required memory"]
    assert posted["guards"] == []
