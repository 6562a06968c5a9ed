"""What Prometheus is told: what really happened, under labels that nobody outside can make more of."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import serving
from application import client_of
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from service.lifecycle import Lifecycle

MIB = 1024**2
JOB: dict[str, Any] = {"tool_id": "tool", "inputs": [{"name": "input_1", "size_bytes": 30 * MIB}]}
# the largest recorded job has 80 MiB
BEYOND = {"tool_id": "tool", "inputs": [{"name": "input_1", "size_bytes": 800 * MIB}]}
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    """Read the exposition format: values by name and labels."""
    families = text_string_to_metric_families(text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def told(client: TestClient) -> Samples:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return samples(answer.text)


def grown(before: Samples, after: Samples, name: str) -> Counter[tuple[str, ...]]:
    """Return by how much a counter has grown, by the values of its labels."""
    growth: Counter[tuple[str, ...]] = Counter()
    for (sample, labels), value in after.items():
        if sample == name and value != before.get((sample, labels), 0):
            growth[tuple(value for _, value in labels)] = int(value - before.get((sample, labels), 0))
    return growth


@pytest.fixture(scope="module")
def client(models: Path) -> TestClient:
    return client_of(models)


def test_requests_are_counted_by_route_and_status(client: TestClient) -> None:
    before = told(client)
    for _ in range(3):
        client.post("/v1/predict", json=JOB)
    client.post("/v1/predict", json={"tool_id": "cat1"})
    client.post("/v1/predict", content=b"{")
    client.get("/tool/memory/")
    after = told(client)
    requests_seen = grown(before, after, "gmr_requests_total")
    # the scrape before ended after it was written
    assert requests_seen == {
        ("/v1/predict", "200"): 3,
        ("/v1/predict", "404"): 1,
        ("/v1/predict", "422"): 1,
        ("/{tool:path}/memory/", "200"): 1,
        ("/metrics", "200"): 1,
    }
    assert grown(before, after, "gmr_request_seconds_count")[("/v1/predict",)] == 5
    assert after[("gmr_request_seconds_bucket", (("le", "+Inf"), ("route", "/v1/predict")))] >= 5


def test_predictions_are_counted_by_source_and_guards_by_name(client: TestClient) -> None:
    before = told(client)
    client.post("/v1/predict", json=JOB)
    client.post("/v1/predict/batch", json={"jobs": [BEYOND, BEYOND, {"tool_id": "cat1"}, {"tool_id": ""}]})
    client.get("/tool/memory/")
    after = told(client)
    # labels in the order of their names: source, tool; 1 single, 2 of the batch, 1 by the seed's address
    assert grown(before, after, "gmr_predictions_total") == {("forest", "tool"): 4}
    assert grown(before, after, "gmr_guards_total")[("beyond_training_sizes",)] == 2


def test_what_a_client_writes_becomes_no_label(client: TestClient) -> None:
    client.get("/metrics")
    before = {(name, labels) for name, labels in told(client) if "le" not in dict(labels)}
    for number in range(50):
        client.get(f"/nowhere/{number}")
        client.get(f"/v1/tools/tool{number}")
        client.get(f"/tool{number}/memory/")
        client.get(f"/v2/models/tool{number}")
        client.post("/v1/predict", json={"tool_id": f"tool{number}"})
        client.request("DELETE", f"/v1/predict/{number}")
        client.post("/v1/predict", json=JOB, headers={"X-Request-ID": f"id{number}"})
    after = {(name, labels) for name, labels in told(client) if "le" not in dict(labels)}
    values = {value for _, labels in after - before for _, value in labels}
    assert values <= {
        *("other", "/v1/predict", "/v1/tools/{tool:path}", "/{tool:path}/memory/", "/v2/models/{tool:path}"),
        *("200", "404", "405", "tool", "forest"),
        # a job without parameters
        *("missing_input", "unseen_category"),
    }


def test_bundles_are_told_with_their_age(client: TestClient, models: Path) -> None:
    client.post("/v1/predict", json=JOB)
    after = told(client)
    [line] = client.get("/v1/tools").json()["tools"]
    labels = (("bundle", line["bundle"]), ("source", "forest"), ("tool", "tool"))
    assert after[("gmr_bundle_info", labels)] == 1
    published = (models / "tool" / line["bundle"].rpartition("/")[2]).stat().st_mtime
    assert after[("gmr_bundle_age_seconds", (("tool", "tool"),))] == pytest.approx(time.time() - published, abs=60)
    assert after[("gmr_bundles_refused", ())] == 0
    assert after[("gmr_bundles_opened", ())] == 1


def test_the_promised_and_the_achieved_failure_rate_are_told_as_the_list_of_tools_tells_them(
    client: TestClient,
) -> None:
    after = told(client)
    [line] = client.get("/v1/tools").json()["tools"]
    for kind in ("promised", "achieved"):
        assert after[(f"gmr_bundle_{kind}_failure_rate", (("tool", "tool"),))] == line[f"{kind}_failure_rate"]
    assert line["promised_failure_rate"] == 0.05


def test_what_never_reached_the_application_is_counted_too(client: TestClient) -> None:
    before = told(client)
    Lifecycle.refused["overload"] += 7
    client.get("/health/live")
    assert grown(before, told(client), "gmr_refused_early_total") == {("overload",): 7}
    assert grown(before, told(client), "gmr_refused_early_total") == {("overload",): 7}


def test_they_can_be_switched_off(models: Path) -> None:
    assert client_of(models, metrics=False).get("/metrics").status_code == 404


def test_two_workers_add_up(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with serving.served(models, "--workers", "2") as url, ThreadPoolExecutor(8) as many:

        def post(_: int) -> int:
            return requests.post(f"{url}/v1/predict", json=JOB, timeout=10).status_code

        def scrape() -> Samples:
            return samples(requests.get(f"{url}/metrics", timeout=10).text)

        posted = 0
        # each worker that has answered has opened the one bundle
        while scrape()[("gmr_bundles_opened", ())] < 2:
            assert list(many.map(post, range(40))) == [200] * 40
            posted += 40
            assert posted < 2000, "one of the workers answers all"
        scrapes = [scrape() for _ in range(6)]
    for name, labels in (
        ("gmr_requests_total", (("route", "/v1/predict"), ("status", "200"))),
        ("gmr_request_seconds_count", (("route", "/v1/predict"),)),
        ("gmr_predictions_total", (("source", "forest"), ("tool", "tool"))),
    ):
        assert [one[(name, labels)] for one in scrapes] == [posted] * 6
