"""How much faster one prediction is than scikit-learn's Pipeline.predict on a one-row DataFrame; run by make bench."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from service.predictor import Predictor  # noqa: E402
from trainer import bundle  # noqa: E402
from trainer.candidates import Candidate  # noqa: E402
from trainer.learning import Settings  # noqa: E402
from trainer.readers import read  # noqa: E402
from trainer.training import train_tool  # noqa: E402

LABEL = "memory.max_usage_in_bytes"
PARAMETERS = {"n_estimators": 120, "max_depth": 16, "max_features": 0.5}
ROUNDS, CALLS = 15, 20
GOAL = 50


def recorded_jobs() -> Path:
    """Return the real jobs of usegalaxy.org where they are, else the examples."""
    real = ROOT.parent / "shared" / "data" / "usegalaxy_org" / "bowtie2.csv"
    return real if real.exists() else ROOT / "examples" / "bowtie2.csv"


def seeds_way(table: pd.DataFrame) -> Pipeline:
    """Fit the seed's kind of pipeline: scaled numbers, one-hot texts, the same forest."""
    features = table.drop(columns=LABEL)
    texts = [name for name in features if features[name].dtype.kind not in "if"]
    numbers = [name for name in features if name not in texts]
    encode = ColumnTransformer([("n", StandardScaler(), numbers), ("t", OneHotEncoder(handle_unknown="ignore"), texts)])
    return Pipeline([("encode", encode), ("model", ExtraTreesRegressor(**PARAMETERS))]).fit(features, table[LABEL])


def seconds_of(call: Callable[[], object]) -> float:
    """Return the mean time of a few calls."""
    begin = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - begin) / CALLS


def main() -> None:
    """Measure both in turns, so that a busy machine slows both down."""
    path = recorded_jobs()
    table = pd.read_csv(path, keep_default_na=False)
    pipeline = seeds_way(table)
    row = table.drop(columns=LABEL).iloc[:1]
    [found] = read(path, LABEL)
    grid = {name: [value] for name, value in PARAMETERS.items()}
    made = train_tool(found, [Candidate("forest", ExtraTreesRegressor, grid)], Settings(), 2)
    with TemporaryDirectory() as folder:
        bundle.save(made.bundle, Path(folder))
        predictor, job = Predictor.open(Path(folder)), found.records[0].job
        pairs = [
            (seconds_of(lambda: pipeline.predict(row)), seconds_of(lambda: predictor.recommend(job)))
            for _ in range(ROUNDS)
        ]
    theirs, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(their / our for their, our in pairs)
    print(f"one prediction, {len(found.records):,} recorded jobs of {path.name}, served by {made.learned.rung.name}")
    print(f"  Pipeline.predict on a one-row DataFrame   {theirs * 1e6:8.0f} us")
    print(f"  a whole recommendation by our service     {ours * 1e6:8.0f} us")
    print(f"  {ratio:.0f} times faster (goal: {GOAL})")


if __name__ == "__main__":
    main()
