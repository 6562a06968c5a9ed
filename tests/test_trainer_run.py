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
from conftest import ROWS

from galaxy_memory_rules.errors import BundleError, ConfigError
from trainer import bundle, publishing
from trainer.__main__ import main
from trainer.input_files import load_input_files
from trainer.rungs import FOREST

SMALL_MODELS: dict[str, Any] = {
    "Forest": {
        "module_name": "sklearn.ensemble",
        "class_name": "ExtraTreesRegressor",
        "parameters": {"n_estimators": [5, 10]},
    },
    "Linear": {"module_name": "sklearn.linear_model", "class_name": "LinearRegression"},
}
SCORES = ("r2", "mape", "median_ape", "under_allocated", "rel")
LISTED = f"input_file,label\ngood.csv,{recorded.LABEL}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one good file of records and small models."""
    monkeypatch.chdir(tmp_path)
    recorded.write(tmp_path / "good.csv", recorded.rows(ROWS))
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


@pytest.fixture
def few(folder: Path) -> Path:
    """The same with a file of a few jobs in place of the good one: it is learned from in no time."""
    recorded.write(folder / "good.csv", recorded.rows(12))
    return folder


def test_every_tool_and_model_gets_a_line_and_the_least_wasteful_a_bundle(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(ARGUMENTS) == 0
    lines = lines_of(folder / "out" / "output.csv")
    # the simplest first, then what stands in models.json
    assert [line["model"] for line in lines] == [
        "constant",
        "line in bytes",
        "log-linear line",
        FOREST.name,
        "Forest",
        "Linear",
    ]
    for line in lines:
        assert (line["tool"], line["file"], line["label"]) == ("good", "good.csv", recorded.LABEL)
        assert (line["rows_used"], line["rows_dropped"], line["rows_flagged"]) == (str(ROWS), "0", "0")
        for column in SCORES:
            assert float(line[f"train_{column}"]) is not None
            assert float(line[f"test_{column}"]) is not None
        # a grid is searched for what stands in models.json only
        assert (line["cross_validated_error"] != "") == (line["model"] in SMALL_MODELS)
    assert json.loads(lines[4]["best_parameters"])["n_estimators"] in (5, 10)
    [served] = [line["model"] for line in lines if line["served"] == "yes"]
    assert bundle.load(folder / "models" / "good").facts["model"]["name"] == served
    screen = capsys.readouterr().out
    assert f"good: {ROWS} recorded jobs from good.csv" in screen
    assert "median APE" in screen
    assert "good: best Forest" in screen
    assert f"good: {served} -> good/" in screen
    # the page stands beside the table where nothing else is said
    assert "good" in (folder / "out" / "output.html").read_text()


def test_the_page_goes_where_it_is_asked_for(folder: Path) -> None:
    assert main([*ARGUMENTS, "--report", "elsewhere/page.html"]) == 0
    assert (folder / "elsewhere" / "page.html").exists()
    assert not (folder / "out" / "output.html").exists()


def published(root: Path) -> dict[str, dict[str, bytes]]:
    """The bytes of the current build of each tool."""
    builds = [publishing.current_build(home) for home in publishing.homes(root)]
    return {f"{one.parent.name}/{one.name}": {path.name: path.read_bytes() for path in one.iterdir()} for one in builds}


def test_the_same_data_gives_the_same_bytes_however_many_tools_are_trained_at_the_same_time(folder: Path) -> None:
    (folder / "input_files.csv").write_text(LISTED + f"few.csv,{recorded.LABEL}\nsome.csv,{recorded.LABEL}\n")
    recorded.write(folder / "few.csv", recorded.rows(12))
    recorded.write(folder / "some.csv", recorded.rows(30))
    assert main(ARGUMENTS) == 0
    # three tools for two workers, and one worker with two fits of the one tool that is searched
    assert main([*ARGUMENTS[:-3], "again", "--jobs", "2"]) == 0
    one, two = published(folder / "models"), published(folder / "again")
    assert sorted(name.partition("/")[0] for name in one) == ["few", "good", "some"]
    assert one == two


def test_a_tool_with_more_workers_than_there_are_tools_is_trained_the_same(folder: Path) -> None:
    for root, workers in (("models", "1"), ("again", "2")):
        assert main([*ARGUMENTS[:-3], root, "--jobs", workers]) == 0
    assert published(folder / "models") == published(folder / "again")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_was_read_is_told_before_the_training_and_each_tool_in_its_turn(
    workers: str, few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.write(few / "some.csv", recorded.rows(30))
    # the larger one first: it is done last where two are trained at the same time
    (few / "input_files.csv").write_text(f"input_file,label\nsome.csv,{recorded.LABEL}\ngood.csv,{recorded.LABEL}\n")
    assert main([*ARGUMENTS[:-1], workers]) == 0
    some, good, *published = capsys.readouterr().out.splitlines()[:4]
    assert (some, good) == ("some: 30 recorded jobs from some.csv", "good: 12 recorded jobs from good.csv")
    assert [line.partition(": ")[0] for line in published] == ["some", "good"]
    assert all(" -> " in line for line in published)


def test_a_tool_with_too_few_jobs_for_a_forest_is_served_by_a_line_and_reported(folder: Path) -> None:
    recorded.write(folder / "few.csv", recorded.rows(30))
    (folder / "input_files.csv").write_text(LISTED + f"few.csv,{recorded.LABEL}\n")
    assert main(ARGUMENTS) == 0
    lines = [line for line in lines_of(folder / "out" / "output.csv") if line["tool"] == "few"]
    assert [line["model"] for line in lines] == ["constant", "line in bytes", "log-linear line"]
    [served] = [line["model"] for line in lines if line["served"] == "yes"]
    assert bundle.load(folder / "models" / "few").facts["model"]["name"] == served


@pytest.mark.parametrize(("rows", "source"), [(5, "pooled"), (12, "pooled"), (30, "line")])
def test_a_training_of_tools_with_few_jobs_only_is_reported_too(
    rows: int, source: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.write(folder / "good.csv", recorded.rows(rows))
    assert main(ARGUMENTS) == 0
    facts = bundle.load(folder / "models" / "good").facts
    assert facts["model"]["source"] == source
    [served] = [line for line in lines_of(folder / "out" / "output.csv") if line["served"] == "yes"]
    told = {"tool": "good", "model": facts["model"]["name"], "best_parameters": "{}", "rows_used": str(rows)}
    assert {name: served[name] for name in told} == told
    scores = {part: [served[f"{part}_{name}"] for name in SCORES] for part in ("train", "test")}
    assert scores["train"] == [str(round(facts["scores"]["train"][name], 6)) for name in SCORES]
    # from 20 jobs on a fifth is held out
    spared = rows >= 20
    assert [score != "" for score in scores["test"]] == [spared] * 5
    [shown] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("good  ") and "yes" in line]
    assert shown.count(" / - ") == (0 if spared else 5)


def test_a_tool_with_too_few_jobs_for_any_model_is_named_and_is_no_failure(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.write(folder / "rare.csv", recorded.rows(4))
    (folder / "input_files.csv").write_text(LISTED + f"rare.csv,{recorded.LABEL}\n")
    assert main(ARGUMENTS) == 0
    [said] = capsys.readouterr().err.splitlines()
    assert said == (
        "rare: skipped: rare.csv: 4 usable rows; expected at least 5: the rule keeps the destination's own memory"
    )
    assert [home.name for home in publishing.homes(folder / "models")] == ["good"]


def test_the_versions_of_a_tool_share_a_bundle(few: Path) -> None:
    family = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2"
    recorded.write(few / "new.csv", recorded.rows(13)[6:])
    (few / "input_files.csv").write_text(
        f"input_file,label,tool_id\ngood.csv,{recorded.LABEL},{family}/2.4\nnew.csv,{recorded.LABEL},{family}/2.5\n"
    )
    assert main(ARGUMENTS) == 0
    [home] = publishing.homes(few / "models")
    found = bundle.load(home)
    # 12 and 7 rows
    assert (found.tool, found.facts["file"], found.sizing.rows) == (family, "good.csv, new.csv", 19)


def test_a_sizing_file_decides_cap_and_limits(few: Path) -> None:
    (few / "sizing.yml").write_text("failure_cap: 0.2\nfloor: 1 GiB\ntools:\n  good: {ceiling: 2 GiB}\n")
    assert main([*ARGUMENTS, "--sizing", "sizing.yml"]) == 0
    sizing = bundle.load(few / "models" / "good").sizing
    assert (sizing.failure_cap, sizing.limits.floor_bytes, sizing.limits.ceiling_bytes) == (0.2, 1024**3, 2 * 1024**3)
    # what is written on the command line goes before the file
    assert main([*ARGUMENTS, "--sizing", "sizing.yml", "--failure-cap", "none"]) == 0
    assert bundle.load(few / "models" / "good").sizing.failure_cap is None


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
    # what cannot be read is told first, what cannot be trained after it
    for complaint in COMPLAINTS.values():
        assert any(complaint in line and ": skipped: " in line for line in said)
    assert [home.name for home in publishing.homes(folder / "models")] == ["good"]
    assert {line["tool"] for line in lines_of(folder / "out" / "output.csv")} == {"good"}


def test_nothing_is_lost_where_all_files_are_bad(few: Path) -> None:
    assert main(ARGUMENTS) == 0
    before = publishing.current_build(few / "models" / "good")
    report = (few / "out" / "output.csv").read_text()
    (few / "good.csv").write_text("")
    assert main(ARGUMENTS) == 1
    assert publishing.current_build(few / "models" / "good") == before
    assert (few / "out" / "output.csv").read_text() == report


def test_two_files_of_one_tool_do_not_overwrite_each_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other").mkdir()
    recorded.write(folder / "other" / "good.csv", recorded.rows(40))
    (folder / "input_files.csv").write_text(LISTED + f"other/good.csv,{recorded.LABEL}\n")
    assert main(ARGUMENTS) == 1
    assert "good: skipped: other/good.csv: a file before it has this tool too" in capsys.readouterr().err
    assert bundle.load(folder / "models" / "good").sizing.rows == ROWS


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


def test_a_looser_failure_cap_wastes_no_more(few: Path) -> None:
    requested = []
    for cap in ("0.01", "0.3", "none"):
        assert main([*ARGUMENTS, "--failure-cap", cap]) == 0
        found = bundle.load(few / "models" / "good")
        assert found.sizing.failure_cap == (None if cap == "none" else float(cap))
        points = {point["failure_cap"]: point["wastage_gbh"] for point in found.facts["cap_curve"]}
        requested.append(points[found.sizing.failure_cap])
    assert requested == sorted(requested, reverse=True)


def test_while_another_trainer_publishes_nothing_is_done(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with publishing.lock(few / "models"):
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
    recorded.write(folder / "good.csv", recorded.rows(70))
    slow = {"Slow": {**SMALL_MODELS["Forest"], "parameters": {"n_estimators": [3000, 3001]}}}
    # a pipe: what is written into it has been read when the training is about to begin
    (folder / "models.json").unlink()
    os.mkfifo(folder / "models.json")
    root = str(Path(__file__).parent.parent)
    with subprocess.Popen(
        [sys.executable, "-m", "trainer", *ARGUMENTS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
        # a shell that runs the tests in the background lets them ignore interrupts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        text=True,
    ) as process:
        (folder / "models.json").write_text(json.dumps(slow))
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(number)
        _, said = process.communicate()
    assert bundle.load(folder / "models" / "good").build == before
    if number == signal.SIGINT:
        assert (process.returncode, said.splitlines()[-1]) == (
            130,
            "trainer: interrupted; what was published before stays in use",
        )
    # and the next one is not kept out
    (folder / "models.json").unlink()
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


def test_a_report_that_cannot_be_written_is_named(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (few / "out").write_text("")
    assert main(ARGUMENTS) == 2
    assert "choose another file with -o" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "models").write_text("")
    assert main(ARGUMENTS) == 2
    assert "choose another folder with -d" in capsys.readouterr().err
    with pytest.raises(BundleError):
        bundle.load(folder / "models" / "good")
