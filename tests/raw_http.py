"""HTTP as bytes on a socket: what no well-behaved client sends."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECONDS = 20.0


def connect(url: str) -> socket.socket:
    """Open a connection, and send nothing."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_SECONDS)


def post(body: bytes, *headers: str, path: str = "/v1/predict") -> bytes:
    """Return a request."""
    lines = [f"POST {path} HTTP/1.1", "Host: service", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def get(path: str, *headers: str) -> bytes:
    """Return a request without a body."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: service", *headers, "", ""]).encode()


def answer(connection: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Read one answer: status, headers and what the JSON of it says; status 0 where the connection was closed."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        # one by one, so that nothing of a next answer is taken
        byte = connection.recv(1)
        if not byte:
            return 0, {}, None
        head += byte
    first, *lines = head.decode().strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = b""
    while missing := int(headers["content-length"]) - len(body):
        body += connection.recv(missing)
    return int(first.split()[1]), headers, json.loads(body)


def is_closed(connection: socket.socket) -> bool:
    """Wait until the other end closes the connection, or says something more."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
