"""New bundles under load, good ones and bad ones in turn (S3)."""

import itertools
import json
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import bad_bundles
import requests
import servers
import trained_forest
import wrk
from goals import Pace, Row
from servers import Server
from wrk import Request

from trainer import publishing

RELOADS = 100
_BASES = 3
_CHECKERS = 2
_PICK_UP_SECONDS = 15.0
# a bad bundle has no moment at which it is seen to be refused
_REFUSAL_SECONDS = 0.5
_LOAD_SECONDS = 3600
# new connections, of which each process gets some
_ASKED = 8

Answers = Sequence[Mapping[str, Any]]


class Base(NamedTuple):
    """A good build, and what it answers to every job when it is served alone."""

    build: Path
    answers: Answers


def reload(pace: Pace) -> Iterator[Row]:
    """Publish while requests run, with one process and with several."""
    with TemporaryDirectory() as folder:
        jobs = trained_forest.different_jobs()
        bases = [_base(Path(folder) / f"base{number}", number, jobs) for number in range(_BASES)]
        for workers in (1, 2):
            yield _reloads(Path(folder) / f"models{workers}", bases, jobs, workers, pace.count(RELOADS))


def _base(root: Path, number: int, jobs: Sequence[Any]) -> Base:
    trained = trained_forest.train(_BASES, number)
    home = root / publishing.folder_name(trained.bundle.tool)
    trained_forest.publish(trained, root)
    with servers.ours(root) as us:
        answer = requests.post(f"{us.url}/v1/predict/batch", json={"jobs": jobs}, timeout=60)
        return Base(publishing.current_build(home), answer.json()["recommendations"])


class Checker(threading.Thread):
    """A client that asks one job after the other, and holds each answer against what its bundle answers alone."""

    def __init__(self, port: int, jobs: Sequence[Any], known: Mapping[str, Answers]) -> None:
        super().__init__(daemon=True)
        self.port, self.bodies, self.known = port, [json.dumps(job) for job in jobs], known
        self.found: Counter[str] = Counter()
        self.stopping = threading.Event()

    def run(self) -> None:
        """Ask until told to stop."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        number = 0
        while not self.stopping.is_set():
            number = (number + 1) % len(self.bodies)
            try:
                connection.request("POST", "/v1/predict", self.bodies[number])
                answer = connection.getresponse()
                self.found[self._judged(number, answer.status, answer.read())] += 1
            except (OSError, HTTPException):
                self.found["failed"] += 1
                connection.close()

    def _judged(self, number: int, status: int, body: bytes) -> str:
        if status != 200:
            return "failed"
        told = json.loads(body)
        expected = self.known.get(told["bundle"])
        return "right" if expected and told == {**expected[number], "bundle": told["bundle"]} else "mixed"


def _reloads(root: Path, bases: Sequence[Base], jobs: Sequence[Any], workers: int, count: int) -> Row:
    home = root / bases[0].build.parent.name
    for base in bases:
        shutil.copytree(base.build, home / base.build.name)
    bad_bundles.make_current(home, bases[0].build.name)
    known = {_name(base.build): base.answers for base in bases}
    ask = [Request("POST", "/v1/predict", json.dumps(job)) for job in jobs]
    with servers.ours(root, "--workers", str(workers)) as us:
        checkers = [Checker(us.port, jobs, known) for _ in range(_CHECKERS)]
        for checker in checkers:
            checker.start()
        with wrk.start(us.url, ask, _LOAD_SECONDS, 8) as load:
            unseen = _publish_in_turn(us, home, bases, known, count)
            # wrk tells what it saw when it is interrupted
            load.send_signal(signal.SIGINT)
            seen = wrk.result(load)
        for checker in checkers:
            checker.stopping.set()
            checker.join()
        assert us.is_alive, "the service has ended"
    found = sum((checker.found for checker in checkers), Counter[str]())
    failed = found["failed"] + seen.requests - seen.statuses.get(200, 0) + seen.broken + seen.timeouts
    told = f"{failed} failed, {found['mixed']} mixed, {unseen} not as published, of {seen.requests + found.total():,}"
    goal = "0 failed, 0 mixed, all as published"
    what = f"{count} reloads under load, half of them bad, --workers {workers}"
    return Row(what, told, goal, not failed and not found["mixed"] and not unseen and found["right"] > 0)


def _publish_in_turn(us: Server, home: Path, bases: Sequence[Base], known: dict[str, Answers], count: int) -> int:
    """Publish good and bad in turn; return how often the service answered with something else than it should."""
    dice, ways = random.Random(5), itertools.cycle(bad_bundles.WAYS)
    unseen, served = 0, _name(bases[0].build)
    for number in range(count):
        base = bases[number % len(bases)]
        if number % 2 == 0:
            build = bad_bundles.renamed(home / base.build.name, number)
            served = _name(build)
            known[served] = base.answers
            bad_bundles.make_current(home, build.name)
            us.process.send_signal(signal.SIGHUP)
            unseen += not _is_served(us, served, _PICK_UP_SECONDS)
        else:
            bad_bundles.publish_bad(home / base.build.name, next(ways), number, dice)
            us.process.send_signal(signal.SIGHUP)
            time.sleep(_REFUSAL_SECONDS)
            unseen += not _is_served(us, served, 0)
    return unseen


def _is_served(us: Server, bundle: str, patience_seconds: float) -> bool:
    """Return whether every process answers with a bundle: as many new connections as make it likely to ask each."""
    deadline = time.monotonic() + patience_seconds
    while True:
        if {_answering(us) for _ in range(_ASKED)} == {bundle}:
            return True
        if time.monotonic() >= deadline or not us.is_alive:
            return False
        time.sleep(0.05)


def _answering(us: Server) -> str:
    try:
        answer = requests.post(f"{us.url}/v1/predict", json={"tool_id": "bowtie2"}, timeout=10)
        return str(answer.json()["bundle"])
    except (requests.RequestException, ValueError, KeyError):
        return ""


def _name(build: Path) -> str:
    return f"bowtie2/{build.name}"
