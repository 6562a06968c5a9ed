"""Builds that are listed, rolled back to and pinned from the command line."""

import dataclasses
import os
from pathlib import Path

import damage
import pytest

from galaxy_memory_rules.errors import BundleError
from trainer import bundle, publishing
from trainer.__main__ import main
from trainer.training import Trained

TOOLSHED = "toolshed.g2.bx.psu.edu/repos/owner/repository/other/1.0"


@pytest.fixture
def root(trained: Trained, tmp_path: Path) -> Path:
    """A folder with three builds of one tool, published on three days, and one of another."""
    for day in range(3):
        _publish(trained, tmp_path, f"day {day}", day)
    bundle.save(dataclasses.replace(trained.bundle, tool=TOOLSHED), tmp_path)
    return tmp_path


def _publish(trained: Trained, root: Path, label: str, day: int) -> str:
    build = bundle.save(dataclasses.replace(trained.bundle, facts={**trained.bundle.facts, "label": label}), root)
    os.utime(root / "tool" / build, (day * 86_400, day * 86_400))
    return build


def run(root: Path, *arguments: str) -> int:
    return main([*arguments, "-d", str(root)])


def served(root: Path, tool: str = "tool") -> str:
    return str(bundle.load(root / publishing.folder_name(tool)).facts["label"])


def test_builds_are_listed_the_newest_first(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    oldest = publishing.builds(root / "tool")[2].name
    assert run(root, "pin", "tool", oldest) == 0
    capsys.readouterr()
    assert run(root, "builds") == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["tool", "build", "state"]
    assert [line.split()[0] for line in lines] == [TOOLSHED, "tool", "tool", "tool"]
    of_tool = [line for line in lines if line.startswith("tool ")]
    assert [" current " in line for line in of_tool] == [True, False, False]
    assert [" pinned " in line for line in of_tool] == [False, False, True]
    assert "1970-01-03 00:00" in of_tool[0]
    assert " 80 " in of_tool[0]
    assert " 5.0%" in of_tool[0]
    assert run(root, "builds", TOOLSHED) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_damaged_build_is_listed_as_such(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (publishing.builds(root / "tool")[1] / "manifest.json").write_text("")
    assert run(root, "builds", "tool") == 0
    assert [" damaged " in line for line in capsys.readouterr().out.splitlines()] == [False, False, True, False]


def test_one_rolls_back_build_by_build(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert served(root) == "day 2"
    for label in ("day 1", "day 0"):
        assert run(root, "roll-back", "tool") == 0
        assert served(root) == label
    assert run(root, "roll-back", "tool") == 2
    assert "no build is older than the current one" in capsys.readouterr().err
    newest = publishing.builds(root / "tool")[0].name
    assert run(root, "roll-back", "tool", "--to", newest[:6]) == 0
    assert served(root) == "day 2"


def test_a_roll_back_of_a_toolshed_tool_finds_its_folder(root: Path, trained: Trained) -> None:
    old = publishing.current_build(root / publishing.folder_name(TOOLSHED)).name
    facts = {**trained.bundle.facts, "label": "new"}
    bundle.save(dataclasses.replace(trained.bundle, tool=TOOLSHED, facts=facts), root)
    assert served(root, TOOLSHED) == "new"
    assert run(root, "roll-back", TOOLSHED, "--to", old) == 0
    assert served(root, TOOLSHED) == trained.bundle.facts["label"]


def test_the_next_training_publishes_over_a_roll_back_and_not_over_a_pin(
    root: Path, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    run(root, "roll-back", "tool")
    _publish(trained, root, "day 3", 3)
    assert served(root) == "day 3"
    pinned = publishing.builds(root / "tool")[1].name
    assert run(root, "pin", "tool", pinned) == 0
    label = served(root)
    for day in range(4, 10):
        _publish(trained, root, f"day {day}", day)
        assert served(root) == label, "and it is not removed for its age"
    assert run(root, "roll-back", "tool") == 0
    assert f"stays pinned to {pinned}" in capsys.readouterr().out
    assert served(root) == label
    assert run(root, "unpin", "tool") == 0
    assert served(root) == "day 8"


def test_a_build_that_is_published_again_is_the_newest(root: Path, trained: Trained) -> None:
    oldest = publishing.builds(root / "tool")[2]
    again = dataclasses.replace(trained.bundle, facts={**trained.bundle.facts, "label": "day 0"})
    assert bundle.save(again, root) == oldest.name
    assert publishing.builds(root / "tool")[0] == oldest
    assert run(root, "roll-back", "tool") == 0
    assert served(root) == "day 2"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["roll-back", "toool"], "no bundle of toool; near it are tool"),
        (["roll-back", "../models"], "no bundle of ../models"),
        (["pin", "tool", "zzz"], "zzz is not the name of one build; there are "),
        (["pin", "tool", ""], "is not the name of one build"),
        (["pin", "tool", "../../etc"], "is not the name of one build"),
        (["unpin", "cat1"], "no bundle of cat1"),
        (["builds", "cat1"], "no bundle of cat1"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    arguments: list[str], complaint: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root, *arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert complaint in said[0]


def test_a_folder_without_bundles_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "builds") == 2
    assert "no bundles; name their folder with -d" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["roll-back", "tool"], ["pin", "tool"]])
def test_nobody_is_sent_to_a_damaged_build(command: list[str], root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = publishing.builds(root / "tool")[1]
    (damaged / "bins.npy").write_bytes(b"")
    assert run(root, *command, *([damaged.name] if command[0] == "pin" else [])) == 2
    assert "its sha256 is not the manifest's" in capsys.readouterr().err
    assert served(root) == "day 2"


def test_a_pin_to_a_build_that_is_gone_is_not_passed_by(root: Path) -> None:
    (root / "tool" / "pinned").write_text("0" * 16)
    with pytest.raises(BundleError, match="cannot be read"):
        bundle.load(root / "tool")
    (root / "tool" / "pinned").write_text("")
    with pytest.raises(BundleError, match="unpin tool, or pin it to another"):
        bundle.load(root / "tool")


def test_it_works_while_a_trainer_is_at_work(root: Path) -> None:
    with publishing.lock(root):
        assert run(root, "roll-back", "tool") == 0
        assert run(root, "pin", "tool", publishing.builds(root / "tool")[2].name) == 0
        assert run(root, "unpin", "tool") == 0
    assert served(root) == "day 1"


def test_a_pin_that_leads_elsewhere_names_no_build(models: Path, tmp_path: Path) -> None:
    home = damage.copied(models / "tool", tmp_path)
    (home / "pinned").symlink_to("/etc/hostname")
    with pytest.raises(BundleError):
        bundle.load(home)
