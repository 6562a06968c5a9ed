"""Names are looked up beside the caller, who waits no longer than his deadline."""

import socket
import threading
import time
from contextlib import ExitStack

import fault_server
import pytest
from lost_network import full_backlog
from wire_faults import DEADLINE_SECONDS, GOOD, PATIENCE_SECONDS, RECOMMENDATION, ask

from galaxy_memory_rules import addresses
from galaxy_memory_rules.errors import PredictionUnavailable


def test_a_name_that_is_unknown_is_no_answer() -> None:
    with pytest.raises(PredictionUnavailable, match=r"cannot resolve: .*no-such-host\.invalid"):
        ask("http://no-such-host.invalid:8765")


def test_an_address_that_swallows_packets_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        swallows = full_backlog(stack).rpartition(":")[2]
        server = stack.enter_context(fault_server.serving(fault_server.reply(GOOD)))
        both = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (int(swallows), server.port)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: both)
        # half of the deadline for the first of two
        assert ask("http://two-addresses.example:8765", 4 * DEADLINE_SECONDS) == RECOMMENDATION


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
    monkeypatch.setattr(addresses, "_addresses", {})
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        url = f"http://localhost:{server.port}"
        assert ask(url) == RECOMMENDATION
        monkeypatch.setattr(addresses, "_FRESH_SECONDS", 0.0)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: released.wait(fault_server.HANG_SECONDS))
        assert [ask(url), ask(url)] == [RECOMMENDATION, RECOMMENDATION]
        resolving = [thread for thread in threading.enumerate() if thread.name == "gmem-resolve"]
        assert len(resolving) == 1, "one look-up at a time, however many jobs wait"
    monkeypatch.undo()
    released.set()
    resolving[0].join()
