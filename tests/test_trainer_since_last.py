"""Which tools are trained again."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from decided import MONDAY

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import bundle, publishing
from trainer.__main__ import main
from trainer.learning import Settings
from trainer.records import JobRecord, ToolRecords
from trainer.since_last import why_not
from trainer.sizing_rule import Limits
from trainer.training import train_tool

DAY, MIB = 86400, 1024**2


def tool(days: Sequence[int], is_timed: bool = True, sampled: int = 0) -> ToolRecords:
    made = [
        JobRecord(
            JobDescription("tool", inputs=(InputDataset("input_1", (day + 1) * MIB, "bam"),)),
            100 * MIB + 2 * (day + 1) * MIB,
            created_seconds=MONDAY + day * DAY if is_timed else None,
        )
        for day in days
    ]
    return ToolRecords("tool", "file", "peak_bytes", made, sampled=sampled)


def publish(folder: Path, found: ToolRecords) -> Path:
    with publishing.lock(folder):
        bundle.save(train_tool(found, [], Settings()).bundle, folder)
    return folder / "tool"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tool with ten jobs on ten days."""
    return publish(tmp_path_factory.mktemp("models"), tool(range(10)))


def test_a_tool_of_few_jobs_waits_for_as_many_more(home: Path) -> None:
    assert why_not(tool(range(19)), home, Settings()) == "9 new jobs, trained again from 10 on"
    assert why_not(tool(range(20)), home, Settings()) == ""


def test_jobs_that_were_there_do_not_count_however_many_have_gone(home: Path) -> None:
    assert why_not(tool(range(8, 20)), home, Settings()) == ""
    assert why_not(tool(range(10)), home, Settings()).startswith("0 new jobs")


def test_of_a_sample_each_new_job_stands_for_many(home: Path) -> None:
    # two of four are new: of 40 that were read, 20
    assert why_not(tool([1, 2, 11, 12], sampled=36), home, Settings()) == ""
    assert why_not(tool([1, 2, 11, 12], sampled=12), home, Settings()).startswith("8 new jobs")


def test_without_times_those_beyond_the_number_are_new(tmp_path: Path) -> None:
    home = publish(tmp_path, tool(range(10), is_timed=False))
    assert why_not(tool(range(19), is_timed=False), home, Settings()) == "9 new jobs, trained again from 10 on"
    assert why_not(tool(range(20), is_timed=False), home, Settings()) == ""


def test_where_an_administrator_decided_anew_it_is_trained(home: Path) -> None:
    assert why_not(tool(range(10)), home, Settings(failure_cap=0.1)) == ""
    assert why_not(tool(range(10)), home, replace(Settings(), limits=Limits(floor_bytes=MIB))) == ""


def test_what_is_not_there_or_cannot_be_read_is_trained(tmp_path: Path) -> None:
    assert why_not(tool(range(10)), tmp_path / "tool", Settings()) == ""
    home = publish(tmp_path, tool(range(10)))
    (publishing.current_build(home) / "manifest.json").write_text("{}")
    assert why_not(tool(range(10)), home, Settings()) == ""


def test_the_command_leaves_such_tools_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.json").write_text(
        '{"Linear": {"module_name": "sklearn.linear_model", "class_name": "LinearRegression"}}'
    )
    (tmp_path / "input_files.csv").write_text("input_file,label\ntool.csv,peak_bytes\n")
    sizes = "".join(f"{100 + 2 * size},{size},bam\n" for size in range(1, 13))
    (tmp_path / "tool.csv").write_text(f"peak_bytes,a,a_extension\n{sizes}")
    arguments = ["train", "-i", "input_files.csv", "-m", "models.json", "-o", "out.csv", "-d", "models", "--jobs", "1"]
    assert main([*arguments, "--since-last"]) == 0
    build = publishing.current_build(tmp_path / "models" / "tool")
    (tmp_path / "out.csv").unlink()
    assert main([*arguments, "--since-last"]) == 0
    assert "tool: left as it is: 0 new jobs, trained again from 12 on" in capsys.readouterr().out
    assert publishing.current_build(tmp_path / "models" / "tool") == build
    # a report of nothing would take the place of one that tells something
    assert not (tmp_path / "out.csv").exists()
