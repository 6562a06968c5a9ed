"""What the service tells of its tools is taken as it comes: whatever it is, the check goes on."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import serving

from galaxy_memory_rules.config import RulesConfig
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.known_tools import known_tools, small_job


@contextmanager
def telling(body: bytes) -> Iterator[RulesConfig]:
    """Run a service that gives one answer to every question."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield RulesConfig(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"null", b'{"tools": 3}', b'{"tools": [4], "sizes_bytes": [5]}', b'{"sizes_bytes": {"a": 1}}'],
)
def test_an_answer_of_another_kind_tells_nothing(body: bytes) -> None:
    with telling(body) as config:
        assert known_tools(config) == []
        assert small_job(config, "a tool/1.0") == JobDescription("a tool/1.0")


def test_a_small_job_has_the_smallest_inputs() -> None:
    sizes = {"reads": {"smallest": 7, "median": 8, "largest": 9}}
    with telling(json.dumps({"sizes_bytes": sizes}).encode()) as config:
        assert small_job(config, "tool").inputs == (InputDataset("reads", 7),)


def test_where_nobody_answers_nothing_is_known() -> None:
    assert known_tools(RulesConfig(f"http://127.0.0.1:{serving.free_port()}")) == []
