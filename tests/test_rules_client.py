"""Asking the service, and every way in which it may not answer."""

import json
import os
import socket
import threading
import time

import fault_server
import pytest
from wire_faults import DEADLINE_SECONDS, FAULTS, GOOD, JOB, PATIENCE_SECONDS, RECOMMENDATION, UNHURRIED_SECONDS, ask

from galaxy_memory_rules.client import PredictionClient
from galaxy_memory_rules.errors import PredictionUnavailable, UnknownTool


def test_a_good_answer_is_read_and_the_job_is_sent_as_it_is() -> None:
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        assert ask(server.url) == RECOMMENDATION
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/predict HTTP/1.1")
    assert json.loads(body) == JOB.to_dict()


def test_connections_are_kept() -> None:
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        client = PredictionClient(server.url, UNHURRIED_SECONDS)
        for _ in range(3):
            client.predict(JOB)
        assert server.connections == 1
        client.close()


def test_a_forked_process_and_another_thread_open_connections_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        client = PredictionClient(server.url, PATIENCE_SECONDS)

        def ask_and_close() -> None:
            assert client.predict(JOB) == RECOMMENDATION
            client.close()

        client.predict(JOB)
        others = [threading.Thread(target=ask_and_close) for _ in range(2)]
        for thread in others:
            thread.start()
        for thread in others:
            thread.join()
        assert (server.connections, len(server.requests)) == (3, 3)
        parent = client._adapter()
        # what a child sees after a fork: the same memory under another process id
        monkeypatch.setattr(os, "getpid", lambda: -1)
        ask_and_close()
        assert server.connections == 4
        parent.close()


def test_an_unknown_tool_is_told_apart_from_a_service_that_fails() -> None:
    body = b'{"error": "unknown_tool", "message": "no bundle for the tool bowtie2"}'
    with (
        fault_server.serving(fault_server.reply(body, "404 Not Found")) as server,
        pytest.raises(UnknownTool, match="no bundle for the tool bowtie2"),
    ):
        ask(server.url)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_service_that(fault: fault_server.Answer) -> None:
    with fault_server.serving(fault) as server:
        begin = time.monotonic()
        with pytest.raises(PredictionUnavailable):
            ask(server.url, DEADLINE_SECONDS)
        assert time.monotonic() - begin < PATIENCE_SECONDS
        assert server.connections <= 1, "one job is one request, and no redirect is followed"


def test_a_closed_port_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(PredictionUnavailable, match="cannot connect"):
        ask(f"http://127.0.0.1:{port}")


def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        fault_server.serving(fault_server.reply(GOOD)) as server,
        fault_server.serving(fault_server.reply(GOOD)) as proxy,
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        ask(server.url)
        assert (len(server.requests), len(proxy.requests)) == (1, 0)


def test_no_thread_and_no_socket_is_left_behind() -> None:
    before = set(threading.enumerate())
    # pytest turns a socket that is collected unclosed into an error
    with fault_server.serving(FAULTS["drips the body"]) as server, pytest.raises(PredictionUnavailable):
        ask(server.url, DEADLINE_SECONDS)
    assert set(threading.enumerate()) == before
