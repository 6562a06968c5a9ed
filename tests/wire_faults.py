"""Every way in which a service may misbehave on the wire (faults.md), and a process that serves each of them."""

import gzip
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import trustme
from fault_server import Answer, Server, drip, flood, raw, reply, reset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from galaxy_memory_rules.client import PredictionClient
from galaxy_memory_rules.errors import PredictionUnavailable
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

JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HEAD = JSON + b"Content-Length: 1000000\r\n\r\n"
# it fits into the 64 KiB of an answer, and unpacks to 60 MB
BOMB = 6 * gzip.compress(b" " * 10**7)
PACKED = "Content-Encoding: gzip\r\n"


def answering(memory_bytes: bytes) -> Answer:
    """Recommend this amount."""
    return reply(GOOD.replace(b"4026531840", memory_bytes))


FAULTS = {
    "hangs before the headers": drip(b"", b""),
    "hangs after the headers": drip(HEAD, b""),
    "drips headers": drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "drips whole headers": drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "drips the body": drip(HEAD, b" "),
    "says 100 Continue without end": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "closes at once": raw(b""),
    "closes in the middle": raw(HEAD + GOOD),
    "resets at once": reset(b""),
    "resets in the middle": reset(HEAD + GOOD),
    "is no HTTP": raw(b"\x00\xff\x00\xff SSH-2.0-OpenSSH\r\n\r\n"),
    "sends 100,000 headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n"),
    "sends headers of 6 MB": raw(b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 60_000 + b"\r\n") * 100 + b"\r\n"),
    "sends 8 MB": flood(HEAD.replace(b"1000000", b"8388608"), 8),
    "sends without end": flood(JSON + b"\r\n", 64),
    "sends chunks without end": flood(JSON + b"Transfer-Encoding: chunked\r\n\r\n7FFFFFFF\r\n", 64),
    "packs 60 MB": reply(BOMB, headers=PACKED),
    "redirects": reply(b"", "307 Temporary Redirect", "Location: /elsewhere\r\n"),
    "redirects to itself": reply(b"", "308 Permanent Redirect", "Location: /v1/predict\r\n"),
    "redirects elsewhere": reply(b"", "302 Found", "Location: http://elsewhere.invalid/v1/predict\r\n"),
    "redirects and packs 60 MB": reply(BOMB, "307 Temporary Redirect", f"Location: /elsewhere\r\n{PACKED}"),
    "redirects and sends without end": flood(b"HTTP/1.1 307 T\r\nLocation: /elsewhere\r\n\r\n", 64),
    "fails": reply(b"Internal Server Error", "500 Internal Server Error"),
    "is a proxy without a service": reply(b"<html>", "502 Bad Gateway", kind="text/html"),
    "is busy": reply(b"", "503 Service Unavailable", "Retry-After: 3600\r\n"),
    "is asked too often": reply(b"", "429 Too Many Requests", "Retry-After: 3600\r\n"),
    "answers 404 without a word": reply(b"Not Found", "404 Not Found"),
    "answers a list with 404": reply(b"[]", "404 Not Found"),
    "answers HTML": reply(b"<html>login</html>", kind="text/html"),
    "answers text": reply(GOOD, kind="text/plain"),
    "answers nothing": reply(b""),
    "answers a list": reply(b"[]"),
    "answers NaN": answering(b"NaN"),
    "answers infinity": answering(b"1e999"),
    "answers a negative number": answering(b"-1"),
    "answers zero": answering(b"0"),
    "answers true": answering(b"true"),
    "answers 12GB": answering(b'"12GB"'),
    "answers a fraction of a byte": answering(b"4026531840.5"),
    "answers 1e30": answering(b"1e30"),
    "answers 31 digits": answering(b"1" + b"0" * 30),
    "answers 5,000 digits": answering(b"9" * 5000),
    "answers deep nesting": reply(b"[" * 50_000),
    "answers no text": reply(b"\xff" + GOOD),
}


def ask(url: str, deadline_seconds: float = UNHURRIED_SECONDS) -> MemoryRecommendation:
    """Ask once with a client of its own."""
    client = PredictionClient(url, deadline_seconds)
    try:
        return client.predict(JOB)
    finally:
        client.close()


class Faulty(NamedTuple):
    """Where the faults are served."""

    http: dict[str, str]
    https: dict[str, str]
    authority: str


def miss(url: str, authority: str | None, deadline_seconds: float) -> float:
    """Ask once with a client of its own, which must find no answer; return how long the caller was held."""
    client = PredictionClient(url, deadline_seconds, authority)
    begin = time.perf_counter()
    try:
        client.predict(JOB)
    except PredictionUnavailable:
        return time.perf_counter() - begin
    finally:
        client.close()
    raise AssertionError(f"{url} gave a recommendation")


def told(seconds: Sequence[float]) -> str:
    """Return p50, p99 and the worst of many calls."""
    ordered = sorted(seconds)
    half, most = (1000 * ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99))
    return f"{len(ordered):,} calls: p50 {half:.2f} ms, p99 {most:.2f} ms, max {1000 * ordered[-1]:.2f} ms"


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return what a server that shows this certificate speaks with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@contextmanager
def served(folder: Path) -> Iterator[Faulty]:
    """Serve every fault over http and https, in a process of its own so that its memory is not ours."""
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Faulty(*json.loads(process.stdout.readline()))


def serve_until_the_end_of(folder: Path) -> None:
    """Serve every fault and say where, until standard input is closed."""
    authority = trustme.CA()
    trusted = context_of(authority.issue_cert("127.0.0.1"))
    past = datetime.now(UTC) - timedelta(days=1)
    over_tls = {name: Server(answer, trusted) for name, answer in FAULTS.items()} | {
        "shows an expired certificate": Server(
            reply(GOOD), context_of(authority.issue_cert("127.0.0.1", not_after=past))
        ),
        "shows the certificate of a stranger": Server(reply(GOOD), context_of(trustme.CA().issue_cert("127.0.0.1"))),
        "shows another's certificate": Server(reply(GOOD), context_of(authority.issue_cert("elsewhere.org"))),
    }
    https = {name: server.url for name, server in over_tls.items()}
    plain = {name: Server(answer).url for name, answer in FAULTS.items()}
    https["speaks no TLS"] = Server(reply(GOOD)).url.replace("http:", "https:")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    print(json.dumps([plain, https, str(folder / "authority.pem")]), flush=True)
    sys.stdin.read()
    # some of them still hang on their clients
    os._exit(0)


if __name__ == "__main__":
    serve_until_the_end_of(Path(sys.argv[1]))
