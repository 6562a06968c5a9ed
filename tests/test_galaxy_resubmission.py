"""What a rule is given when Galaxy sends a killed job back to it, release by release (make test-galaxy).

Up to 25.1 Galaxy calls the rule inside its failure handler, while the job still runs by the database; since 26.1 when
the job is picked up again. Everything but the scheduler is Galaxy's own.
"""

from collections.abc import Callable, Iterator

import galaxy_probe.seen
import pytest
from galaxy_probe.seen import Call
from real_galaxy import RELEASE, Galaxy
from real_handler import Story

# Galaxy warns of much that is its own business
pytestmark = [pytest.mark.galaxy, pytest.mark.filterwarnings("ignore")]

# 26.0 is not among those tested
AT_PICK_UP = RELEASE >= (26, 1)
TEXT = "This job was resubmitted to the queue because {} on its compute resource."
MEMORY, WALLTIME = TEXT.format("it exceeded the amount of allocated memory"), TEXT.format("it reached the walltime")
OUR_OWN = [galaxy_probe.seen.MEMORY_KILL, galaxy_probe.seen.WALLTIME]
JOB_CONFS = [{"condition": "memory_limit_reached and attempt <= 3", "environment": "memory_rule"}]
DISPATCHER = {"rules_module": "galaxy_probe", "function": "see"}


@pytest.fixture(scope="module")
def galaxy(tmp_path_factory: pytest.TempPathFactory) -> Galaxy:
    return Galaxy(tmp_path_factory.mktemp("galaxy"))


@pytest.fixture
def begin(galaxy: Galaxy) -> Iterator[Callable[..., Story]]:
    begun = []

    def story(function: str = "see") -> Story:
        galaxy_probe.seen.calls.clear()
        begun.append(Story(galaxy, **{**DISPATCHER, "function": function}))
        return begun[-1]

    yield story
    for story_told in begun:
        story_told.end()


def second_call(story: Story, why: str) -> Call:
    """Return what the rule was given for the second attempt, and check when it was."""
    story.killed(why)
    before_pick_up = len(galaxy_probe.seen.calls)
    story.running()
    assert (before_pick_up, len(galaxy_probe.seen.calls)) == ((1, 2) if AT_PICK_UP else (2, 2))
    return galaxy_probe.seen.calls[1]


@pytest.mark.parametrize(("why", "text"), [("memory_limit_reached", MEMORY), ("walltime_reached", WALLTIME)])
def test_whether_the_kill_is_in_the_history_when_the_rule_is_called_again(
    begin: Callable[..., Story], why: str, text: str
) -> None:
    call = second_call(begin(), why)
    if AT_PICK_UP:
        assert (call.state, call.states) == ("resubmitted", ("new", "queued", "running", "resubmitted"))
        assert (call.reasons, call.info, call.external_id) == ((text,), text, None)
    else:
        # nothing tells why it was killed, nor by the history alone that it was
        assert (call.state, call.states) == ("running", ("new", "queued", "running"))
        assert (call.reasons, call.info, call.external_id) == ((), None, "17")


def test_the_params_of_the_attempt_that_was_killed_are_there(begin: Callable[..., Story]) -> None:
    call = second_call(begin(), "memory_limit_reached")
    if AT_PICK_UP:
        assert call.params == {"gmem_request_bytes": "1", **DISPATCHER} == call.referrer_params
        assert call.destination_id == "memory_rule"
    else:
        assert (call.params, call.referrer_params) == ({"gmem_request_bytes": "1"}, DISPATCHER)
        assert call.destination_id == "slurm"


def test_at_the_third_attempt_the_reason_of_a_memory_kill_may_be_that_of_the_one_before(
    begin: Callable[..., Story],
) -> None:
    story = begin()
    story.killed()
    story.killed()
    if AT_PICK_UP:
        story.running()
    call = galaxy_probe.seen.calls[2]
    assert call.params["gmem_request_bytes"] == "2"
    assert call.reasons == ((MEMORY, MEMORY) if AT_PICK_UP else (MEMORY,))
    # the number of those entries is that of the attempt before, or of the one before that
    assert call.states.count("resubmitted") == (2 if AT_PICK_UP else 1)


def test_what_is_kept_of_the_destination_for_a_retry(begin: Callable[..., Story]) -> None:
    story = begin()
    first = story.running()
    assert (first.job_destination.resubmit, len(first.job_destination.env)) == (OUR_OWN, 1)
    story.handler.kill(first, "memory_limit_reached")
    second = story.dispatched().job_destination
    assert (second.id, second.runner, second.params["gmem_request_bytes"]) == ("slurm", "slurm", "2")
    # before, job_conf's ways back are put in the place of the rule's, and its env is lost
    assert (second.resubmit, len(second.env)) == ((OUR_OWN, 1) if AT_PICK_UP else (JOB_CONFS, 0))


