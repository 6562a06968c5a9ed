"""How the service starts, is told to reload, and ends."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
import serving
import trustme
from raw_http import answer, connect, get, is_closed, post

JOB = json.dumps({"tool_id": "tool"}).encode()
BATCH = json.dumps({"jobs": [{"tool_id": "tool"}] * 3000}).encode()


@contextmanager
def running(models: Path, *options: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Run the service for a test that ends it itself, by whatever means."""
    port = serving.free_port()
    process = serving.start(models, port, *options)
    try:
        serving.wait_until_live(process, f"http://127.0.0.1:{port}")
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class Crowd:
    """Clients that ask again and again over connections that they keep, and count what became of it."""

    def __init__(self, url: str, clients: int = 4) -> None:
        self.answered = self.refused = self.lost = 0
        self._url, self._over = url, threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                connection = connect(self._url)
            except ConnectionRefusedError:
                self.refused += 1
                time.sleep(0.01)
                continue
            with connection:
                self._ask_on(connection)

    def _ask_on(self, connection: socket.socket) -> None:
        while not self._over.is_set():
            try:
                connection.sendall(post(JOB))
                status, headers, _ = answer(connection)
            except (ConnectionError, TimeoutError):
                status, headers = 0, {}
            self.answered += status == 200
            self.lost += status != 200
            if status != 200 or headers.get("connection") == "close":
                return

    def leave(self) -> None:
        """Stop asking."""
        self._over.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_at_sigterm_it_says_not_ready_answers_all_and_ends_well(models: Path, workers: str) -> None:
    """S6, small."""
    with running(models, "--workers", workers, "--drain-seconds", "0.7") as (process, url):
        crowd = Crowd(url)
        with connect(url) as long, connect(url) as half:
            long.sendall(post(BATCH, path="/v1/predict/batch"))
            half.sendall(post(JOB)[:-5])
            time.sleep(0.3)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            # new connections are taken still, for balancers to hear the no
            assert requests.get(f"{url}/health/ready", timeout=10).status_code == 503
            assert requests.get(f"{url}/health/live", timeout=10).status_code == 200
            half.sendall(post(JOB)[-5:])
            assert answer(half)[0] == 200
            assert len(answer(long)[2]["recommendations"]) == 3000
        assert process.wait(20) == 0
        assert time.monotonic() - began < 10
        crowd.leave()
    assert crowd.answered > 20
    assert crowd.lost == 0
    assert crowd.refused > 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_sigterm_ends_it_at_once(models: Path, workers: str) -> None:
    with running(models, "--workers", workers, "--drain-seconds", "50", "--shutdown-seconds", "60") as (process, _):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def test_what_takes_longer_than_the_shutdown_may_is_cut_off_and_told(models: Path) -> None:
    batch = json.dumps({"jobs": [{"tool_id": "tool"}] * 10_000}).encode()
    with running(models, "--drain-seconds", "0", "--shutdown-seconds", "1") as (process, url), connect(url) as slow:
        # it never fetches the answer, which is more than the system keeps for it
        slow.sendall(post(batch, path="/v1/predict/batch"))
        slow.recv(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 1


def test_ctrl_c_is_as_good(models: Path) -> None:
    with running(models, "--drain-seconds", "0") as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_asks_each_process_to_reload_and_ends_none(
    models: Path, workers: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with running(models, "--workers", workers, "--drain-seconds", "0") as (process, url):
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert requests.get(f"{url}/health/ready", timeout=10).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert capfd.readouterr().err.count("loading bundles anew") == int(workers)


def workers_of(process: "subprocess.Popen[bytes]") -> set[int]:
    told = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return {int(pid) for pid in told.split()}


def test_a_killed_worker_is_replaced_and_nobody_notices(models: Path) -> None:
    """S7."""
    with running(models, "--workers", "2", "--drain-seconds", "0") as (process, url):
        before = workers_of(process)
        assert len(before) == 2
        time.sleep(2)
        killed = before.pop()
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while len(workers_of(process) - {killed}) < 2 and time.monotonic() < deadline:
            assert requests.get(f"{url}/health/ready", timeout=10).status_code == 200
        assert len(workers_of(process) - {killed}) == 2
        # the new one answers when the old one does not any more
        [old] = before
        os.kill(old, signal.SIGSTOP)
        while time.monotonic() < deadline:
            try:
                assert requests.get(f"{url}/health/ready", timeout=0.3).status_code == 200
                break
            except requests.RequestException:
                continue
        os.kill(old, signal.SIGCONT)
        assert time.monotonic() < deadline


def test_workers_end_with_their_parent(models: Path) -> None:
    with running(models, "--workers", "2", "--drain-seconds", "0") as (process, url):
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                requests.get(f"{url}/health/live", timeout=1)
                time.sleep(0.1)
            except requests.RequestException:
                return
    raise AssertionError("a worker answers for ever")


def ended(models: Path, *options: str, environment: dict[str, str] | None = None) -> tuple[int, list[str]]:
    """Start what cannot work; return the exit status and what it said."""
    command = [sys.executable, "-m", "service", "--models", str(models), *options]
    told = subprocess.run(
        command, cwd=serving.ROOT, capture_output=True, text=True, timeout=60, env={**os.environ, **(environment or {})}
    )
    return told.returncode, told.stderr.splitlines()


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        (("--host", "192.0.2.1"), {}, "service: cannot listen at 192.0.2.1 port 8765: cannot assign requested address"),
        (("--host", "nobody.invalid"), {}, "service: cannot listen at nobody.invalid port 8765: "),
        (("--host", "a" * 300), {}, "service: cannot listen at "),
        ((), {"GMR_PORT": "http"}, "service: GMR_PORT: expected a whole number"),
        (
            ("--tls-certificate", "setup.cfg", "--tls-key", "setup.cfg"),
            {},
            "service: tls_certificate, tls_key: expected PEM",
        ),
    ],
)
def test_what_cannot_work_is_one_line_and_status_2(
    models: Path, options: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    """S12."""
    status, lines = ended(models, *options, environment=environment)
    assert status == 2
    [line] = lines
    assert line.startswith(said)


def test_a_port_that_is_taken_is_one_line_and_status_2(models: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, lines = ended(models, "--port", str(taken.getsockname()[1]))
    assert (status, len(lines)) == (2, 1)
    assert lines[0].endswith(": address already in use")


UNPRIVILEGED_PORTS = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody without permission")
@pytest.mark.skipif(UNPRIVILEGED_PORTS <= 80, reason="everybody may listen at port 80 here")
def test_a_port_that_is_not_allowed_is_said(models: Path) -> None:
    program = (
        "import os\nfrom pathlib import Path\nfrom service.listening import listening_socket\n"
        "from service.settings import ServiceSettings\nos.setgid(65534)\nos.setuid(65534)\n"
        "try: listening_socket(ServiceSettings(Path(), port=80))\nexcept Exception as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=serving.ROOT, capture_output=True, text=True)
    assert told.stdout == "cannot listen at 127.0.0.1 port 80: permission denied\n"


def test_workers_none_of_which_can_start_are_the_end(tmp_path: Path) -> None:
    """A folder that is gone by the time they look for it."""
    program = (
        "import socket, sys\nfrom pathlib import Path\nfrom service.settings import ServiceSettings\n"
        "from service.supervisor import supervise\n"
        "settings = ServiceSettings(Path(sys.argv[1]), workers=2)\n"
        "sys.exit(supervise(settings, socket.create_server(('127.0.0.1', 0))))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "gone")]
    told = subprocess.run(command, cwd=serving.ROOT, capture_output=True, text=True, timeout=60)
    assert told.returncode == 2
    said = [json.loads(line)["message"] for line in told.stderr.splitlines() if line.startswith("{")]
    assert said
    assert all("no such folder" in message for message in said)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The authority's certificate, the server's, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    paths = folder / "authority.pem", folder / "certificate.pem", folder / "key.pem"
    authority.cert_pem.write_to_path(str(paths[0]))
    paths[1].write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(paths[2]))
    return paths


def test_with_a_certificate_it_speaks_https_alone(models: Path, certified: tuple[Path, Path, Path]) -> None:
    authority, certificate, key = certified
    port = serving.free_port()
    options = ("--tls-certificate", str(certificate), "--tls-key", str(key), "--receive-seconds", "1")
    process = serving.start(models, port, *options, "--drain-seconds", "0", "--workers", "2")
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                url = f"https://127.0.0.1:{port}/v1/predict"
                told = requests.post(url, data=JOB, verify=str(authority), timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        assert told.json()["tool"] == "tool"
        with pytest.raises(requests.exceptions.SSLError):
            requests.post(url, data=JOB, timeout=5)
        # neither a silent client nor one without TLS gets in, or stays
        with connect(f"http://127.0.0.1:{port}") as silent, connect(f"http://127.0.0.1:{port}") as plain:
            plain.sendall(get("/health/live"))
            assert is_closed(plain)
            assert is_closed(silent)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.load_verify_locations(authority)
        with pytest.warns(DeprecationWarning), ExitStack() as stack:
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            connection = stack.enter_context(connect(f"http://127.0.0.1:{port}"))
            with pytest.raises((ssl.SSLError, OSError)):
                old.wrap_socket(connection, server_hostname="127.0.0.1")
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_the_settings_are_one_line_at_the_start_without_the_secrets(
    models: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").touch(0o600)
    (tmp_path / "token").write_text("open-sesame-open-sesame")
    with running(models, "--token-file", str(tmp_path / "token")) as (process, _):
        pass
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    [told] = [line["settings"] for line in lines if "settings" in line]
    assert told["token_file"] == str(tmp_path / "token")
    assert "open-sesame" not in json.dumps(lines)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
