"""python -m trainer compile-tpv, from recorded jobs and bundles to a file of rules."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import recorded
import yaml
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules.messages import JobDescription
from trainer import bundle
from trainer.__main__ import main
from trainer.compile_tpv import Compiled, compile_tool
from trainer.compile_tpv_file import key_of, text_of
from trainer.families import pool_versions
from trainer.learning import Settings
from trainer.readers import read
from trainer.sizing_config import DEFAULTS
from trainer.tpv_file import load
from trainer.training import train_tool

SHED = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2"
COMMAND = ["compile-tpv", "-i", "input_files.csv", "-o", "rules/tpv.yml", "--jobs", "1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the records of two tools, and the bundle of the one that has enough to try it on."""
    folder = tmp_path_factory.mktemp("trained")
    [good] = read(recorded.write(folder / "good.csv", recorded.rows(40)), recorded.LABEL, f"{SHED}/2.5.0", None)
    [few] = read(recorded.write(folder / "few.csv", recorded.rows(12)), recorded.LABEL)
    for found in pool_versions([good, few]):
        bundle.save(train_tool(replace(found, file="good.csv"), [], Settings()).bundle, folder / "models")
    list_files(folder, f"good.csv,{SHED}/2.5.0", "few.csv,")
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a copy of all that."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def list_files(folder: Path, *lines: str) -> None:
    listed = [f"{file},{recorded.LABEL},{tool}" for file, tool in (line.split(",") for line in lines)]
    (folder / "input_files.csv").write_text("\n".join(["input_file,label,tool_id", *listed]))


def ask(*options: str) -> int:
    return main([*COMMAND, "-d", "models", *options])


def test_each_tool_gets_its_expression_and_its_evidence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask() == 0
    said = capsys.readouterr()
    assert "few: skipped: few.csv: 12 usable rows; expected at least 20" in said.err
    text = (folder / "rules" / "tpv.yml").read_text()
    [(key, entry)] = yaml.safe_load(text)["tools"].items()
    assert key == f"{SHED}/.*"
    assert f"{SHED}: mem: {entry['mem']}" in said.out
    tool, tried, *table = [line.lstrip("# ") for line in text.partition("tools:")[2].splitlines() if "# " in line]
    assert tool == f"{SHED}: 40 recorded jobs of good.csv, failure cap 0.05"
    assert tried == "tried on 8 of them, drawn at random; wasted in GB job:"
    assert [re.split(" {2,}|, ", row)[0].partition(" 0.")[0] for row in table] == [
        "such an expression",
        "constant",
        "full model",
    ]
    # what the bundle's own manifest tells of the same jobs
    held_out = bundle.load(next(home for home in (folder / "models").iterdir() if "bowtie2" in home.name)).facts[
        "held_out"
    ]
    assert f"wasted {held_out['wastage_gbh']:,.4g}, " in table[2]
    assert table[2].endswith(f"rel {held_out['rel']:.3f}")


def test_what_is_compiled_keeps_the_jobs_alive_that_it_was_learned_from(folder: Path) -> None:
    assert ask() == 0
    rules = load(folder / "rules" / "tpv.yml")
    [found] = read(Path("good.csv"), recorded.LABEL, f"{SHED}/2.5.1")
    enough = [(rules.memory_bytes(record.job) or 0) >= record.peak_bytes for record in found.records]
    # another version is the same tool; 5 % of 40 are 2
    assert sum(enough) >= 38
    assert rules.memory_bytes(JobDescription("toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2_other/1")) is None


def test_a_model_of_other_jobs_is_not_compared_with(folder: Path) -> None:
    recorded.write(folder / "good.csv", recorded.rows(41))
    assert ask() == 0
    text = (folder / "rules" / "tpv.yml").read_text()
    assert "full model          was trained on other jobs; train it on these to compare" in text


def test_a_model_that_was_promised_another_cap_is_not_compared_with(folder: Path) -> None:
    assert ask("--failure-cap", "none") == 0
    text = (folder / "rules" / "tpv.yml").read_text()
    assert "40 recorded jobs of good.csv, no failure cap" in text
    assert "full model          keeps another failure cap; compile with what it was trained with to compare" in text


def test_tools_that_fail_are_named_and_the_others_are_done(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded.write(folder / "new.csv", recorded.rows(30))
    list_files(folder, f"good.csv,{SHED}/2.5.0", "new.csv,new")
    assert ask() == 1
    said = capsys.readouterr()
    assert "new: skipped: has no bundle; train it first" in said.err
    assert "few: skipped: no file of recorded jobs has this tool; list it in -i" in said.err
    assert f"{SHED}/.*" in (folder / "rules" / "tpv.yml").read_text()


def test_nothing_to_compile_leaves_the_file_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask() == 0
    before = (folder / "rules" / "tpv.yml").read_text()
    list_files(folder, "few.csv,few")
    assert ask() == 2
    assert "no tool of it could be compiled; rules/tpv.yml is as it was" in capsys.readouterr().err
    assert (folder / "rules" / "tpv.yml").read_text() == before
    assert main([*COMMAND, "-d", "nowhere"]) == 2
    assert "nowhere: no bundle can be used; train the tools first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("tool", "key", "matches", "others"),
    [
        (f"{SHED}/2.5.0+galaxy0", f"{SHED}/.*", [f"{SHED}/2.4"], [f"{SHED}_other/2.4"]),
        (SHED, f"{SHED}/.*", [f"{SHED}/2.4"], [f"{SHED}_other/2.4"]),
        (
            "bowtie2",
            "(.*/)?bowtie2(/[^/]*)?$",
            ["bowtie2", f"{SHED}/2.5"],
            ["bowtie2_other", "my_bowtie2", SHED + "x/1"],
        ),
        ("a+b(c", r"(.*/)?a\+b\(c(/[^/]*)?$", ["a+b(c"], ["aab(c"]),
        ("mine/sort/1.0", "mine/sort/.*", ["mine/sort/1.1"], ["mine/sorted/1.0"]),
    ],
)
def test_a_key_stands_for_all_versions_of_a_tool_and_for_no_other(
    tool: str, key: str, matches: list[str], others: list[str]
) -> None:
    assert key_of(tool) == key
    assert [bool(re.match(key, name)) for name in matches + others] == [True] * len(matches) + [False] * len(others)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    path = recorded.write(tmp_path_factory.mktemp("recorded") / "good.csv", recorded.rows(25))
    [found] = read(path, recorded.LABEL)
    return compile_tool(found, train_tool(found, [], Settings()).bundle, DEFAULTS)


@given(st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_no_id_and_no_file_name_says_anything_but_itself(compiled: Compiled, tool: str, file: str) -> None:
    text = text_of([replace(compiled, tool=tool, file=file)])
    assert text.isascii()
    assert yaml.safe_load(text) == {"tools": {key_of(tool): {"mem": compiled.expression.text}}}
