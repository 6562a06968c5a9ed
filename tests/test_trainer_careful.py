"""A new bundle takes the place of the old one where it does no worse on jobs that neither has seen."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recorded
from decided import MONDAY

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import bundle, publishing
from trainer.__main__ import main
from trainer.careful import objection
from trainer.learning import Settings
from trainer.records import JobRecord, ToolRecords
from trainer.sizing_rule import Limits
from trainer.training import Trained, train_tool

DAY, MIB = 86400, 1024**2
RANDOM = np.random.default_rng(11)
SIZES_MIB = [int(size) for size in RANDOM.integers(10, 200, 120)]


def records(times: Sequence[float]) -> list[JobRecord]:
    """Jobs that need 100 MiB and twice their input, times something, one a day."""
    made = []
    for day, factor in enumerate(times):
        size_bytes = SIZES_MIB[day] * MIB
        job = JobDescription("tool", inputs=(InputDataset("input_1", size_bytes, "bam"),))
        peak_bytes = round(factor * (100 * MIB + 2 * size_bytes))
        made.append(JobRecord(job, peak_bytes, run_seconds=1800.0, created_seconds=MONDAY + day * DAY))
    return made


def trained_on(made: list[JobRecord], settings: Settings) -> Trained:
    return train_tool(ToolRecords("tool", "file", "peak_bytes", made), [], settings)


@pytest.fixture(scope="module")
def old() -> Trained:
    """What was learned from 80 days."""
    return trained_on(records([1.0] * 80), Settings())


@pytest.fixture(scope="module")
def new() -> Trained:
    """What was learned 40 days later: the last 24 were held out, and the old one has seen none of these."""
    return trained_on(records([1.0] * 120), Settings())


def asking(trained: Trained, times: float) -> Trained:
    """The same training if it asked for so many times as much."""
    assert trained.held_out is not None
    requests_bytes = times * trained.held_out.requests_bytes
    return replace(trained, held_out=replace(trained.held_out, requests_bytes=requests_bytes))


def test_one_that_does_alike_is_published(old: Trained, new: Trained) -> None:
    assert objection(old.bundle, new) is None


def test_one_that_wastes_more_is_not(old: Trained, new: Trained) -> None:
    assert new.held_out is not None
    said = objection(old.bundle, asking(new, 2))
    assert said is not None
    assert said.startswith("on the 24 newest jobs it wastes ")
    assert "GB·h" in said


def test_one_that_fails_more_often_than_it_may_is_not(old: Trained, new: Trained) -> None:
    said = objection(old.bundle, asking(new, 0.25))
    assert said == (
        "on the 24 newest jobs 100\N{NO-BREAK SPACE}% of its first attempts run out of memory,"
        " 0\N{NO-BREAK SPACE}% of those of the bundle before"
    )


def test_where_the_old_one_breaks_the_cap_as_often_the_new_one_is_published(old: Trained, new: Trained) -> None:
    """Since yesterday every job needs ten times as much."""
    assert new.held_out is not None
    grown = replace(new.held_out.jobs, peaks_bytes=10 * new.held_out.jobs.peaks_bytes)
    assert objection(old.bundle, replace(new, held_out=replace(new.held_out, jobs=grown))) is None


def test_what_cannot_be_compared_is_published(old: Trained, new: Trained) -> None:
    bad, before = asking(new, 2), old.bundle
    assert objection(before, bad) is not None
    assert objection(before, replace(bad, held_out=None)) is None
    # another cap, another floor: an administrator wants something else
    assert objection(replace(before, sizing=replace(before.sizing, failure_cap=0.2)), bad) is None
    assert objection(replace(before, sizing=replace(before.sizing, limits=Limits(floor_bytes=1))), bad) is None
    assert objection(replace(before, sizing=replace(before.sizing, held_bytes=2**32)), bad) is None
    held = replace(bad.bundle, sizing=replace(bad.bundle.sizing, held_bytes=2**32))
    assert objection(before, replace(bad, bundle=held)) is None


@pytest.mark.parametrize(("newest_day", "is_compared"), [(95, True), (99, True), (100, False), (119, False)])
def test_jobs_that_the_old_one_has_seen_do_not_count(
    newest_day: int, is_compared: bool, old: Trained, new: Trained
) -> None:
    # held out are days 96 to 119; after day 99 there are 20
    seen = {"jobs": 80, "newest_seconds": MONDAY + newest_day * DAY}
    before = replace(old.bundle, facts={**old.bundle.facts, "seen": seen})
    assert (objection(before, asking(new, 2)) is not None) == is_compared


def test_a_bundle_of_an_earlier_version_is_not_compared(old: Trained, new: Trained) -> None:
    facts = {name: value for name, value in old.bundle.facts.items() if name != "seen"}
    assert objection(replace(old.bundle, facts=facts), asking(new, 2)) is None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one small model."""
    monkeypatch.chdir(tmp_path)
    linear = {"module_name": "sklearn.linear_model", "class_name": "LinearRegression"}
    (tmp_path / "models.json").write_text(json.dumps({"Linear": linear}))
    (tmp_path / "input_files.csv").write_text(f"input_file,label\ntool.csv,{recorded.LABEL}\n")
    return tmp_path


def write(folder: Path, made: list[JobRecord]) -> None:
    rows: list[dict[str, Any]] = [
        {
            recorded.LABEL: one.peak_bytes,
            "input_1": one.job.inputs[0].size_bytes,
            "input_1_extension": "bam",
            "create_time": one.created_seconds,
            "runtime_seconds": one.run_seconds,
        }
        for one in made
    ]
    recorded.write(folder / "tool.csv", rows)


TRAIN = ["train", "-i", "input_files.csv", "-m", "models.json", "-o", "output.csv", "-d", "models", "--jobs", "1"]


def test_after_a_bad_week_the_old_bundle_stays_until_somebody_insists(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def current() -> str:
        return publishing.current_build(folder / "models" / "tool").name

    write(folder, records([1.0] * 45))
    assert main(TRAIN) == 0
    first = current()
    # for 50 days every job needs five times as much, and then it is over
    write(folder, records([1.0] * 45 + [5.0] * 50 + [1.0] * 25))
    assert main([*TRAIN, "--since-last"]) == 0
    said = capsys.readouterr().out
    assert f"tool: not published, {first} stays: on the 24 newest jobs it wastes" in said
    assert current() == first
    assert main([*TRAIN, "--since-last", "--force"]) == 0
    assert current() != first
    # and the old one is there to go back to
    assert main(["roll-back", "-d", "models", "tool"]) == 0
    assert bundle.load(folder / "models" / "tool").build == first
