"""Asking the service, and every way in which it may not answer."""

import contextlib
import gzip
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import fault_server
import pytest
import trustme

from galaxy_memory_rules import deadline
from galaxy_memory_rules.client import PredictionClient
from galaxy_memory_rules.errors import PredictionUnavailable, UnknownTool
from galaxy_memory_rules.messages import InputDataset, JobDescription, MemoryRecommendation

DEADLINE_SECONDS = 0.25
# For those who do answer, on a machine that may be busy.
UNHURRIED_SECONDS = 5.0
# The machines that run the tests are slow and shared; what is tested is that nothing holds the caller for as long
# as the other side likes (fault_server.HANG_SECONDS).
PATIENCE_SECONDS = 20.0

JOB = JobDescription("bowtie2", inputs=(InputDataset("input_1", 1493950957, "fastqsanger"),), dbkey="?")
RECOMMENDATION = MemoryRecommendation(
    4026531840, 2953838592, {"0.5": 2953838592}, 0.03, "bowtie2", "forest", "bowtie2/1", (), ("a reason",)
)
GOOD = json.dumps(RECOMMENDATION.to_dict()).encode()


def ask(url: str, deadline_seconds: float = UNHURRIED_SECONDS) -> MemoryRecommendation:
    client = PredictionClient(url, deadline_seconds)
    try:
        return client.predict(JOB)
    finally:
        client.close()


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
        parent = client._session()
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


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
FAULTS = {
    "hangs before the headers": fault_server.drip(b"", b""),
    "hangs after the headers": fault_server.drip(HEAD, b""),
    "drips headers": fault_server.drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "drips whole headers": fault_server.drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "drips the body": fault_server.drip(HEAD, b" "),
    "says 100 Continue without end": fault_server.drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "closes at once": fault_server.raw(b""),
    "closes in the middle": fault_server.raw(HEAD + GOOD),
    "is no HTTP": fault_server.raw(b"\x00\xff\x00\xff SSH-2.0-OpenSSH\r\n\r\n"),
    "sends 100,000 headers": fault_server.raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n"),
    "sends 8 MB": fault_server.flood(HEAD.replace(b"1000000", b"8388608"), 8),
    "sends without end": fault_server.flood(b"HTTP/1.1 200 OK\r\n\r\n", 64),
    "packs 100 MB": fault_server.reply(gzip.compress(b" " * 10**8), headers="Content-Encoding: gzip\r\n"),
    "redirects": fault_server.reply(b"", "307 Temporary Redirect", "Location: /elsewhere\r\n"),
    "fails": fault_server.reply(b"Internal Server Error", "500 Internal Server Error"),
    "is busy": fault_server.reply(b"", "503 Service Unavailable", "Retry-After: 3600\r\n"),
    "answers 404 without a word": fault_server.reply(b"Not Found", "404 Not Found"),
    "answers a list with 404": fault_server.reply(b"[]", "404 Not Found"),
    "answers HTML": fault_server.reply(b"<html>login</html>"),
    "answers nothing": fault_server.reply(b""),
    "answers a list": fault_server.reply(b"[]"),
    "answers NaN": fault_server.reply(GOOD.replace(b"4026531840", b"NaN")),
    "answers infinity": fault_server.reply(GOOD.replace(b"4026531840", b"1e999")),
    "answers a negative number": fault_server.reply(GOOD.replace(b"4026531840", b"-1")),
    "answers true": fault_server.reply(GOOD.replace(b"4026531840", b"true")),
    "answers 12GB": fault_server.reply(GOOD.replace(b"4026531840", b'"12GB"')),
    "answers 5,000 digits": fault_server.reply(GOOD.replace(b"4026531840", b"9" * 5000)),
    "answers deep nesting": fault_server.reply(b"[" * 50_000),
    "answers no text": fault_server.reply(b"\xff" + GOOD),
}


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


def test_a_server_that_does_not_accept_is_no_answer() -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # the backlog is full: further connections are neither accepted nor refused
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        begin = time.monotonic()
        with pytest.raises(PredictionUnavailable):
            ask(f"http://127.0.0.1:{listener.getsockname()[1]}", DEADLINE_SECONDS)
        assert time.monotonic() - begin < PATIENCE_SECONDS


