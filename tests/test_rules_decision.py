"""From a job to a decision."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fault_server
import pytest
from galaxy_stand_ins import Job, State, Tool, bowtie2_job
from hypothesis import given
from hypothesis import strategies as st
from wire_faults import GOOD, UNHURRIED_SECONDS

from galaxy_memory_rules import decision as room
from galaxy_memory_rules import record
from galaxy_memory_rules.client import PredictionClient
from galaxy_memory_rules.config import Mode, RulesConfig, ToolRules
from galaxy_memory_rules.decision import client_for, decide
from galaxy_memory_rules.errors import PredictionUnavailable, UnknownTool
from galaxy_memory_rules.messages import JobDescription, MemoryRecommendation
from galaxy_memory_rules.remembered import Remembered

MIB = 1024**2
GIB = 1024**3

Answering = Callable[..., list[JobDescription]]


def config_for(url: str = "http://127.0.0.1:1", **rules: Any) -> RulesConfig:
    return RulesConfig(url, deadline_seconds=UNHURRIED_SECONDS, general=ToolRules(**rules))


def answer(memory_bytes: int) -> MemoryRecommendation:
    return MemoryRecommendation(
        memory_bytes, memory_bytes, {}, 0.03, "bowtie2", "forest", "bowtie2/1", (), ("a reason",)
    )


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Let the service answer, or fail; return what it is asked."""

    def answers(given: int | BaseException) -> list[JobDescription]:
        asked: list[JobDescription] = []

        def predict(_: object, job: JobDescription) -> MemoryRecommendation:
            asked.append(job)
            if isinstance(given, BaseException):
                raise given
            return answer(given)

        monkeypatch.setattr(PredictionClient, "predict", predict)
        return asked

    return answers


def killed(last_bytes: int | None, info: str = "", **more: Any) -> Job:
    """A job that Galaxy 26.1 has resubmitted once."""
    params = None if last_bytes is None else {"gmem_request_bytes": str(last_bytes), "gmem_attempt": "1"}
    return replace(
        bowtie2_job(1493950957), state_history=[State("resubmitted", info)], destination_params=params, **more
    )


def test_the_recommendation_is_requested_with_its_story() -> None:
    # the service's answer: 4,026,531,840 bytes = 3840 MiB, a multiple of 64 MiB already
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        config = config_for(server.url)
        decision = decide(bowtie2_job(1493950957), Tool(), config, 8 * GIB)
        client_for(config).close()
    assert (decision.request_bytes, decision.own_bytes) == (3840 * MIB, 8 * GIB)
    assert (decision.attempt, decision.source, decision.bundle) == (1, "forest", "bowtie2/1")
    assert decision.reasons == ("a reason",)


# --- limits ---------------------------------------------------------------------------------------------------------

amounts = st.integers(1, 2**53 - 1)


@given(
    answer_bytes=amounts,
    own_bytes=st.none() | amounts,
    last_bytes=st.none() | amounts,
    limits=st.tuples(amounts, amounts),
    step_bytes=st.integers(1, 2**40),
    times=st.none() | st.tuples(st.floats(0.01, 1000), st.floats(0.01, 1000)),
)
def test_no_request_leaves_floor_and_ceiling_whatever_the_service_and_the_settings_say(
    answer_bytes: int,
    own_bytes: int | None,
    last_bytes: int | None,
    limits: tuple[int, int],
    step_bytes: int,
    times: tuple[float, float] | None,
) -> None:
    (floor_bytes, ceiling_bytes), (below, above) = sorted(limits), sorted(times) if times else (None, None)
    rules = ToolRules(floor_bytes=floor_bytes, ceiling_bytes=ceiling_bytes, never_below=below, never_above=above)
    config = RulesConfig("http://x", round_up_bytes=step_bytes, general=rules)
    job = killed(last_bytes) if last_bytes else bowtie2_job(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PredictionClient, "predict", lambda *_: answer(answer_bytes))
        decision = decide(job, Tool(), config, own_bytes)
    assert decision.request_bytes is not None
    assert floor_bytes <= decision.request_bytes <= ceiling_bytes
    if floor_bytes < decision.request_bytes < ceiling_bytes:
        assert decision.request_bytes % step_bytes == 0
    if last_bytes:
        assert decision.request_bytes >= min(ceiling_bytes, max(answer_bytes, 2 * last_bytes))
    assert decision.at_ceiling == (decision.request_bytes == ceiling_bytes)


