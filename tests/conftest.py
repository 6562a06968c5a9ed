"""What several tests start from: one small training, done once."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import recorded
from hypothesis import settings
from sklearn.ensemble import ExtraTreesRegressor

from galaxy_memory_rules import decision, record
from galaxy_memory_rules.remembered import Remembered
from service.predictor import Predictor
from trainer import bundle, publishing
from trainer.bundle import Bundle
from trainer.candidates import Candidate
from trainer.learning import Settings
from trainer.readers import read
from trainer.training import Trained, train_tool

pytest_plugins = ["galaxy_databases", "browsing"]

# the machines that run the tests are slow and shared: no example is too slow
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

FOREST = Candidate("ExtraTrees", ExtraTreesRegressor, {"n_estimators": [5, 10]})
# four fifths of them are 64, of which every rung is tried and the forest is the least wasteful
ROWS = 80


def train(folder: Path, candidates: Sequence[Candidate] = (FOREST,), rows: int = ROWS) -> Trained:
    """Train on the recorded jobs whose formula is known."""
    path = recorded.write(folder / "tool.csv", recorded.rows(rows))
    [found] = read(path, recorded.LABEL, written="tool.csv")
    return train_tool(found, candidates, Settings())


def serve(root: Path, *bundles: Bundle) -> Predictor:
    """Publish bundles below a folder and serve what is there."""
    with publishing.lock(root):
        for one in bundles:
            bundle.save(one, root)
    return Predictor.open(root)


@pytest.fixture(autouse=True)
def fresh_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test knows what another one decided, or said."""
    monkeypatch.setattr(decision, "_decisions", Remembered(10_000))
    monkeypatch.setattr(record, "_warnings", record.Warnings())


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A bundle and how it came about."""
    return train(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def models(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the published bundle of `tool`; not to be changed."""
    root = tmp_path_factory.mktemp("models")
    with publishing.lock(root):
        bundle.save(trained.bundle, root)
    return root
