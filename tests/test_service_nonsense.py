"""A bundle that was published whole and yet predicts nonsense: it never gets out."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from application import client_of
from conftest import serve
from fastapi.testclient import TestClient
from sklearn.linear_model import LinearRegression

from trainer.bundle import Bundle
from trainer.regressor import Regressor
from trainer.training import Trained

MIB = 1024**2
JOB: dict[str, Any] = {"tool_id": "tool", "inputs": [{"name": "input_1", "size_bytes": 30 * MIB}]}
GOOD = {**JOB, "tool_id": "good"}


def crafted(bundle: Bundle, intercept: float, n_columns: int | None = None) -> Bundle:
    """Return a bundle whose estimator predicts one number, whatever is asked."""
    n_columns = len(bundle.schema.columns) if n_columns is None else n_columns
    rows = np.arange(2)
    matrix = np.zeros((2, n_columns), dtype=np.float32)
    regressor = Regressor.with_spread(LinearRegression(), matrix, np.zeros(2), [(rows, rows)])
    regressor.estimator.intercept_ = intercept
    model = {"name": "Linear", "source": "LinearRegression", "parameters": {}}
    facts = {**bundle.facts, "model": model}
    return dataclasses.replace(bundle, model=regressor, facts=facts)


def client_with(bundle: Bundle, good: Bundle, folder: Path) -> TestClient:
    serve(folder, bundle, dataclasses.replace(good, tool="good"))
    return client_of(folder)


@pytest.mark.parametrize(("intercept", "n_columns"), [(float("nan"), None), (1.0, 3)])
def test_a_bundle_that_cannot_predict_is_refused_and_the_others_answer(
    intercept: float, n_columns: int | None, trained: Trained, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_with(crafted(trained.bundle, intercept, n_columns), trained.bundle, tmp_path)
    for answer in (
        client.post("/v1/predict", json=JOB),
        client.get("/tool/memory/?input_1=1"),
        client.post(
            "/v2/models/tool/infer",
            json={"inputs": [{"name": "input_1", "datatype": "INT64", "shape": [1], "data": [1]}]},
        ),
    ):
        assert answer.status_code == 503, answer.text
        assert "nan" not in answer.text
    assert client.post("/v1/predict", json=JOB).json()["error"] == "bundle_refused"
    assert client.post("/v1/predict", json=GOOD).status_code == 200
    jobs = client.post("/v1/predict/batch", json={"jobs": [JOB, GOOD, JOB]}).json()["recommendations"]
    assert [one.get("error") for one in jobs] == ["bundle_refused", None, "bundle_refused"]
    assert "tool" in caplog.text


@pytest.mark.parametrize("intercept", [float("inf"), float("-inf"), 1e300, -1e300, -5.0])
def test_a_prediction_beyond_all_sense_is_brought_to_what_a_message_can_say(
    intercept: float, trained: Trained, tmp_path: Path
) -> None:
    answer = client_with(crafted(trained.bundle, intercept), trained.bundle, tmp_path).post("/v1/predict", json=JOB)
    assert answer.status_code in (200, 503)
    if answer.status_code == 200:
        told = answer.json()
        for size_bytes in (told["memory_bytes"], told["predicted_peak_bytes"], *told["quantiles"].values()):
            assert 1 <= size_bytes <= 2**53 - 1
        assert 0 <= told["failure_probability"] <= 1
