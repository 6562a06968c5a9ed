"""Tools that are done at the same time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from joblib import delayed

from trainer.workers import at_the_same_time

LONG = """
import time
from joblib import delayed
from trainer.workers import at_the_same_time

def work():
    print("at work", flush=True)
    time.sleep(600)

list(at_the_same_time([delayed(work)(), delayed(work)()], 2))
"""


def after(seconds: float) -> tuple[float, int]:
    """Return the same seconds, and the process that they passed in."""
    time.sleep(seconds)
    return seconds, os.getpid()


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_calls(workers: int) -> None:
    results = list(at_the_same_time([delayed(after)(0.3), delayed(after)(0.0)], workers))
    assert [seconds for seconds, _ in results] == [0.3, 0.0]
    # one worker is this process
    assert [process == os.getpid() for _, process in results] == [workers == 1] * 2


def test_workers_whose_parent_is_killed_end_too() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LONG],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        text=True,
    ) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["at work\n"] * 2
        process.kill()
        # the workers write into the same pipe: it ends when the last of them does
        assert process.communicate(timeout=60)[0] == ""
