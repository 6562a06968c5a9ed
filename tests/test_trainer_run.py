"""The trainer's command line, from files to published bundles."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import recorded

from galaxy_memory_rules.errors import BundleError, ConfigError
from trainer import bundle, publishing
from trainer.__main__ import main
from trainer.input_files import load_input_files

SMALL_MODELS: dict[str, Any] = {
    "Forest": {
        "module_name": "sklearn.ensemble",
        "class_name": "ExtraTreesRegressor",
        "parameters": {"n_estimators": [5, 10]},
    },
    "Linear": {"module_name": "sklearn.linear_model", "class_name": "LinearRegression"},
}
LISTED = f"input_file,label\ngood.csv,{recorded.LABEL}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one good file of records and small models."""
    monkeypatch.chdir(tmp_path)
    recorded.write(tmp_path / "good.csv", recorded.rows())
    (tmp_path / "models.json").write_text(json.dumps(SMALL_MODELS))
    (tmp_path / "input_files.csv").write_text(LISTED)
    return tmp_path


ARGUMENTS = [
    "train",
    "-i",
    "input_files.csv",
    "-m",
    "models.json",
    "-o",
    "out/output.csv",
    "-d",
    "models",
    "--jobs",
    "1",
]


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_tool_and_model_gets_a_line_and_the_best_a_bundle(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(ARGUMENTS) == 0
    forest, linear = lines_of(folder / "out" / "output.csv")
    assert (forest["tool"], forest["file"], forest["label"]) == ("good", "good.csv", recorded.LABEL)
    assert (forest["model"], linear["model"]) == ("Forest", "Linear")
    assert json.loads(forest["best_parameters"])["n_estimators"] in (5, 10)
    assert (forest["rows_used"], forest["rows_dropped"]) == ("60", "0")
    for column in ("r2", "mape", "median_ape", "under_allocated", "rel"):
        assert float(forest[f"train_{column}"]) is not None
        assert float(forest[f"test_{column}"]) is not None
    assert sorted([forest["served"], linear["served"]]) == ["no", "yes"]
    best = min((forest, linear), key=lambda line: float(line["cross_validated_error"]))
    assert bundle.load(folder / "models" / "good").facts["model"]["name"] == best["model"]
    screen = capsys.readouterr().out
    assert "good: 60 recorded jobs from good.csv, 15 fits" in screen  # (2 + 1) combinations on 5 folds
    assert "median APE" in screen
    assert "good: best Forest" in screen


def test_the_same_data_gives_the_same_bytes(folder: Path) -> None:
    assert main(ARGUMENTS) == 0
    again = [*ARGUMENTS[:-3], "again", "--jobs", "2"]
    assert main(again) == 0
    first, second = (publishing.current_build(folder / root / "good") for root in ("models", "again"))
    assert first.name == second.name
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


BAD = {
    "empty.csv": b"",
    "header.csv": f"{recorded.LABEL},a,a_extension\n".encode(),
    "label.csv": b"memory,a,a_extension\n1,2,x\n",
    "constant.csv": f"{recorded.LABEL},a,a_extension\n".encode() + b"".join(b"7,%d,x\n" % n for n in range(50)),
    "ragged.csv": f"{recorded.LABEL},a,a_extension\n1,2,x\n1,2\n".encode(),
    "mixed.csv": f"{recorded.LABEL},a,a_extension\n1,2,x\nmany,2,x\n".encode(),
    "latin1.csv": f"{recorded.LABEL},a,a_extension\n1,2,\xe9\n".encode("latin-1"),
    "cut.csv.gz": gzip.compress(b"x" * 1000)[:-9],
}
COMPLAINTS = {
    "empty.csv": "empty.csv: empty",
    "header.csv": "header.csv: a header and no rows",
    "label.csv": "the columns are memory, a, a_extension",
    "constant.csv": "is 7 in every row",
    "ragged.csv": "ragged.csv, line 3: 2 cells",
    "mixed.csv": "mixed.csv, line 3: memory.max_usage_in_bytes: 'many' is no number",
    "latin1.csv": "latin1.csv, line 2: not UTF-8",
    "cut.csv.gz": "cut.csv.gz: cannot be read",
    "nowhere.csv": "nowhere.csv: no such file",
}


def test_a_bad_file_is_named_and_skipped_and_the_others_are_done(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in BAD.items():
        (folder / name).write_bytes(content)
    listed = "".join(f"{name},{recorded.LABEL}\n" for name in COMPLAINTS)
    (folder / "input_files.csv").write_text(f"input_file,label_name\n{listed}good.csv,{recorded.LABEL}\n")
    assert main(ARGUMENTS) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == len(COMPLAINTS)
    for line, complaint in zip(said, COMPLAINTS.values(), strict=True):
        assert complaint in line
        assert ": skipped: " in line
    assert [home.name for home in publishing.homes(folder / "models")] == ["good"]
    assert len(lines_of(folder / "out" / "output.csv")) == 2


def test_nothing_is_lost_where_all_files_are_bad(folder: Path) -> None:
    assert main(ARGUMENTS) == 0
    before = publishing.current_build(folder / "models" / "good")
    report = (folder / "out" / "output.csv").read_text()
    (folder / "good.csv").write_text("")
    assert main(ARGUMENTS) == 1
    assert publishing.current_build(folder / "models" / "good") == before
    assert (folder / "out" / "output.csv").read_text() == report


def test_two_files_of_one_tool_do_not_overwrite_each_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other").mkdir()
    recorded.write(folder / "other" / "good.csv", recorded.rows(40))
    (folder / "input_files.csv").write_text(LISTED + f"other/good.csv,{recorded.LABEL}\n")
    assert main(ARGUMENTS) == 1
    assert "good: skipped: other/good.csv: a file before it has this tool too" in capsys.readouterr().err
    assert bundle.load(folder / "models" / "good").sizing.rows == 60


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("input_files.csv", "", "lists no files"),
        ("input_files.csv", "file,label\na,b\n", "expected the columns input_file,label; found file, label"),
        ("input_files.csv", "input_file,label,tol_id\na,b,c\n", "unknown column tol_id"),
        ("input_files.csv", "input_file,label\n,b\n", "line 2: expected a file and the column to predict"),
        ("models.json", "{", "cannot be read as JSON"),
        (
            "models.json",
            '{"M": {"module_name": "sklearn.ensemble", "class_name": "RandomForestRegressor", '
            '"parameters": {"max_depth": ["deep"]}}}',
            "M: scikit-learn refuses it",
        ),
    ],
)
def test_a_wrong_configuration_is_one_line_and_status_2(
    file: str, content: str, complaint: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / file).write_text(content)
    assert main(ARGUMENTS) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert complaint in said[0]


