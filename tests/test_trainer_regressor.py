"""Estimators other than forests."""

import io
import pickle
import zipfile
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from test_trainer_forest import sample

from galaxy_memory_rules.errors import BundleError
from trainer.candidates import Candidate, public_regressors
from trainer.distribution import Grid, Rows
from trainer.lines import LEVELS
from trainer.regressor import Regressor

# the ten of the seed, and one more
SEEDS: dict[str, dict[str, Any]] = {
    "sklearn.ensemble.AdaBoostRegressor": {"n_estimators": 5},
    "sklearn.ensemble.BaggingRegressor": {},
    "sklearn.ensemble.ExtraTreesRegressor": {"n_estimators": 5},
    "sklearn.ensemble.GradientBoostingRegressor": {"n_estimators": 5},
    "sklearn.ensemble.RandomForestRegressor": {"n_estimators": 5},
    "sklearn.linear_model.LinearRegression": {},
    "sklearn.linear_model.SGDRegressor": {},
    "sklearn.svm.LinearSVR": {"max_iter": 100_000},
    "sklearn.svm.SVR": {},
    "sklearn.neural_network.MLPRegressor": {"max_iter": 2000, "tol": 0.01},
    "sklearn.ensemble.HistGradientBoostingRegressor": {"max_iter": 5},
    "sklearn.neighbors.KNeighborsRegressor": {},
    "sklearn.gaussian_process.GaussianProcessRegressor": {"optimizer": None},
}


def halves(count: int) -> list[tuple[Rows, Rows]]:
    """Rows to fit on, and the others."""
    rows = np.arange(count)
    return [(rows[: count // 2], rows[count // 2 :])]


@pytest.mark.parametrize("name", SEEDS)
def test_every_estimator_of_the_seed_survives_the_disk_without_code(name: str) -> None:
    matrix, log_peaks = sample(100)
    candidate = Candidate(name, public_regressors()[name], {key: [value] for key, value in SEEDS[name].items()})
    pipeline = candidate.pipeline()
    pipeline.set_params(**{key: values[0] for key, values in candidate.pipeline_grid().items()})
    regressor = Regressor.with_spread(pipeline, matrix, log_peaks, halves(100))
    again = Regressor.from_bytes(regressor.to_bytes(), regressor.to_arrays())
    assert np.array_equal(again.predict(matrix).origins, regressor.predict(matrix).origins)


def test_the_spread_of_the_residuals_is_the_distribution() -> None:
    matrix, log_peaks = sample(100)
    fitted = LinearRegression().fit(matrix, log_peaks)
    # residuals of -1 to 1: the 0.95 quantile is 0.9 above the prediction
    regressor = Regressor(fitted, Grid(np.linspace(-1, 1, LEVELS)))
    beliefs = regressor.predict(matrix[:1])
    point = float(fitted.predict(matrix[:1])[0])
    assert np.log(beliefs.predicted_peaks_bytes[0]) == pytest.approx(point, abs=0.01)
    assert np.log(beliefs[0].quantile_bytes(0.95)) == pytest.approx(point + 0.9, abs=0.01)


def test_the_spread_is_that_of_rows_that_the_fit_had_not_seen() -> None:
    # a nearest neighbour of one has no error on the rows it knows; the others lie 1 above or below their neighbour
    matrix = np.repeat(np.arange(50, dtype=np.float32), 2)[:, None]
    log_peaks = np.where(np.arange(100) < 50, 10.0, 12.0)
    log_peaks[1::2] += np.where(np.arange(50) % 2, 1.0, -1.0)
    known, others = np.arange(0, 100, 2), np.arange(1, 100, 2)
    regressor = Regressor.with_spread(KNeighborsRegressor(1), matrix, log_peaks, [(others, known), (known, others)])
    # the last pair is used: half of the 50 errors are -1, the others 1
    assert regressor.residuals.edges[[0, LEVELS // 4, -1]].tolist() == [-1, -1, 1]
    # and the estimator that is kept was fitted on all rows
    assert regressor.estimator.n_samples_fit_ == 100


class Evil:
    def __reduce__(self) -> Any:
        import os

        return os.system, ("touch /tmp/evil",)


def packed(schema: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", schema)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no zip",
        pickle.dumps(Evil()),
        packed("{}"),
        packed("no json"),
        skops.io.dumps(FunctionTransformer(func=print)),
        skops.io.dumps(Pipeline([("evil", FunctionTransformer(func=np.exp)), ("model", Evil.__new__)])),
    ],
    ids=["empty", "text", "pickle", "empty schema", "no schema", "function", "method"],
)
def test_what_is_no_estimator_of_ours_is_refused_and_nothing_of_it_runs(content: bytes) -> None:
    arrays = {"residuals": np.linspace(-1, 1, LEVELS)}
    with pytest.raises(BundleError, match=r"estimator\.skops"):
        Regressor.from_bytes(content, arrays)


@pytest.mark.parametrize("residuals", [np.zeros(3), np.full(LEVELS, np.nan), np.zeros(LEVELS, dtype=int)])
def test_residuals_that_are_none_are_refused(residuals: Any) -> None:
    matrix, log_peaks = sample(50)
    content = Regressor.with_spread(GradientBoostingRegressor(), matrix, log_peaks, halves(50)).to_bytes()
    with pytest.raises(BundleError, match="residuals"):
        Regressor.from_bytes(content, {"residuals": residuals})
