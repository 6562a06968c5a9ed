"""POST /v1/plan: capacity planning in a thread of its own, with the last forecasts kept for other nodes and windows."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from galaxy_memory_rules.errors import InvalidMessage
from galaxy_memory_rules.memory import MIB
from service import wire
from service.bodies import read_body
from service.documentation import PLAN
from service.predicting import Serving
from service.predictor import Predictor
from service.settings import ServiceSettings
from service.threads import in_thread

from .answer import answer
from .csv_jobs import parse_csv
from .forecast import Forecast, forecast
from .jobs import PlannedJobs, parse_jobs
from .request import PlanRequest, parse_request
from .table import plan_csv

# What decides about a forecast, and what is decided afterwards, in milliseconds.
_OF_FORECAST = ("jobs", "csv", "tool", "default_run_seconds", "seed")
_AFTERWARDS = ("nodes", "window_hours", "failure_cap")
_KNOWN = (*_OF_FORECAST, *_AFTERWARDS)
_KEPT_BYTES = 64 * MIB
_CSV_HEADERS = {"content-type": "text/csv; charset=utf-8", "content-disposition": 'attachment; filename="plan.csv"'}
# A plan takes all of a core: more at once would take longer each.
_AT_ONCE = 2

Write = Callable[[Forecast, PlanRequest], bytes]


class Planning:
    """Answers plans; what it forecast for the same jobs of the same bundles is not forecast again.

    Parameters
    ----------
    serving : Serving
        Where the bundles are.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._kept = _Kept()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def plan(self, body: bytes, write: Write) -> bytes:
        """Answer one plan as `write` writes it, while others get their turn."""
        async with self._turns:
            return await in_thread("plan", partial(self._plan, body, write))

    def _plan(self, body: bytes, write: Write) -> bytes:
        fields = _fields(body)
        told = {name: wire.decode_part(fields[name], name) for name in fields if name not in ("jobs", "csv")}
        request = parse_request(told)
        predictor, key = self._serving.predictor, _digest(fields)
        found = self._kept.get(predictor, key)
        if found is None:
            planned = _planned(fields, told, predictor)
            found = forecast(predictor, planned, request.default_run_seconds, request.seed)
            self._kept.put(predictor, key, found)
        return write(found, request)


def as_json(found: Forecast, request: PlanRequest) -> bytes:
    """Write an answer for a program."""
    return wire.encode(answer(found, request))


def as_csv(found: Forecast, request: PlanRequest) -> bytes:
    """Write an answer for a spreadsheet."""
    return plan_csv(found, request).encode()


class _Kept:
    """The forecasts that were asked for last, of the bundles that are served now; any thread may ask."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._predictor: Predictor | None = None
        self._forecasts: OrderedDict[bytes, Forecast] = OrderedDict()

    def get(self, predictor: Predictor, key: bytes) -> Forecast | None:
        """Return a forecast, if it is kept."""
        with self._lock:
            if predictor is not self._predictor or key not in self._forecasts:
                return None
            self._forecasts.move_to_end(key)
            return self._forecasts[key]

    def put(self, predictor: Predictor, key: bytes, found: Forecast) -> None:
        """Keep a forecast, and as many of those before as there is room for."""
        with self._lock:
            if predictor is not self._predictor:
                self._predictor = predictor
                self._forecasts.clear()
            self._forecasts[key] = found
            taken_bytes = sum(one.taken_bytes for one in self._forecasts.values())
            while taken_bytes > _KEPT_BYTES:
                taken_bytes -= self._forecasts.popitem(last=False)[1].taken_bytes


def routes(serving: Serving, settings: ServiceSettings) -> APIRouter:
    """Return the route of the planner."""
    router, planning = APIRouter(), Planning(serving)

    @router.post(PLAN, include_in_schema=False)
    async def plan(request: Request) -> Response:
        is_csv = _wants_csv(request)
        body = await read_body(dict(request.headers.raw), request.receive, settings.max_batch_body_bytes)
        content = await planning.plan(body, as_csv if is_csv else as_json)
        return Response(content, headers=_CSV_HEADERS) if is_csv else Response(content, media_type="application/json")

    return router


def _wants_csv(request: Request) -> bool:
    told = request.query_params.get("format")
    if told not in (None, "json", "csv"):
        raise InvalidMessage("format", "expected json or csv")
    accepted = request.headers.get("accept", "")
    return told == "csv" or (told is None and "text/csv" in accepted and "json" not in accepted)


def _fields(body: bytes) -> dict[str, Any]:
    """Read the fields of a plan, no further than where they begin and end."""
    fields = wire.decode_fields(body)
    if not isinstance(fields, dict):
        raise InvalidMessage("", "expected an object")
    for name in fields:
        if name not in _KNOWN:
            raise InvalidMessage(name[:200], f"unknown field; known are {', '.join(_KNOWN)}")
    return fields


def _digest(fields: Mapping[str, Any]) -> bytes:
    """Return what is the same for the same jobs, written the same way."""
    digest = hashlib.blake2b()
    for name in _OF_FORECAST:
        told = fields.get(name)
        # a length before each, so that no two lists of fields read alike
        content = bytes(told) if isinstance(told, wire.Unread) else repr(told).encode("utf-8", "backslashreplace")
        digest.update(b"%d:" % len(content) + content)
    return digest.digest()


def _planned(fields: Mapping[str, Any], told: Mapping[str, Any], predictor: Predictor) -> PlannedJobs:
    if ("jobs" in fields) == ("csv" in fields):
        raise InvalidMessage("jobs", "expected jobs or csv, one of them")
    if "jobs" in fields:
        return parse_jobs(fields["jobs"])
    return parse_csv(wire.decode_part(fields["csv"], "csv"), told.get("tool"), predictor)
