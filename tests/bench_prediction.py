"""How much faster one prediction is than scikit-learn's Pipeline.predict on a one-row DataFrame; run by make bench."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import trained_forest
from seeds_pipeline import LABEL, read_table, recorded_jobs, seeds_way

from service.predictor import Predictor

ROUNDS, CALLS = 15, 20
GOAL = 50


def seconds_of(call: Callable[[], object]) -> float:
    """Return the mean time of a few calls."""
    begin = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - begin) / CALLS


def main() -> None:
    """Measure both in turns, so that a busy machine slows both down."""
    table = read_table()
    pipeline = seeds_way(table)
    row = table.drop(columns=LABEL).iloc[:1]
    made, records = trained_forest.train(), trained_forest.records()
    with TemporaryDirectory() as folder:
        trained_forest.publish(made, Path(folder))
        predictor, job = Predictor.open(Path(folder)), records[0].job
        pairs = [
            (seconds_of(lambda: pipeline.predict(row)), seconds_of(lambda: predictor.recommend(job)))
            for _ in range(ROUNDS)
        ]
    theirs, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(their / our for their, our in pairs)
    print(
        f"one prediction, {len(records):,} recorded jobs of {recorded_jobs().name}, served by {made.learned.rung.name}"
    )
    print(f"  Pipeline.predict on a one-row DataFrame   {theirs * 1e6:8.0f} us")
    print(f"  a whole recommendation by our service     {ours * 1e6:8.0f} us")
    print(f"  {ratio:.0f} times faster (goal: {GOAL})")


if __name__ == "__main__":
    main()
