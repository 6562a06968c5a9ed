"""What a training costs beside plain scikit-learn's GridSearchCV of the same grid; run by make bench."""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from seeds_pipeline import LABEL, recorded_jobs
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from trainer.candidates import Candidate, load_candidates  # noqa: E402
from trainer.learning import Settings  # noqa: E402
from trainer.readers import read  # noqa: E402
from trainer.sample import FOLDS  # noqa: E402
from trainer.training import train_tool  # noqa: E402

WORKERS = 2


def plain(table: pd.DataFrame, candidate: Candidate) -> float:
    """Return the time of a bare GridSearchCV, with scikit-learn's own processes."""
    features = table.drop(columns=LABEL)
    texts = [name for name in features if features[name].dtype.kind not in "if"]
    numbers = [name for name in features if name not in texts]
    encode = ColumnTransformer([("n", StandardScaler(), numbers), ("t", OneHotEncoder(handle_unknown="ignore"), texts)])
    pipeline = Pipeline([("encode", encode), ("model", candidate.regressor())])
    search = GridSearchCV(pipeline, candidate.pipeline_grid(), cv=FOLDS, n_jobs=WORKERS)
    begin = time.perf_counter()
    search.fit(features, np.log(table[LABEL]))
    return time.perf_counter() - begin


def ours(path: Path, candidate: Candidate) -> float:
    """Return the time from the file to the bundle: read, search, replay every rung, fit on all rows, flatten."""
    begin = time.perf_counter()
    [found] = read(path, LABEL)
    train_tool(found, [candidate], Settings(), WORKERS)
    return time.perf_counter() - begin


def main() -> None:
    """Measure both in turns."""
    path = recorded_jobs()
    table = pd.read_csv(path, keep_default_na=False)
    print(f"training on {len(table):,} recorded jobs of {path.name}, {WORKERS} workers, shipped models.json")
    for candidate in load_candidates(ROOT / "config" / "models.json"):
        theirs_seconds, ours_seconds = plain(table, candidate), ours(path, candidate)
        print(
            f"  {candidate.name:24} GridSearchCV alone {theirs_seconds:6.1f} s, whole training {ours_seconds:6.1f} s: "
            f"{ours_seconds / theirs_seconds:.2f} times"
        )


if __name__ == "__main__":
    main()
