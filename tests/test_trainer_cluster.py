"""Training on a real Dask scheduler with two workers."""

import csv
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import recorded
from serving import ROOT, free_port

from trainer import cluster
from trainer.__main__ import main

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

MODELS = {"Line": {"module_name": "sklearn.linear_model", "class_name": "LinearRegression"}}
# enough for a forest, and too few
TOOLS = {"one": 50, "two": 22, "three": 16, "few": 3}


@contextmanager
def running(*command: str, path: Path = ROOT) -> Iterator["subprocess.Popen[str]"]:
    """Run a part of Dask in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(path), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + command[0], *command[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd="/",
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def scheduler() -> Iterator[str]:
    port = str(free_port())
    with running("dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"):
        yield f"tcp://127.0.0.1:{port}"


@contextmanager
def worker(address: str, folder: Path, path: Path = ROOT) -> Iterator["subprocess.Popen[str]"]:
    options = ["--nthreads", "1", "--no-dashboard", "--no-nanny", "--local-directory", str(folder)]
    with running("dask_worker", address, *options, path=path) as process:
        yield process


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the records of some tools."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster, "_PATIENCE_SECONDS", 30.0)
    for tool, count in TOOLS.items():
        recorded.write(tmp_path / f"{tool}.csv", recorded.rows(count))
    listed = [f"{tool}.csv,{recorded.LABEL}" for tool in TOOLS]
    (tmp_path / "input_files.csv").write_text("\n".join(["input_file,label", *listed]))
    (tmp_path / "models.json").write_text(json.dumps(MODELS))
    return tmp_path


def train(models: str, *options: str) -> int:
    arguments = ["-i", "input_files.csv", "-m", "models.json", "-o", f"{models}.csv", "-d", models]
    return main(["train", *arguments, "--jobs", "1", *options])


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def results(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    # how long it took is not what was found
    return [{name: value for name, value in line.items() if not name.endswith("seconds")} for line in lines]


def test_a_cluster_trains_what_one_machine_trains(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("here") == 0
    here = capsys.readouterr()
    with scheduler() as address, worker(address, folder / "a"), worker(address, folder / "b"):
        assert train("there", "--cluster", address) == 0
    there = capsys.readouterr()
    # every file of every bundle to the last bit
    assert len(contents(folder / "here")) > 9
    assert contents(folder / "here") == contents(folder / "there")
    assert results(folder / "here.csv") == results(folder / "there.csv")
    # and what was said of a tool that has too few jobs
    assert "few: skipped" in here.err
    assert "few: skipped" in there.err
    assert re.findall("^.*: best .*$", here.out, re.M) == re.findall("^.*: best .*$", there.out, re.M)


def test_no_scheduler_is_an_error_before_anything_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "_PATIENCE_SECONDS", 0.5)
    assert train("there", "--cluster", f"tcp://127.0.0.1:{free_port()}") == 2
    said = capsys.readouterr()
    assert "--cluster: no Dask scheduler answers at tcp://127.0.0.1:" in said.err
    assert said.out == ""
    assert train("there", "--cluster", "nonsense://here") == 2
    assert "no Dask scheduler answers at nonsense://here" in capsys.readouterr().err


def test_a_scheduler_without_workers_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with scheduler() as address:
        # it may still be on its way up
        monkeypatch.setattr(cluster, "_PATIENCE_SECONDS", 8.0)
        assert train("there", "--cluster", address) == 2
    assert f"has no workers; start some with `dask worker {address}`" in capsys.readouterr().err


def test_a_worker_that_cannot_import_the_trainer_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # hides the checkout that the environment's own installation names
    (tmp_path / "empty" / "trainer").mkdir(parents=True)
    (tmp_path / "empty" / "trainer" / "__init__.py").touch()
    with scheduler() as address, worker(address, folder / "a", tmp_path / "empty"):
        assert train("there", "--cluster", address) == 2
    assert "cannot import the trainer" in capsys.readouterr().err


def test_a_worker_of_another_version_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "__version__", "0.0")
    with scheduler() as address, worker(address, folder / "a"):
        assert train("there", "--cluster", address) == 2
    assert re.search(r"--cluster: tcp://\S+ has galaxy_memory_rules \S+, and this machine 0.0", capsys.readouterr().err)
