"""What a client keeps from one question to the next: connections, misses and unknown tools, but not over a fork."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import fault_server
import pytest
import trustme
from fault_server import Answer, Server, drip, in_turn, raw, reply, reset
from wire_faults import GOOD, HEAD, JOB, PATIENCE_SECONDS, RECOMMENDATION, UNHURRIED_SECONDS, context_of

from galaxy_memory_rules import addresses
from galaxy_memory_rules.client import PredictionClient
from galaxy_memory_rules.errors import PredictionUnavailable, UnknownTool
from galaxy_memory_rules.messages import JobDescription

GOODS = reply(GOOD)
FAILS = reply(b"", "500 Oops")
UNKNOWN = reply(b'{"error": "unknown_tool", "message": "no bundle for bowtie2"}', "404 Not Found")
INVALID = reply(b'{"error": "invalid", "message": "slots: expected an integer"}', "422 Unprocessable Content")
SHORT_SECONDS = 1.0


class Conversation:
    """A client and the server it speaks to."""

    def __init__(self, server: Server, authority: str | None, deadline_seconds: float) -> None:
        self.server = server
        self.client = PredictionClient(server.url, deadline_seconds, authority)

    def ask(self, job: JobDescription = JOB) -> str:
        """Return in one word how it went."""
        try:
            assert self.client.predict(job) == RECOMMENDATION
        except UnknownTool:
            return "unknown"
        except PredictionUnavailable:
            return "missed"
        return "answered"

    def heard(self) -> tuple[int, int]:
        """Return how many requests came, and over how many connections."""
        return len(self.server.requests), self.server.connections


Talk = Callable[..., Conversation]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["http", "https"])
def talk(request: pytest.FixtureRequest, authority: trustme.CA, tmp_path: Path) -> Iterator[Talk]:
    """Start conversations with a server that answers so in turn, over each of the two schemes."""
    path, context = tmp_path / "ca.pem", None
    if request.param == "https":
        authority.cert_pem.write_to_path(str(path))
        context = context_of(authority.issue_cert("127.0.0.1"))
    with ExitStack() as stack:

        def start(*answers: Answer, deadline_seconds: float = UNHURRIED_SECONDS) -> Conversation:
            server = stack.enter_context(fault_server.serving(in_turn(*answers), context))
            conversation = Conversation(server, str(path) if context else None, deadline_seconds)
            stack.callback(conversation.client.close)
            return conversation

        yield start


@pytest.mark.parametrize("end", [raw(b""), reset(b"")], ids=["closes", "resets"])
def test_a_connection_that_is_closed_while_idle_gets_one_fresh_try(end: Answer, talk: Talk) -> None:
    # the server has read nothing and says nothing; to the client this looks the same
    conversation = talk(GOODS, end, GOODS)
    assert [conversation.ask(), conversation.ask()] == ["answered", "answered"]
    assert conversation.heard() == (3, 2)


def test_a_connection_whose_end_has_arrived_is_not_even_tried(talk: Talk) -> None:
    def answer_and_close(connection: socket.socket) -> None:
        GOODS(connection)
        connection.close()

    conversation = talk(answer_and_close)
    assert [conversation.ask(), conversation.ask()] == ["answered", "answered"]
    assert conversation.heard() == (2, 2)


def test_there_is_no_second_fresh_try(talk: Talk) -> None:
    conversation = talk(GOODS, raw(b""))
    assert [conversation.ask(), conversation.ask()] == ["answered", "missed"]
    assert conversation.heard() == (3, 2)


@pytest.mark.parametrize(
    "failure",
    [raw(b"H"), raw(HEAD + GOOD), reset(HEAD + GOOD), raw(b"\x00\xff\r\n\r\n"), FAILS, drip(b"", b""), drip(HEAD, b"")],
    ids=["first byte", "cut", "reset", "garbage", "500", "silence", "no body"],
)
def test_a_request_that_fails_in_any_other_way_is_not_sent_twice(failure: Answer, talk: Talk) -> None:
    conversation = talk(GOODS, failure, GOODS, deadline_seconds=SHORT_SECONDS)
    assert [conversation.ask(), conversation.ask()] == ["answered", "missed"]
    assert len(conversation.server.requests) == 2


def test_the_fresh_try_keeps_to_the_same_deadline(talk: Talk) -> None:
    conversation = talk(GOODS, raw(b""), drip(b"", b""), deadline_seconds=SHORT_SECONDS)
    conversation.ask()
    begin = time.monotonic()
    assert conversation.ask() == "missed"
    assert time.monotonic() - begin < SHORT_SECONDS + 1.0
    assert len(conversation.server.requests) == 3


def test_after_five_misses_the_service_is_left_alone(talk: Talk) -> None:
    conversation = talk(FAILS)
    assert [conversation.ask() for _ in range(20)] == 20 * ["missed"]
    assert len(conversation.server.requests) == 5
    with pytest.raises(PredictionUnavailable, match=r"not asked for another .* misses in a row: 5, .* answered 500"):
        conversation.client.predict(JOB)


def test_a_service_that_asks_for_a_pause_is_left_alone_at_once(talk: Talk) -> None:
    conversation = talk(reply(b"", "503 Service Unavailable", "Retry-After: 3600\r\n"), GOODS)
    assert [conversation.ask(), conversation.ask()] == ["missed", "missed"]
    assert len(conversation.server.requests) == 1


def test_a_tool_that_is_unknown_is_asked_about_once_and_others_still_are(talk: Talk) -> None:
    conversation = talk(UNKNOWN, GOODS)
    assert [conversation.ask() for _ in range(10)] == 10 * ["unknown"]
    assert conversation.ask(JobDescription("hisat2")) == "answered"
    assert len(conversation.server.requests) == 2


def test_tools_that_are_unknown_and_jobs_that_are_refused_are_no_misses(talk: Talk) -> None:
    conversation = talk(*6 * [UNKNOWN], *6 * [INVALID], GOODS)
    outcomes = [conversation.ask(JobDescription(f"tool_{number}")) for number in range(13)]
    assert outcomes == [*6 * ["unknown"], *6 * ["missed"], "answered"]


def test_a_redirect_elsewhere_is_not_followed(talk: Talk) -> None:
    with fault_server.serving(GOODS) as canary:
        moved = reply(GOOD, "307 Temporary Redirect", f"Location: {canary.url}/v1/predict\r\n")
        assert talk(moved).ask() == "missed"
        assert canary.connections == 0


def test_a_cookie_is_not_sent_back(talk: Talk) -> None:
    conversation = talk(reply(GOOD, headers="Set-Cookie: id=7\r\n"))
    assert [conversation.ask(), conversation.ask()] == ["answered", "answered"]
    assert b"cookie" not in conversation.server.requests[1].lower()


def test_a_thread_that_has_ended_keeps_no_connection(talk: Talk) -> None:
    conversation = talk(GOODS)
    asking = threading.Thread(target=conversation.ask)
    asking.start()
    asking.join()
    # the first thread of the server accepts, the second serves the connection until it is closed
    serving = conversation.server._threads[1]
    serving.join(PATIENCE_SECONDS)
    assert not serving.is_alive()
    assert conversation.heard() == (1, 1)


def test_threads_share_what_they_know_of_the_service(talk: Talk) -> None:
    conversation = talk(FAILS)
    for _ in range(5):
        asking = threading.Thread(target=conversation.ask)
        asking.start()
        asking.join()
    assert conversation.ask() == "missed"
    assert len(conversation.server.requests) == 5


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_in_the_middle_of_a_change_leaves_the_child_able_to_ask() -> None:
    with fault_server.serving(GOODS) as server:
        client = PredictionClient(f"http://localhost:{server.port}", UNHURRIED_SECONDS)
        kept = client._kept
        with kept.breaker._lock, kept.unknown_tools._said._lock, addresses._lookups_lock:
            child = os.fork()
            if child == 0:
                # ends the child if it waits for a lock that nobody will give back
                signal.alarm(int(PATIENCE_SECONDS))
                os._exit(client.predict(JOB) != RECOMMENDATION)
        assert os.waitpid(child, 0) == (child, 0)
        assert client.predict(JOB) == RECOMMENDATION
        assert len(server.requests) == 2
        client.close()
