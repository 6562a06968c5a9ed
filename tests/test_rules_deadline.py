"""Sockets that keep to the deadline and trust whom they should."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import fault_server
import pytest
import trustme
from lost_network import full_backlog
from wire_faults import (
    DEADLINE_SECONDS,
    GOOD,
    JOB,
    PATIENCE_SECONDS,
    RECOMMENDATION,
    UNHURRIED_SECONDS,
    ask,
    context_of,
)

from galaxy_memory_rules.client import PredictionClient
from galaxy_memory_rules.errors import PredictionUnavailable
from galaxy_memory_rules.messages import MemoryRecommendation


def test_a_server_that_does_not_accept_is_no_answer() -> None:
    with ExitStack() as stack:
        url = full_backlog(stack)
        begin = time.monotonic()
        with pytest.raises(PredictionUnavailable):
            ask(url, DEADLINE_SECONDS)
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


@pytest.fixture
def pem(authority: trustme.CA) -> Iterator[str]:
    with authority.cert_pem.tempfile() as path:
        yield path


@pytest.fixture
def everybodys_authority(pem: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The authority is one of those that everybody trusts."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", pem)
    return pem


def ask_over_tls(name: str, signed_by: trustme.CA, trusting: str | None) -> MemoryRecommendation:
    """Ask a server whose certificate names this host."""
    with fault_server.serving(fault_server.reply(GOOD), context_of(signed_by.issue_cert(name))) as server:
        client = PredictionClient(server.url, UNHURRIED_SECONDS, trusting)
        try:
            return client.predict(JOB)
        finally:
            client.close()


def test_a_certificate_that_everybody_trusts_needs_no_authority_of_ones_own(
    authority: trustme.CA, everybodys_authority: str
) -> None:
    assert ask_over_tls("127.0.0.1", authority, None) == RECOMMENDATION


def test_an_authority_of_ones_own_is_trusted(authority: trustme.CA, pem: str) -> None:
    assert ask_over_tls("127.0.0.1", authority, pem) == RECOMMENDATION


def test_with_an_authority_of_ones_own_no_other_is_trusted(everybodys_authority: str, pem: str) -> None:
    stranger = trustme.CA()
    with pytest.raises(PredictionUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        ask_over_tls("127.0.0.1", stranger, pem)


@pytest.mark.parametrize(("name", "trusted"), [("127.0.0.1", False), ("elsewhere.org", True)])
def test_a_certificate_of_a_stranger_or_for_another_host_is_no_answer(
    name: str, trusted: bool, authority: trustme.CA, pem: str
) -> None:
    with pytest.raises(PredictionUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        ask_over_tls(name, authority, pem if trusted else None)


@pytest.mark.parametrize(("text", "complaint"), [(None, "invalid path"), ("not a certificate", "SSLError")])
def test_an_authority_that_cannot_be_read_is_no_answer(
    text: str | None, complaint: str, authority: trustme.CA, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PredictionUnavailable, match=complaint):
        ask_over_tls("127.0.0.1", authority, str(path))
