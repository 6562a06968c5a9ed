"""From records to a bundle."""

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recorded
from conftest import ROWS
from test_trainer_regressor import SEEDS

from galaxy_memory_rules.errors import RecordsError, TooFewJobs
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.candidates import Candidate, public_regressors
from trainer.forest import Forest
from trainer.history import History
from trainer.hygiene import FAILED, KILLED, REPEATED
from trainer.learning import CAPS, Settings
from trainer.lines import Line
from trainer.readers import read
from trainer.records import JobRecord
from trainer.regressor import Regressor
from trainer.rungs import FOREST, FOREST_FROM, LEAST_JOBS
from trainer.sizing import choose
from trainer.training import Trained, train_tool

MIB = 1024**2
LINES = ["constant", "line in bytes", "log-linear line"]


def candidate(name: str, **grid: list[Any]) -> Candidate:
    return Candidate(name.rsplit(".", 1)[1], public_regressors()[name], grid)


def train_on(folder: Path, records: list[dict[str, object]], *candidates: Candidate) -> Trained:
    [found] = read(recorded.write(folder / "tool.csv", records), recorded.LABEL)
    return train_tool(found, candidates, Settings())


def job_of(size_mib: int) -> JobDescription:
    inputs = (InputDataset("input_1", size_mib * MIB, "fastqsanger"),)
    return JobDescription("tool", inputs=inputs, parameters={"mode": "fast"})


def test_a_forest_learns_the_formula_of_its_records(trained: Trained) -> None:
    found = trained.bundle
    assert isinstance(found.model, Forest)
    features = found.schema.features(job_of(30))
    found.neighbours.complete(found.schema, features)
    [peak_bytes] = found.model.predict(found.schema.encode([features])).predicted_peaks_bytes
    # 100 MiB and twice 30 MiB; 80 records leave a forest a tenth of slack
    assert peak_bytes == pytest.approx(160 * MIB, rel=0.1)
    assert trained.learned.rung is FOREST
    [served] = [outcome for outcome in trained.outcomes if outcome.rung is FOREST]
    assert served.test is not None
    assert served.test.r2 > 0.9


def test_every_rung_is_tried_the_simplest_first(trained: Trained) -> None:
    assert [outcome.rung.name for outcome in trained.outcomes] == [*LINES, FOREST.name, "ExtraTrees"]
    *simple, listed = trained.outcomes
    # only what stands in models.json has a grid to search
    assert [(outcome.parameters, outcome.cross_validated_error) for outcome in simple] == [({}, None)] * 4
    assert listed.parameters in ({"n_estimators": 5}, {"n_estimators": 10})
    assert listed.cross_validated_error is not None
    for outcome in trained.outcomes:
        assert 0 <= outcome.train.under_allocated <= 1
        assert outcome.train.rel >= 1
        assert outcome.test is not None
        assert outcome.test.rel >= 1


def test_the_one_that_wastes_least_in_the_replay_is_served(trained: Trained) -> None:
    learned = trained.learned
    assert choose(learned.trials, learned.ladder, 0.05) is learned.rung
    keeping = [trial for trial in learned.trials.values() if trial.failure_bound <= 0.05]
    least = min(trial.outcome.wastage_gbh for trial in keeping)
    assert learned.trials[learned.rung.name].outcome.wastage_gbh <= least * 1.01
    # the search is for the best parameters: what is served need not have an error over its folds at all
    assert trained.bundle.facts["model"] == {"name": FOREST.name, "source": "forest", "parameters": {}}


def test_the_facts_tell_where_the_bundle_comes_from(trained: Trained) -> None:
    facts = trained.bundle.facts
    assert facts["file"] == "tool.csv"
    assert facts["label"] == recorded.LABEL
    assert facts["rows"] == {"used": ROWS, "sampled": 0, "dropped": {}, "flagged": {}, "censored": 0}
    assert facts["limit_bytes"] is None
    assert set(facts["scores"]["test"]) == {"r2", "mape", "median_ape", "under_allocated", "rel"}
    achieved = {"jobs", "failure_rate", "failure_interval", "rel", "wastage_gbh"}
    assert set(facts["held_out"]) == achieved
    assert set(facts["constant"]) == {"memory_bytes", *achieved}
    # 100 to 310 MiB are needed, and what keeps the cap on 64 jobs in whole 64 MiB is the most of it
    assert facts["constant"]["memory_bytes"] == 320 * MIB
    # no job tells how long it ran
    assert (facts["run_seconds"], facts["unit"]) == (None, "GB·job")
    # a fifth of 80
    assert facts["held_out"]["jobs"] == facts["constant"]["jobs"] == 16
    assert [point["failure_cap"] for point in facts["cap_curve"]] == list(CAPS)
    for point in facts["cap_curve"]:
        assert set(point) == {"failure_cap", *achieved}
        assert point["jobs"] == ROWS
    # a looser cap never wastes more
    wasted = [point["wastage_gbh"] for point in facts["cap_curve"]]
    assert wasted == sorted(wasted, reverse=True)


