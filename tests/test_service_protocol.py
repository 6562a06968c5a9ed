"""What a connection may do to the service, over real sockets."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests
import serving
from raw_http import answer, connect, get, is_closed, post

JOB = json.dumps({"tool_id": "tool"}).encode()


@pytest.fixture(scope="module")
def url(models: Path) -> Iterator[str]:
    """A service that is quick to lose its patience."""
    limits = ("--receive-seconds", "1", "--keep-alive-seconds", "3", "--max-connections", "200", "--drain-seconds", "0")
    with serving.served(models, *limits) as found:
        yield found


def test_a_request_that_comes_in_pieces_is_answered(url: str) -> None:
    with connect(url) as connection:
        for byte in post(JOB):
            connection.send(bytes([byte]))
        status, _, told = answer(connection)
    assert (status, told["tool"]) == (200, "tool")


def test_a_connection_serves_many_requests_also_when_they_are_sent_at_once(url: str) -> None:
    with connect(url) as connection:
        connection.sendall(post(JOB) * 20 + get("/health/live") + post(b"{"))
        assert [answer(connection)[0] for _ in range(22)] == [200] * 21 + [422]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"POST /v1/pre", id="in the address"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: ", id="in the headers"),
        pytest.param(post(JOB)[:-1], id="in the body"),
        pytest.param(post(JOB) + b"POST /v1", id="in the second request"),
    ],
)
def test_a_request_that_does_not_arrive_whole_in_time_gets_408_and_the_end(url: str, sent: bytes) -> None:
    with connect(url) as connection:
        connection.sendall(sent)
        if sent.startswith(post(JOB)):
            assert answer(connection)[0] == 200
        status, headers, told = answer(connection)
        assert (status, told["error"], headers["connection"]) == (408, "slow", "close")
        assert is_closed(connection)


def test_dripping_does_not_buy_more_time(url: str) -> None:
    with connect(url) as connection:
        began = time.monotonic()
        try:
            for byte in post(b" " * 200 + JOB):
                connection.send(bytes([byte]))
                time.sleep(0.05)
        except ConnectionError:
            pass
    # 1 s is allowed; the whole would take 15 s
    assert time.monotonic() - began < 10


def test_an_idle_connection_is_closed_later_than_a_slow_one(url: str) -> None:
    with connect(url) as idle, connect(url) as used:
        used.sendall(get("/health/live"))
        assert answer(used)[0] == 200
        time.sleep(1.5)
        # longer than a request may take, not as long as a connection may be idle
        used.sendall(get("/health/live"))
        assert answer(used)[0] == 200
        assert is_closed(idle)
        assert is_closed(used)


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "malformed"),
        (b"get / http/1.1\r\n\r\n", 400, "malformed"),
        (b"CONNECT example.org:80 HTTP/1.1\r\n\r\n", 400, "malformed"),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "malformed"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400, "malformed"),
        (get("/", *[f"X-{number}: 1" for number in range(10_000)]), 431, "headers_too_large"),
        (get("/", "X: " + "x" * 100_000), 431, "headers_too_large"),
        (get("/" + "x" * 100_000), 431, "headers_too_large"),
        (get("/", *[f"X-{number}: {'x' * 1000}" for number in range(60)]), 431, "headers_too_large"),
    ],
)
def test_what_is_no_request_is_refused_in_the_shape_of_all_errors(
    url: str, sent: bytes, status: int, error: str
) -> None:
    with connect(url) as connection:
        connection.sendall(sent)
        found, headers, told = answer(connection)
        assert (found, told["error"], headers["connection"]) == (status, error, "close")
        assert sorted(told) == ["error", "message", "request_id"]
        assert is_closed(connection)


def test_headers_without_an_end_are_not_collected(url: str) -> None:
    with connect(url) as connection:
        try:
            for _ in range(2000):
                connection.sendall(b"GET / HTTP/1.1\r\n" if _ == 0 else b"X: " + b"x" * 1000 + b"\r\n")
        except ConnectionError:
            return
        assert answer(connection)[0] in (0, 431)


@pytest.mark.parametrize("upgrade", ["websocket", "h2c"])
def test_who_asks_for_another_protocol_gets_this_one_or_is_told(url: str, upgrade: str) -> None:
    with connect(url) as connection:
        connection.sendall(get("/health/live", f"Upgrade: {upgrade}", "Connection: Upgrade"))
        assert answer(connection)[0] == 200
        assert is_closed(connection)
    with connect(url) as connection:
        connection.sendall(post(JOB, f"Upgrade: {upgrade}", "Connection: Upgrade"))
        assert answer(connection)[0] == 400


def test_when_there_are_too_many_connections_those_that_wait_longest_make_room(url: str) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(connect(url)) for _ in range(300)]
        assert requests.get(f"{url}/health/live", timeout=10).status_code == 200
        # 300 and one more against 200
        assert all(is_closed(connection) for connection in idle[:100])
        idle[-1].sendall(get("/health/live"))
        assert answer(idle[-1])[0] == 200


def test_slow_and_idle_clients_do_not_hold_up_others(models: Path) -> None:
    """S9, small: 50 slow and 500 idle."""
    with serving.served(models, "--receive-seconds", "2", "--drain-seconds", "0") as url, ExitStack() as stack:
        idle = [stack.enter_context(connect(url)) for _ in range(500)]
        slow = [stack.enter_context(connect(url)) for _ in range(50)]
        for step in range(20):
            for connection in slow:
                connection.sendall(post(b" " * 100)[step : step + 1])
            assert requests.post(f"{url}/v1/predict", data=JOB, timeout=10).status_code == 200
        assert [answer(connection)[0] for connection in slow] == [408] * 50
        idle[0].sendall(post(JOB))
        assert answer(idle[0])[0] == 200


def test_beyond_what_it_can_have_in_hand_it_says_so_and_when_to_come_again(models: Path) -> None:
    """S10, small: two hundred at once where four are served at a time."""
    with serving.served(models, "--max-concurrency", "4", "--drain-seconds", "0") as url, ExitStack() as stack:
        crowd = [stack.enter_context(connect(url)) for _ in range(200)]
        batch = json.dumps({"jobs": [{"tool_id": "tool"}] * 2000}).encode()
        with connect(url) as long:
            # while it works on these, the others come together
            long.sendall(post(batch, path="/v1/predict/batch"))
            time.sleep(0.1)
            for connection in crowd:
                connection.sendall(post(JOB))
            crowd[0].sendall(get("/health/live"))
            answers = [answer(connection) for connection in crowd]
            assert answer(long)[0] == 200
        refused = [found for found in answers if found[0] == 503]
        assert {found[0] for found in answers} == {200, 503}
        assert {(headers["retry-after"], told["error"]) for _, headers, told in refused} == {("1", "overloaded")}
        # its connection is as good as before, and health is never refused
        assert answer(crowd[0])[0] == 200
        crowd[-1].sendall(post(JOB))
        assert answer(crowd[-1])[0] == 200


def test_what_a_client_does_not_fetch_is_not_kept_for_it(models: Path) -> None:
    with serving.served(models, "--keep-alive-seconds", "1", "--drain-seconds", "0") as url:
        # 10,000 answers of 600 bytes are more than the system keeps for a connection
        batch = json.dumps({"jobs": [{"tool_id": "tool"}] * 10_000}).encode()
        with connect(url) as connection:
            connection.sendall(post(batch, path="/v1/predict/batch"))
            head = connection.recv(200)
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            time.sleep(3)
            received = len(head.partition(b"\r\n\r\n")[2])
            with suppress(ConnectionError):
                while part := connection.recv(1 << 20):
                    received += len(part)
        assert received < length


def test_clients_that_fetch_nothing_keep_nobody_else_out(models: Path) -> None:
    with serving.served(models, "--max-concurrency", "2", "--drain-seconds", "0") as url, ExitStack() as stack:
        crowd = [stack.enter_context(connect(url)) for _ in range(4)]
        for connection in crowd:
            # several megabytes of answers, far more than the system keeps for a connection
            connection.sendall(get("/openapi.json") * 300)
        time.sleep(2)
        with connect(url) as other:
            other.sendall(post(JOB))
            assert answer(other)[0] == 200