def test_a_handler_that_dies_before_the_pick_up_goes_on_where_it_was(begin: Callable[..., Story]) -> None:
    story = begin()
    story.killed()
    story.handler.restart()
    assert story.dispatched().job_destination.params["gmem_request_bytes"] == "2"
    assert len(galaxy_probe.seen.calls) == 2


def test_a_handler_that_dies_before_the_scheduler_has_the_job_asks_the_rule_afresh(begin: Callable[..., Story]) -> None:
    """The params that the rule finds are then its own answer for this very attempt: nothing was killed."""
    story = begin()
    story.dispatched()
    story.handler.restart()
    story.dispatched()
    call = galaxy_probe.seen.calls[1]
    assert (call.state, call.states, call.params) == ("new", ("new", "queued", "new"), {"gmem_request_bytes": "1"})


def test_the_same_at_a_retry(begin: Callable[..., Story]) -> None:
    story = begin()
    story.killed()
    story.dispatched()
    story.handler.restart()
    story.dispatched()
    call = galaxy_probe.seen.calls[2]
    assert call.states == ("new", "queued", "running", "resubmitted", "queued", "new")
    assert (call.state, call.params, call.external_id) == ("new", {"gmem_request_bytes": "2"}, None)


def test_a_job_that_outlives_its_handler_has_the_ways_back_of_job_conf(begin: Callable[..., Story]) -> None:
    story = begin()
    story.running()
    story.handler.restart()
    (wrapper,) = story.handler.recovered
    assert (wrapper.job_destination.params, wrapper.job_destination.resubmit) == (
        {"gmem_request_bytes": "1"},
        JOB_CONFS,
    )
    assert len(galaxy_probe.seen.calls) == 1
    story.handler.kill(wrapper, "memory_limit_reached")
    assert story.dispatched().job_destination.params["gmem_request_bytes"] == "2"


def test_a_condition_that_leaves_memory_kills_out_is_understood_and_the_user_sees_the_schedulers_text(
    begin: Callable[..., Story],
) -> None:
    story = begin()
    wrapper = story.running()
    never = "not memory_limit_reached and (memory_limit_reached and attempt <= 3)"
    wrapper.job_destination.resubmit = [{"condition": never, "environment": "memory_rule"}]
    story.handler.kill(wrapper, "memory_limit_reached", "more memory than it was allocated")
    assert (story.job.state, story.job.info) == ("error", "more memory than it was allocated")


def test_the_same_condition_still_lets_a_walltime_through(begin: Callable[..., Story]) -> None:
    story = begin()
    wrapper = story.running()
    others = "not memory_limit_reached and (walltime_reached or memory_limit_reached)"
    wrapper.job_destination.resubmit = [{"condition": others, "environment": "memory_rule"}]
    story.handler.kill(wrapper, "walltime_reached")
    assert story.job.state == "resubmitted"


def test_a_condition_with_a_name_that_the_release_does_not_know_fails_the_job(begin: Callable[..., Story]) -> None:
    story = begin()
    wrapper = story.running()
    wrapper.job_destination.resubmit = [
        {"condition": "tool_timelimit_reached or unheard_of", "environment": "memory_rule"},
        galaxy_probe.seen.MEMORY_KILL,
    ]
    story.handler.kill(wrapper, "memory_limit_reached")
    assert story.job.state == "error", "the entries after it are not looked at"


def test_a_rule_that_raises_at_a_retry_stops_the_dispatch_of_every_job_since_26_1(begin: Callable[..., Story]) -> None:
    story = begin("refuse")
    story.killed(text="the scheduler's text")
    if AT_PICK_UP:
        for _ in range(2):
            with pytest.raises(Exception, match="unhandled exception"):
                story.handler.step()
    else:
        assert (story.job.state, story.job.info) == ("error", "the scheduler's text")


def test_with_a_delay_the_rule_may_be_called_at_every_look(begin: Callable[..., Story]) -> None:
    story = begin()
    wrapper = story.running()
    wrapper.job_destination.resubmit = [{**galaxy_probe.seen.MEMORY_KILL, "delay": "3600"}]
    story.handler.kill(wrapper, "memory_limit_reached")
    assert [story.handler.step() for _ in range(3)] == [[], [], []]
    assert len(galaxy_probe.seen.calls) == (4 if AT_PICK_UP else 2)
