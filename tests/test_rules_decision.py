"""From a job to a decision."""

from collections.abc import Callable

import fault_server
import pytest
from galaxy_stand_ins import Job, State, Tool, bowtie2_job
from hypothesis import given
from hypothesis import strategies as st
from wire_faults import GOOD, UNHURRIED_SECONDS

from galaxy_memory_rules.client import PredictionClient
from galaxy_memory_rules.config import DestinationTemplate, RulesConfig
from galaxy_memory_rules.decision import clamp, client_for, decide
from galaxy_memory_rules.messages import MemoryRecommendation

MIB = 1024**2
GIB = 1024**3


def config_for(url: str, **settings: int) -> RulesConfig:
    templates = {"slurm": DestinationTemplate({"m": "{memory_mib}"}, {})}
    return RulesConfig(url, "slurm", templates, deadline_seconds=UNHURRIED_SECONDS, **settings)


amounts = st.integers(1, 2**53)


@given(amounts, amounts, amounts, st.integers(1, 2**40))
def test_no_request_leaves_floor_and_ceiling_whatever_the_service_says(
    answer_bytes: int, one_bytes: int, other_bytes: int, step_bytes: int
) -> None:
    floor_bytes, ceiling_bytes = sorted((one_bytes, other_bytes))
    config = config_for("http://x", floor_bytes=floor_bytes, ceiling_bytes=ceiling_bytes, round_up_bytes=step_bytes)
    request_bytes = clamp(answer_bytes, config)
    assert floor_bytes <= request_bytes <= ceiling_bytes
    if floor_bytes < request_bytes < ceiling_bytes:
        assert request_bytes % step_bytes == 0
        assert request_bytes >= answer_bytes


@given(amounts, st.none() | amounts, amounts, amounts)
def test_no_request_leaves_floor_and_ceiling_on_any_attempt(
    answer_bytes: int, last_bytes: int | None, one_bytes: int, other_bytes: int
) -> None:
    floor_bytes, ceiling_bytes = sorted((one_bytes, other_bytes))
    config = config_for("http://x", floor_bytes=floor_bytes, ceiling_bytes=ceiling_bytes)
    job = Job(state_history=[State("resubmitted")], destination_params={"gmem_request_bytes": str(last_bytes)})
    answer = MemoryRecommendation(answer_bytes, 1, {}, 0.0, "bowtie2", "forest", "bowtie2/1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PredictionClient, "predict", lambda *_: answer)
        request_bytes = decide(job, Tool(), config).request_bytes
    assert request_bytes is not None
    assert floor_bytes <= request_bytes <= ceiling_bytes
    assert request_bytes >= min(ceiling_bytes, max(answer_bytes, 2 * (last_bytes or 0)))


def test_the_recommendation_is_requested_with_its_story() -> None:
    # the service's answer: 4,026,531,840 bytes = 3840 MiB, a multiple of 64 MiB already
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        config = config_for(server.url)
        decision = decide(bowtie2_job(1493950957), Tool(), config)
        client_for(config).close()
    assert decision.request_bytes == 3840 * MIB
    assert (decision.attempt, decision.source, decision.bundle) == (1, "forest", "bowtie2/1")
    assert decision.reasons == ("a reason",)


@pytest.mark.parametrize(
    ("last_bytes", "request_bytes"),
    [
        (1 * GIB, 3840 * MIB),  # twice the last is 2 GiB: the recommendation is more
        (3 * GIB, 6 * GIB),
        (40 * GIB, 64 * GIB),  # twice the last is 80 GiB: the ceiling holds
    ],
)
def test_a_killed_job_asks_for_at_least_twice_its_last_request(last_bytes: int, request_bytes: int) -> None:
    job = bowtie2_job(1493950957)
    job.state_history = [State("resubmitted")]
    job.destination_params = {"gmem_request_bytes": str(last_bytes)}
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        config = config_for(server.url)
        decision = decide(job, Tool(), config)
        client_for(config).close()
    assert decision.request_bytes == request_bytes
    assert decision.attempt == 2


def test_a_service_that_fails_is_a_decision_without_a_request() -> None:
    with fault_server.serving(fault_server.reply(b"", "500 Oops")) as server:
        config = config_for(server.url)
        decision = decide(bowtie2_job(1), Tool(), config)
        client_for(config).close()
    assert decision.request_bytes is None
    assert "500" in decision.reasons[0]


def test_what_is_no_exception_is_a_decision_too_but_an_interrupt_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Panic(BaseException):
        """What an extension written in Rust raises."""

    def raising(error: BaseException) -> Callable[..., None]:
        def predict(*_: object) -> None:
            raise error

        return predict

    config = config_for("http://127.0.0.1:1")
    monkeypatch.setattr(PredictionClient, "predict", raising(Panic("index out of range")))
    assert decide(bowtie2_job(1), Tool(), config).reasons == ("Panic: index out of range",)
    monkeypatch.setattr(PredictionClient, "predict", raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        decide(bowtie2_job(1), Tool(), config)


def test_a_job_that_cannot_be_read_is_a_decision_without_a_request() -> None:
    class Broken(Job):
        def raw_param_dict(self) -> dict[str, str]:
            raise RuntimeError("the database has gone")

    decision = decide(Broken(), Tool(), config_for("http://127.0.0.1:1"))
    assert decision.request_bytes is None
    assert decision.reasons == ("RuntimeError: the database has gone",)