def test_the_run_times_are_those_of_the_jobs_that_tell_them(tmp_path: Path) -> None:
    [found] = read(recorded.write(tmp_path / "tool.csv", recorded.rows(25)), recorded.LABEL)
    seconds = [None, 0.0, 40.0, 10.0, 20.0, 30.0, *[None] * 19]
    found.records = [replace(one, run_seconds=told) for one, told in zip(found.records, seconds, strict=True)]
    # of 10, 20, 30 and 40 the middle is 25; 0.95 * 3 = 2.85, so that 0.95 of them are below 30 + 0.85 * 10
    told = train_tool(found, (), Settings()).bundle.facts["run_seconds"]
    assert told == {"median": 25.0, "p95": pytest.approx(38.5)}


def test_where_no_job_is_held_out_no_constant_is_compared_with(tmp_path: Path) -> None:
    facts = train_on(tmp_path, recorded.rows(12)).bundle.facts
    assert (facts["held_out"], facts["constant"]) == (None, None)


def test_what_was_dropped_and_flagged_is_counted_in_the_manifest(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{**row, "outcome": "ok"} for row in recorded.rows(20)]
    # two rows twice, one without a peak, one that was killed, and one that failed with more than similar jobs use
    rows += [rows[0], rows[1], {**rows[2], recorded.LABEL: ""}]
    [found] = read(recorded.write(tmp_path / "tool.csv", [{**row, "outcome": "ok"} for row in rows]), recorded.LABEL)
    usual, *others = found.records
    killed = JobRecord(job_of(90), 500 * MIB, "out_of_memory")
    failed = JobRecord(job_of(91), 600 * MIB, "failed")
    found.records = [usual, *others, killed, failed]
    trained = train_tool(found, (), Settings())
    assert json.loads(json.dumps(trained.bundle.facts["rows"])) == {
        "used": 22,
        "sampled": 0,
        "dropped": {"no peak recorded": 1, REPEATED: 2},
        "flagged": {KILLED: 1, FAILED: 1},
        # of a failed job nobody knows what it needs
        "censored": 1,
    }


@pytest.mark.parametrize("rows", range(1, LEAST_JOBS))
def test_too_few_jobs_for_any_model_are_named(rows: int, tmp_path: Path) -> None:
    with pytest.raises(TooFewJobs, match=f"{rows} usable rows; expected at least 5: the rule keeps"):
        train_on(tmp_path, recorded.rows(rows))


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (LEAST_JOBS, ["pooled log-linear line"]),
        (14, ["pooled log-linear line"]),
        (15, LINES),
        (20, LINES),
        (FOREST_FROM - 1, LINES),
    ],
)
def test_few_jobs_are_served_by_a_line(rows: int, names: list[str], tmp_path: Path) -> None:
    fits: list[int] = []
    [found] = read(recorded.write(tmp_path / "tool.csv", recorded.rows(rows)), recorded.LABEL)
    forest = candidate("sklearn.ensemble.ExtraTreesRegressor", n_estimators=[3])
    trained = train_tool(found, [forest], Settings(), progress=lambda: fits.append(1))
    assert isinstance(trained.bundle.model, Line)
    assert list(trained.learned.trials) == names
    # no grid is searched, and below 20 jobs none is spared to be held out
    assert fits == []
    spared = rows >= 20
    assert (trained.held_out is not None) == spared
    assert [outcome.rung.name for outcome in trained.outcomes] == names
    assert all((outcome.test is not None) == spared for outcome in trained.outcomes)
    assert list(trained.bundle.facts["scores"]) == (["train", "test"] if spared else ["train"])
    assert trained.bundle.facts["rows"]["used"] == rows
    for request in trained.learned.requests(History.of(found.records)):
        # a constant would need 250 MiB and more; and nothing is rounded up by more than 64 MiB
        assert 64 * MIB <= request.memory_bytes <= 1024 * MIB


