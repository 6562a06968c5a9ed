"""Sockets that keep to the deadline, trust whom they should, and are tried afresh when the server had closed them."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import fault_server
import pytest
import trustme
from wire_faults import DEADLINE_SECONDS, GOOD, JOB, PATIENCE_SECONDS, RECOMMENDATION, UNHURRIED_SECONDS, ask

from galaxy_memory_rules.client import PredictionClient
from galaxy_memory_rules.errors import PredictionUnavailable


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
