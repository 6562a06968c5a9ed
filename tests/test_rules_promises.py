"""Each line of the README's table of bad cases, lived through at the door."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fault_server
import pytest
import trustme
from galaxy_stand_ins import Destination, Job, State, Tool, app_with, bowtie2_job, dataset
from galaxy_stand_ins import Input as JobInput
from serving import ROOT
from wire_faults import DEADLINE_SECONDS, FAULTS, GOOD, UNHURRIED_SECONDS, answering, context_of

from galaxy_memory_rules import map_job_to_destination
from galaxy_memory_rules.config import load_config
from galaxy_memory_rules.decision import client_for

RESUBMIT = [{"condition": "memory_limit_reached and attempt <= 3", "environment": "memory_rule"}]
SLURM = Destination("slurm", "slurm", {"native_specification": "--ntasks=1 --mem=8192M"}, resubmit=RESUBMIT)
FOR_TIME = "This job was resubmitted to the queue because it reached the walltime on its compute resource."
GIB = 1024**3


@dataclass
class Door:
    """Where jobs come in, with settings that a line may change."""

    path: Path
    opened: ExitStack

    def set(self, url: str, more: str = "", deadline_seconds: float = UNHURRIED_SECONDS) -> None:
        self.path.write_text(
            f"service_url: {url}\ndeadline_seconds: {deadline_seconds}\ndestination: slurm\n"
            f"destinations: {{slurm: {{}}}}\n{more}"
        )
        self.opened.callback(client_for(load_config(self.path)).close)

    def serve(self, answer: fault_server.Answer, context: ssl.SSLContext | None = None) -> fault_server.Server:
        return self.opened.enter_context(fault_server.serving(answer, context))

    def send(self, job: Any = None, destination: Destination = SLURM, number: int = 1) -> Any:
        """Send a job that was never asked for."""
        job = job or bowtie2_job(1493950957)
        job.id = number
        return map_job_to_destination(app_with(destination), job, Tool(), str(self.path))

    def is_unchanged(self, **given: Any) -> bool:
        return bool(self.send(**given) == given.get("destination", SLURM))

    def requests(self, **given: Any) -> int:
        return int(self.send(**given).params["gmem_request_bytes"])


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with ExitStack() as opened:
        yield Door(tmp_path / "memory_rules.yml", opened)


def killed(info: str = "") -> Job:
    """A job that had 6 GiB."""
    job = bowtie2_job(1493950957)
    job.state_history = [State("resubmitted", info)]
    job.destination_params = {"gmem_request_bytes": str(6 * GIB), "gmem_attempt": "1"}
    return job


@contextmanager
def closed_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


def faulty(door: Door) -> None:
    with closed_port() as url:
        door.set(url)
        assert door.is_unchanged()
    for name in (
        "resets at once",
        "closes at once",
        "fails",
        "answers HTML",
        "is no HTTP",
        "answers NaN",
        "answers zero",
    ):
        door.set(door.serve(FAULTS[name]).url)
        assert door.is_unchanged(), name


def hanging(door: Door) -> None:
    for name in ("hangs before the headers", "drips the body"):
        door.set(door.serve(FAULTS[name]).url, deadline_seconds=DEADLINE_SECONDS)
        assert door.is_unchanged(), name


def five_in_a_row(door: Door) -> None:
    server = door.serve(FAULTS["fails"])
    door.set(server.url)
    assert all(door.is_unchanged(number=number) for number in range(20))
    assert len(server.requests) == 5


def asked_to_wait(door: Door) -> None:
    for name in ("is busy", "is asked too often"):
        server = door.serve(FAULTS[name])
        door.set(server.url)
        assert all(door.is_unchanged(number=number) for number in range(3))
        assert len(server.requests) == 1


def unknown_tool(door: Door) -> None:
    server = door.serve(fault_server.reply(b'{"error": "unknown_tool", "message": "no bundle"}', "404 Not Found"))
    door.set(server.url)
    assert all(door.is_unchanged(number=number) for number in range(3))
    assert len(server.requests) == 1


def beyond_limits(door: Door) -> None:
    door.set(door.serve(answering(b"1")).url)
    assert door.requests() == GIB // 2
    door.set(door.serve(answering(b"9007199254740991")).url)
    assert door.requests() == 64 * GIB


def certificates(door: Door) -> None:
    authority = trustme.CA()
    server = door.serve(fault_server.reply(GOOD), context_of(authority.issue_cert("elsewhere.org")))
    pem = door.path.with_name("authority.pem")
    authority.cert_pem.write_to_path(pem)
    url = server.url.replace("http:", "https:")
    # of another authority, and of another name
    for more in ("", f"authority: {pem}\n"):
        door.set(url, more)
        assert door.is_unchanged()
    assert not server.requests


def redirects(door: Door) -> None:
    server = door.serve(FAULTS["redirects to itself"])
    door.set(server.url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        assert door.is_unchanged()
    assert len(server.requests) == 1


def out_of_memory(door: Door) -> None:
    door.set(door.serve(fault_server.reply(GOOD)).url)
    assert door.requests(job=killed()) == 12 * GIB
    with closed_port() as url:
        door.set(url)
        assert door.requests(job=killed()) == 12 * GIB


def out_of_time(door: Door) -> None:
    door.set(door.serve(fault_server.reply(GOOD)).url)
    assert door.requests(job=killed(FOR_TIME)) == 6 * GIB


def at_the_ceiling(door: Door) -> None:
    door.set(door.serve(fault_server.reply(GOOD)).url, "ceiling: 3 GiB\n")
    assert [entry["condition"] for entry in door.send().resubmit] == [
        "not memory_limit_reached and (memory_limit_reached and attempt <= 3)"
    ]


def broken_settings(door: Door) -> None:
    door.set(door.serve(fault_server.reply(GOOD)).url)
    assert door.requests() == 3840 * 1024**2
    door.path.write_text("floor: [")
    assert door.requests(number=2) == 3840 * 1024**2
    local = Destination("local", "local")
    assert map_job_to_destination(app_with(local, SLURM), Job(), Tool(), "/nowhere.yml", "slurm") == SLURM


def wordless(door: Door) -> None:
    door.set(door.serve(fault_server.reply(GOOD)).url)
    assert door.is_unchanged(destination=Destination("slurm", "slurm", {"native_specification": "--ntasks=1"}))


def unknown_size(door: Door) -> None:
    server = door.serve(fault_server.reply(GOOD))
    door.set(server.url)
    job = bowtie2_job(1)
    job.input_datasets.append(JobInput("input_2", dataset(9, None)))
    assert door.requests(job=job) == 3840 * 1024**2
    assert b'"size_bytes": null' in server.requests[0] or b'"size_bytes":null' in server.requests[0]


def unreadable(door: Door) -> None:
    class Gone(Job):
        def raw_param_dict(self) -> dict[str, str]:
            raise RuntimeError("server closed the connection")

    door.set("http://127.0.0.1:1")
    assert door.is_unchanged(job=Gone())


def full_disk(door: Door) -> None:
    door.set(door.serve(fault_server.reply(GOOD)).url, "record: /dev/full\n")
    assert door.requests() == 3840 * 1024**2


def switched_off(door: Door) -> None:
    server = door.serve(fault_server.reply(GOOD))
    switch = door.path.with_name("memory_rules.off")
    door.set(server.url, f"off_switch: {switch}\n")
    switch.touch()
    assert door.is_unchanged()
    assert not server.requests


PROMISES: dict[str, Callable[[Door], None]] = {
    "the service is down": faulty,
    "the service, its name server": hanging,
    "five such jobs": five_in_a_row,
    "the service says 503": asked_to_wait,
    "the service has no bundle": unknown_tool,
    "the answer is below": beyond_limits,
    "a certificate is expired": certificates,
    "the service redirects": redirects,
    "the job ran out of memory": out_of_memory,
    "it ran out of time": out_of_time,
    "it needs more than the ceiling": at_the_ceiling,
    "`memory_rules.yml` is broken": broken_settings,
    "the destination says nothing": wordless,
    "a dataset's size is unknown": unknown_size,
    "Galaxy's database is gone": unreadable,
    "the log's or the record's disk": full_disk,
    "`off_switch` exists": switched_off,
}


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_it_is_kept_when(promise: Callable[[Door], None], door: Door) -> None:
    promise(door)


def test_every_line_of_the_readmes_table_is_one_of_them() -> None:
    text = (ROOT / "README.md").read_text()
    table = text[text.index("### What happens when") :].split("\n## ")[0]
    lines = re.findall(r"^\| (?!when |--)(.*?) \|", table, re.MULTILINE)
    assert len(lines) == len(PROMISES)
    assert all(any(line.startswith(begin) for begin in PROMISES) for line in lines)
