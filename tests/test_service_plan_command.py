"""python -m service plan: the shipped week on the shipped nodes, as text, JSON and CSV, and how mistakes are told."""

import csv
import dataclasses
import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from application import client_of
from conftest import serve
from serving import ROOT

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import GIB, MIB
from service import plan_command
from service.nodes import NodeType
from service.plan_nodes_file import load_nodes
from trainer.learning import Settings
from trainer.readers import read
from trainer.training import train_tool

WEEK, NODES = ROOT / "examples" / "plan" / "week.csv", ROOT / "examples" / "plan" / "nodes.yml"
LABEL = "memory.max_usage_in_bytes"


@pytest.fixture(scope="module")
def recorded_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles of the two tools of the examples, trained on a quarter of their jobs."""
    root = tmp_path_factory.mktemp("models")
    bundles = []
    for tool in ("bowtie2", "hisat2"):
        [found] = read(ROOT / "examples" / f"{tool}_full.csv", LABEL)
        found.records = found.records[::4]
        bundles.append(dataclasses.replace(train_tool(found, (), Settings()).bundle, tool=tool))
    serve(root, *bundles)
    return root


def planned(models: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "service", "plan", str(WEEK), "--nodes", str(NODES), "--models", str(models)]
    return subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def test_the_shipped_week_is_what_its_script_makes_of_the_recorded_jobs() -> None:
    made = runpy.run_path(str(WEEK.with_name("make_week.py")))["week"]()
    assert WEEK.read_text() == made
    assert len(made) < 100_000


def test_the_shipped_week_is_planned_for_a_person(recorded_models: Path) -> None:
    told = planned(recorded_models)
    assert (told.returncode, told.stderr) == (0, "")
    jobs = sum(int(row["count"]) for row in csv.DictReader(io.StringIO(WEEK.read_text())))
    assert told.stdout.startswith(f"{jobs:,} jobs, 640 of them different, in 168 hours\n")
    for part in (
        "What is asked for",
        "Tools",
        "Nodes, if all jobs that fit ran on this type alone",
        "failure cap 10 %",
    ):
        assert part in told.stdout
    assert "Nodes, if each job ran where its share of a node costs least" in told.stdout
    rows = [line.split()[:2] for line in told.stdout.splitlines() if line.startswith("  ")]
    for row in (["small", "192.00"], ["middle", "512.00"], ["large", "2.00"]):
        assert row in rows


def test_the_command_and_the_service_answer_the_same(recorded_models: Path, tmp_path: Path) -> None:
    output = tmp_path / "deep" / "plan.json"
    options = ("--window-hours", "24", "--failure-cap", "0.02", "--seed", "5", "--format", "json", "-o", str(output))
    told = planned(recorded_models, *options)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    nodes = [dataclasses.asdict(node) for node in load_nodes(NODES)]
    message = {"csv": WEEK.read_text(), "nodes": nodes, "window_hours": 24, "failure_cap": 0.02, "seed": 5}
    assert json.loads(output.read_text()) == client_of(recorded_models).post("/v1/plan", json=message).json()


def test_jobs_may_come_as_json_and_plans_go_as_csv(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "jobs.json"
    path.write_text('{"jobs": [{"tool_id": "tool", "count": 3, "run_seconds": 5}]}')
    assert plan_command.main([str(path), "--models", str(models), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["jobs"] for row in rows] == ["3"] * 12


def test_one_tool_may_be_told_for_all_rows(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("input_1\n5 MB\n7 MB\n")
    assert plan_command.main([str(path), "--models", str(models), "--tool", "tool"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("2 jobs, 2 of them different")
    assert "run time of tool neither told nor recorded: 3600 s" in told
    # no nodes, no tables of nodes
    assert "run at once" not in told


def test_what_is_not_planned_and_what_fits_nowhere_is_told(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs, nodes = tmp_path / "jobs.csv", tmp_path / "nodes.yml"
    jobs.write_text("tool,count,input_1,hours\ntool,2,5 MB,200\nnobody,3,1,1\n")
    nodes.write_text("nodes: {tiny: {memory: 1 MB}}\n")
    assert plan_command.main([str(jobs), "--models", str(models), "--nodes", str(nodes)]) == 0
    told = capsys.readouterr().out
    assert "2 jobs fit on no node" in told
    assert "tool, line 2: 2 jobs on 5.00 MiB of inputs" in told
    assert "3 jobs are not planned:\n  nobody, first at line 3: 3 jobs, no bundle for the tool nobody" in told
    assert "2 jobs run longer than the window" in told


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("tool,input_1\ntool,lots\n", "jobs.csv: csv line 2, input_1: expected bytes"),
        ('{"jobs": 3}', "jobs.csv: jobs: expected a list"),
        ('{"csv": "tool"}', 'jobs.csv: jobs: expected {"jobs": [...]}'),
        ("{", "jobs.csv: message: expected a JSON object"),
        ("", "jobs.csv: csv: line 1: no column tool"),
        (b"\xff", "jobs.csv: not UTF-8"),
        (None, "jobs.csv: cannot be read"),
    ],
)
def test_wrong_jobs_are_told_by_file_and_place(
    models: Path, tmp_path: Path, content: str | bytes | None, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "jobs.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert plan_command.main([str(path), "--models", str(models)]) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--window-hours", "0"],
        ["--window-hours", "nan"],
        ["--failure-cap", "0.03"],
        ["--seed", "-1"],
        ["--seed", "x"],
        ["--default-run-seconds", "1e99"],
        ["--format", "xml"],
        ["--models", "/nowhere"],
        ["--node", "x"],
    ],
)
def test_wrong_options_end_with_two(options: list[str], models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        plan_command.main(["jobs.csv", "--models", str(models), *options])
    assert ended.value.code == 2
    assert "usage: python -m service plan" in capsys.readouterr().err


def test_an_answer_that_cannot_be_written_is_told_before_the_work(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan_command.main(["not_there.csv", "--models", str(models), "-o", str(tmp_path)]) == 2
    assert f"{tmp_path}: cannot be written" in capsys.readouterr().err


def test_without_a_bundle_nothing_is_planned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan_command.main([str(WEEK), "--models", str(tmp_path)]) == 2
    assert "no usable bundle" in capsys.readouterr().err


def test_nodes_are_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "nodes.yml"
    path.write_text(
        "nodes:\n  a: {memory: 16 GB, cores: 4, count: 2, price_per_hour: 0.5}\n  b: {memory_bytes: 1048576}\n"
    )
    assert load_nodes(path) == (NodeType("a", 16 * GIB, 4, 2, 0.5), NodeType("b", MIB))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "nodes: expected 1 to 50 node types"),
        ("nodes: []", "line 1: nodes: expected a mapping"),
        ("nodez: {}", "line 1: nodez: unknown key"),
        ("nodes:\n  a: 3", "line 2: nodes.a: expected a mapping"),
        ("nodes:\n  a:\n    memory: much", "line 3: nodes.a.memory: expected an amount of memory"),
        ("nodes:\n  a:\n    cores: 4", "nodes.a.memory: expected an amount of memory"),
        ("nodes:\n  a:\n    memory: 1 GB\n    cpus: 4", "line 4: nodes.a.cpus: unknown key"),
        ("nodes:\n  a:\n    memory: 1 GB\n    cores: 0", "line 4: nodes.a.cores: expected a whole number"),
        ("nodes:\n  a: {memory: 1 GB}\n  a: {memory: 2 GB}", "line 3: cannot be read as YAML ('a' is there twice)"),
        (f"nodes: {{{', '.join(f'n{number}: {{memory: 1 GB}}' for number in range(51))}}}", "expected 1 to 50"),
        ('nodes: {"a\\u202eb": {memory: 1 GB}}', "expected a printable name"),
        ("nodes: !!python/object/apply:os.system [ls]", "cannot be read as YAML"),
    ],
)
def test_a_wrong_nodes_file_is_told_by_line_and_key(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "nodes.yml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r".*") as told:
        load_nodes(path)
    assert complaint in str(told.value)


def test_the_end_of_a_pipe_is_no_error(recorded_models: Path) -> None:
    command = f"{sys.executable} -m service plan {WEEK} --models {recorded_models} --format json | head -c 10"
    told = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ('{"jobs":10', "")
