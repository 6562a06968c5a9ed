"""Requests that mean harm: the tables of faults.md as bytes, the same with random damage, and hypothesis' own."""

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from raw_exchange import head, post

PREDICT, BATCH, PLAN = "/v1/predict", "/v1/predict/batch", "/v1/plan"
TOOL = "bowtie2"
Made = TypeVar("Made")
_NUMBERS = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e308", "-1", "-0", "1.5", "true", '"12"', '"nan"', "null"),
    *("[]", "{}", "9007199254740992", "9" * 5000, "1" + "0" * 400, "0x10", "01", "1_000", "+1", "\u0661"),
)
_PATHS = (
    *("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%252e%252e%252f", "..\\..\\x"),
    *(
        "%00",
        "bowtie2%00",
        "%c0%ae%c0%ae%c0%af",
        "%ff%fe",
        "%0d%0aSet-Cookie:%20a=b",
        "a" * 300,
        "a" * 60_000,
        "//",
        ".",
    ),
    *("models/bowtie2/current", "file:///etc/passwd", "%e2%80%ae", "${jndi:ldap://x}", "{{7*7}}", "%s%n", "'or'1'='1"),
)
_TOOLS = (
    *('"../../etc/passwd"', '"bowtie2/../bowtie2"', '"\\u0000"', '"bowtie2\\r\\nX: y"', '"\\ud800"', '""', '" "'),
    *(json.dumps("x" * 256), json.dumps("\u202e"), "7", "null", "[]", '"__class__"', '"/etc/passwd"', '"C:\\\\x"'),
)
_QUERY = (
    "input_1=nan",
    "input_1=inf",
    "input_1=1e308",
    "input_1=-1",
    "input_1=1&input_1=2",
    "x" * 5000,
    "%00=%00",
    "=",
)


def table() -> list[bytes]:
    """Return every row of the tables at least once."""
    return [*_bodies(), *_addresses(), *_heads(), *_framing()]


def _bodies() -> Iterator[bytes]:
    fields = ("slots", "attempt", "previous_request_bytes", "dbkey", "tool_version", "parameters", "inputs", "memory")
    for number in _NUMBERS:
        yield _job(f'"inputs": [{{"name": "input_1", "size_bytes": {number}}}]')
        yield _job(f'"parameters": {{"a": {number}}}')
        yield from (_job(f'"{field}": {number}') for field in fields)
        yield _plan(f'"jobs": [{{"tool_id": "{TOOL}", "count": {number}}}]')
        yield from (_plan(f'"{field}": {number}, "jobs": []') for field in ("window_hours", "nodes", "failure_cap"))
        yield _plan(f'"csv": "tool,input_1\\n{TOOL},{number.strip(chr(34))}\\n"')
    for tool in _TOOLS:
        yield _plan(f'"jobs": [{{"tool_id": {tool}}}]')
        yield post(PREDICT, f'{{"tool_id": {tool}}}'.encode())
        yield post(BATCH, f'{{"jobs": [{{"tool_id": {tool}}}, 7, null, []]}}'.encode())
    inputs = ", ".join('{"name": "i", "size_bytes": 1}' for _ in range(65))
    yield _job(f'"inputs": [{inputs}]')
    yield _job('"parameters": {' + ", ".join(f'"p{number}": 1' for number in range(1_000)) + "}")
    many = ", ".join(f'"{number}": 1' for number in range(5_000))
    for body in (
        f"{{{many}}}",
        "[" * 30_000,
        '{"a":' * 9_000,
        "[]",
        "7",
        "null",
        '""',
        "",
        "{",
        "\ufeff{}",
        '{"a": 1,}',
    ):
        yield post(PREDICT, body.encode())
        yield post(BATCH, body.encode())
    yield post(BATCH, json.dumps({"jobs": [{"tool_id": TOOL}] * 10_001}).encode())
    for raw in (b"\xff\xfe{}", b"\xc3\x28", b'{"tool_id": "\xed\xa0\x80"}', b"\x00" * 100, b"\x1f\x8b\x08\x00"):
        yield post(PREDICT, raw)


def _job(more: str) -> bytes:
    return post(PREDICT, f'{{"tool_id": "{TOOL}", {more}}}'.encode())


def _plan(content: str) -> bytes:
    return post(PLAN, f"{{{content}}}".encode())


def _addresses() -> Iterator[bytes]:
    for path in _PATHS:
        for place in (f"/{path}", f"/{path}/memory/", f"/v1/tools/{path}", f"/v2/models/{path}", f"/docs/{path}"):
            yield head("GET", place)
        yield post(f"/v2/models/{path}/infer", b'{"inputs": []}')
    yield from (head("GET", f"/{TOOL}/memory/?{query}") for query in _QUERY)
    for number in _NUMBERS:
        tensor = f'{{"name": "input_1", "shape": [{number}], "datatype": "INT64", "data": [{number}]}}'
        yield post(f"/v2/models/{TOOL}/infer", f'{{"inputs": [{tensor}]}}'.encode())


