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
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from test_trainer_forest import sample

from galaxy_memory_rules.errors import BundleError
from trainer.candidates import Candidate, public_regressors
from trainer.regressor import LEVELS, Regressor

# the ten of the seed, and one more
SEEDS: dict[str, dict[str, Any]] = {
    "sklearn.ensemble.AdaBoostRegressor": {},
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
    "sklearn.gaussian_process.GaussianProcessRegressor": {},
}


@pytest.mark.parametrize("name", SEEDS)
def test_every_estimator_of_the_seed_survives_the_disk_without_code(name: str) -> None:
    matrix, log_peaks = sample(100)
    candidate = Candidate(name, public_regressors()[name], {key: [value] for key, value in SEEDS[name].items()})
    pipeline = candidate.pipeline()
    pipeline.set_params(**{key: values[0] for key, values in candidate.pipeline_grid().items()})
    regressor = Regressor.from_residuals(pipeline.fit(matrix, log_peaks), log_peaks - pipeline.predict(matrix))
    again = Regressor.from_bytes(regressor.to_bytes(), regressor.to_arrays())
    assert [d.point for d in again.predict(matrix)] == [d.point for d in regressor.predict(matrix)]


def test_the_spread_of_the_residuals_is_the_distribution() -> None:
    matrix, log_peaks = sample(100)
    fitted = LinearRegression().fit(matrix, log_peaks)
    # residuals of -1 to 1: the 0.95 quantile is 0.9 above the prediction
    regressor = Regressor.from_residuals(fitted, np.linspace(-1, 1, 1001))
    [distribution] = regressor.predict(matrix[:1])
    point = float(fitted.predict(matrix[:1])[0])
    assert distribution.point == pytest.approx(point)
    assert np.log(distribution.quantile_bytes(0.95)) == pytest.approx(point + 0.9, abs=0.01)


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
    content = Regressor.from_residuals(GradientBoostingRegressor().fit(matrix, log_peaks), log_peaks).to_bytes()
    with pytest.raises(BundleError, match="residuals"):
        Regressor.from_bytes(content, {"residuals": residuals})
