"""The Open Inference Protocol (KServe v2) over the seed's columns: a tool is a model, its build the version."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from galaxy_memory_rules import __version__
from galaxy_memory_rules.errors import InvalidMessage, MemoryRulesError, PredictionUnavailable, UnknownTool
from galaxy_memory_rules.messages import JobDescription, MemoryRecommendation
from trainer.bundle import Bundle

from . import seed_address, tools, wire
from .bodies import read_body
from .lifecycle import Lifecycle
from .predicting import JOBS_AT_ONCE, MAX_BATCH_JOBS, Serving, recommend_each
from .predictor import Predictor
from .recommending import QUANTILES
from .refusals import describe
from .settings import ServiceSettings

PREFIX = "/v2"
_DATATYPES = {"integer": "INT64", "string": "BYTES"}
_TYPES: Mapping[str, type] = {"INT64": int, "BYTES": str}

_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_REFUSED = {"description": "Why not", "content": {"application/json": {"schema": _ERROR}}}
# 400 where something is wrong, and the others by their own codes
_RESPONSES: dict[int | str, dict[str, Any]] = {"4XX": _REFUSED, 503: _REFUSED}
_INFER = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["inputs"]},
                "example": {
                    "id": "42",
                    "inputs": [{"name": "input_1", "shape": [2], "datatype": "INT64", "data": [1493950957, 2102960]}],
                    "outputs": [{"name": "memory_bytes"}],
                },
            }
        },
    }
}

_Output = tuple[str, Callable[[MemoryRecommendation], Any]]


def _quantile_bytes(quantile: float) -> _Output:
    return "INT64", lambda one: one.quantiles[str(quantile)]


_OUTPUTS: Mapping[str, _Output] = {
    "memory_bytes": ("INT64", lambda one: one.memory_bytes),
    "predicted_peak_bytes": ("INT64", lambda one: one.predicted_peak_bytes),
    "failure_probability": ("FP64", lambda one: one.failure_probability),
    **{f"quantile_{quantile}_bytes": _quantile_bytes(quantile) for quantile in QUANTILES},
    "source": ("BYTES", lambda one: one.source),
    "guards": ("BYTES", lambda one: ",".join(one.guards)),
}


def refusal(error: Exception) -> tuple[int, dict[str, Any]]:
    """Return status code and content of a refusal as this protocol words it."""
    status, content = describe(error)
    return 400 if status == 422 else status, {"error": content["message"]}


def routes(serving: Serving, settings: ServiceSettings) -> APIRouter:
    """Return the routes of the protocol."""
    router = APIRouter(prefix=PREFIX, tags=["Open Inference Protocol"], responses=_RESPONSES)
    _add_server(router, serving)
    _add_models(router, serving)

    # a tool's id may have slashes of its own; the lowest address is tried first
    @router.post("/models/{tool:path}/infer", openapi_extra=_INFER)
    @router.post("/models/{tool:path}/versions/{version}/infer", include_in_schema=False)
    async def infer(tool: str, request: Request) -> Response:
        """Predict rows of tensors that are named as the columns of the tool's records."""
        predictor = serving.predictor
        found = _find(predictor, tool, request)
        body = await read_body(dict(request.headers.raw), request.receive, settings.max_batch_body_bytes)
        message = _object(wire.decode(body), "")
        jobs = await _parse_rows(found, _parse_tensors(found, message))
        return Response(wire.encode(await _answer(predictor, jobs, message)), media_type="application/json")

    return router


def _add_server(router: APIRouter, serving: Serving) -> None:
    @router.get("")
    async def server() -> JSONResponse:
        """Tell what this server is."""
        return JSONResponse({"name": "galaxy-memory-rules", "version": __version__, "extensions": []})

    @router.get("/health/live")
    async def live() -> JSONResponse:
        """Answer as long as the process does."""
        return JSONResponse({"live": True})

    @router.get("/health/ready")
    async def ready() -> JSONResponse:
        """Answer 200 only with a usable bundle."""
        is_ready = _is_ready(serving)
        # the protocol has a no begin with 4
        return JSONResponse({"ready": is_ready}, 200 if is_ready else 400)


def _add_models(router: APIRouter, serving: Serving) -> None:
    @router.get("/models/{tool:path}/ready")
    @router.get("/models/{tool:path}/versions/{version}/ready", include_in_schema=False)
    async def model_ready(tool: str, request: Request) -> JSONResponse:
        """Tell whether a tool has a bundle that can be used."""
        return JSONResponse({"name": _find(serving.predictor, tool, request).tool, "ready": True})

    @router.get("/models/{tool:path}")
    @router.get("/models/{tool:path}/versions/{version}", include_in_schema=False)
    async def model(tool: str, request: Request) -> JSONResponse:
        """Tell a tool's tensors: its columns in, the recommendation out."""
        return JSONResponse(_metadata(_find(serving.predictor, tool, request)))


