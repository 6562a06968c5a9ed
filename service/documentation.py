"""OpenAPI of what FastAPI cannot see for itself: the messages, which we parse, and the tools, which come and go."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import fastapi_offline
from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import TypeAdapter

from galaxy_memory_rules.errors import BundleError, BundleRefused
from galaxy_memory_rules.messages import JobDescription, MemoryRecommendation
from trainer.features import FeatureSchema
from trainer.manifest import read_manifest

from . import seed_address, wire
from .catalogue import Entry
from .planning.documentation import plan_operation
from .predicting import Serving
from .predictor import Predictor

PREDICT = "/v1/predict"
BATCH = "/v1/predict/batch"
PLAN = "/v1/plan"
_DOCUMENT = "/openapi.json"
# Swagger UI comes from a package: a Galaxy server often has no way out to a content delivery network.
_PAGE_FILES = "/static-offline-docs"
_REFERENCE = "#/components/schemas/{model}"
_EXAMPLE_JOB = {
    "tool_id": "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.5.0+galaxy0",
    "inputs": [{"name": "input_1", "size_bytes": 1493950957, "extension": "fastqsanger"}],
    "parameters": {"analysis_type|analysis_type_selector": "simple"},
    "slots": 8,
}
_JOB = {"$ref": _REFERENCE.format(model="JobDescription")}
_RECOMMENDATION = {"$ref": _REFERENCE.format(model="MemoryRecommendation")}
_REFUSED = {"content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model="Error")}}}}
_REFUSALS = {
    401: "A token is asked for, and this is not the one",
    404: "No bundle for this tool",
    413: "The body is too large",
    415: "The body is compressed",
    422: "A field is wrong; `field` names it",
    503: "No usable bundle, or too much to do",
}
_ERROR = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {
        "error": {"type": "string", "description": "unknown_tool, invalid, not_ready, ..."},
        "message": {"type": "string"},
        "request_id": {"type": "string", "description": "as in the header X-Request-ID; not inside a batch"},
        "field": {"type": "string", "description": "path of the field that is wrong, as in inputs[0].size_bytes"},
    },
}


def refused(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe refusals by their status codes, as a route takes them."""
    return {status: {"description": _REFUSALS[status], **_REFUSED} for status in statuses}


def add_pages(app: FastAPI, serving: Serving) -> None:
    """Serve ``/docs`` and the document behind it, which is written once for each set of bundles."""
    written: WeakKeyDictionary[Predictor, bytes] = WeakKeyDictionary()
    app.mount(_PAGE_FILES, StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static"))

    # no coroutine: it runs in a thread, as a thousand tools take a while
    @app.get(_DOCUMENT, include_in_schema=False)
    def document() -> Response:
        predictor = serving.predictor
        if predictor not in written:
            written[predictor] = wire.encode(openapi(app, predictor))
        return Response(written[predictor], media_type="application/json")

    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=_DOCUMENT,
            title=app.title,
            swagger_js_url=f"{_PAGE_FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{_PAGE_FILES}/swagger-ui.css",
            swagger_favicon_url=f"{_PAGE_FILES}/favicon.png",
            swagger_ui_parameters={"defaultModelsExpandDepth": -1},
        )


def openapi(app: FastAPI, predictor: Predictor) -> dict[str, Any]:
    """Return the whole document for the tools that are loaded now."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    document["paths"].update({PREDICT: {"post": _predict_operation()}, BATCH: {"post": _batch_operation()}})
    document["paths"][PLAN] = {"post": plan_operation(_JOB, refused(*_REFUSALS))}
    for entry in predictor.entries.values():
        document["paths"].update(_seed_path(predictor, entry))
    # the framework documents its own way to say that a field is wrong, which none of ours goes
    components: dict[str, Any] = {}
    document["components"] = {"schemas": components}
    components["Error"] = _ERROR
    for message in (JobDescription, MemoryRecommendation):
        schema = TypeAdapter(message).json_schema(ref_template=_REFERENCE)
        components.update(schema.pop("$defs", {}))
        components[message.__name__] = schema
    return document


def _seed_path(predictor: Predictor, entry: Entry) -> dict[str, Any]:
    try:
        schema, facts = _columns(predictor, entry)
        parameters = seed_address.parameters(schema, facts["sizes_bytes"])
        return seed_address.openapi_path(entry.tool, entry.rows, parameters, refused(401, 422, 503))
    # one that cannot be described costs the others nothing; asked for a prediction, it tells what is wrong
    except (BundleRefused, LookupError, TypeError, ValueError, AttributeError):
        return {}


def _columns(predictor: Predictor, entry: Entry) -> tuple[FeatureSchema, Mapping[str, Any]]:
    try:
        # the manifest tells: a thousand models need not be opened for a page
        manifest = read_manifest(entry.folder)
    except BundleError:
        # a build whose files are gone may still be served from memory
        found = predictor.find(entry.tool)
        return found.schema, found.facts
    return FeatureSchema.from_dict(manifest["schema"]), manifest["facts"]


def _predict_operation() -> dict[str, Any]:
    return _operation("Recommend the memory to request for one job", _JOB, _EXAMPLE_JOB, _RECOMMENDATION)


def _batch_operation() -> dict[str, Any]:
    answers = {"type": "array", "items": {"anyOf": [_RECOMMENDATION, _reference("Error")]}}
    return _operation(
        "Recommend for at most 10,000 jobs; one that is wrong or unknown gets an error in its place",
        {"type": "object", "required": ["jobs"], "properties": {"jobs": {"type": "array", "items": _JOB}}},
        {"jobs": [_EXAMPLE_JOB]},
        {"type": "object", "properties": {"recommendations": answers}},
    )


def _operation(summary: str, body: dict[str, Any], example: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "tags": ["predict"],
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body, "example": example}}},
        "responses": {
            "200": {"description": "What to request, and why", "content": {"application/json": {"schema": answer}}},
            **{str(status): told for status, told in refused(*_REFUSALS).items()},
        },
    }


def _reference(model: str) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model)}
