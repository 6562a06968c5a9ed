"""The search for the best parameters."""

import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.candidates import Candidate
from trainer.features import FeatureSchema
from trainer.history import History
from trainer.records import JobRecord
from trainer.sample import Sample
from trainer.search import Searched, search

MIB = 1024**2


@pytest.fixture(scope="module")
def linear() -> Sample:
    """Sixty jobs that need twice their input."""
    jobs = [JobDescription("t", inputs=(InputDataset("in", size * MIB),)) for size in range(1, 61)]
    history = History.of([JobRecord(job, 2 * size * MIB) for size, job in enumerate(jobs, 1)])
    return Sample.of(history, FeatureSchema.learn(jobs, {}))


def searched(sample: Sample, regressor: type[BaseEstimator], **grid: list[object]) -> tuple[Searched, int]:
    """Return what a search found, and how many fits it took."""
    fits: list[int] = []
    found = search(Candidate("listed", regressor, grid), sample, lambda: fits.append(1))
    return found, len(fits)


def test_every_combination_is_fitted_on_every_fold(linear: Sample) -> None:
    found, fits = searched(linear, RandomForestRegressor, n_estimators=[2, 3], max_depth=[2, 3, 4])
    # 2 * 3 combinations on 5 folds
    assert fits == 30
    assert set(found.parameters) == {"n_estimators", "max_depth"}
    assert found.seconds > 0


def test_the_combination_with_the_least_error_on_the_log_scale_is_found(linear: Sample) -> None:
    # the log peak is a line of the log size: the less it is pulled down to 0, the better
    found, _ = searched(linear, Ridge, alpha=[1e6, 1e-6, 1e3])
    assert found.parameters == {"alpha": 1e-6}
    assert found.cross_validated_error == pytest.approx(0, abs=1e-4)
    believed = found.rung.fit(linear).predict(linear.matrix)
    assert believed.predicted_peaks_bytes == pytest.approx(linear.peaks_bytes, rel=1e-3)


def test_a_parameter_value_that_scikit_learn_refuses_is_a_configuration_error(linear: Sample) -> None:
    with pytest.raises(ConfigError, match=r"listed: scikit-learn refuses it: .*max_features"):
        searched(linear, RandomForestRegressor, max_features=["auto"])
