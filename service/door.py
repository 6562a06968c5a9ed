"""The door: every request gets an id, is let in or not, is answered whatever happens behind, and is counted."""

import hmac
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import metrics, refusals, request_id, wire
from .bodies import Headers

Endpoint = Callable[[Headers, Receive], Awaitable[bytes]]
"""Answers a POST with JSON, or raises; it gets the headers in lower case, and reads the body itself."""

_OPEN = "/health/"
_READING = ("GET", "HEAD")
_GONE = 499  # nginx's word for a client that did not wait
_JSON = (b"content-type", b"application/json")

log = logging.getLogger(__name__)


class Door:
    """The outermost part of the application.

    Parameters
    ----------
    app : ASGIApp
        What answers all other requests.
    endpoints : mapping of str to Endpoint
        What is posted to often, by path: none of the layers of a web framework stand between it and the door.
    token : bytes or None
        What a request has to bear, except those for health; None lets everyone in.
    access_log : bool
        Whether each request gets a line in the log; answers of 500 and above always do.
    open_paths : collection of str
        What may be read without the token too: the page, which asks for it.
    """

    def __init__(
        self,
        app: ASGIApp,
        endpoints: Mapping[str, Endpoint],
        token: bytes | None = None,
        access_log: bool = False,
        open_paths: Collection[str] = (),
    ) -> None:
        self.app = app
        self._endpoints = endpoints
        self._expected = token and b"Bearer " + token
        self._access_log = access_log
        self._open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything but HTTP goes through."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began = perf_counter()
        headers = dict(scope["headers"])
        reply = _Reply(send, request_id.choose(headers.get(request_id.HEADER)))
        try:
            await self._let_in(scope, headers, receive, reply)
        except ClientDisconnect:
            reply.status = _GONE
        except Exception as error:
            await _refuse(reply, error)
        finally:
            self._tell(scope, reply.status or _GONE, perf_counter() - began)

    async def _let_in(self, scope: Scope, headers: Headers, receive: Receive, reply: "_Reply") -> None:
        path = scope["path"]
        if self._expected and not self._is_open(scope["method"], path):
            self._check_token(headers)
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            await self.app(scope, receive, reply.send)
        elif scope["method"] != "POST":
            raise HTTPException(405, "Method Not Allowed", {"Allow": "POST"})
        else:
            await reply.answer(200, await endpoint(headers, receive))

    def _is_open(self, method: str, path: str) -> bool:
        # these paths and no others: /page/x/memory/ would be the seed's address of a tool page/x
        return path.startswith(_OPEN) or (path in self._open_paths and method in _READING)

    def _check_token(self, headers: Headers) -> None:
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected or b""):
            raise HTTPException(401, "expected the header Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        # the route's template, never what the client wrote: labels and log lines stay bounded, and tell of nobody
        path = scope["path"]
        route = path if path in self._endpoints else str(getattr(scope.get("route"), "path", "other"))
        metrics.count_request(route, status, seconds)
        if self._access_log or status >= 500:
            fields = {
                "method": scope["method"],
                "route": route,
                "status": status,
                "milliseconds": round(seconds * 1000, 1),
            }
            level = logging.ERROR if status >= 500 else logging.INFO
            log.log(level, "%s %s %d", scope["method"], route, status, extra={"fields": fields})


class _Reply:
    """What goes back to the client: it bears the request's id, and its status is known afterwards."""

    def __init__(self, send: Send, id_of_request: bytes) -> None:
        self._send = send
        self._header = (request_id.HEADER, id_of_request)
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass on what the application sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), self._header]
        await self._send(message)

    async def answer(self, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
        """Send a whole answer in JSON."""
        self.status = status
        headers = [_JSON, (b"content-length", b"%d" % len(body)), self._header, *more]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


async def _refuse(reply: _Reply, error: Exception) -> None:
    status, content = refusals.refusal(error)
    if status == 500:
        log.error("the service failed", exc_info=error)
    # where the application has begun to answer, it has answered, or cannot be helped
    if not reply.status:
        more = ((name.lower().encode(), value.encode()) for name, value in refusals.headers_of(error).items())
        await reply.answer(status, wire.encode(content), *more)
