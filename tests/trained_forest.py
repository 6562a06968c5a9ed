"""Bundles of forests trained on the recorded jobs, for whatever measures or tortures a real one."""

import random
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from seeds_pipeline import LABEL, PARAMETERS, ROOT, recorded_jobs
from sklearn.ensemble import ExtraTreesRegressor

sys.path.insert(0, str(ROOT))

from trainer import bundle, publishing
from trainer.candidates import Candidate
from trainer.learning import Settings
from trainer.readers import read
from trainer.records import JobRecord
from trainer.training import Trained, train_tool

DIFFERENT_JOBS = 600


def records() -> Sequence[JobRecord]:
    """Return the recorded jobs of the one tool."""
    [found] = read(recorded_jobs(), LABEL)
    return found.records


@cache
def train(every: int = 1, offset: int = 0, most: int | None = None) -> Trained:
    """Train one tool, once for each set of jobs.

    Parameters
    ----------
    every, offset : int
        Only every n-th recorded job from `offset` on: each offset is another bundle of the same tool.
    most : int, optional
        At most so many of these.
    """
    [found] = read(recorded_jobs(), LABEL)
    found.records = found.records[offset::every][:most]
    grid: dict[str, list[Any]] = {name: [value] for name, value in PARAMETERS.items()}
    return train_tool(found, [Candidate("forest", ExtraTreesRegressor, grid)], Settings(), 2)


def publish(trained: Trained, root: Path) -> str:
    """Publish as the trainer does; return the bundle's name in answers."""
    with publishing.lock(root):
        return f"{trained.bundle.tool}/{bundle.save(trained.bundle, root)}"


def different_jobs() -> list[dict[str, Any]]:
    """Return 600 recorded jobs, or as many as there are, as the rule would ask for them: the same ones each time."""
    jobs = [record.job.to_dict() for record in records()]
    return random.Random(5).sample(jobs, min(DIFFERENT_JOBS, len(jobs)))
