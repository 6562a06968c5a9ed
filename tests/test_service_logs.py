"""The log says all in lines of JSON, and whatever happens to it, requests go on."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
import serving
from hypothesis import given
from hypothesis import strategies as st

from service import logs


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("service", logging.INFO, "", 0, message, arguments, None)
    made.__dict__.update(extra)
    return made


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.floats(), max_size=3))
def test_whatever_is_logged_is_one_line_that_a_program_reads(message: str, fields: dict[str, object]) -> None:
    line = logs.JsonLines().format(record("%s", message, fields=fields))
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["logger"] == fields.get("logger", "service")


def test_a_message_and_a_traceback_have_an_end() -> None:
    try:
        raise ValueError("x" * 100_000)
    except ValueError:
        failed = record("y" * 100_000)
        failed.exc_info = sys.exc_info()
    told = json.loads(logs.JsonLines().format(failed))
    assert len(told["message"]) == logs.MAX_MESSAGE_CHARS
    assert len(told["traceback"]) == logs.MAX_TRACEBACK_CHARS


def test_a_line_names_the_request_that_it_is_about(pipe: tuple[int, int]) -> None:
    writer = logs.Writer(pipe[1])
    token = logs.request_id.set("abc")
    writer.handle(record("asked"))
    logs.request_id.reset(token)
    writer.handle(record("later"))
    writer.close()
    first, second = map(json.loads, os.read(pipe[0], 65536).splitlines())
    assert (first["request_id"], first["message"]) == ("abc", "asked")
    assert "request_id" not in second


def test_a_pipe_that_nobody_reads_holds_up_nobody_and_the_loss_is_told(pipe: tuple[int, int]) -> None:
    writer = logs.Writer(pipe[1])
    # 64 KiB fit into the pipe, 10,000 lines into the queue
    for number in range(12_000):
        writer.handle(record("%d", number))
    received = b""

    def read() -> None:
        nonlocal received
        while part := os.read(pipe[0], 1 << 20):
            received += part

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    deadline = time.monotonic() + 20
    while b"were lost" not in received and time.monotonic() < deadline:
        writer.handle(record("once more"))
        time.sleep(0.01)
    writer.close()
    os.close(pipe[1])
    reader.join()
    lines = [json.loads(line) for line in received.splitlines()]
    told = [line["message"] for line in lines if "were lost" in line["message"]]
    lost = sum(int(message.split()[0]) for message in told)
    numbers = [line["message"] for line in lines if line["message"].isdecimal()]
    assert lost >= 12_000 - len(numbers) > 0
    assert numbers == sorted(numbers, key=int)


def test_a_line_whose_arguments_do_not_fit_is_lost_alone(pipe: tuple[int, int]) -> None:
    writer = logs.Writer(pipe[1])
    writer.handle(record("%d %d", "one"))
    writer.handle(record("good"))
    writer.close()
    told = [json.loads(line)["message"] for line in os.read(pipe[0], 65536).splitlines()]
    assert told == ["good", "1 lines of the log were lost"]


def broken(kind: str) -> int:
    """Return what cannot be written to."""
    if kind == "the disk is full":
        return os.open("/dev/full", os.O_WRONLY)
    reading, writing = os.pipe()
    if kind == "nobody reads any more":
        os.close(reading)
        return writing
    # full from the start: who writes would wait for ever
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"." * 65536)
    os.set_blocking(writing, True)
    return writing


@pytest.mark.parametrize("kind", ["the disk is full", "nobody reads any more", "nobody reads, and nobody ends"])
def test_a_log_that_cannot_be_written_hurts_no_request(models: Path, kind: str) -> None:
    """S5."""
    ask_and_end(models, [sys.executable, "-m", "service"], broken(kind))


def test_without_a_stderr_nothing_is_written_anywhere(models: Path) -> None:
    """Not into the first socket, either, that gets its number."""
    ask_and_end(models, ["sh", "-c", f'exec {sys.executable} -m service "$@" 2>&-', "sh"], subprocess.DEVNULL)


def ask_and_end(models: Path, command: list[str], stderr: int) -> None:
    port = serving.free_port()
    options = ["--models", str(models), "--port", str(port), "--log-level", "debug", "--drain-seconds", "0"]
    environment = {**os.environ, "PYTHONPATH": str(serving.ROOT)}
    process = subprocess.Popen([*command, *options], cwd=serving.ROOT, env=environment, stderr=stderr)
    try:
        url = f"http://127.0.0.1:{port}"
        serving.wait_until_live(process, url)
        for _ in range(20):
            assert requests.post(f"{url}/v1/predict", json={"tool_id": "tool"}, timeout=10).status_code == 200
            assert requests.post(f"{url}/v1/predict", data=b"{", timeout=10).status_code == 422
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