def _heads() -> Iterator[bytes]:
    yield from (
        head(method, PREDICT) for method in ("GET", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "BREW", "p")
    )
    yield head("GET", "/health/live", "X-Big: " + "x" * 100_000)
    yield head("GET", "/health/live", *(f"X-{number}: 1" for number in range(10_000)))
    for one in (
        "X-Request-ID: a\tb",
        "X-Request-ID: " + "x" * 5000,
        "Authorization: Bearer \xff",
        "Host: \x00",
        ": y",
        "X y",
    ):
        yield head("GET", "/health/live", one)
    for encoding in ("gzip", "br", "deflate, gzip", "identity, x"):
        yield head("POST", PREDICT, f"Content-Encoding: {encoding}", "Content-Length: 2") + b"{}"
    yield head("GET", "/health/live", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    yield head("POST", PREDICT, "Expect: 100-continue", "Content-Length: 2") + b"{}"


def _framing() -> Iterator[bytes]:
    chunked = "Transfer-Encoding: chunked"
    yield head("POST", PREDICT, "Content-Length: 2", chunked) + b"2\r\n{}\r\n0\r\n\r\n"
    yield head("POST", PREDICT, "Content-Length: 2", "Content-Length: 3") + b"{}"
    yield from (
        head("POST", PREDICT, f"Content-Length: {length}") for length in (-1, "x", "9" * 30, 200_000_000, "2, 2")
    )
    yield head("POST", PREDICT, chunked) + b"ffffffffffffffff\r\n"
    yield head("POST", PREDICT, chunked) + b"20000\r\n" + b" " * 0x20000 + b"\r\n0\r\n\r\n"
    yield head("POST", PREDICT, "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n"
    yield from (
        b"\x16\x03\x01\x02\x00\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    )
    yield post(PREDICT, b"{}") * 50


def damaged(count: int) -> list[bytes]:
    """Return so many of the table with a few bytes changed, taken out or put in; their length may lie afterwards."""
    dice, originals = random.Random(5), table()
    return [_damaged(dice, dice.choice(originals)[:4000]) for _ in range(count)]


def _damaged(dice: random.Random, original: bytes) -> bytes:
    data = bytearray(original)
    for _ in range(dice.randint(1, 8)):
        place, other = dice.randrange(len(data) + 1), dice.randrange(len(data) + 1)
        piece = dice.choice((b"", dice.randbytes(dice.randint(1, 8)), bytes(data[other : other + 64])))
        data[place : place + dice.randint(0, 8)] = piece
    return bytes(data)


def _wild() -> st.SearchStrategy[bytes]:
    """Bytes of hypothesis: as whole requests, as heads, as bodies, and JSON that no schema allows."""
    numbers: st.SearchStrategy[Any] = st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=20)
    keys = st.sampled_from(
        ("tool_id", "inputs", "name", "size_bytes", "parameters", "slots", "jobs", "csv", "nodes")
    ) | st.text(max_size=5)
    values = st.recursive(numbers, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5))
    job = st.fixed_dictionaries(
        {"tool_id": st.just(TOOL)}, optional={"inputs": values, "parameters": values, "slots": values}
    )
    # surrogates have no UTF-8, and go as JSON's own escapes
    bodies = st.binary(max_size=200) | (values | job).map(lambda value: json.dumps(value).encode())
    paths = st.sampled_from((PREDICT, BATCH, PLAN, f"/v2/models/{TOOL}/infer", f"/{TOOL}/memory/"))
    return (
        st.binary(min_size=1, max_size=200)
        | st.builds(post, paths, bodies)
        | st.binary(max_size=60).map(lambda raw: b"GET /" + raw + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        | st.binary(max_size=60).map(lambda raw: b"GET /health/live HTTP/1.1\r\n" + raw + b"\r\n\r\n")
    )


def wild(count: int) -> list[bytes]:
    """Return so many requests of hypothesis."""
    return examples(_wild(), count)


def examples(strategy: st.SearchStrategy[Made], count: int) -> list[Made]:
    """Return so many examples of a strategy, or all it has; the same ones each time."""
    found: list[Made] = []
    collect: Callable[[Made], None] = found.append
    quiet = settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    # an operation that takes nothing has nothing that is wrong
    with contextlib.suppress(Unsatisfiable):
        quiet(given(strategy)(lambda one: collect(one)))()
    return found
