"""POST /v1/plan against arithmetic by hand, and against what single jobs are answered."""

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from application import client_of
from conftest import serve
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from planned_tools import constant_peak, two_peaks

from galaxy_memory_rules.memory import GIB, MIB
from service import forecast as forecasts
from service import plan_sample
from trainer.training import Trained

# as wastage is counted everywhere here: 1 GB is 10**9 bytes
GB = 1e9


@pytest.fixture(scope="module")
def client(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """The service with a real tool, one that always needs 5 GiB, and one of which every tenth job needs half as much
    again as the 2 GiB that it asks for."""
    root = tmp_path_factory.mktemp("models")
    constant = {"memory_bytes": 6 * GIB, "jobs": 9, "failure_rate": 0.0, "rel": 1.2, "wastage_gbh": 1.0}
    steady = constant_peak(trained, "steady", 5 * GIB, run_seconds={"median": 1800.0, "p95": 2000.0}, constant=constant)
    serve(root, trained.bundle, steady, two_peaks(trained, "tenth"))
    return client_of(root)


def plan(client: TestClient, jobs: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/plan", json={"jobs": jobs, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def tool_job(size_mib: int, **more: Any) -> dict[str, Any]:
    return {"tool_id": "tool", "inputs": [{"name": "input_1", "size_bytes": size_mib * MIB}], **more}


def test_jobs_of_a_constant_peak_are_as_many_nodes_as_by_hand(client: TestClient) -> None:
    jobs = [{"tool_id": "steady", "count": 100, "run_seconds": 7200}]
    told = plan(client, jobs, nodes=[{"name": "node", "memory": "16 GB", "cores": 8, "count": 6}], window_hours=10)
    predicted = told["policies"]["predicted"]
    # 5 GiB for 2 hours 100 times, all of it used
    assert predicted["requested_gbh"]["mean"] == pytest.approx(100 * 2 * 5 * GIB / GB, rel=1e-5)
    assert predicted["wasted_gbh"] == {"mean": 0, "p50": 0, "p95": 0}
    assert predicted["used_bytes"]["mean"] == pytest.approx(100 * 5 * GIB, rel=1e-5)
    assert predicted["requested_bytes"] == {"total": 500 * GIB, "p50": 5 * GIB, "p95": 5 * GIB, "largest": 5 * GIB}
    # three at once: 200 job hours are 66.7 node hours, in 10 hours 6.67 nodes, so 7
    [node] = predicted["nodes"]
    assert (node["at_once"], node["at_once_least"], node["at_once_most"]) == (3, 3, 3)
    assert (node["jobs_fit"], node["jobs_too_large"]) == (100, 0)
    assert node["busy"] == {"p50": 6.66667, "p95": 6.66667}
    assert (node["needed"], node["enough"], node["cost"]) == ({"p50": 7, "p95": 7}, False, None)


def test_one_number_for_all_jobs_is_that_of_the_bundle(client: TestClient) -> None:
    jobs = [{"tool_id": "steady", "count": 100, "run_seconds": 7200}]
    told = plan(client, jobs, nodes=[{"memory": "16 GB"}], window_hours=10)
    constant = told["policies"]["constant"]
    # 6 GiB each where 5 are used; two at once: 100 node hours in 10 hours
    assert constant["requested_bytes"]["largest"] == 6 * GIB
    assert constant["wasted_gbh"]["mean"] == pytest.approx(100 * 2 * GIB / GB, rel=1e-5)
    assert constant["nodes"][0]["needed"] == {"p50": 10, "p95": 10}
    assert told["tools"][0]["constant_wasted_gbh"] == constant["wasted_gbh"]["mean"]


def test_a_retry_of_known_probability_costs_what_it_costs_by_hand(client: TestClient) -> None:
    jobs = [{"tool_id": "tenth", "count": 1000, "run_seconds": 3600}]
    told = plan(client, jobs, nodes=[{"memory": "8 GB", "price_per_hour": 2}], window_hours=100)
    predicted = told["policies"]["predicted"]
    # 900 jobs ask for 2 GiB and use it; 100 ask for 2 and then for 4, and use 3 (and a little less between the two)
    assert predicted["expected_retries"] == pytest.approx(100, rel=1e-5)
    assert predicted["failure_rate"] == pytest.approx(0.1, rel=1e-5)
    assert predicted["requested_gbh"]["mean"] == pytest.approx((1000 * 2 + 100 * 4) * GIB / GB, rel=1e-5)
    assert predicted["used_gbh"]["mean"] == pytest.approx((900 * 2 + 100 * 3) * GIB / GB, rel=0.002)
    assert predicted["requested_gbh"]["p50"] == pytest.approx(predicted["requested_gbh"]["mean"], rel=0.01)
    # of 1,000 jobs 100 fail, give or take sqrt(1000 * 0.1 * 0.9) = 9.5; 95 % have less than 100 + 1.645 * 9.5 = 115.6
    p95_gbh = (1000 * 2 + 115.6 * 4) * GIB / GB
    assert predicted["requested_gbh"]["p95"] == pytest.approx(p95_gbh, rel=0.005)
    # four at once, the retries two at once: 1000 / 4 + 100 / 2 = 300 node hours
    assert predicted["nodes"][0]["busy"]["p50"] == pytest.approx(3, rel=0.01)
    assert predicted["nodes"][0]["needed"]["p95"] == 4
    assert predicted["nodes"][0]["cost"]["p95"] == 4 * 2 * 100


def test_many_jobs_that_are_the_same_vary_as_much_as_if_each_were_drawn(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [{"tool_id": "tenth", "count": 2000, "run_seconds": 3600}]
    each = plan(client, jobs)["policies"]["predicted"]["requested_gbh"]
    # 200 of 2,000 are drawn: sqrt(10) of the weight each
    monkeypatch.setattr(forecasts, "_MOST_DRAWS", 200 * forecasts._LEAST_SCENARIOS)
    some = plan(client, jobs, seed=1)["policies"]["predicted"]["requested_gbh"]
    assert some["mean"] == each["mean"]
    spread = [told["p95"] - told["p50"] for told in (each, some)]
    # 1.645 * sqrt(2000 * 0.1 * 0.9) * 4 GiB, as 50 and 200 scenarios tell it
    assert spread == pytest.approx([1.645 * 180**0.5 * 4 * GIB / GB] * 2, rel=0.4)


def test_what_fits_nowhere_is_counted_and_listed(client: TestClient) -> None:
    jobs = [{"tool_id": "steady", "count": 3}, {"tool_id": "tenth", "count": 10}, {"tool_id": "tenth", "slots": 16}]
    told = plan(client, jobs, nodes=[{"name": "a", "memory": "3 GB", "cores": 8}, {"name": "b", "memory": "1 GB"}])
    predicted = told["policies"]["predicted"]
    # steady asks for 5 GiB; the last job fits on b's cores, which are not told, but not into its memory
    assert predicted["fit_nowhere"]["jobs"] == 4
    assert predicted["fit_nowhere"]["largest_request_bytes"] == 5 * GIB
    # one of ten asks for 4 GiB at its second attempt
    assert predicted["fit_nowhere"]["retries_nowhere"] == pytest.approx(1, rel=1e-5)
    assert [(one["tool"], one["job"], one["jobs"], one["request_bytes"]) for one in told["fit_nowhere"]] == [
        ("steady", 0, 3, 5 * GIB),
        ("tenth", 2, 1, 2 * GIB),
    ]
    by_name = {node["name"]: node for node in predicted["nodes"]}
    assert (by_name["a"]["jobs_fit"], by_name["a"]["jobs_too_large"]) == (10, 4)
    assert (by_name["b"]["jobs_fit"], by_name["b"]["needed"]) == (0, None)


def test_each_job_goes_where_its_share_costs_least(client: TestClient) -> None:
    nodes = [
        {"name": "small", "memory": "2 GB", "price_per_hour": 1},
        {"name": "large", "memory": "10 GB", "price_per_hour": 4},
    ]
    jobs = [{"tool_id": "tenth", "count": 10}, {"tool_id": "steady", "count": 10}]
    mix = plan(client, jobs, nodes=nodes, window_hours=1)["policies"]["predicted"]["mix"]
    # tenth: 1 on the small one, 4 / 5 on the large one, of which five run at once
    assert [(one["name"], one["jobs"]) for one in mix] == [("small", 0), ("large", 20)]
    nodes[1]["price_per_hour"] = 6
    mix = plan(client, jobs, nodes=nodes, window_hours=1)["policies"]["predicted"]["mix"]
    assert [(one["name"], one["jobs"]) for one in mix] == [("small", 10), ("large", 10)]
    del nodes[0]["price_per_hour"]
    nodes[1]["price_per_hour"] = 0
    told = plan(client, jobs, nodes=nodes, window_hours=1)
    # without all prices, on the least memory
    assert [one["jobs"] for one in told["policies"]["predicted"]["mix"]] == [10, 10]
    assert any("not all nodes have a price" in note for note in told["notes"])


def test_run_times_that_are_not_told_are_the_recorded_median_or_the_default(client: TestClient) -> None:
    told = plan(client, [{"tool_id": "steady"}, {"tool_id": "tenth"}], default_run_seconds=60, window_hours=0.1)
    assert [tool["run_seconds"] for tool in told["tools"]] == [1800, 60]
    assert [note for note in told["notes"] if "run time" in note] == [
        "run time of steady not told: the recorded median, 1.8e+03 s",
        "run time of tenth neither told nor recorded: 60 s",
    ]
    # half an hour is longer than 0.1 hours
    assert told["too_long"] == 1


def test_a_plan_requests_what_a_single_job_is_told(client: TestClient) -> None:
    jobs = [tool_job(size, dbkey=key) for size in (1, 7, 33, 60, 300) for key in ("?", "hg38", "new")]
    singly = [client.post("/v1/predict", json=job).json() for job in jobs]
    for job, alone in zip(jobs, singly, strict=True):
        told = plan(client, [job])
        predicted = told["policies"]["predicted"]
        assert predicted["requested_bytes"]["total"] == alone["memory_bytes"]
        assert predicted["failure_rate"] == pytest.approx(alone["failure_probability"], abs=6e-5)
        assert set(told["tools"][0]["guards"]) == set(alone["guards"])
    together = plan(client, jobs)["policies"]["predicted"]
    assert together["requested_bytes"]["total"] == sum(alone["memory_bytes"] for alone in singly)


@settings(max_examples=25)
@given(size=st.integers(0, 200), key=st.sampled_from(["?", "hg38", "new"]))
def test_a_larger_cap_never_asks_a_job_for_more(client: TestClient, size: int, key: str) -> None:
    policies = plan(client, [tool_job(size, dbkey=key)])["policies"]
    asked = [policies[f"cap_{cap:g}"]["requested_bytes"]["total"] for cap in (0.01, 0.02, 0.05, 0.1)]
    assert asked == sorted(asked, reverse=True)
    assert policies["predicted"]["requested_bytes"]["total"] in asked


@pytest.mark.parametrize("own_cap", [None, 0.03, 0.2])
def test_caps_keep_their_order_whatever_the_bundle_was_trained_for(
    trained: Trained, tmp_path: Path, own_cap: float | None
) -> None:
    """The bundle's own requests stay, and the others are put in order around them."""
    sizing = trained.bundle.sizing
    sizing = dataclasses.replace(sizing, failure_cap=own_cap, by_cap={**sizing.by_cap, own_cap: sizing.at_own_cap})
    serve(tmp_path, dataclasses.replace(trained.bundle, sizing=sizing))
    client = client_of(tmp_path)
    for size in (1, 20, 55, 90):
        policies = plan(client, [tool_job(size)])["policies"]
        predicted = policies["predicted"]
        assert predicted["failure_cap"] == own_cap
        alone = client.post("/v1/predict", json=tool_job(size)).json()
        assert predicted["requested_bytes"]["total"] == alone["memory_bytes"]
        asked = {cap: policies[f"cap_{cap:g}"]["requested_bytes"]["total"] for cap in (0.01, 0.02, 0.05, 0.1)}
        asked[own_cap or 1.0] = alone["memory_bytes"]
        in_order = [asked[cap] for cap in sorted(asked)]
        assert in_order == sorted(in_order, reverse=True)


def test_another_cap_is_planned_where_it_is_asked_for(client: TestClient) -> None:
    told = plan(client, [tool_job(size) for size in range(1, 60)], failure_cap=0.01)
    assert told["policies"]["predicted"] == told["policies"]["cap_0.01"]
    assert told["policies"]["predicted"]["failure_cap"] == 0.01


def test_the_same_seed_gives_the_same_answer_to_the_byte(client: TestClient, trained: Trained, tmp_path: Path) -> None:
    jobs = [tool_job(size, count=3) for size in range(1, 40)]
    serve(tmp_path, trained.bundle)
    # another service has kept nothing of the first
    answers = [one.post("/v1/plan", json={"jobs": jobs, "seed": 7}).content for one in (client, client_of(tmp_path))]
    assert answers[0] == answers[1]
    assert client.post("/v1/plan", json={"jobs": jobs, "seed": 8}).content != answers[0]


@settings(max_examples=10)
@given(data=st.data())
def test_neither_order_nor_how_counts_are_told_matters(client: TestClient, data: st.DataObject) -> None:
    jobs = [tool_job(size, run_seconds=60.0 * size) for size in range(1, 8)]
    told = plan(client, [{**job, "count": 4} for job in jobs])
    split = [{**job, "count": count} for job in jobs for count in (1, 3)]
    shuffled = plan(client, data.draw(st.permutations(split)))
    assert shuffled["policies"] == told["policies"]
    assert (shuffled["jobs"], shuffled["distinct_jobs"]) == (told["jobs"], told["distinct_jobs"]) == (28, 7)


@settings(max_examples=30)
@given(
    memory_mib=st.integers(6 * 1024, 40 * 1024),
    cores=st.integers(2, 64),
    more_mib=st.integers(0, 40 * 1024),
    more_cores=st.integers(0, 64),
)
def test_a_larger_node_never_needs_more_nodes(
    client: TestClient, memory_mib: int, cores: int, more_mib: int, more_cores: int
) -> None:
    """All jobs fit on both; some of their retries do not."""
    jobs = [{"tool_id": "steady", "count": 50, "slots": 2}, {"tool_id": "tenth", "count": 200}]
    nodes = [
        {"name": "less", "memory_bytes": memory_mib * MIB, "cores": cores},
        {"name": "more", "memory_bytes": (memory_mib + more_mib) * MIB, "cores": cores + more_cores},
    ]
    for policy in plan(client, jobs, nodes=nodes, window_hours=5)["policies"].values():
        less, more = policy["nodes"]
        assert more["needed"]["p50"] <= less["needed"]["p50"]
        assert more["needed"]["p95"] <= less["needed"]["p95"]
        assert more["retries_too_large"] <= less["retries_too_large"]


def test_jobs_of_unknown_tools_are_told_and_the_others_planned(client: TestClient) -> None:
    told = plan(client, [{"tool_id": "steady"}, {"tool_id": "nobody", "count": 3}, {"tool_id": "nobody", "slots": 2}])
    assert told["jobs"] == 1
    assert told["refused_jobs"] == 4
    message = "no bundle for the tool nobody"
    assert told["refused"] == [{"job": 1, "tool": "nobody", "jobs": 4, "error": "unknown_tool", "message": message}]


def test_a_plan_of_nothing_is_empty(client: TestClient) -> None:
    told = plan(client, [], nodes=[{"memory": "1 GB"}])
    assert (told["jobs"], told["tools"], told["fit_nowhere"]) == (0, [], [])
    assert told["policies"]["predicted"]["requested_gbh"] == {"mean": 0, "p50": 0, "p95": 0}
    assert told["policies"]["predicted"]["nodes"][0]["needed"] is None


def test_where_jobs_are_too_many_some_of_every_size_stand_for_them(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [tool_job(size % 97 + 1, slots=1, run_seconds=60 + size) for size in range(900)]
    jobs.append(tool_job(5000, slots=1, count=5, run_seconds=60))
    exact = plan(client, jobs)
    monkeypatch.setattr(forecasts, "MOST_DIFFERENT", 100)

    monkeypatch.setattr(forecasts, "stand_for", lambda tools, seconds: plan_sample.stand_for(tools, seconds, 100))
    sampled = plan(client, jobs, seed=1)
    assert sampled["jobs"] == exact["jobs"] == 905
    assert sampled["distinct_jobs"] == 901
    for figure in ("requested_gbh", "used_gbh"):
        told = [one["policies"]["predicted"][figure]["mean"] for one in (sampled, exact)]
        assert told[0] == pytest.approx(told[1], rel=0.05)
    # the largest is always looked at
    largest = [one["policies"]["predicted"]["requested_bytes"]["largest"] for one in (sampled, exact)]
    assert largest[0] == largest[1]
    assert any("stand for them" in note for note in sampled["notes"])


def test_other_nodes_and_windows_are_answered_as_if_nothing_had_been_kept(client: TestClient, tmp_path: Path) -> None:
    jobs = [tool_job(size) for size in range(1, 30)]
    nodes = [{"name": "n", "memory": "1 GB", "cores": 2}]
    plan(client, jobs)
    kept = plan(client, jobs, nodes=nodes, window_hours=2, failure_cap=0.1)
    afresh = plan(client, [*jobs, {"tool_id": "nobody"}], nodes=nodes, window_hours=2, failure_cap=0.1)
    assert afresh["policies"] == kept["policies"]


def test_the_csv_has_a_line_for_each_tool_and_policy_and_no_formula(client: TestClient) -> None:
    message = {"jobs": [{"tool_id": "steady"}, {"tool_id": "tenth"}], "nodes": [{"name": "=cmd()", "memory": "8 GB"}]}
    asked = [
        client.post("/v1/plan?format=csv", json=message),
        client.post("/v1/plan", json=message, headers={"Accept": "text/csv"}),
    ]
    assert asked[0].text == asked[1].text
    assert asked[0].headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in asked[0].headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(asked[0].text)))
    assert [(row["tool"], row["policy"]) for row in rows[:3]] == [
        ("steady", "predicted"),
        ("steady", "constant"),
        ("steady", "cap_0.01"),
    ]
    assert {row["tool"] for row in rows} == {"steady", "tenth", "(all)"}
    assert len(rows) == 3 * 6
    assert rows[0]["'=cmd() needed_p95"] == "1"
    totals = json.loads(client.post("/v1/plan", json=message).content)["policies"]["predicted"]
    assert float(rows[12]["requested_gbh"]) == totals["requested_gbh"]["mean"]
    assert client.post("/v1/plan?format=xml", json=message).json()["field"] == "format"


def test_a_bundle_that_predicts_nonsense_costs_the_other_tools_nothing(trained: Trained, tmp_path: Path) -> None:
    good = constant_peak(trained, "good", GIB)
    sizing = dataclasses.replace(good.sizing, tracked_factor=1e12)
    serve(tmp_path, good, dataclasses.replace(good, tool="absurd", sizing=sizing))
    told = plan(client_of(tmp_path), [{"tool_id": "good"}, {"tool_id": "absurd"}])
    assert [tool["tool"] for tool in told["tools"]] == ["good"]
    assert [(one["tool"], one["error"]) for one in told["refused"]] == [("absurd", "bundle_refused")]
