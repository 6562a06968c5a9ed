"""How much of a job was recorded before."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from test_rules_messages import jobs as any_job

from galaxy_memory_rules.errors import BundleError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.familiarity import Familiar, Familiarity, inputs_key


def job(size_bytes: int, dbkey: str | None) -> JobDescription:
    return JobDescription("t", inputs=(InputDataset("in", size_bytes),), dbkey=dbkey)


RECORDED = [job(1, "hg38"), job(2, "hg38"), job(3, "mm10"), job(4, "?")]
TOLD_APART = Familiar.learn(RECORDED, True)
NOT_TOLD_APART = Familiar.learn(RECORDED, False)


@pytest.mark.parametrize(
    ("asked", "told_apart", "not_told_apart"),
    [
        (job(1, "hg38"), "inputs_seen", "inputs_seen"),
        # the very reads, on another build: how they behave is known best
        (job(1, "dm6"), "inputs_seen", "inputs_seen"),
        (job(9, "mm10"), "reference_seen", "reference_seen"),
        (job(9, "dm6"), "reference_unseen", "reference_seen"),
        # nobody knows which reference that is
        (job(9, "?"), "reference_unseen", "reference_seen"),
        (job(9, None), "reference_unseen", "reference_seen"),
    ],
)
def test_a_job_is_as_familiar_as_its_inputs_and_its_reference(
    asked: JobDescription, told_apart: str, not_told_apart: str
) -> None:
    assert TOLD_APART.of(asked) == Familiarity(told_apart)
    assert NOT_TOLD_APART.of(asked) == Familiarity(not_told_apart)


def test_a_reference_of_the_history_is_known_by_its_size() -> None:
    def on_file(size_bytes: int) -> JobDescription:
        return JobDescription(
            "t", inputs=(InputDataset("own_file", size_bytes, "fasta"), InputDataset("in", size_bytes))
        )

    familiar = Familiar.learn([on_file(10)], True)
    asked = dataclasses.replace(on_file(10), inputs=(*on_file(10).inputs[:1], InputDataset("in", 99)))
    assert familiar.of(asked) is Familiarity.REFERENCE_SEEN
    assert familiar.of(on_file(11)) is Familiarity.REFERENCE_UNSEEN


def test_what_was_learned_from_the_same_jobs_is_equal_in_whatever_order_they_came() -> None:
    assert Familiar.learn(RECORDED[::-1], True) == TOLD_APART
    # the same inputs, no references
    assert NOT_TOLD_APART != TOLD_APART
    assert Familiar.learn(RECORDED[1:], True) != TOLD_APART
    assert TOLD_APART != "familiar"


def test_parameters_and_attempts_do_not_make_inputs_others() -> None:
    asked = dataclasses.replace(job(1, "hg38"), parameters={"mode": "a"}, attempt=2, slots=8)
    assert TOLD_APART.of(asked) is Familiarity.INPUTS_SEEN


@pytest.mark.parametrize("change", [{"name": "reads"}, {"size_bytes": 2}, {"extension": "bam"}, {"count": 2}])
def test_any_difference_of_an_input_makes_another(change: dict[str, object]) -> None:
    one = InputDataset("in", 1, "fastq")
    other = dataclasses.replace(one, **change)  # type: ignore[arg-type]
    assert inputs_key(JobDescription("t", inputs=(one,))) != inputs_key(JobDescription("t", inputs=(other,)))


def test_each_input_and_reference_is_remembered_once_and_sorted() -> None:
    familiar = Familiar.learn([*RECORDED, *RECORDED], True)
    assert len(familiar.inputs) == 4
    # hg38 and mm10; "?" names none
    assert len(familiar.references) == 2
    assert (familiar.inputs[1:] > familiar.inputs[:-1]).all()
    assert len(NOT_TOLD_APART.references) == 0


def test_nothing_is_familiar_where_nothing_was_recorded() -> None:
    assert Familiar.learn([], True).of(job(1, "hg38")) is Familiarity.REFERENCE_SEEN


@given(asked=any_job)
def test_whatever_was_recorded_is_recognised_after_it_was_written_and_read(asked: JobDescription) -> None:
    familiar = Familiar.from_arrays(Familiar.learn([*RECORDED, asked], True).to_arrays())
    assert familiar.of(asked) is Familiarity.INPUTS_SEEN


def test_text_that_is_no_utf_8_has_a_digest_too() -> None:
    odd = JobDescription("t", inputs=(InputDataset("\udcff", 1),))
    assert Familiar.learn([odd], True).of(odd) is Familiarity.INPUTS_SEEN


@pytest.mark.parametrize("name", ["familiar_inputs", "familiar_references"])
@pytest.mark.parametrize(
    ("digests", "complaint"),
    [
        (None, "expected digests"),
        (np.array([1.0, 2.0]), "expected digests"),
        (np.array([[1, 2]], dtype="<u8"), "expected digests"),
        (np.array([2, 1], dtype="<u8"), "not sorted"),
        (np.array([1, 1], dtype="<u8"), "not sorted"),
    ],
)
def test_arrays_that_are_no_digests_are_refused(
    name: str, digests: "np.ndarray[tuple[int, ...], np.dtype[np.uint64]] | None", complaint: str
) -> None:
    arrays = TOLD_APART.to_arrays()
    if digests is None:
        del arrays[name]
    else:
        arrays[name] = digests
    with pytest.raises(BundleError, match=complaint):
        Familiar.from_arrays(arrays)