# the ten of the seed
@pytest.mark.parametrize("name", list(SEEDS)[:10])
def test_every_estimator_of_the_seed_is_trained_and_scored(name: str, tmp_path: Path) -> None:
    grid = {parameter: [value] for parameter, value in SEEDS[name].items()}
    with warnings.catch_warnings():
        # a model of 50 rows may not converge; the administrator is shown that warning
        warnings.simplefilter("ignore")
        trained = train_on(tmp_path, recorded.rows(ROWS), candidate(name, **grid))
    outcome = trained.outcomes[-1]
    assert outcome.rung.name == name.rsplit(".", 1)[1]
    assert outcome.parameters == SEEDS[name]
    assert outcome.cross_validated_error is not None
    assert np.isfinite(outcome.cross_validated_error)
    assert outcome.test is not None
    assert 0 <= outcome.test.under_allocated <= 1
    assert outcome.rung.name in trained.learned.trials


def test_a_model_of_models_json_that_wastes_less_is_served(tmp_path: Path) -> None:
    # peaks that rise with two inputs' product: a plane of logarithms, which no line and no average of a leaf can follow
    rows = []
    for number, row in enumerate(recorded.rows(64)):
        reads_mib, genome_mib = 2 ** (number % 8), 2 ** (number // 8)
        sizes = {"input_1": reads_mib * MIB, "own_file": genome_mib * MIB, "own_file_extension": "fasta"}
        rows.append({**row, **sizes, recorded.LABEL: reads_mib * genome_mib * MIB})
    plane, dummy = candidate("sklearn.linear_model.LinearRegression"), candidate("sklearn.dummy.DummyRegressor")
    trained = train_on(tmp_path, rows, dummy, plane)
    trials = {name: trial.outcome.wastage_gbh for name, trial in trained.learned.trials.items()}
    assert min(trials, key=lambda name: trials[name]) == "LinearRegression"
    assert isinstance(trained.bundle.model, Regressor)
    name = {"name": "LinearRegression", "source": "LinearRegression"}
    assert trained.bundle.facts["model"] == {**name, "parameters": {}}


def test_one_worker_and_two_train_the_same_model(tmp_path: Path) -> None:
    [found] = read(recorded.write(tmp_path / "tool.csv", recorded.rows(ROWS)), recorded.LABEL)
    forest = candidate("sklearn.ensemble.RandomForestRegressor", n_estimators=[3, 5])
    one, two = (train_tool(found, [forest], Settings(), workers).bundle for workers in (1, 2))
    for name, array in one.model.to_arrays().items():
        assert np.array_equal(array, two.model.to_arrays()[name])
    assert one.facts == two.facts


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda rows: [{**row, recorded.LABEL: ""} for row in rows], "0 usable rows, 60 with no peak recorded"),
        (lambda rows: rows[:1] * 60, "1 usable rows, 59 with repeats another row; expected at least 5"),
        (lambda rows: [{**row, recorded.LABEL: 7} for row in rows], "is 7 in every row; nothing to learn"),
        (lambda rows: [*rows, {**rows[0], recorded.LABEL: "many"}], "line 62: memory.max_usage_in_bytes: 'many'"),
    ],
)
def test_records_that_teach_nothing_are_refused(change: Any, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(RecordsError) as refused:
        train_on(tmp_path, change(recorded.rows()), candidate("sklearn.linear_model.LinearRegression"))
    assert complaint in str(refused.value)


@pytest.mark.parametrize("count", [40, 60])
def test_jobs_that_tell_nothing_but_their_peaks_are_served_by_a_constant(count: int, tmp_path: Path) -> None:
    rows = [{**recorded.rows(1)[0], recorded.LABEL: (100 + number) * MIB} for number in range(count)]
    [found] = read(recorded.write(tmp_path / "tool.csv", rows), recorded.LABEL)
    trained = train_tool(found, [candidate("sklearn.linear_model.LinearRegression")], Settings())
    assert trained.learned.rung.name == "constant"
    [peak_bytes] = trained.bundle.model.predict(trained.bundle.schema.matrix([job_of(1)])).predicted_peaks_bytes
    # 100 MiB and up to as many more: the middle of 40 is 119.5
    assert peak_bytes == pytest.approx((100 + (count - 1) / 2) * MIB, rel=0.01)