def test_a_name_that_is_unknown_is_no_answer() -> None:
    with pytest.raises(PredictionUnavailable):
        ask("http://no-such-host.invalid:8765")


def test_a_name_service_that_hangs_does_not_hold_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def hang(*args: object, **kwargs: object) -> list[object]:
        answered.wait(fault_server.HANG_SECONDS)
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begin = time.monotonic()
    with pytest.raises(PredictionUnavailable, match="not resolved in time"):
        ask("http://slow-name.example:8765", DEADLINE_SECONDS)
    assert time.monotonic() - begin < PATIENCE_SECONDS
    answered.set()


def test_a_name_is_resolved_and_its_address_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []
    real = socket.getaddrinfo

    def count(*args: object, **kwargs: object) -> object:
        looked_up.append(args[0])
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", count)
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        for _ in range(2):
            assert ask(f"http://localhost:{server.port}") == RECOMMENDATION
    assert looked_up == ["localhost"]


def test_an_old_address_outlives_a_name_service_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(deadline, "_addresses", {})
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        url = f"http://localhost:{server.port}"
        assert ask(url) == RECOMMENDATION
        monkeypatch.setattr(deadline, "_FRESH_SECONDS", 0.0)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: released.wait(fault_server.HANG_SECONDS))
        assert [ask(url), ask(url)] == [RECOMMENDATION, RECOMMENDATION]
        resolving = [thread for thread in threading.enumerate() if thread.name == "gmem-resolve"]
        assert len(resolving) == 1, "one look-up at a time, however many jobs wait"
    monkeypatch.undo()
    released.set()
    resolving[0].join()


def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        fault_server.serving(fault_server.reply(GOOD)) as server,
        fault_server.serving(fault_server.reply(GOOD)) as proxy,
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        ask(server.url)
        assert (len(server.requests), len(proxy.requests)) == (1, 0)


def test_plain_http_behind_an_https_address_is_no_answer() -> None:
    with fault_server.serving(fault_server.reply(GOOD)) as server, pytest.raises(PredictionUnavailable):
        ask(server.url.replace("http:", "https:"), DEADLINE_SECONDS)


@pytest.fixture
def silent_tls() -> Iterator[str]:
    """A server that accepts a connection and never says a word of its handshake."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


def test_a_tls_handshake_that_hangs_does_not_hold_the_caller(silent_tls: str) -> None:
    begin = time.monotonic()
    with pytest.raises(PredictionUnavailable):
        ask(silent_tls, DEADLINE_SECONDS)
    assert time.monotonic() - begin < PATIENCE_SECONDS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def answer_over_tls(listener: socket.socket, certificate: trustme.LeafCert, body: bytes) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        with connection, context.wrap_socket(connection, server_side=True) as secured:
            received = b""
            while not received.endswith(b"}"):
                received += secured.recv(65536)
            fault_server.reply(body)(secured)


@pytest.mark.parametrize(("name", "trusted"), [("127.0.0.1", True), ("127.0.0.1", False), ("elsewhere.org", True)])
def test_only_a_trusted_certificate_of_the_right_name_is_an_answer(
    name: str, trusted: bool, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, authority.cert_pem.tempfile() as bundle:
        if trusted:
            monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", bundle)
        server = threading.Thread(target=answer_over_tls, args=(listener, authority.issue_cert(name), GOOD))
        server.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        try:
            if trusted and name == "127.0.0.1":
                # a handshake on a slow machine takes its time
                assert PredictionClient(url, UNHURRIED_SECONDS).predict(JOB) == RECOMMENDATION
            else:
                with pytest.raises(PredictionUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
                    PredictionClient(url, UNHURRIED_SECONDS).predict(JOB)
        finally:
            server.join()


def test_no_thread_and_no_socket_is_left_behind() -> None:
    before = set(threading.enumerate())
    # pytest turns a socket that is collected unclosed into an error
    with fault_server.serving(FAULTS["drips the body"]) as server, pytest.raises(PredictionUnavailable):
        ask(server.url, DEADLINE_SECONDS)
    assert set(threading.enumerate()) == before
