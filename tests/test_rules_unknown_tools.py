"""A tool that the service does not know is not asked about again for a minute."""

import pytest
from test_rules_breaker import Clock

from galaxy_memory_rules.errors import PredictionUnavailable, UnknownTool
from galaxy_memory_rules.messages import JobDescription
from galaxy_memory_rules.unknown_tools import MOST_TOOLS, UnknownTools

CAT = JobDescription("cat1", "1.0")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tools(clock: Clock) -> UnknownTools:
    return UnknownTools(clock)


def asked(tools: UnknownTools, job: JobDescription, outcome: Exception | None = None) -> bool:
    """Ask about a job's tool with this outcome; False where the tool was remembered."""
    through = False
    try:
        with tools.sparing(job):
            through = True
            if outcome is not None:
                raise outcome
    except PredictionUnavailable as error:
        assert str(error) == "no bundle for it"
    return through


UNKNOWN = UnknownTool("no bundle for it")


def test_it_is_remembered_for_a_minute_with_what_the_service_said(tools: UnknownTools, clock: Clock) -> None:
    assert asked(tools, CAT, UNKNOWN)
    clock.now += 59.9
    assert not asked(tools, CAT)
    clock.now += 0.1
    assert asked(tools, CAT)


def test_another_version_is_another_tool(tools: UnknownTools) -> None:
    asked(tools, CAT, UNKNOWN)
    assert asked(tools, JobDescription("cat1", "2.0"))
    assert asked(tools, JobDescription("cat1"))


def test_a_service_that_does_not_answer_has_said_nothing_of_the_tool(tools: UnknownTools) -> None:
    asked(tools, CAT, PredictionUnavailable("no bundle for it"))
    assert asked(tools, CAT)


def test_the_oldest_is_forgotten_when_there_are_too_many(tools: UnknownTools, clock: Clock) -> None:
    jobs = [JobDescription(f"tool_{number}") for number in range(MOST_TOOLS + 1)]
    for job in jobs:
        asked(tools, job, UNKNOWN)
    assert len(tools._said._values) == MOST_TOOLS
    assert asked(tools, jobs[0])
    assert not asked(tools, jobs[1])
    # told anew after its minute, it is the youngest
    clock.now += 60
    asked(tools, jobs[1], UNKNOWN)
    asked(tools, jobs[0], UNKNOWN)
    assert not asked(tools, jobs[1])
