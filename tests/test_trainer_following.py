"""Tools whose peak follows their own request: recognised, and kept from a spiral."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galaxy_memory_rules.memory import GIB, MIB, round_up
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import bundle as bundles
from trainer import canonical, publishing
from trainer.__main__ import main
from trainer.bundle import Bundle
from trainer.following import Following, Verdict, following
from trainer.history import History
from trainer.learning import Settings
from trainer.policy import FOLLOWS_REQUEST, at_cap
from trainer.records import JobRecord, ToolRecords
from trainer.tool_page import requested_text
from trainer.training import Trained, train_tool

RANDOM = np.random.default_rng(7)
SIZES = np.exp(RANDOM.normal(math.log(200 * MIB), 1, 600))
NOISE = np.exp(RANDOM.normal(0, 0.05, 600))
STEP = np.where(np.arange(600) < 300, 4.0, 5.0) * GIB
NEEDED = 200 * MIB + 2 * SIZES


def job(size_bytes: float) -> JobDescription:
    return JobDescription("tool", inputs=(InputDataset("input_1", int(size_bytes), "bam"),))


def record(size_bytes: float, peak_bytes: float, request_bytes: float, second: float, attempt: int = 1) -> JobRecord:
    return JobRecord(
        replace(job(size_bytes), attempt=attempt),
        int(peak_bytes),
        requested_bytes=int(request_bytes),
        created_seconds=second,
        run_seconds=60.0,
        job_id=str(second),
    )


def found(peaks: "np.ndarray[tuple[int], np.dtype[np.float64]]", requests: object) -> Following:
    rows = zip(SIZES, peaks, np.broadcast_to(np.asarray(requests), 600))
    return following([record(*row, second) for second, row in enumerate(rows)])


def rounded(requests: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[int]:
    return [round_up(int(request), 64 * MIB) for request in requests]


def test_a_heap_that_is_set_from_the_request_follows_it() -> None:
    told = found(0.9 * STEP * NOISE, STEP)
    assert told.verdict is Verdict.FOLLOWS
    assert told.elasticity == pytest.approx(1, abs=0.2)
    assert "follows its request: 1 % more makes its peak" in told.why


@pytest.mark.parametrize(
    "requests",
    [
        # learned from the inputs, rounded or to the byte; by an old rule, then learned; at two levels
        1.2 * NEEDED,
        rounded(1.2 * NEEDED),
        np.where(np.arange(600) < 300, 8 * GIB, 1.2 * NEEDED),
        STEP,
        8.0 * GIB,
    ],
)
def test_a_tool_whose_request_follows_its_inputs_does_not(requests: object) -> None:
    for peaks in (NEEDED * NOISE, NEEDED):
        assert found(peaks, requests).verdict is not Verdict.FOLLOWS


def test_requests_that_were_learned_from_a_need_that_has_grown_are_no_cause_of_it() -> None:
    """The need doubles at job 200, the requests learn of it at job 300."""
    place = np.arange(600)
    grown, learned = np.where(place < 200, 1, 2), np.where(place < 300, 1, 2)
    assert found(grown * NEEDED * NOISE, rounded(1.2 * learned * NEEDED)).verdict is Verdict.DOES_NOT


def test_a_buffer_that_is_filled_by_large_inputs_alone_follows_where_most_are_large() -> None:
    # samtools sort -m: the buffer is 0.8 of the request, and small inputs do not fill it
    for times, verdict in ((100, Verdict.FOLLOWS), (3, Verdict.DOES_NOT)):
        assert found(np.minimum(0.8 * STEP, 100 * MIB + times * SIZES) * NOISE, STEP).verdict is verdict


def test_second_attempts_failed_jobs_and_unknown_requests_tell_nothing() -> None:
    rows = list(enumerate(zip(SIZES, 0.9 * STEP, STEP)))
    second = [record(*row, place, attempt=1 + (row[2] > 4 * GIB)) for place, row in rows]
    assert following(second).verdict is Verdict.UNKNOWN
    one = [record(*row, place) for place, row in rows]
    assert following([replace(record, outcome="failed") for record in one]).verdict is Verdict.UNKNOWN
    assert following([replace(record, requested_bytes=None) for record in one]).verdict is Verdict.UNKNOWN
    assert following(one[290:310]).verdict is Verdict.UNKNOWN
    assert following([]).hold_bytes(0.05) is None


def test_it_is_held_at_what_was_enough_for_all_but_those_that_may_fail() -> None:
    # 100 jobs at 1, 2, ... 100 GiB: for 95 % of them 96 GiB were enough, counted up
    made = [record(MIB, GIB, (place + 1) * GIB, place) for place in range(100)]
    assert following(made).hold_bytes(0.05) == 96 * GIB
    assert following(made).hold_bytes(0.5) == 51 * GIB
    # without a cap as with the usual one
    assert following(made).hold_bytes(None) == 96 * GIB


@given(
    st.lists(st.tuples(st.integers(1, 2**40), st.integers(1, 3), st.booleans()), max_size=40),
    st.sampled_from([0.01, 0.05, 0.5, None]),
)
@settings(max_examples=50)
def test_it_is_held_within_what_first_attempts_have_had(rows: list[tuple[int, int, bool]], cap: float | None) -> None:
    made = [
        replace(record(MIB, GIB, request, place, attempt), outcome="ok" if ended_well else "failed")
        for place, (request, attempt, ended_well) in enumerate(rows)
    ]
    first = [request for request, attempt, ended_well in rows if ended_well and attempt == 1]
    hold_bytes = following(made).hold_bytes(cap)
    if not first:
        assert hold_bytes is None
    else:
        enough = [request for request, _, ended_well in rows if ended_well]
        assert hold_bytes is not None
        assert min(enough) <= hold_bytes <= max(first)


def asked(trained: Trained, jobs: list[JobDescription]) -> list[int]:
    """What is requested for each job."""
    requests = trained.learned.requests(History.of([JobRecord(one, 1) for one in jobs]))
    return [request.memory_bytes for request in requests]


def live(peak_of: Callable[[float, float], float], may_hold: bool, rounds: int) -> tuple[list[float], Trained]:
    """Train on the last 48 jobs, run 24 with what was learned, and again; the first 24 have 4 GiB.

    Returns
    -------
    list of float
        The median of the first requests of each round, in GiB.
    Trained
        The last training.
    """
    random, trained = np.random.default_rng(3), None
    done: list[JobRecord] = []
    requested: list[float] = []
    for _ in range(rounds):
        jobs = [job(size_bytes) for size_bytes in np.exp(random.normal(math.log(200 * MIB), 0.7, 24))]
        requests = asked(trained, jobs) if trained else [4 * GIB] * 24
        requested.append(float(np.median(requests)) / GIB)
        for one, request_bytes in zip(jobs, requests):
            attempt = 1
            while (peak_bytes := peak_of(request_bytes, random.normal())) > request_bytes:
                request_bytes, attempt = 2 * request_bytes, attempt + 1
            size_bytes = one.inputs[0].size_bytes or 0
            done.append(record(size_bytes, peak_bytes, request_bytes, 60.0 * len(done), attempt))
        held_bytes = trained.bundle.sizing.held_bytes if trained else None
        recent = ToolRecords("tool", "file", "peak_bytes", done[-48:])
        trained = train_tool(recent, [], Settings(may_hold=may_hold), held_before_bytes=held_bytes)
    assert trained is not None
    return requested, trained


# A heap of 0.8 of the request leaves a part of it unused. One of 0.95 of it with what a JVM needs beside is killed
# now and then, however large it is.
SHRINKING = (lambda request_bytes, normal: 0.8 * request_bytes * math.exp(0.01 * normal), 5)
GROWING = (lambda request_bytes, normal: 0.95 * request_bytes * math.exp(0.06 * normal), 4)


def test_without_care_requests_shrink_from_training_to_training() -> None:
    requested, _ = live(SHRINKING[0], False, SHRINKING[1])
    assert requested[0] == 4
    assert requested[-1] < 3


def test_a_tool_that_was_recognised_stays_where_it_was_enough() -> None:
    requested, trained = live(SHRINKING[0], True, SHRINKING[1])
    # one round of learned requests shows it
    assert requested[2:] == [4, 4, 4]
    # and it is not forgotten when the last two rounds, held alike, show nothing
    assert (trained.following.verdict, trained.bundle.sizing.held_bytes) == (Verdict.UNKNOWN, 4 * GIB)


def test_without_care_requests_double_from_training_to_training() -> None:
    requested, _ = live(GROWING[0], False, GROWING[1])
    assert all(later > 1.5 * earlier for earlier, later in zip(requested, requested[1:]))
    assert requested[-1] > 25


def test_where_more_memory_does_not_help_it_is_not_given() -> None:
    requested, _ = live(GROWING[0], True, GROWING[1])
    assert requested[2:] == [requested[1], requested[1]]


def at_the_step() -> ToolRecords:
    """48 jobs of a tool that follows its request, of 4 GiB and then of 5."""
    rows = list(zip(SIZES, 0.9 * STEP * NOISE, STEP))[276:324]
    made = [record(*row, second) for second, row in enumerate(rows)]
    return ToolRecords("tool", "file", "peak_bytes", made)


@pytest.fixture(scope="module")
def held() -> Trained:
    return train_tool(at_the_step(), [], Settings())


def test_a_held_request_says_so_whatever_the_inputs_are(held: Trained) -> None:
    assert held.bundle.sizing.held_bytes == 5 * GIB
    history = History.of([JobRecord(job(10**15), 1)])
    [request] = held.learned.requests(history)
    assert (request.memory_bytes, request.guards) == (5 * GIB, (FOLLOWS_REQUEST,))
    assert "held at what was enough" in request.reasons[0]
    # a killed one is tried again with twice as much all the same
    [again] = held.learned.requests(history, np.array([5.0 * GIB]))
    assert again.memory_bytes >= 10 * GIB
    assert requested_text(held.bundle.sizing).startswith("5.00 GiB")
    assert held.bundle.facts["follows_request"]["verdict"] == "follows"


def test_another_cap_holds_it_at_what_was_enough_for_others(held: Trained) -> None:
    assert at_cap(held.bundle.sizing, 0.2).held_bytes == 5 * GIB
    # half of the jobs had 4 GiB
    loose = train_tool(at_the_step(), [], Settings(failure_cap=0.6)).bundle.sizing
    assert (loose.held_bytes, at_cap(loose, 0.05).held_bytes) == (4 * GIB, 5 * GIB)


def test_a_held_bundle_is_the_same_after_it_was_saved(held: Trained, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("models")
    with publishing.lock(root):
        bundles.save(held.bundle, root)
    found: Bundle = bundles.load(root / "tool")
    assert found.sizing.held_bytes == 5 * GIB


def test_an_administrator_decides_first(held: Trained) -> None:
    assert train_tool(at_the_step(), [], Settings(may_hold=False)).bundle.sizing.held_bytes is None
    told = train_tool(at_the_step(), [], Settings(held_bytes=GIB)).bundle.sizing
    # at every cap
    assert {at.held_bytes for at in told.by_cap.values()} == {told.held_bytes} == {GIB}


def test_a_training_says_what_it_holds_and_does_not_forget_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    linear = {"module_name": "sklearn.linear_model", "class_name": "LinearRegression"}
    (tmp_path / "models.json").write_text(json.dumps({"Linear": linear}))
    (tmp_path / "input_files.csv").write_text("input_file,label\njobs.csv,peak_bytes\n")
    arguments = ["train", "-i", "input_files.csv", "-m", "models.json", "-o", "out.csv", "-d", "models", "--jobs", "1"]
    rows = list(zip(SIZES, 0.9 * STEP * NOISE, STEP))
    for part, held, why in (
        (rows[278:322], "5.00 GiB", "follows its request: "),
        (rows[:44], "4.00 GiB", "whether it follows its request cannot be told"),
    ):
        canonical.write([record(*row, second) for second, row in enumerate(part)], tmp_path / "jobs.csv")
        assert main(arguments) == 0
        [line] = [line for line in capsys.readouterr().out.splitlines() if "held" in line]
        assert line.startswith(f"tool: {why}")
        assert line.endswith(f"its request is held at {held}")
