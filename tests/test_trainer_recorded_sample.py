"""The recorded jobs that a bundle keeps to be looked at."""

from typing import Any

import numpy as np
import pytest

from galaxy_memory_rules.errors import BundleError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.history import History
from trainer.recorded_sample import MOST_KEPT, Recorded
from trainer.records import JobRecord


def record(first_bytes: int, second_bytes: int, peak_bytes: int) -> JobRecord:
    inputs = (InputDataset("reads", first_bytes), InputDataset("genome", second_bytes))
    return JobRecord(JobDescription("t", inputs=inputs), peak_bytes)


def test_few_jobs_are_all_kept_in_the_order_of_their_inputs_together() -> None:
    found = Recorded.of(History.of([record(5, 5, 70), record(1, 2, 50), record(0, 10, 60)]))
    # totals of 10, 3 and 10 bytes: of the two alike the one that needs less stands first
    assert found.sizes_bytes.tolist() == [3, 10, 10]
    assert found.peaks_bytes.tolist() == [50, 60, 70]


@pytest.mark.parametrize("count", [999, 1000, 1001, 2500])
def test_of_many_jobs_a_thousand_are_kept_evenly_spaced_with_the_largest(count: int) -> None:
    order = np.random.default_rng(1).permutation(count)
    found = Recorded.of(History.of([record(int(size), 0, int(size) + 1) for size in order]))
    assert len(found.sizes_bytes) == min(count, MOST_KEPT)
    assert (found.sizes_bytes[0], found.sizes_bytes[-1]) == (0, count - 1)
    # 2,499 steps in 999: each is of two or three
    assert set(np.diff(found.sizes_bytes)) <= {count // MOST_KEPT, count // MOST_KEPT + 1}
    assert found.peaks_bytes.tolist() == (found.sizes_bytes + 1).tolist()


def test_the_order_of_the_records_changes_nothing() -> None:
    draw = np.random.default_rng(2)
    records = [record(int(draw.integers(50)), 0, int(draw.integers(1, 9))) for _ in range(1500)]
    one, other = Recorded.of(History.of(records)), Recorded.of(History.of(records[::-1]))
    for name, array in one.to_arrays().items():
        assert array.tobytes() == other.to_arrays()[name].tobytes()


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"recorded_sizes": None}, "missing or of another type"),
        ({"recorded_peaks": None}, "missing or of another type"),
        ({"recorded_sizes": np.ones(3, dtype="<f4")}, "missing or of another type"),
        ({"recorded_peaks": np.ones(3, dtype="<i8")}, "missing or of another type"),
        ({"recorded_sizes": np.ones(2)}, "of one length of 1 to 1,000"),
        ({"recorded_sizes": np.ones((3, 1)), "recorded_peaks": np.ones((3, 1))}, "of one length of 1 to 1,000"),
        ({"recorded_sizes": np.ones(0), "recorded_peaks": np.ones(0)}, "of one length of 1 to 1,000"),
        ({"recorded_sizes": np.ones(1001), "recorded_peaks": np.ones(1001)}, "of one length of 1 to 1,000"),
        ({"recorded_sizes": np.array([1, np.nan, 3])}, "expected bytes"),
        ({"recorded_peaks": np.array([1, 2, np.inf])}, "expected bytes"),
        ({"recorded_sizes": np.array([-1.0, 2, 3])}, "expected bytes"),
        ({"recorded_peaks": np.array([0.0, 2, 3])}, "expected bytes"),
    ],
)
def test_what_are_no_recorded_jobs_is_refused(changed: dict[str, Any], complaint: str) -> None:
    # a job may have no input
    whole = {"recorded_sizes": np.array([0.0, 2, 3]), "recorded_peaks": np.array([4.0, 5, 6])}
    assert Recorded.from_arrays(whole).peaks_bytes.tolist() == [4, 5, 6]
    arrays = {name: array for name, array in {**whole, **changed}.items() if array is not None}
    with pytest.raises(BundleError, match=complaint):
        Recorded.from_arrays(arrays)
