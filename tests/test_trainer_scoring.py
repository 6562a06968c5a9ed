"""What each model is worth."""

import dataclasses

import numpy as np
import pytest

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.choice import Choice
from trainer.features import FeatureSchema
from trainer.history import History
from trainer.learning import Learned, Settings, learn
from trainer.lines import constant
from trainer.records import JobRecord
from trainer.replay import replay
from trainer.rungs import Rung
from trainer.sample import Sample
from trainer.scoring import outcome_of
from trainer.search import Searched
from trainer.sizing import Trial

MIB = 1024**2
# whatever it is fitted on, it believes in 200 MiB
CERTAIN = Rung("certain", "static", lambda sample: constant(np.full(9, np.log(200 * MIB))))


def sample_of(*peaks_mib: float) -> Sample:
    jobs = [JobDescription("t", inputs=(InputDataset("in", number * MIB),)) for number in range(1, len(peaks_mib) + 1)]
    history = History.of([JobRecord(job, round(peak * MIB)) for job, peak in zip(jobs, peaks_mib, strict=True)])
    return Sample.of(history, FeatureSchema.learn(jobs, {}))


def learned_with(sample: Sample, choice: Choice, *requests_mib: float) -> Learned:
    """What was learned from some jobs, where the certain rung was tried too."""
    learned = learn(sample.history, Settings())
    assert learned is not None
    requests_bytes = np.array(requests_mib) * MIB
    known = np.isfinite(requests_bytes)
    trial = Trial(choice, requests_bytes, replay(requests_bytes[known], sample.peaks_bytes[known]), 0.0)
    return dataclasses.replace(learned, trials={CERTAIN.name: trial})


TRAIN = sample_of(100, 200, 200, 200, 300)
TEST = sample_of(100, 200, 200, 300)
# beyond any price is the largest peak thought possible, and 1.6 times that are 320 MiB; one job had no model
LEARNED = learned_with(TRAIN, Choice(None, 1.6), 200, 200, 250, float("nan"), 200)


def test_the_training_rows_are_scored_by_the_requests_of_models_that_had_not_seen_them() -> None:
    scores = outcome_of(Searched(CERTAIN), LEARNED, TRAIN, TEST).train
    # the errors are 1, 0, 0, 0 and 1/3 of the peak, and the mean peak is no better a guess
    assert (scores.mape, scores.median_ape, scores.r2) == pytest.approx((4 / 15, 0, 0))
    # of the four with a request, the last is too low: 100 + 0 + 50 + (200 + 400 - 300) MiB are wasted on 800
    assert (scores.under_allocated, scores.rel) == pytest.approx((1 / 4, 1 + 450 / 800))


def test_the_rows_held_out_are_scored_by_what_would_be_requested_for_them() -> None:
    scores = outcome_of(Searched(CERTAIN), LEARNED, TRAIN, TEST).test
    assert scores is not None
    assert (scores.mape, scores.median_ape, scores.r2) == pytest.approx((1 / 3, 1 / 6, 0))
    # 320 MiB are enough for all four: 220 + 120 + 120 + 20 MiB are wasted on 800
    assert (scores.under_allocated, scores.rel) == pytest.approx((0, 1.6))


def test_where_no_row_is_held_out_the_training_rows_are_scored_alone() -> None:
    outcome = outcome_of(Searched(CERTAIN), LEARNED, TRAIN, None)
    assert outcome.train == outcome_of(Searched(CERTAIN), LEARNED, TRAIN, TEST).train
    assert outcome.test is None


def test_what_the_search_found_stands_in_the_outcome() -> None:
    outcome = outcome_of(Searched(CERTAIN, {"alpha": 1}, 0.5, 2.0), LEARNED, TRAIN, TEST)
    assert (outcome.rung, outcome.parameters) == (CERTAIN, {"alpha": 1})
    assert (outcome.cross_validated_error, outcome.seconds) == (0.5, 2.0)