@pytest.mark.parametrize("wrong", [["--failure-cap", "0"], ["--failure-cap", "5"], ["--jobs", "0"], ["--nonsense"]])
def test_a_wrong_option_is_status_2(wrong: list[str], folder: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*ARGUMENTS, *wrong])
    assert ended.value.code == 2


def test_a_looser_failure_cap_wastes_no_more(folder: Path) -> None:
    wasted = []
    for cap in ("0.01", "0.3"):
        assert main([*ARGUMENTS, "--failure-cap", cap]) == 0
        wasted.append([float(line["train_rel"]) for line in lines_of(folder / "out" / "output.csv")])
        assert bundle.load(folder / "models" / "good").sizing.failure_cap == float(cap)
    strict, loose = wasted
    assert sum(loose) <= sum(strict)


def test_while_another_trainer_publishes_nothing_is_done(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with publishing.lock(folder / "models"):
        assert main(ARGUMENTS) == 2
    assert "another trainer is publishing here" in capsys.readouterr().err


def test_paths_are_taken_from_here_first_and_then_from_beside_the_list(folder: Path) -> None:
    (folder / "config").mkdir()
    recorded.write(folder / "config" / "beside.csv", recorded.rows())
    recorded.write(folder / "config" / "good.csv", recorded.rows())
    listing = folder / "config" / "input_files.csv"
    listing.write_text(
        "# a comment, with commas\ninput_file,label,tool_id,tool_version\ngood.csv,m,,\nbeside.csv,m,cat1,1.0\n"
    )
    good, beside = load_input_files(listing)
    assert (good.path, good.tool_id) == (Path("good.csv"), None)
    assert (beside.path, beside.tool_id, beside.tool_version) == (folder / "config" / "beside.csv", "cat1", "1.0")
    with pytest.raises(ConfigError, match="nowhere.csv"):
        load_input_files(Path("nowhere.csv"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stopped_in_the_middle_it_leaves_the_old_bundle(number: signal.Signals, folder: Path) -> None:
    assert main(ARGUMENTS) == 0
    before = bundle.load(folder / "models" / "good").build
    recorded.write(folder / "good.csv", recorded.rows(50))
    slow = {"Slow": {**SMALL_MODELS["Forest"], "parameters": {"n_estimators": [3000, 3001]}}}
    (folder / "models.json").write_text(json.dumps(slow))
    root = str(Path(__file__).parent.parent)
    with subprocess.Popen(
        [sys.executable, "-m", "trainer", *ARGUMENTS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "50 recorded jobs" in process.stdout.readline()
        time.sleep(0.3)
        process.send_signal(number)
        _, said = process.communicate()
    assert bundle.load(folder / "models" / "good").build == before
    if number == signal.SIGINT:
        assert (process.returncode, said.splitlines()[-1]) == (
            130,
            "trainer: interrupted; what was published before stays in use",
        )
    # and the next one is not kept out
    (folder / "models.json").write_text(json.dumps(SMALL_MODELS))
    assert main(ARGUMENTS) == 0


def test_what_scikit_learn_warns_of_at_every_fit_is_said_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hasty = {"module_name": "sklearn.neural_network", "class_name": "MLPRegressor", "parameters": {"max_iter": [2]}}
    (folder / "models.json").write_text(json.dumps({"Hasty": hasty}))
    assert main(ARGUMENTS) == 0
    [said] = capsys.readouterr().err.splitlines()
    assert said.startswith("good: warning: ")
    assert "converged" in said


def test_a_spreadsheet_finds_no_formula_in_the_report(folder: Path) -> None:
    (folder / "input_files.csv").write_text(f"input_file,label,tool_id\ngood.csv,{recorded.LABEL},=HYPERLINK(1)\n")
    assert main(ARGUMENTS) == 0
    assert {line["tool"] for line in lines_of(folder / "out" / "output.csv")} == {"'=HYPERLINK(1)"}


def test_a_report_that_cannot_be_written_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out").write_text("")
    assert main(ARGUMENTS) == 2
    assert "choose another file with -o" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "models").write_text("")
    assert main(ARGUMENTS) == 2
    assert "choose another folder with -d" in capsys.readouterr().err
    with pytest.raises(BundleError):
        bundle.load(folder / "models" / "good")
