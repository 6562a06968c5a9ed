"""The Grafana dashboard and the alert rules ask for what the service really tells Prometheus."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import many_tools
import promql
import pytest
import raw_http
import requests
import serving
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from serving import ROOT

DASHBOARD = ROOT / "examples" / "deploy" / "galaxy-memory-rules-grafana.json"
ALERTS = ROOT / "examples" / "deploy" / "galaxy-memory-rules-alerts.yml"
# the largest recorded job has 80 MiB: a guard fires
BEYOND = {"tool_id": "tool", "inputs": [{"name": "input_1", "size_bytes": 800 * 1024**2}]}
# Prometheus adds these to all that it scrapes
OF_PROMETHEUS = {"job", "instance"}
OVER_TIME = {"rate", "increase"}


@pytest.fixture(scope="module")
def exposed(models: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a real service tells after predictions, guards, refusals of every kind and a reload."""
    root = tmp_path_factory.mktemp("monitored") / "models"
    shutil.copytree(models, root)
    with serving.served(root, "--max-concurrency", "1", "--reload-seconds", "0.1", "--drain-seconds", "0") as url:
        assert requests.post(f"{url}/v1/predict", json=BEYOND, timeout=10).json()["guards"]
        assert requests.post(f"{url}/v1/predict", json={"tool_id": "unknown"}, timeout=10).status_code == 404
        with raw_http.connect(url) as connection:
            connection.sendall(b"GET / HTTP/9.9\r\n\r\n")
            assert raw_http.answer(connection)[0] == 400
        _overload(url)
        many_tools.publish(root / "tool", root, ["another"])
        return _scrape_until(url, 'gmr_reloads_total{outcome="taken_up"}')


def _overload(url: str) -> None:
    """Ask for many at a time, where one may be in hand, until the answer is no."""

    def ask(_: int) -> int:
        return requests.post(f"{url}/v1/predict", json=BEYOND, timeout=10).status_code

    deadline = time.monotonic() + serving.PATIENCE_SECONDS
    with ThreadPoolExecutor(8) as many:
        while 503 not in set(many.map(ask, range(40))):
            assert time.monotonic() < deadline, "nothing is refused"


def _scrape_until(url: str, told: str) -> str:
    deadline = time.monotonic() + serving.PATIENCE_SECONDS
    while told not in (text := requests.get(f"{url}/metrics", timeout=10).text):
        assert time.monotonic() < deadline, f"{told} is not told"
        time.sleep(0.05)
    return text


@pytest.fixture(scope="module")
def samples(exposed: str) -> dict[str, list[Sample]]:
    """The samples by their names."""
    found: dict[str, list[Sample]] = {}
    for family in text_string_to_metric_families(exposed):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


@pytest.fixture(scope="module")
def counting(exposed: str) -> set[str]:
    """The names of samples that only grow."""
    return {
        sample.name
        for family in text_string_to_metric_families(exposed)
        for sample in family.samples
        if family.type in ("counter", "histogram")
    }


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    """The file as Grafana reads it."""
    content: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return content


def shown(dashboard: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield each panel's title, with the expressions and legends in it."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], filled_in(target["expr"]), target["legendFormat"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], filled_in(annotation["expr"]), annotation["textFormat"]


def filled_in(expression: str) -> str:
    """Put values in the place of Grafana's variables."""
    for variable, value in {
        "__rate_interval": "5m",
        "__range": "6h",
        "job": ".*",
        "instance": ".*",
        "tool": ".*",
    }.items():
        expression = expression.replace(f"${variable}", value)
    assert "$" not in expression
    return expression


def alerts() -> Iterator[tuple[str, str]]:
    """Yield each alert's name and expression."""
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def assert_is_told(
    where: str,
    expression: str,
    samples: dict[str, list[Sample]],
    counting: set[str],
    also: frozenset[str] = frozenset(),
) -> None:
    """Assert that every sample of an expression exists, has the labels, and is of the type that is asked for."""
    selectors = promql.asked(expression)
    assert selectors, where
    for one in selectors:
        if one.sample in also:
            continue
        assert one.sample in samples, f"{where}: the service does not tell {one.sample}"
        known = {label for sample in samples[one.sample] for label in sample.labels} | OF_PROMETHEUS
        assert one.labels <= known, f"{where}: {one.sample} has no {one.labels - known}"
        assert any(one.fixed.items() <= sample.labels.items() for sample in samples[one.sample]), (
            f"{where}: never {one.fixed}"
        )
        assert (one.function in OVER_TIME) == (one.sample in counting), f"{where}: {one.sample} is of another type"
        assert not one.sample.endswith("_bucket") or "le" in one.labels, f"{where}: buckets without le"


def test_every_expression_of_the_dashboard_asks_for_what_the_service_tells(
    dashboard: dict[str, Any], samples: dict[str, list[Sample]], counting: set[str]
) -> None:
    for title, expression, legend in shown(dashboard):
        assert_is_told(title, expression, samples, counting)
        labels = {label for one in promql.asked(expression) for label in one.labels}
        assert set(re.findall(r"{{(\w+)}}", legend)) <= labels, title


def test_every_metric_of_the_service_is_in_some_panel(dashboard: dict[str, Any], exposed: str) -> None:
    asked = {one.sample for _, expression, _ in shown(dashboard) for one in promql.asked(expression)}
    for family in text_string_to_metric_families(exposed):
        assert asked & {sample.name for sample in family.samples}, family.name


def test_the_variables_offer_what_the_service_tells(
    dashboard: dict[str, Any], samples: dict[str, list[Sample]]
) -> None:
    source, *offered = dashboard["templating"]["list"]
    assert (source["name"], source["type"]) == ("DS_PROMETHEUS", "datasource")
    assert [variable["name"] for variable in offered] == ["job", "instance", "tool"]
    for variable in offered:
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", filled_in(variable["query"]["query"]))
        assert match and match[2] == variable["name"]
        [selector] = promql.asked(match[1])
        assert {match[2], *selector.labels} - OF_PROMETHEUS <= samples[selector.sample][0].labels.keys()


def test_everything_is_asked_of_the_source_that_is_chosen(dashboard: dict[str, Any]) -> None:
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    asking = [*panels, *(target for panel in panels for target in panel["targets"])]
    asking += [*dashboard["annotations"]["list"], *dashboard["templating"]["list"][1:]]
    assert {one["datasource"]["uid"] for one in asking} == {"${DS_PROMETHEUS}"}


def test_the_panels_lie_side_by_side_and_say_what_they_show(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"] and panel["fieldConfig"]["defaults"] and panel["targets"], panel["title"]
            references = [target["refId"] for target in panel["targets"]]
            assert len(set(references)) == len(references), panel["title"]
    # no gap that a person would take for a panel that failed
    assert len(taken) == 24 * (1 + max(y for _, y in taken))


def test_every_alert_asks_for_what_the_service_tells(samples: dict[str, list[Sample]], counting: set[str]) -> None:
    told = dict(alerts())
    assert len(told) == 6
    for name, expression in told.items():
        # `up` is what Prometheus itself says of a service
        assert_is_told(name, expression, samples, counting, frozenset({"up"}))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool (apt install prometheus)")
def test_prometheus_takes_the_alerts(tmp_path: Path) -> None:
    told = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    broken = tmp_path / "broken.yml"
    broken.write_text(ALERTS.read_text().replace("sum by (job, instance) (", "sum by (job, instance ("))
    assert subprocess.run(["promtool", "check", "rules", str(broken)], capture_output=True).returncode != 0
