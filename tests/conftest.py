"""What several tests start from: one small training, done once."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import recorded
from hypothesis import settings
from sklearn.ensemble import ExtraTreesRegressor

from trainer import bundle, publishing
from trainer.bundle import Bundle
from trainer.candidates import Candidate
from trainer.readers import read
from trainer.training import Outcome, train_tool

# the machines that run the tests are slow and shared: no example is too slow
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

FOREST = Candidate("ExtraTrees", ExtraTreesRegressor, {"n_estimators": [5, 10]})


def train(folder: Path, candidates: Sequence[Candidate] = (FOREST,)) -> tuple[Bundle, list[Outcome]]:
    """Train on the recorded jobs whose formula is known."""
    path = recorded.write(folder / "tool.csv", recorded.rows())
    [found] = read(path, recorded.LABEL, written="tool.csv")
    return train_tool(found, candidates, 0.05, 1, lambda: None)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, list[Outcome]]:
    """A bundle and how it came about."""
    return train(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def models(trained: tuple[Bundle, list[Outcome]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the published bundle of `tool`; not to be changed."""
    root = tmp_path_factory.mktemp("models")
    with publishing.lock(root):
        bundle.save(trained[0], root)
    return root
