"""The routes, and which error becomes which status code."""

import os
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from galaxy_memory_rules import __version__
from galaxy_memory_rules.errors import BundleRefused, InvalidMessage, PredictionUnavailable, UnknownTool
from galaxy_memory_rules.messages import JobDescription, MemoryRecommendation, parse_job, read_json

from . import documentation, seed_address, tools
from .lifecycle import Lifecycle
from .predictor import Predictor
from .settings import SETTINGS_VARIABLE, ServiceSettings

MAX_BATCH_JOBS = 10_000


def from_environment() -> FastAPI:
    """Build the application of one worker process: the command line hands the folder on by the environment."""
    settings = ServiceSettings.from_json(os.environ[SETTINGS_VARIABLE])
    return create_app(Predictor.open(settings.models))


def create_app(predictor: Predictor) -> FastAPI:
    """Build the application.

    Parameters
    ----------
    predictor : Predictor
        The bundles to serve.
    """
    # Swagger UI comes from a package: a Galaxy server often has no way out to a content delivery network
    app = FastAPIOffline(
        title="galaxy-memory-rules",
        version=__version__,
        description="How much memory a Galaxy job will need, and what to request for it.",
        redoc_url=None,
        swagger_ui_parameters={"defaultModelsExpandDepth": -1},
    )
    for error in (InvalidMessage, PredictionUnavailable, HTTPException):
        app.add_exception_handler(error, _refuse)
    _add_predictions(app, predictor)
    _add_tools(app, predictor)
    app.openapi = lambda: documentation.openapi(app, predictor)  # type: ignore[method-assign]
    return app


def _add_predictions(app: FastAPI, predictor: Predictor) -> None:
    @app.post("/v1/predict", tags=["predict"], openapi_extra=documentation.predict_operation())
    async def predict(request: Request) -> JSONResponse:
        """Recommend the memory to request for one job."""
        job = parse_job(read_json(await request.body()))
        return JSONResponse(predictor.recommend(job).to_dict())

    @app.post("/v1/predict/batch", tags=["predict"], openapi_extra=documentation.batch_operation())
    async def predict_batch(request: Request) -> JSONResponse:
        """Recommend for at most 10,000 jobs; one that is wrong or unknown gets an error in its place."""
        jobs = _parse_batch(read_json(await request.body()))
        answers = iter(predictor.recommend_all([job for job in jobs if isinstance(job, JobDescription)]))
        entries = [next(answers) if isinstance(job, JobDescription) else job for job in jobs]
        return JSONResponse({"recommendations": [_entry(entry) for entry in entries]})

    # the tool may be a ToolShed id with slashes of its own
    @app.get("/{tool:path}/memory/", include_in_schema=False)
    async def memory(tool: str, request: Request) -> JSONResponse:
        found = predictor.find(tool)
        job = seed_address.parse_query(found, request.query_params.multi_items())
        return JSONResponse(seed_address.answer(predictor.recommend(job)))


def _add_tools(app: FastAPI, predictor: Predictor) -> None:
    @app.get("/v1/tools", tags=["tools"])
    async def list_tools() -> JSONResponse:
        """List what is loaded, with the promised and the achieved failure rate."""
        return JSONResponse({"tools": [tools.summary(entry) for entry in predictor.entries.values()]})

    @app.get("/v1/tools/{tool:path}", tags=["tools"])
    async def show_tool(tool: str) -> JSONResponse:
        """Tell all about the bundle that answers for a tool."""
        return JSONResponse(tools.details(predictor.entry(tool), predictor.find(tool)))

    @app.get("/health/live", tags=["health"])
    async def live() -> JSONResponse:
        """Answer as long as the process does."""
        return JSONResponse({"status": "live"})

    @app.get("/health/ready", tags=["health"])
    async def ready() -> JSONResponse:
        """Answer 200 only with a usable bundle, and not when about to stop."""
        if Lifecycle.stopping:
            raise PredictionUnavailable("the service is stopping")
        predictor.require_ready()
        return JSONResponse({"status": "ready", "tools": len(predictor.entries)})


def _parse_batch(message: Any) -> list[JobDescription | InvalidMessage]:
    jobs = message.get("jobs") if isinstance(message, dict) else None
    if not isinstance(jobs, list) or len(jobs) > MAX_BATCH_JOBS:
        raise InvalidMessage("jobs", f"expected a list of at most {MAX_BATCH_JOBS:,} jobs")
    return [_parse_entry(entry, place) for place, entry in enumerate(jobs)]


def _parse_entry(entry: Any, place: int) -> JobDescription | InvalidMessage:
    try:
        return parse_job(entry, f"jobs[{place}]")
    except InvalidMessage as error:
        return error


def _entry(entry: MemoryRecommendation | Exception) -> dict[str, Any]:
    return _describe(entry)[1] if isinstance(entry, Exception) else entry.to_dict()


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    status, content = _describe(error)
    return JSONResponse(content, status)


def _describe(error: Exception) -> tuple[int, dict[str, Any]]:
    """Return the status code and the one shape that every refusal has."""
    if isinstance(error, InvalidMessage):
        return 422, {"error": "invalid", "message": str(error), "field": error.path}
    if isinstance(error, UnknownTool):
        return 404, {"error": "unknown_tool", "message": str(error)}
    if isinstance(error, BundleRefused):
        return 503, {"error": "bundle_refused", "message": str(error)}
    if isinstance(error, HTTPException):
        return error.status_code, {"error": "http", "message": str(error.detail)}
    return 503, {"error": "not_ready", "message": str(error)}