def _is_ready(serving: Serving) -> bool:
    try:
        serving.predictor.require_ready()
    except PredictionUnavailable:
        return False
    return not Lifecycle.stopping


def _find(predictor: Predictor, tool: str, request: Request) -> Bundle:
    found = predictor.find(tools.checked_id(tool))
    version = request.path_params.get("version", found.build)
    if version != found.build:
        raise UnknownTool(f"{found.tool} has no version of this name; it has {found.build}")
    return found


def _metadata(found: Bundle) -> dict[str, Any]:
    columns = seed_address.column_types(found.schema)
    return {
        "name": found.tool,
        "versions": [found.build],
        "platform": "galaxy_memory_rules",
        "inputs": [_tensor(name, _DATATYPES[kind]) for name, kind in columns.items()],
        "outputs": [_tensor(name, datatype) for name, (datatype, _) in _OUTPUTS.items()],
    }


def _tensor(name: str, datatype: str) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1]}


def _parse_tensors(found: Bundle, message: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the values of each column, all of the same length."""
    told = message.get("inputs")
    if not isinstance(told, list) or not told:
        raise InvalidMessage("inputs", "expected a list of one or more tensors")
    columns = seed_address.column_types(found.schema)
    values: dict[str, list[Any]] = {}
    for place, entry in enumerate(told):
        path = f"inputs[{place}]"
        tensor = _object(entry, path)
        name = tensor.get("name")
        if not isinstance(name, str) or name not in columns or name in values:
            raise InvalidMessage(f"{path}.name", f"expected each of {', '.join(columns)} at most once")
        values[name] = _parse_data(tensor, _DATATYPES[columns[name]], path)
        if len(values[name]) != len(next(iter(values.values()))):
            raise InvalidMessage(f"{path}.shape", "expected as many rows as in the tensors before")
    return values


def _parse_data(tensor: Mapping[str, Any], datatype: str, path: str) -> list[Any]:
    if tensor.get("datatype") != datatype:
        raise InvalidMessage(f"{path}.datatype", f"expected {datatype}")
    data = tensor.get("data")
    if not isinstance(data, list) or not 1 <= len(data) <= MAX_BATCH_JOBS:
        raise InvalidMessage(f"{path}.data", f"expected a list of 1 to {MAX_BATCH_JOBS:,} values")
    # a column of n rows may be written as n times 1, nested or flat
    if tensor.get("shape") not in ([len(data)], [len(data), 1]):
        raise InvalidMessage(f"{path}.shape", f"expected [{len(data)}], the length of the data")
    flat = list(chain.from_iterable(data)) if all(isinstance(row, list) and len(row) == 1 for row in data) else data
    for place, value in enumerate(flat):
        if type(value) is not _TYPES[datatype]:
            raise InvalidMessage(f"{path}.data[{place}]", f"expected {datatype}")
    return flat


async def _parse_rows(found: Bundle, values: Mapping[str, Sequence[Any]]) -> list[JobDescription]:
    jobs = []
    for place, row in enumerate(zip(*values.values(), strict=True)):
        jobs.append(seed_address.parse_query(found, zip(values, map(str, row), strict=True)))
        if place % JOBS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return jobs


async def _answer(predictor: Predictor, jobs: Sequence[JobDescription], message: Mapping[str, Any]) -> dict[str, Any]:
    wanted = _wanted(message)
    recommendations = []
    for outcome in await recommend_each(predictor, jobs):
        if isinstance(outcome, MemoryRulesError):
            raise outcome
        recommendations.append(outcome)
    return {
        "model_name": recommendations[0].tool,
        "model_version": recommendations[0].bundle.rpartition("/")[2],
        **({"id": message["id"]} if isinstance(message.get("id"), str) else {}),
        "outputs": [_output(name, recommendations) for name in wanted],
    }


def _output(name: str, recommendations: Sequence[MemoryRecommendation]) -> dict[str, Any]:
    datatype, value_of = _OUTPUTS[name]
    data = [value_of(one) for one in recommendations]
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": data}


def _wanted(message: Mapping[str, Any]) -> list[str]:
    """Return the names of the outputs that are asked for; all where none is."""
    told = message.get("outputs") or []
    if not isinstance(told, list):
        raise InvalidMessage("outputs", "expected a list")
    names = [_object(entry, f"outputs[{place}]").get("name") for place, entry in enumerate(told)]
    for place, name in enumerate(names):
        if not isinstance(name, str) or name not in _OUTPUTS:
            raise InvalidMessage(f"outputs[{place}].name", f"expected one of {', '.join(_OUTPUTS)}")
    return [str(name) for name in names] or list(_OUTPUTS)


def _object(message: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(message, dict):
        raise InvalidMessage(path, "expected an object")
    return message
