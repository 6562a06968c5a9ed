"""How jobs are divided into those seen and those not."""

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.features import FeatureSchema
from trainer.history import History
from trainer.records import JobRecord
from trainer.sample import Sample, split


def test_identical_inputs_never_stand_on_both_sides_of_a_fold() -> None:
    jobs = [JobDescription("t", inputs=(InputDataset("a", 1 + number // 3, "x"),)) for number in range(30)]
    history = History.of([JobRecord(job, number) for number, job in enumerate(jobs, 1)])
    sample = Sample.of(history, FeatureSchema.learn(jobs))
    assert len(set(sample.groups.tolist())) == 10
    for kept, held_out in [*sample.folds, *sample.folds_by_inputs]:
        assert not set(sample.groups[kept]) & set(sample.groups[held_out])


def history_of(count: int, times: bool) -> History:
    jobs = [JobDescription("t", inputs=(InputDataset("a", 1 + number, "x"),)) for number in range(count)]
    # the last row is the oldest
    return History.of(
        [JobRecord(job, number, created_seconds=1e9 - number if times else None) for number, job in enumerate(jobs, 1)]
    )


def test_the_held_out_rows_are_the_seeds_fifth() -> None:
    kept, held_out = split(history_of(50, times=False))
    assert (len(kept), len(held_out)) == (40, 10)
    assert sorted([*kept, *held_out]) == list(range(50))
    assert max(kept) > min(held_out)


def test_where_times_are_known_the_newest_fifth_is_held_out() -> None:
    history = history_of(50, times=True)
    # the oldest, the last row of the file, is the first
    assert history.peaks_bytes[0] == 50
    kept, held_out = split(history)
    assert history.times_seconds[kept].max() < history.times_seconds[held_out].min()
    assert len(held_out) == 10


def test_in_time_order_each_block_is_tried_by_what_came_before_it() -> None:
    history = history_of(480, times=True)
    sample = Sample.of(history, FeatureSchema.learn(history.jobs))
    # 120 to begin with, and the other 360 in 12 blocks
    assert [len(held_out) for _, held_out in sample.folds] == [30] * 12
    for kept, held_out in sample.folds:
        assert list(kept) == list(range(held_out[0]))
    assert len(sample.folds_by_inputs) == 5
