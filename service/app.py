"""The routes: what is asked seldom here, through the framework; what is posted to often is handed to the door."""

import os

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from galaxy_memory_rules import __version__
from galaxy_memory_rules.errors import MemoryRulesError, PredictionUnavailable
from trainer.signing import read_key

from . import documentation, inference, metrics, pages, refusals, seed_address, tools, wire
from .door import Door
from .lifecycle import Lifecycle
from .opened import OpenedBundles
from .planning.route import routes as plan_routes
from .predicting import Predicting, Serving, recommend
from .reloading import Reloader
from .settings import SETTINGS_VARIABLE, ServiceSettings
from .token import read_token


def from_environment() -> Door:
    """Build the application of one worker process: the command line hands the settings on by the environment.

    Raises
    ------
    ConfigError
        If a file that a setting names does not hold what it should.
    """
    settings = ServiceSettings.from_json(os.environ[SETTINGS_VARIABLE])
    key = read_key(settings.signing_key_file) if settings.signing_key_file else None
    reloader = Reloader(settings.models, OpenedBundles(settings.opened_bytes, key))
    reloader.listeners.append(metrics.count_reload)
    Lifecycle.reload = reloader.reload
    app = create_app(reloader, settings)
    reloader.watch(settings.reload_seconds)
    return app


def create_app(serving: Serving, settings: ServiceSettings) -> Door:
    """Build the application.

    Parameters
    ----------
    serving : Serving
        Holds the bundles that are served now, and exchanges them when new ones are published.
    settings : ServiceSettings
        What an administrator set.

    Raises
    ------
    ConfigError
        If there is no token in the file that should hold it.
    """
    app = FastAPI(
        title="galaxy-memory-rules",
        version=__version__,
        description="How much memory a Galaxy job will need, and what to request for it.",
        openapi_url=None,
        responses=documentation.refused(401),
    )
    for error in (MemoryRulesError, HTTPException, Exception):
        app.add_exception_handler(error, _refuse)
    _add_health(app, serving)
    _add_tools(app, serving)
    app.include_router(inference.routes(serving, settings))
    app.include_router(plan_routes(serving, settings))
    if settings.metrics:
        _add_metrics(app, serving)
    if settings.docs:
        documentation.add_pages(app, serving)
    page = pages.page_files() if settings.page else {}
    pages.add_page(app, page)
    predicting = Predicting(serving, settings)
    endpoints = {documentation.PREDICT: predicting.predict, documentation.BATCH: predicting.predict_batch}
    token = read_token(settings.token_file) if settings.token_file else None
    return Door(app, endpoints, token, settings.access_log, page)


def _add_health(app: FastAPI, serving: Serving) -> None:
    @app.get("/health/live", tags=["health"])
    async def live() -> JSONResponse:
        """Answer as long as the process does."""
        return JSONResponse({"status": "live"})

    @app.get("/health/ready", tags=["health"], responses=documentation.refused(503))
    async def ready() -> JSONResponse:
        """Answer 200 only with a usable bundle, and not any more once the process was asked to stop."""
        if Lifecycle.stopping:
            raise PredictionUnavailable("the service is about to stop")
        predictor = serving.predictor
        predictor.require_ready()
        return JSONResponse({"status": "ready", "tools": len(predictor.entries), "refused": predictor.refused})


def _add_metrics(app: FastAPI, serving: Serving) -> None:
    # no coroutine: it runs in a thread, as a thousand tools take a while
    @app.get("/metrics", tags=["operation"], response_class=PlainTextResponse)
    def scrape() -> Response:
        """Tell Prometheus what has been counted, by all workers together."""
        return Response(metrics.exposition(serving.predictor), media_type=CONTENT_TYPE_LATEST)


def _add_tools(app: FastAPI, serving: Serving) -> None:
    @app.get("/v1/tools", tags=["tools"])
    async def list_tools() -> JSONResponse:
        """List what is loaded, with the promised and the achieved failure rate."""
        return JSONResponse({"tools": [tools.summary(entry) for entry in serving.predictor.entries.values()]})

    @app.get("/v1/tools/{tool:path}", tags=["tools"], responses=documentation.refused(404, 422, 503))
    async def show_tool(tool: str) -> JSONResponse:
        """Tell all about the bundle that answers for a tool."""
        predictor, tool = serving.predictor, tools.checked_id(tool)
        return JSONResponse(tools.details(predictor.entry(tool), predictor.find(tool)))

    # the tool may be a ToolShed id with slashes of its own
    @app.get("/{tool:path}/memory/", include_in_schema=False)
    async def memory(tool: str, request: Request) -> Response:
        predictor = serving.predictor
        job = seed_address.parse_query(predictor.find(tools.checked_id(tool)), request.query_params.multi_items())
        return JSONResponse(seed_address.answer(recommend(predictor, job)))


async def _refuse(request: Request, error: Exception) -> Response:
    is_inference = request.scope["path"].startswith(f"{inference.PREFIX}/")
    status, content = inference.refusal(error) if is_inference else refusals.refusal(error)
    # what a client wrote may hold what the framework's JSON cannot write
    return Response(wire.encode(content), status, refusals.headers_of(error), "application/json")
