"""From an export's folder of tables to bundles: what `config/input_files.csv` may name, and how much of it is used."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import recorded

from trainer import bundle, canonical
from trainer.__main__ import main
from trainer.readers import read

ARGUMENTS = ["train", "-i", "input_files.csv", "-m", "models.json", "-o", "output.csv", "-d", "models", "--jobs", "1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an export: a table for each of two tools of 12 jobs."""
    monkeypatch.chdir(tmp_path)
    linear = {"Linear": {"module_name": "sklearn.linear_model", "class_name": "LinearRegression"}}
    (tmp_path / "models.json").write_text(json.dumps(linear))
    [found] = read(recorded.write(tmp_path / "tool.csv", recorded.rows(12)), recorded.LABEL)
    for tool in ("star", "cat"):
        named = [replace(record, job=replace(record.job, tool_id=tool)) for record in found.records]
        canonical.write(named, tmp_path / "exported" / f"{tool}.parquet")
    return tmp_path


@pytest.mark.parametrize("listed", ["exported", "exported/star.parquet"])
def test_a_table_or_a_folder_of_them_is_trained_on(
    listed: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "input_files.csv").write_text(f"input_file,label\n{listed},peak_bytes\n")
    assert main(ARGUMENTS) == 0
    facts = bundle.load(folder / "models" / "star").facts
    assert (facts["rows"]["used"], facts["rows"]["sampled"], facts["label"]) == (12, 0, "peak_bytes")
    assert (folder / "models" / "cat").exists() == (listed == "exported")
    assert f"star: 12 recorded jobs from {listed}\n" in capsys.readouterr().out


def test_a_folder_of_tables_needs_no_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ARGUMENTS[:2], "exported", *ARGUMENTS[3:]]) == 0
    assert [bundle.load(folder / "models" / tool).facts["rows"]["used"] for tool in ("cat", "star")] == [12, 12]
    assert "star: 12 recorded jobs from exported\n" in capsys.readouterr().out


def test_a_sample_is_told_on_the_screen_and_in_the_manifest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "input_files.csv").write_text("input_file,label\nexported,peak_bytes\n")
    assert main([*ARGUMENTS, "--most-rows", "10"]) == 0
    facts = bundle.load(folder / "models" / "star").facts
    assert (facts["rows"]["used"], facts["rows"]["sampled"]) == (10, 2)
    assert "star: 10 recorded jobs from exported, a sample of 12\n" in capsys.readouterr().out


def test_the_format_of_a_file_may_be_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = "".join(f"{number}\tcircos\tok\t{number}\t1\t21\t1\t{number * 1024}\t2020-04-30\n" for number in range(1, 8))
    (folder / "metrics.tsv").write_text(jobs)
    (folder / "input_files.csv").write_text("input_file,label\nmetrics.tsv,memory_bytes\n")
    assert main(ARGUMENTS) == 1
    assert "sizes belong to other datasets" in capsys.readouterr().err
    listed = "input_file,label,format\nmetrics.tsv,memory_bytes,gxadmin-job-metrics\n"
    (folder / "input_files.csv").write_text(listed)
    assert main(ARGUMENTS) == 0
    assert json.loads(next((folder / "models" / "circos").rglob("manifest.json")).read_text())["tool"] == "circos"
    (folder / "input_files.csv").write_text(listed.replace("gxadmin-job-metrics", "excel"))
    assert main(ARGUMENTS) == 2
    assert "no dialect 'excel'" in capsys.readouterr().err


def test_a_backtest_of_a_sample_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "input_files.csv").write_text("input_file,label\nexported,peak_bytes\n")
    assert main(["backtest", "-i", "input_files.csv", "--jobs", "1", "--policy", "mean", "--most-rows", "10"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{tool}: warning: 10 of the 12 jobs of {tool}, a sample" for tool in ("cat", "star")]
