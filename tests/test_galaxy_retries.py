"""Our rule under Galaxy's own handler, after kills, restarts and faults (make test-galaxy; R21, R22)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import fault_server
import pytest
from galaxy_settings import settings_for
from real_galaxy import Galaxy
from real_handler import Story

from galaxy_memory_rules.client import PredictionClient
from galaxy_memory_rules.messages import MemoryRecommendation

# Galaxy warns of much that is its own business
pytestmark = [pytest.mark.galaxy, pytest.mark.filterwarnings("ignore")]

GIB = 1024**3
UNTOUCHED = "--ntasks=1 --cpus-per-task=4 --mem=8192M"


@pytest.fixture(scope="module")
def galaxy(tmp_path_factory: pytest.TempPathFactory) -> Galaxy:
    return Galaxy(tmp_path_factory.mktemp("galaxy"))


@pytest.fixture
def begin(galaxy: Galaxy, tmp_path: Path) -> Iterator[Callable[[], Story]]:
    """Begin the story of a job that the service recommends 1 GiB for, whatever happens to it."""
    answer = json.dumps(MemoryRecommendation(GIB, GIB, {}, 0.03, "bowtie2", "forest", "bowtie2/1").to_dict()).encode()
    begun = []
    with (
        fault_server.serving(fault_server.reply(answer)) as server,
        settings_for(tmp_path, server.url, deadline_seconds=5) as rules_config,
    ):

        def story() -> Story:
            begun.append(Story(galaxy, rules_config=rules_config))
            return begun[-1]

        yield story
    for story_told in begun:
        story_told.end()


def requested(story: Story) -> tuple[int, str]:
    """Return what the database has of the last dispatch: the GiB requested and which attempt it was."""
    params = story.job.destination_params
    request_bytes = int(params["gmem_request_bytes"])
    assert params["native_specification"].endswith(f"--mem={request_bytes // 1024**2}M")
    return request_bytes // GIB, params["gmem_attempt"]


def test_each_kill_doubles_the_request(begin: Callable[[], Story]) -> None:
    story = begin()
    found = []
    for _ in range(3):
        wrapper = story.running()
        found.append(requested(story))
        story.handler.kill(wrapper, "memory_limit_reached")
    assert found == [(1, "1"), (2, "2"), (4, "3")]


@pytest.mark.parametrize("kills", [0, 1])
def test_a_handler_that_dies_before_the_scheduler_has_the_job_changes_nothing(
    begin: Callable[[], Story], kills: int
) -> None:
    story = begin()
    for _ in range(kills):
        story.killed()
    story.dispatched()
    before = requested(story)
    for _ in range(3):
        story.handler.restart()
        story.dispatched()
    assert requested(story) == before


def test_the_mapper_may_ask_twice(begin: Callable[[], Story]) -> None:
    story = begin()
    first, second = (story.galaxy.map(story.job) for _ in range(2))
    assert first.params == second.params


def test_a_job_that_fails_before_its_destination_is_known_fails_by_its_own_text(begin: Callable[[], Story]) -> None:
    """fail() asks for the destination, as for a tool that was removed while its job ran."""
    story = begin()
    story.running()
    story.handler.unknown(story.job).fail("This tool was disabled")
    assert (story.job.state, story.job.info) == ("error", "This tool was disabled")


def test_what_is_no_exception_is_caught_as_well(begin: Callable[[], Story], monkeypatch: pytest.MonkeyPatch) -> None:
    """R21: the panic of a library in Rust is a BaseException."""

    class PanicException(BaseException):
        pass

    def panic(*_: object) -> None:
        raise PanicException("called Option::unwrap() on a None value")

    monkeypatch.setattr(PredictionClient, "predict", panic)
    story = begin()
    assert story.dispatched().job_destination.params == {"native_specification": UNTOUCHED}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_is_let_through(
    begin: Callable[[], Story], monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    def ended(*_: object) -> None:
        raise stop

    monkeypatch.setattr(PredictionClient, "predict", ended)
    with pytest.raises(stop):
        begin().handler.step()
