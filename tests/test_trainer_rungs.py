"""The ladder: which models so many jobs can carry."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LinearRegression

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.candidates import Candidate
from trainer.features import FeatureSchema
from trainer.forest import Forest
from trainer.history import History
from trainer.lines import Line
from trainer.records import JobRecord
from trainer.regressor import Regressor
from trainer.rungs import FOREST, Rung, Usual, ladder_for, of_candidate
from trainer.sample import Sample

MIB = 1024**2


def linear(count: int) -> Sample:
    """Jobs that need 100 MiB and twice their input."""
    records = [
        JobRecord(JobDescription("t", inputs=(InputDataset("in", size * MIB),)), (100 + 2 * size) * MIB)
        for size in range(1, count + 1)
    ]
    history = History.of(records)
    return Sample.of(history, FeatureSchema.learn(history.jobs, {}))


SAMPLE = linear(60)
SIMPLE = ["constant", "line in bytes", "log-linear line"]
EXTRA = Candidate("ExtraTrees", ExtraTreesRegressor, {"n_estimators": [5]})
LINEAR = Candidate("Linear", LinearRegression, {"fit_intercept": [True]})


def fitted(candidate: Candidate, **parameters: object) -> Rung:
    pipeline = candidate.pipeline()
    return of_candidate(candidate, pipeline.set_params(**parameters).fit(SAMPLE.matrix, SAMPLE.log_peaks))


@pytest.mark.parametrize(
    ("jobs", "names"),
    [
        (0, []),
        (4, []),
        (5, ["pooled log-linear line"]),
        (14, ["pooled log-linear line"]),
        (15, SIMPLE),
        (49, SIMPLE),
        (50, [*SIMPLE, "forest of extremely randomised trees", "ExtraTrees"]),
        (100_000, [*SIMPLE, "forest of extremely randomised trees", "ExtraTrees"]),
    ],
)
def test_more_jobs_carry_more_models_the_simplest_first(jobs: int, names: list[str]) -> None:
    others = [fitted(EXTRA, model__n_estimators=5)]
    assert [rung.name for rung in ladder_for(jobs, others)] == names


def test_without_models_of_its_own_choice_a_tool_has_the_forest() -> None:
    assert ladder_for(50)[-1] is FOREST


@pytest.mark.parametrize(
    ("jobs", "sources"),
    [(5, ["pooled"]), (15, ["static", "line", "line"]), (50, ["static", "line", "line", "forest"])],
)
def test_an_answer_names_the_kind_of_its_model(jobs: int, sources: list[str]) -> None:
    assert [rung.source for rung in ladder_for(jobs)] == sources


def test_only_the_forest_need_not_be_fitted_for_each_fold() -> None:
    assert [rung.name for rung in ladder_for(50) if rung.out_of_bag] == [FOREST.name]


@pytest.mark.parametrize("jobs", [5, 15, 60])
def test_every_rung_fits_and_predicts_jobs_near_their_peaks(jobs: int) -> None:
    sample = linear(jobs)
    for rung in ladder_for(jobs):
        model = rung.fit(sample)
        assert isinstance(model, Forest if rung is FOREST else Line)
        errors = np.abs(np.log(model.predict(sample.matrix).predicted_peaks_bytes) - sample.log_peaks)
        # from 102 to 220 MiB a constant is up to 0.4 off, on the log scale; all others know the size
        assert np.median(errors) < (0.25 if rung.name in ("constant", "pooled log-linear line") else 0.1)


def test_the_pooled_line_takes_what_is_usual_at_other_tools() -> None:
    sample = linear(5)
    [usual], [steeper] = ladder_for(5), ladder_for(5, usual=Usual(slope=1.0, spread=0.1))
    lines = [rung.fit(sample) for rung in (usual, steeper)]
    assert all(isinstance(line, Line) for line in lines)
    slopes = [line.coefficients[1] for line in lines if isinstance(line, Line)]
    # five jobs weigh 5 / 25: four fifths of the difference of 0.75 stay
    assert slopes[1] - slopes[0] == pytest.approx(0.8 * 0.75)
    spreads = [float(np.ptp(line.residuals.edges)) for line in lines if isinstance(line, Line)]
    assert spreads[1] < spreads[0]


def test_a_forest_of_models_json_is_kept_as_plain_arrays_with_its_best_parameters() -> None:
    rung = fitted(EXTRA, model__n_estimators=7)
    forest = rung.fit(SAMPLE)
    assert (rung.name, rung.source) == ("ExtraTrees", "forest")
    assert isinstance(forest, Forest)
    assert len(forest.roots) == 7


def test_any_other_regressor_is_named_by_its_class_and_learns_its_spread() -> None:
    rung = fitted(LINEAR)
    model = rung.fit(SAMPLE)
    assert (rung.name, rung.source) == ("Linear", "LinearRegression")
    assert isinstance(model, Regressor)
    believed = model.predict(SAMPLE.matrix)
    held = [
        believed[row].quantile_bytes(0.05) <= peak <= believed[row].quantile_bytes(0.95)
        for row, peak in enumerate(SAMPLE.peaks_bytes)
    ]
    # 9 in 10 lie between the two, give or take
    assert 0.8 <= np.mean(held) <= 1


def test_fitting_a_rung_leaves_what_the_search_found_as_it_is() -> None:
    pipeline = LINEAR.pipeline().fit(SAMPLE.matrix, SAMPLE.log_peaks)
    before = pipeline.predict(SAMPLE.matrix)
    of_candidate(LINEAR, pipeline).fit(linear(20))
    assert pipeline.predict(SAMPLE.matrix).tolist() == before.tolist()


def test_the_same_jobs_make_the_same_forest() -> None:
    first, second = FOREST.fit(SAMPLE), FOREST.fit(SAMPLE)
    assert isinstance(first, Forest)
    assert isinstance(second, Forest)
    assert all(np.array_equal(first.to_arrays()[name], second.to_arrays()[name]) for name in first.to_arrays())
