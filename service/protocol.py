"""One HTTP connection: uvicorn's, with a deadline for requests, limits for headers, and refusals that cost little."""

import asyncio
import itertools
import json
import re
import secrets
from http import HTTPStatus
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .connections import Connections
from .lifecycle import Lifecycle

MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100
# What is asked in order to know how the service is doing is always answered.
_ALWAYS = (b"/health/", b"/v2/health/", b"/metrics")
# Headers of a request that has a body.
_BODIES = (b"content-length", b"transfer-encoding")
# What a prediction says about its length; and what else may stand in its headers that needs a closer look.
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,8})[ \t]*\r\n")
_NOT_PLAIN = (b"transfer-encoding", b"close", b"upgrade", b"expect", b"http/1.0", b"\n\n")
_ids = itertools.count(secrets.randbits(63))


def _request_id() -> bytes:
    return b"%016x" % next(_ids)


def _refusal(status: int, error: str, message: str, header: str) -> bytes:
    """Return a whole answer in the one shape of errors, but for the place of its request id."""
    body = json.dumps({"error": error, "message": message, "request_id": "0" * 16}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{header}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body.replace(b"0" * 16, b"%b")


_BUSY = _refusal(503, "overloaded", "too many requests are in hand; ask again in a second", "retry-after: 1")
_SLOW = _refusal(408, "slow", "the request did not arrive whole in time", "connection: close")
_MALFORMED = _refusal(
    400, "malformed", "expected an HTTP/1.1 request, and with a body one without Upgrade", "connection: close"
)
_TOO_LARGE = _refusal(
    431,
    "headers_too_large",
    f"expected at most {MAX_HEADERS} headers of {MAX_HEAD_BYTES} bytes in all",
    "connection: close",
)


class HeadTooLarge(Exception):
    """The address and headers of a request are more than anybody needs; never leaves this file."""


class UnreadableBody(Exception):
    """The parser takes what follows for another protocol; never leaves this file."""


class Protocol(HttpToolsProtocol):
    """One connection of a client.

    It is in `Connections.idle` or in `Connections.receiving`, or else a request of it is in hand, or its refusal held.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._all = cast(Connections, self.server_state)
        # a request has begun to arrive; it is refused; its refusal is held back; a whole one is being answered
        self._arriving = self._refusing = self._held = self._in_hand = False
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection in, at the cost of the one that has waited longest when there are too many."""
        super().connection_made(transport)
        self._all.idle[self] = self.loop.time()
        self._all.admit()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._held = False
        self._all.forget(self)
        self._all.unread.pop(self, None)
        self._let_go()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Note that the client does not fetch its answers; what waits behind them keeps nobody else out."""
        super().pause_writing()
        self._all.unread[self] = self.loop.time()
        self._let_go()

    def resume_writing(self) -> None:
        """Go on: it fetches them."""
        super().resume_writing()
        self._all.unread.pop(self, None)

    def data_received(self, data: bytes) -> None:
        """Read on, and note whether a request is whole, or since when it has been arriving."""
        if self._held:
            # it asks the next thing without waiting
            self.say_busy()
        if self._all.working >= self._all.most_working and self._is_refused_unread(data):
            return
        self._all.idle.pop(self, None)
        self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # who asks for websockets or HTTP/2, and sends nothing else, gets an answer in HTTP/1.1, and then the end
            self.cycle.keep_alive = False
        except httptools.HttpParserError as error:
            large = isinstance(error.__context__, HeadTooLarge)
            self._last_words(_TOO_LARGE if large else _MALFORMED, "too_large" if large else "malformed")
            return
        if self._in_hand or self._held:
            self._all.forget(self)
        elif self._arriving or self not in self._all.idle:
            self._all.idle.pop(self, None)
            self._all.receiving.setdefault(self, self.loop.time())
            if self._head_bytes > MAX_HEAD_BYTES and self.cycle is None:
                self._last_words(_TOO_LARGE, "too_large")

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        if self._held:
            self.say_busy()
        self._arriving, self._refusing = True, False

    def on_headers_complete(self) -> None:
        """Start to answer, or refuse what is too much: before anything is made for it."""
        # only what came in large pieces is worth counting
        if len(self.headers) > MAX_HEADERS or (self._head_bytes > MAX_HEAD_BYTES and self._size() > MAX_HEAD_BYTES):
            raise HeadTooLarge
        if self.parser.should_upgrade() and any(name in _BODIES for name, _ in self.headers):
            raise UnreadableBody
        if self._all.working >= self._all.most_working and self._may_refuse():
            self._refusing = True
            return
        super().on_headers_complete()
        if self._all.closing:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body, if anybody is going to read it."""
        if not self._refusing:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Take a whole request in hand."""
        self._arriving, self._head_bytes = False, 0
        if self._refusing:
            self._refuse_busy()
            return
        super().on_message_complete()
        if self.cycle.response_complete:
            self._rest()
        else:
            self._take_in_hand()

    def on_response_complete(self) -> None:
        """Go on with the next request, if it is there already."""
        self._all.total_requests += 1
        self._let_go()
        self.flow.resume_reading()
        if self.pipeline and not self.transport.is_closing():
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            if not cycle.more_body:
                self._take_in_hand()
                return
        if self._arriving:
            self._all.receiving.setdefault(self, self.loop.time())
        else:
            self._rest()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._all.line_up(lambda: super(Protocol, self)._start_asgi_task(cycle, app))

    def drop(self) -> None:
        """Close the connection; what a client does not fetch is not kept for it."""
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def refuse_slow(self) -> None:
        """Close the connection of a client that has not sent its request in time, and say so if nothing was said."""
        began = self._arriving and (self.cycle is None or self.cycle.scope is not self.scope)
        waits = self._arriving and self.cycle is not None and not self.cycle.response_started
        if not began and not waits:
            self.drop()
            return
        if self.cycle is not None:
            # who reads the body learns that there is no more to come
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._last_words(_SLOW, "slow")

    def _last_words(self, answer: bytes, reason: str) -> None:
        Lifecycle.refused[reason] += 1
        self.transport.write(answer % _request_id())
        self.transport.close()
        # should the client not even fetch these
        self._rest()

    def say_busy(self) -> None:
        """Say the no that was held back; the next request is welcome."""
        if self._held and not self.transport.is_closing():
            self.transport.write(_BUSY % _request_id())
            self._rest()
        self._held = False

    def _refuse_busy(self) -> None:
        Lifecycle.refused["overload"] += 1
        self._held = True
        self._all.forget(self)
        self._all.hold(self)

    def _is_refused_unread(self, data: bytes) -> bool:
        """Refuse what plainly is one whole prediction; the parser would take three times as long for it."""
        if self not in self._all.idle or not data.startswith(b"POST /v1/predict"):
            return False
        head, _, body = data.partition(b"\r\n\r\n")
        head = head.lower()
        lengths = _LENGTH.findall(head + b"\r\n")
        if len(lengths) != 1 or int(lengths[0]) != len(body) or any(word in head for word in _NOT_PLAIN):
            return False
        self._refuse_busy()
        return True

    def _rest(self) -> None:
        self._all.receiving.pop(self, None)
        self._all.idle[self] = self.loop.time()

    def _take_in_hand(self) -> None:
        if not self._in_hand and self not in self._all.unread:
            self._in_hand = True
            self._all.working += 1

    def _let_go(self) -> None:
        if self._in_hand:
            self._in_hand = False
            self._all.working -= 1

    def _may_refuse(self) -> bool:
        """Tell whether a 503 can be written at once, and the question is not how the service is doing."""
        earlier = self.cycle is not None and not self.cycle.response_complete
        # the answer to HEAD has no body; who waits for `100 Continue` would wait for ever
        special = self.parser.get_method() == b"HEAD" or self.expect_100_continue
        return not earlier and not special and not self.url.startswith(_ALWAYS)

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