def as_26_1(job: Job, params: dict[str, str]) -> Job:
    """Pick a resubmitted job up again."""
    return replace(job, state_history=[*job.state_history, State("resubmitted")], destination_params=params)


def as_25_1(job: Job, params: dict[str, str]) -> Job:
    """Ask inside the failure handler: the job still runs, and its history is one behind."""
    history = [*job.state_history, State("resubmitted")] if job.state == "running" else []
    return replace(job, state="running", job_runner_external_id="5", state_history=history, destination_params=params)


@pytest.mark.parametrize("resubmitted", [as_26_1, as_25_1])
@given(
    answers=st.lists(st.none() | st.integers(1, 200 * GIB), min_size=8, max_size=8),
    own_bytes=st.none() | st.integers(256 * MIB, 16 * GIB),
)
def test_each_attempt_requests_more_than_the_last_until_the_ceiling(
    resubmitted: Callable[[Job, dict[str, str]], Job], answers: list[int | None], own_bytes: int | None
) -> None:
    config, job, last_bytes = config_for(), bowtie2_job(1), 0
    for attempt, answer_bytes in enumerate(answers, 1):

        def predict(*_: object, answer_bytes: int | None = answer_bytes) -> MemoryRecommendation:
            if answer_bytes is None:
                raise PredictionUnavailable("the service is away")
            return answer(answer_bytes)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PredictionClient, "predict", predict)
            room._decisions = Remembered(10)
            decision = decide(job, Tool(), config, own_bytes)
        assert decision.attempt == attempt
        # where nothing is written, the destination requests what it does by itself
        request_bytes = decision.request_bytes or own_bytes or 0
        if attempt > 1 and last_bytes:
            assert request_bytes >= min(2 * last_bytes, 64 * GIB)
        last_bytes = request_bytes
        written = {"gmem_request_bytes": str(request_bytes), "gmem_attempt": str(attempt)}
        unchanged = {"request_memory": str(-(-(own_bytes or 0) // MIB))} if own_bytes else {}
        job = resubmitted(job, written if decision.request_bytes else unchanged)


@pytest.mark.parametrize(
    ("answer_bytes", "own_bytes", "request_bytes", "guard"),
    [
        (4 * GIB, 8 * GIB, 4 * GIB, ""),
        (1 * GIB, 8 * GIB, 2 * GIB, "never_below"),  # a quarter of 8 GiB
        (40 * GIB, 8 * GIB, 16 * GIB, "never_above"),  # twice 8 GiB
        (1 * GIB, None, 1 * GIB, ""),  # where the destination does not tell, there is nothing to compare with
    ],
)
def test_a_first_request_stays_near_the_destinations_own_memory_if_wanted(
    answering: Answering, answer_bytes: int, own_bytes: int | None, request_bytes: int, guard: str
) -> None:
    answering(answer_bytes)
    decision = decide(bowtie2_job(1), Tool(), config_for(never_below=0.25, never_above=2.0), own_bytes)
    assert decision.request_bytes == request_bytes
    assert [reason.split()[0] for reason in decision.reasons] == ["a", *([guard] if guard else [])]


def test_after_a_kill_there_is_no_guard_in_the_way(answering: Answering) -> None:
    answering(1 * GIB)
    # twice 8 GiB, although no first request may be above one and a half times 8 GiB
    assert decide(killed(8 * GIB), Tool(), config_for(never_above=1.5), 8 * GIB).request_bytes == 16 * GIB


# --- earlier attempts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_bytes", "request_bytes"),
    [
        (1 * GIB, 3840 * MIB),  # twice the last is 2 GiB: the recommendation is more
        (3 * GIB, 6 * GIB),
        (40 * GIB, 64 * GIB),  # twice the last is 80 GiB: the ceiling holds
    ],
)
def test_a_killed_job_asks_for_at_least_twice_its_last_request(
    answering: Answering, last_bytes: int, request_bytes: int
) -> None:
    asked = answering(3840 * MIB)
    decision = decide(killed(last_bytes), Tool(), config_for())
    assert (decision.request_bytes, decision.attempt) == (request_bytes, 2)
    assert (asked[0].attempt, asked[0].previous_request_bytes) == (2, last_bytes)
    assert decision.at_ceiling == (request_bytes == 64 * GIB)
    assert ("ends here" in " ".join(decision.reasons)) == decision.at_ceiling


def test_a_killed_job_gets_more_while_the_service_is_away(answering: Answering) -> None:
    answering(PredictionUnavailable("the service is away"))
    decision = decide(killed(6 * GIB), Tool(), config_for(), 8 * GIB)
    assert (decision.request_bytes, decision.source) == (12 * GIB, "retry")
    # never less than the destination by itself
    assert decide(killed(1 * GIB, id=8), Tool(), config_for(), 8 * GIB).request_bytes == 8 * GIB


def test_what_the_destination_requested_by_itself_is_doubled_as_well(answering: Answering) -> None:
    answering(1 * GIB)
    job = replace(killed(None), destination_params={"native_specification": "--ntasks=1 --mem=6G"})
    assert decide(job, Tool(), config_for()).request_bytes == 12 * GIB


def test_a_job_that_ran_out_of_time_keeps_its_memory(answering: Answering) -> None:
    asked = answering(1 * GIB)
    info = "This job was resubmitted to the queue because it reached the walltime on its compute resource."
    decision = decide(killed(6 * GIB, info), Tool(), config_for())
    assert decision.request_bytes == 6 * GIB
    assert (asked[0].attempt, asked[0].previous_request_bytes) == (2, None)


def test_an_attempt_that_is_asked_for_once_more_does_not_grow(answering: Answering) -> None:
    answering(1 * GIB)
    job = replace(killed(None), destination_params={"gmem_request_bytes": str(12 * GIB), "gmem_attempt": "2"})
    assert decide(job, Tool(), config_for()).request_bytes == 12 * GIB


# --- mode, canary, off switch ---------------------------------------------------------------------------------------


def test_off_is_off_and_asks_nobody(answering: Answering, tmp_path: Path) -> None:
    asked = answering(4 * GIB)
    switch = tmp_path / "memory_rules.off"
    config = replace(config_for(), off_switch=switch)
    switch.touch()
    decisions = [decide(bowtie2_job(1), Tool(), settings) for settings in (config, config_for(mode=Mode.OFF))]
    assert [decision.request_bytes for decision in decisions] == [None, None]
    assert [decision.reasons[0].split(":")[0] for decision in decisions] == ["off_switch", "mode"]
    assert not asked
    # without a restart
    switch.unlink()
    assert decide(bowtie2_job(1), Tool(), config).request_bytes == 4 * GIB
    switch.touch()
    assert decide(bowtie2_job(1), Tool(), config).request_bytes is None


def test_in_shadow_the_service_is_asked_and_nothing_is_requested(answering: Answering) -> None:
    asked = answering(4 * GIB)
    decision = decide(bowtie2_job(1), Tool(), config_for(mode=Mode.SHADOW), 8 * GIB)
    assert (decision.request_bytes, decision.shadow_bytes) == (None, 4 * GIB)
    assert len(asked) == 1


def test_a_tool_may_have_a_mode_of_its_own(answering: Answering) -> None:
    answering(4 * GIB)
    config = replace(config_for(mode=Mode.OFF), tools={"bowtie2": ToolRules(mode=Mode.ON)})
    assert decide(bowtie2_job(1), Tool(), config).request_bytes == 4 * GIB
    assert decide(bowtie2_job(1), Tool("cat1"), config).request_bytes is None


def test_a_canary_takes_its_share_of_the_jobs_and_always_the_same_ones(answering: Answering) -> None:
    answering(4 * GIB)
    jobs = [replace(bowtie2_job(1), id=number) for number in range(1000)]

    def taken(share: float) -> set[int]:
        return {job.id for job in jobs if decide(job, Tool(), config_for(canary=share)).request_bytes}

    tenth, half = taken(0.1), taken(0.5)
    # the standard deviation of a tenth of 1,000 is 9.5, of a half 16
    assert 60 < len(tenth) < 140
    assert 430 < len(half) < 570
    assert tenth < half
    assert taken(0.1) == tenth
    assert (taken(0.0), len(taken(1.0))) == (set(), 1000)


# --- a service that cannot be asked ---------------------------------------------------------------------------------


def test_a_service_that_fails_is_a_decision_without_a_request() -> None:
    with fault_server.serving(fault_server.reply(b"", "500 Oops")) as server:
        config = config_for(server.url)
        decision = decide(bowtie2_job(1), Tool(), config)
        client_for(config).close()
    assert decision.request_bytes is None
    assert decision.failure == "PredictionUnavailable"
    assert "500" in decision.reasons[0]


@pytest.mark.parametrize("error", [PredictionUnavailable("it is away"), UnknownTool("no bundle for the tool")])
def test_a_tool_may_have_a_request_to_fall_back_on(answering: Answering, error: PredictionUnavailable) -> None:
    answering(error)
    config = replace(config_for(), tools={"bowtie2": ToolRules(fallback_bytes=6 * GIB)})
    decision = decide(bowtie2_job(1), Tool(), config, 8 * GIB)
    assert (decision.request_bytes, decision.source) == (6 * GIB, "fallback")
    assert decide(bowtie2_job(1), Tool("cat1"), config, 8 * GIB).request_bytes is None


def test_what_is_no_exception_is_a_decision_too_but_an_interrupt_is_not(answering: Answering) -> None:
    class Panic(BaseException):
        """What an extension written in Rust raises."""

    answering(Panic("index out of range"))
    assert decide(bowtie2_job(1), Tool(), config_for()).reasons == ("Panic: index out of range",)
    answering(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        decide(bowtie2_job(1), Tool(), config_for())


def test_a_job_that_cannot_be_read_is_a_decision_without_a_request() -> None:
    class Broken(Job):
        def raw_param_dict(self) -> dict[str, str]:
            raise RuntimeError("the database has gone")

    decision = decide(Broken(), Tool(), config_for())
    assert (decision.request_bytes, decision.failure) == (None, "RuntimeError")
    assert decision.reasons == ("RuntimeError: the database has gone",)


# --- asked more than once -------------------------------------------------------------------------------------------


def test_a_job_is_asked_for_once_an_attempt(answering: Answering) -> None:
    asked = answering(4 * GIB)
    config = config_for()
    first = [decide(bowtie2_job(1), Tool(), config, 8 * GIB) for _ in range(4)]
    assert (len(asked), len(set(map(id, first)))) == (1, 1)
    decide(killed(4 * GIB), Tool(), config, 8 * GIB)
    decide(replace(bowtie2_job(1), id=8), Tool(), config, 8 * GIB)
    assert [job.attempt for job in asked] == [1, 2, 1]
    # changed settings are another question
    decide(bowtie2_job(1), Tool(), config_for(), 8 * GIB)
    assert len(asked) == 4


def test_a_failure_is_remembered_for_the_questions_of_one_dispatch_only(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, asked = config_for(), answering(PredictionUnavailable("it is away"))
    for _ in range(4):
        decide(bowtie2_job(1), Tool(), config)
    assert len(asked) == 1
    monkeypatch.setattr(room, "_FAILURE_SECONDS", 0.0)
    monkeypatch.setattr(room, "_decisions", Remembered(10))
    for _ in range(2):
        decide(bowtie2_job(1), Tool(), config)
    assert len(asked) == 3


# --- told -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[tuple[int, str]]]]:
    """What the handler's log says, with its level."""
    caplog.set_level(logging.DEBUG, "galaxy_memory_rules")
    yield lambda: [(entry.levelno, entry.getMessage()) for entry in caplog.records if "rule" in entry.getMessage()]


def test_a_decision_is_one_line_of_the_log_that_a_program_can_read(
    answering: Answering, said: Callable[[], list[tuple[int, str]]]
) -> None:
    answering(4 * GIB)
    decide(bowtie2_job(1), Tool(), config_for(), 8 * GIB)
    assert said() == [
        (
            logging.INFO,
            'memory rule: job="7" attempt=1 request="4.00 GiB" own="8.00 GiB" source="forest" bundle="bowtie2/1"'
            ' why="a reason"',
        )
    ]


def test_a_service_that_is_away_is_one_warning_a_minute(
    answering: Answering, said: Callable[[], list[tuple[int, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(PredictionUnavailable("it is away\nfor long"))
    for number in range(5):
        decide(replace(bowtie2_job(1), id=number), Tool(), config_for())
    assert [level for level, _ in said()] == [logging.WARNING] + [logging.DEBUG] * 4
    assert 'why="it is away for long"' in said()[0][1]
    monkeypatch.setattr(record, "_WARNING_SECONDS", 0.0)
    decide(replace(bowtie2_job(1), id=6), Tool(), config_for())
    assert said()[-1][0] == logging.WARNING
    assert said()[-1][1].endswith("like_it_in_the_last_minutes=4")


def test_an_unknown_tool_is_no_reason_for_a_warning(
    answering: Answering, said: Callable[[], list[tuple[int, str]]]
) -> None:
    answering(UnknownTool("no bundle for the tool cat1"))
    decide(bowtie2_job(1), Tool(), config_for())
    assert [level for level, _ in said()] == [logging.INFO]


def test_each_decision_is_a_line_of_the_record(answering: Answering, tmp_path: Path) -> None:
    answering(4 * GIB)
    config = replace(config_for(), record=tmp_path / "memory_rules.jsonl")
    for number in (1, 1, 2):
        decide(replace(bowtie2_job(5), id=number), Tool(), config, 8 * GIB)
    lines = [json.loads(line) for line in (tmp_path / "memory_rules.jsonl").read_text().splitlines()]
    # the second question for the first job is no decision of its own
    assert [line["job_id"] for line in lines] == [1, 2]
    assert lines[0]["request_bytes"] == 4 * GIB
    [asked] = lines[0]["asked"]["inputs"]
    assert (asked["name"], asked["size_bytes"]) == ("library|input_1", 5)
    assert lines[0]["bundle"] == "bowtie2/1"
    # neither users nor datasets
    assert "secret" not in json.dumps(lines)


def test_a_full_disk_harms_nothing(answering: Answering, said: Callable[[], list[tuple[int, str]]]) -> None:
    answering(4 * GIB)
    config = replace(config_for(), record=Path("/dev/full"))
    assert [decide(replace(bowtie2_job(1), id=number), Tool(), config).request_bytes for number in (1, 2)] == [
        4 * GIB
    ] * 2
    warnings = [line for level, line in said() if level == logging.WARNING]
    assert len(warnings) == 1
    assert "/dev/full: the decision was not recorded" in warnings[0]
