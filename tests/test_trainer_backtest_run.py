"""python -m trainer backtest, from files to results."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import recorded

from trainer.__main__ import main

FEW = ["--policy", "oracle", "max-ever", "tovar"]
RULES = """
tools:
  default:
    mem: 1
    rules:
    - id: large
      if: input_size * 1024 > 40
      mem: 2
    - id: unknowable
      if: user.email == 'me'
      mem: 100
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the records of a tool, few enough to be learned from in no time."""
    monkeypatch.chdir(tmp_path)
    recorded.write(tmp_path / "good.csv", recorded.rows(16))
    (tmp_path / "input_files.csv").write_text(f"input_file,label\ngood.csv,{recorded.LABEL}\n")
    (tmp_path / "tpv.yml").write_text(RULES)
    return tmp_path


@pytest.fixture
def two_tools(folder: Path) -> Path:
    """The same with another tool."""
    recorded.write(folder / "other.csv", recorded.rows(12))
    with (folder / "input_files.csv").open("a") as listed:
        listed.write(f"other.csv,{recorded.LABEL}\n")
    return folder


def ask(*options: str) -> int:
    return main(["backtest", "-i", "input_files.csv", "--jobs", "1", *options])


def results(capsys: pytest.CaptureFixture[str], *options: str) -> Any:
    assert ask("--format", "json", *options) == 0
    return json.loads(capsys.readouterr().out)


def test_the_tables_of_all_tools_are_printed(two_tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(*FEW) == 0
    said = capsys.readouterr()
    good, other, pool, _ = said.out.split("\n\n")
    assert good.startswith("good: 16 jobs of good.csv, 16 asked for, division inputs")
    assert other.startswith("other: 12 jobs of other.csv")
    assert pool.startswith("all 2 tools with GB·job: 28 jobs, 28 asked for")
    # in the order of a report, whatever was written
    assert [line.split()[0] for line in good.splitlines()[2:]] == ["ours", "max-ever", "tovar", "oracle"]
    assert said.err == ""


def test_ours_saves_against_the_rules_in_force_what_a_hand_works_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.write(folder / "good.csv", recorded.rows(60))
    content = results(capsys, "--policy", "oracle", "--in-force", "tpv.yml")
    [good] = content["tools"]
    in_force = good["policies"][content["in_force"]]
    # 41 MiB and more are 20 jobs with 2 GiB, the others are 40 with 1 GiB, of which each is enough. They use
    # 60 x 100 MiB, twice 1 + 2 ... + 60 = 1830 MiB of input, and 50 MiB for every other one.
    wasted_mib = (20 * 2 + 40) * 1024 - (6000 + 2 * 1830 + 30 * 50)
    assert in_force["failures"] == 0
    assert in_force["wastage"] == pytest.approx(wasted_mib * recorded.MIB / 1e9)
    ours_gb = good["policies"]["ours"]["wastage"]
    assert good["saved"]["wastage"] == pytest.approx(wasted_mib * recorded.MIB / 1e9 - ours_gb)
    assert good["saved"]["share"] > 0.9


def test_what_the_rules_cannot_tell_is_said_once(two_tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("--policy", "oracle", "--in-force", "tpv.yml") == 0
    [said] = capsys.readouterr().err.splitlines()
    assert said.startswith("good: warning: tpv.yml: tools: default: rules: unknowable")


def test_a_rule_that_nobody_recorded_is_unavailable(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(*FEW, "--in-force", "requested") == 0
    assert "in force (requested): unavailable: no past job tells" in capsys.readouterr().out


def test_the_results_do_not_depend_on_the_number_of_workers(
    two_tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--in-force", "tpv.yml", "--policy", "tovar")
    assert results(capsys, *options) == results(capsys, *options, "--jobs", "2")


def test_a_bad_file_costs_only_its_own_tool(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label = recorded.LABEL
    (folder / "ragged.csv").write_text(f"{label},a,a_extension\n1,2\n")
    (folder / "mixed.csv").write_text(f"{label},a,a_extension\n1,2,x\nmany,2,x\n")
    (folder / "constant.csv").write_text(f"{label},a,a_extension\n" + "".join(f"7,{n},x\n" for n in range(50)))
    (folder / "few.csv").write_text(f"{label},a,a_extension\n7,1,x\n8,2,x\n")
    bad = {
        "nowhere.csv": "nowhere.csv: skipped: nowhere.csv: no such file",
        "ragged.csv": "ragged.csv: skipped: ragged.csv, line 2: 2 cells",
        "mixed.csv": "mixed: skipped: mixed.csv, line 3",
        "constant.csv": f"constant: skipped: constant.csv: {label} is 7 in every row",
        "few.csv": "few: skipped: few.csv: 2 usable rows",
    }
    (folder / "input_files.csv").write_text(
        "input_file,label\n" + "".join(f"{name},{label}\n" for name in (*bad, "good.csv"))
    )
    assert ask("--format", "json", "--policy", "oracle") == 1
    told = capsys.readouterr()
    content = json.loads(told.out)
    assert [tool["tool"] for tool in content["tools"]] == ["good"]
    for line, complaint in zip(told.err.splitlines(), bad.values(), strict=True):
        assert line.startswith(complaint)
    assert len(content["failed"]) == 4, "that a tool has too few jobs for a model is no failure"


def test_an_error_that_nobody_thought_of_costs_only_its_own_tool(
    two_tools: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def learn(history: Any, settings: Any) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("trainer.backtest.learn", learn)
    assert ask("--policy", "oracle") == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{tool}: skipped: ZeroDivisionError: of all things" for tool in ("good", "other")
    ]


def test_jobs_with_times_and_run_times_are_divided_by_time_and_weighed_by_hours(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {**row, "runtime_seconds": 7200, "create_time": f"2024-01-{day:02} 12:00:00"}
        for day, row in enumerate(recorded.rows(30), 1)
    ]
    recorded.write(folder / "good.csv", rows)
    [tool] = results(capsys, "--policy", "oracle", "--step", "10")["tools"]
    # the first 25 % of 30 are 8
    assert (tool["division"], tool["unit"], tool["jobs"], tool["asked"]) == ("time", "GB·h", 30, 22)
    used_bytes = sum(recorded.peak_of((n + 1) * recorded.MIB, ("sensitive", "fast")[n % 2]) for n in range(8, 30))
    assert tool["policies"]["oracle"]["used"] == pytest.approx(2 * used_bytes / 1e9)


def test_another_seed_is_another_backtest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tools = [
        results(capsys, "--policy", "static-mean", "--division", "random", "--seed", seed)["tools"][0] for seed in "12"
    ]
    assert [tool["division"] for tool in tools] == ["random", "random"]
    assert tools[0]["policies"]["static-mean"] != tools[1]["policies"]["static-mean"]


def test_the_results_go_into_a_file_where_one_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("--policy", "oracle", "--failure-cap", "none", "--format", "json", "-o", "out/backtest.json") == 0
    assert capsys.readouterr().out == ""
    content = json.loads((folder / "out" / "backtest.json").read_text())
    assert len(content["tools"]) == 1
    assert content["failure_cap"] is None


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--policy", "ours", "tovarr"], "no policy is called tovarr; did you mean tovar?"),
        (["--policy", "?"], "no policy is called ?; known are ours, static-mean"),
        (["--in-force", "8 gigs"], "--in-force: no such file"),
        (["--output", "good.csv/report"], "good.csv/report: cannot be written"),
        (["-i", "nowhere.csv"], "nowhere.csv: no such file"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_status_2(
    options: list[str], complaint: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(*options) == 2
    [said] = capsys.readouterr().err.splitlines()
    assert complaint in said


@pytest.mark.parametrize(
    "options",
    [["--failure-cap", "0"], ["--failure-cap", "most"], ["--division", "odd"], ["--step", "0"], ["--seed", "-1"]],
)
def test_a_wrong_option_is_status_2(options: list[str], folder: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        ask(*options)
    assert ended.value.code == 2


def test_help_does_not_wait_for_scikit_learn() -> None:
    program = "import sys, trainer.backtest_run; sys.exit('sklearn' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent.parent).returncode == 0
