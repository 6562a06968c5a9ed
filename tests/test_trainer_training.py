"""From records to a bundle."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recorded
from conftest import train
from test_trainer_regressor import SEEDS

from galaxy_memory_rules.errors import ConfigError, RecordsError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.bundle import Bundle
from trainer.candidates import Candidate, public_regressors
from trainer.features import FeatureSchema
from trainer.forest import Forest
from trainer.readers import read
from trainer.regressor import Regressor
from trainer.sample import Sample, split
from trainer.training import Outcome, choose, train_tool

MIB = 1024**2


def candidate(name: str, **grid: list[Any]) -> Candidate:
    return Candidate(name.rsplit(".", 1)[1], public_regressors()[name], grid)


def train_on(folder: Path, records: list[dict[str, object]], *candidates: Candidate) -> tuple[Bundle, list[Outcome]]:
    [found] = read(recorded.write(folder / "tool.csv", records), recorded.LABEL)
    return train_tool(found, candidates, 0.05, 1, lambda: None)


def test_a_forest_learns_the_formula_of_its_records(trained: tuple[Bundle, list[Outcome]]) -> None:
    found, [outcome] = trained
    assert isinstance(found.model, Forest)
    job = JobDescription(
        "tool", inputs=(InputDataset("input_1", 30 * MIB, "fastqsanger"),), parameters={"mode": "fast"}
    )
    features = found.schema.features(job)
    found.neighbours.complete(found.schema, features)
    [distribution] = found.model.predict(found.schema.encode([features]))
    # 100 MiB and twice 30 MiB; 60 records leave a forest a tenth of slack
    assert distribution.point_bytes == pytest.approx(160 * MIB, rel=0.1)
    assert outcome.test.r2 > 0.9
    assert outcome.parameters in ({"n_estimators": 5}, {"n_estimators": 10})


def test_the_facts_tell_where_the_bundle_comes_from(trained: tuple[Bundle, list[Outcome]]) -> None:
    facts = trained[0].facts
    assert facts["file"] == "tool.csv"
    assert facts["label"] == recorded.LABEL
    assert facts["rows"] == {"used": 60, "dropped": {}}
    assert facts["model"]["class"] == "ExtraTreesRegressor"
    assert set(facts["scores"]["test"]) == {"r2", "mape", "median_ape", "under_allocated", "rel"}


@pytest.mark.parametrize("name", SEEDS)
def test_every_estimator_of_the_seed_is_trained_and_scored(name: str, tmp_path: Path) -> None:
    grid = {parameter: [value] for parameter, value in SEEDS[name].items()}
    with warnings.catch_warnings():
        # a model of 38 rows may not converge; the administrator is shown that warning
        warnings.simplefilter("ignore")
        found, [outcome] = train_on(tmp_path, recorded.rows(), candidate(name, **grid))
    assert isinstance(found.model, (Forest, Regressor))
    assert np.isfinite(outcome.cross_validated_error)
    assert 0 <= outcome.test.under_allocated <= 1


def test_the_one_with_the_least_cross_validated_error_is_served(tmp_path: Path) -> None:
    found, outcomes = train_on(
        tmp_path,
        recorded.rows(),
        candidate("sklearn.dummy.DummyRegressor"),
        candidate("sklearn.ensemble.ExtraTreesRegressor", n_estimators=[10]),
    )
    dummy, forest = outcomes
    assert dummy.cross_validated_error > forest.cross_validated_error
    assert choose(outcomes) is forest
    assert found.facts["model"]["class"] == "ExtraTreesRegressor"


def test_identical_inputs_never_stand_on_both_sides_of_a_fold() -> None:
    jobs = [JobDescription("t", inputs=(InputDataset("a", 1 + number // 3, "x"),)) for number in range(30)]
    sample = Sample.of(jobs, np.arange(1.0, 31.0), FeatureSchema.learn(jobs))
    assert len(set(sample.groups.tolist())) == 10
    for kept, held_out in sample.folds.split(sample.matrix, groups=sample.groups):
        assert not set(sample.groups[kept]) & set(sample.groups[held_out])


def test_the_held_out_rows_are_the_seeds_fifth_and_teach_the_schema_nothing() -> None:
    jobs = [
        JobDescription("t", inputs=(InputDataset("a", 1 + number, "x"),), dbkey=f"b{number}") for number in range(50)
    ]
    train_sample, test_sample = split(jobs, np.arange(1.0, 51.0))
    assert (len(train_sample.jobs), len(test_sample.jobs)) == (40, 10)
    assert train_sample.schema is test_sample.schema
    known = train_sample.schema.categories["dbkey"]
    assert not {job.dbkey for job in test_sample.jobs} & set(known)


def test_every_combination_is_fitted_on_every_fold(tmp_path: Path) -> None:
    [found] = read(recorded.write(tmp_path / "tool.csv", recorded.rows()), recorded.LABEL)
    fits = []
    grid = {"n_estimators": [2, 3], "max_depth": [2, 3, 4]}
    forest = candidate("sklearn.ensemble.RandomForestRegressor", **grid)
    train_tool(found, [forest], 0.05, 1, lambda: fits.append(1))
    # 2 * 3 combinations on 5 folds
    assert len(fits) == 30


def test_one_worker_and_two_train_the_same_model(tmp_path: Path) -> None:
    [found] = read(recorded.write(tmp_path / "tool.csv", recorded.rows()), recorded.LABEL)
    forest = candidate("sklearn.ensemble.RandomForestRegressor", n_estimators=[3, 5])
    one, two = (train_tool(found, [forest], 0.05, workers, lambda: None)[0] for workers in (1, 2))
    for name, array in one.model.to_arrays().items():
        assert np.array_equal(array, two.model.to_arrays()[name])
    assert one.facts == two.facts


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda rows: rows[:29], "29 usable rows; expected at least 30"),
        (lambda rows: [{**row, recorded.LABEL: ""} for row in rows], "0 usable rows, 60 with no peak recorded"),
        (lambda rows: [{**row, recorded.LABEL: 7} for row in rows], "is 7 in every row; nothing to learn"),
        (
            lambda rows: [{**rows[0], recorded.LABEL: number + 1} for number in range(60)],
            "no column but the label varies",
        ),
        (
            lambda rows: [{**rows[0], recorded.LABEL: number + 1, "mode": number % 2} for number in range(60)],
            "all jobs have identical inputs",
        ),
        (lambda rows: [*rows, {**rows[0], recorded.LABEL: "many"}], "line 62: memory.max_usage_in_bytes: 'many'"),
    ],
)
def test_records_that_teach_nothing_are_refused(change: Any, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(RecordsError) as refused:
        train_on(tmp_path, change(recorded.rows()), candidate("sklearn.linear_model.LinearRegression"))
    assert complaint in str(refused.value)


def test_a_parameter_value_that_scikit_learn_refuses_is_a_configuration_error(tmp_path: Path) -> None:
    forest = candidate("sklearn.ensemble.RandomForestRegressor", max_features=["auto"])
    with pytest.raises(ConfigError, match=r"RandomForestRegressor: scikit-learn refuses it: .*max_features"):
        train_on(tmp_path, recorded.rows(), forest)


def test_training_again_gives_the_same_bundle(trained: tuple[Bundle, list[Outcome]], tmp_path: Path) -> None:
    again, _ = train(tmp_path)
    assert again.facts == trained[0].facts
    for name, array in again.model.to_arrays().items():
        assert np.array_equal(array, trained[0].model.to_arrays()[name])
