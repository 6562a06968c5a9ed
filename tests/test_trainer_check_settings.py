"""Every fault of memory_rules.yml is found in one go, and what does not fit the machine is told."""

import os
from pathlib import Path

import pytest
from checked import SETTINGS, told, written

from galaxy_memory_rules.config import load_config
from trainer.check_settings import of_settings, read_settings
from trainer.findings import Finding


def found(folder: Path, text: str) -> list[Finding]:
    path = folder / "memory_rules.yml"
    path.write_text(text)
    config, faults = read_settings(path)
    assert (config is None) == bool(faults)
    return faults or list(of_settings(path, load_config(path)))


def test_nothing_is_found_in_a_good_file(tmp_path: Path) -> None:
    assert found(tmp_path, SETTINGS) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "message"),
    [
        ("deadline_seconds: 0.25", "deadline_second: 0.25", 2, "deadline_second", "near it are deadline_seconds"),
        ("deadline_seconds: 0.25", "deadline_seconds: 25", 2, "deadline_seconds", "expected a number from 0.05 to 5"),
        ("http://127.0.0.1:1", "127.0.0.1:1", 1, "service_url", "expected http://host:port"),
        ("service_url: http://127.0.0.1:1\n", "\n", None, "service_url", "expected http://host:port"),
        ("512 MiB", "half a GiB", 3, "floor", "expected an amount of memory"),
        ("ceiling: 64 GiB", "ceiling: 64 GB/s", 4, "ceiling", "expected an amount of memory"),
        ("destination: slurm", "destination: slurn", 5, "destination", "expected one of the destinations below"),
        ("words: slurm", "words: slurmm", 8, "destinations.slurm.words", "expected one of slurm, sge"),
        ("words: slurm", "word: slurm", 8, "destinations.slurm.word", "near it are words"),
        ("{memory_mib}", "{memory}", 11, "destinations.local.env.GALAXY_MEMORY_MB", "expected a template with"),
        ("mode: shadow", "mode: shade", 13, "tools.bowtie2.mode", "expected on, shadow or off"),
        ("canary: 0.5", "canary: 50", 13, "tools.bowtie2.canary", "expected a number from 0 to 1"),
        ("fallback: 8 GiB", "falback: 8 GiB", 13, "tools.bowtie2.falback", "near it are fallback"),
        ("ceiling: 64 GiB", "floor: 64 GiB", 4, "", "'floor' is there twice"),
        ("tools:", "tools", 13, "", "cannot be read as YAML"),
    ],
)
def test_a_fault_is_found_on_its_line(
    tmp_path: Path, old: str, new: str, line: int | None, key: str, message: str
) -> None:
    [fault] = found(tmp_path, SETTINGS.replace(old, new, 1))
    assert (fault.level, fault.line, fault.key) == ("error", line, key)
    assert message in fault.message


def test_all_faults_are_found_in_one_go(tmp_path: Path) -> None:
    text = SETTINGS
    for right, wrong in (("0.25", "no"), ("512 MiB", "much"), ("words: slurm", "words: none"), ("shadow", "x")):
        text = text.replace(right, wrong)
    text = text.replace("canary: 0.5", "canary: 5").replace("8 GiB", "8 gigs").replace("service_url", "service_ur")
    assert told(found(tmp_path, text)) == [
        ("error", 1, "service_ur"),
        ("error", 3, "floor"),
        ("error", None, "service_url"),
        ("error", 8, "destinations.slurm.words"),
        ("error", 2, "deadline_seconds"),
        ("error", 13, "tools.bowtie2.mode"),
        ("error", 13, "tools.bowtie2.canary"),
        ("error", 13, "tools.bowtie2.fallback"),
    ]


def test_of_two_that_do_not_fit_both_are_named(tmp_path: Path) -> None:
    faults = found(tmp_path, SETTINGS.replace("64 GiB", "64 MiB"))
    assert told(faults) == [("error", 3, "floor"), ("error", 4, "ceiling")]


def test_an_alias_of_what_was_refused_is_no_fault(tmp_path: Path) -> None:
    text = SETTINGS.replace("floor: 512 MiB", "floor: &much lots").replace("64 GiB", "*much")
    assert told(found(tmp_path, text)) == [("error", 3, "floor")]


def test_paths_are_taken_from_the_folder_of_the_file_after_a_fault_as_well(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    text = SETTINGS.replace("512 MiB", "much") + "authority: ca.pem\n"
    assert told(found(tmp_path, text)) == [("error", 3, "floor")]


@pytest.mark.parametrize(
    ("more", "level", "key", "message"),
    [
        ("mode: off", "warning", "mode", "the rule changes nothing"),
        ("canary: 0", "warning", "canary", "looks at no job"),
        ("fallback: 256 MiB", "warning", "fallback", "256.00 MiB is below the floor, 512.00 MiB"),
        ("fallback: 65 GiB", "warning", "fallback", "65.00 GiB is above the ceiling, 64.00 GiB"),
        ("record: nowhere/decisions.jsonl", "error", "record", "no folder"),
        ("record: .", "error", "record", "is a folder"),
        ("off_switch: memory_rules.yml", "warning", "off_switch", "exists: the rule changes nothing"),
        ("off_switch: nowhere/off", "warning", "off_switch", "no folder"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, more: str, level: str, key: str, message: str) -> None:
    # the fallback of bowtie2 is for bowtie2
    [finding] = found(tmp_path, f"{SETTINGS}{more}\n")
    assert (finding.level, finding.line, finding.key) == (level, 14, key)
    assert message in finding.message


def test_a_fallback_of_a_tool_is_held_against_its_own_limits(tmp_path: Path) -> None:
    [finding] = found(tmp_path, SETTINGS.replace("fallback: 8 GiB", "fallback: 8 GiB, ceiling: 4 GiB"))
    assert (finding.line, finding.key) == (13, "tools.bowtie2.fallback")
    assert "above the ceiling, 4.00 GiB" in finding.message


def test_a_record_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # root may write everywhere
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    [finding] = found(tmp_path, f"{SETTINGS}record: decisions.jsonl\n")
    assert (finding.level, finding.key) == ("error", "record")
    assert "cannot be written by this user" in finding.message


def test_the_shipped_settings_are_good() -> None:
    config, faults = read_settings(Path(__file__).parent.parent / "config" / "memory_rules.yml")
    assert config is not None
    assert faults == []


def test_the_pair_that_faults_are_planted_in_is_good(tmp_path: Path) -> None:
    settings, _ = written(tmp_path, "memory_rules.yml")
    assert load_config(settings).destination == "slurm"
