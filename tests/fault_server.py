"""A server on this machine that reads a request and then misbehaves as it is told, over http or https."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = Callable[[socket.socket], None]

# How long a server that hangs does so: long against any deadline, short against a person.
HANG_SECONDS = 30.0


class Server:
    """Accepts connections until it is closed, and gives each to the same answer; with a context it speaks TLS."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.closing = threading.Event()
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop, and wait for every thread."""
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError), self._secured(connection) as spoken:
            spoken.settimeout(0.05)
            while (request := self._read(spoken)) is not None:
                self.requests.append(request)
                self._answer(spoken)

    def _secured(self, connection: socket.socket) -> socket.socket:
        # a client that breaks the handshake off, or never ends it, is not waited for
        connection.settimeout(HANG_SECONDS)
        return self._context.wrap_socket(connection, server_side=True) if self._context else connection

    def _read(self, connection: socket.socket) -> bytes | None:
        """Read one request whole; None when the other side has gone or the test is over."""
        data = b""
        while not self.closing.is_set():
            try:
                part = connection.recv(65536)
            except TimeoutError:
                continue
            if not part:
                return None
            data += part
            head, found, body = data.partition(b"\r\n\r\n")
            if found and len(body) >= _content_length(head):
                return data
        return None


def _content_length(head: bytes) -> int:
    lines = [line.split(b":", 1)[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return int(lines[0]) if lines else 0


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server for the length of a test."""
    server = Server(answer, context)
    try:
        yield server
    finally:
        server.close()


def reply(body: bytes, status: str = "200 OK", headers: str = "", kind: str = "application/json") -> Answer:
    """Answer like a well-behaved server, with any body."""
    described = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}"
    head = f"HTTP/1.1 {status}\r\n{described}\r\n".encode()
    return lambda connection: connection.sendall(head + body)


def raw(data: bytes) -> Answer:
    """Answer with these bytes, and close."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.close()

    return answer


def reset(data: bytes) -> Answer:
    """Answer with these bytes, and break the connection off instead of closing it."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return answer


def in_turn(*answers: Answer) -> Answer:
    """Give the first answer to the first request, the next to the next, and the last to all that follow."""
    left = list(answers)
    return lambda connection: (left.pop(0) if len(left) > 1 else left[0])(connection)


def drip(head: bytes, drop: bytes) -> Answer:
    """Send the head at once and then one drop every 20 ms."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        connection.settimeout(0.02)
        ends = time.monotonic() + HANG_SECONDS
        while time.monotonic() < ends:
            connection.sendall(drop)
            with contextlib.suppress(TimeoutError):
                if not connection.recv(1):
                    return

    return answer


def flood(head: bytes, megabytes: int) -> Answer:
    """Send the head and then so many megabytes."""

    def answer(connection: socket.socket) -> None:
        connection.settimeout(HANG_SECONDS)
        connection.sendall(head)
        for _ in range(megabytes):
            connection.sendall(b"x" * 1024 * 1024)
        connection.close()

    return answer
