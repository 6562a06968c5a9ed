"""OpenAPI of what FastAPI cannot see for itself: the messages, which we parse, and the tools, which come and go."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from galaxy_memory_rules.messages import JobDescription, MemoryRecommendation

from . import seed_address
from .predictor import Predictor

_REFERENCE = "#/components/schemas/{model}"
_EXAMPLE_JOB = {
    "tool_id": "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.5.0+galaxy0",
    "inputs": [{"name": "input_1", "size_bytes": 1493950957, "extension": "fastqsanger"}],
    "parameters": {"analysis_type|analysis_type_selector": "simple"},
    "slots": 8,
}
_JOB = {"$ref": _REFERENCE.format(model="JobDescription")}
_RECOMMENDATION = {"$ref": _REFERENCE.format(model="MemoryRecommendation")}
_ERROR = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {
        "error": {"type": "string", "description": "unknown_tool, invalid, not_ready, ..."},
        "message": {"type": "string"},
        "field": {"type": "string", "description": "path of the field that is wrong, as in inputs[0].size_bytes"},
    },
}


def predict_operation() -> dict[str, Any]:
    """Describe ``POST /v1/predict``."""
    return _operation(_JOB, _EXAMPLE_JOB, _RECOMMENDATION)


def batch_operation() -> dict[str, Any]:
    """Describe ``POST /v1/predict/batch``."""
    answers = {"type": "array", "items": {"anyOf": [_RECOMMENDATION, _reference("Error")]}}
    return _operation(
        {"type": "object", "required": ["jobs"], "properties": {"jobs": {"type": "array", "items": _JOB}}},
        {"jobs": [_EXAMPLE_JOB]},
        {"type": "object", "properties": {"recommendations": answers}},
    )


def openapi(app: FastAPI, predictor: Predictor) -> dict[str, Any]:
    """Return the whole document for the tools that are loaded now."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    document["paths"].update(seed_address.openapi_paths(predictor.bundles()))
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components["Error"] = _ERROR
    for message in (JobDescription, MemoryRecommendation):
        schema = TypeAdapter(message).json_schema(ref_template=_REFERENCE)
        components.update(schema.pop("$defs", {}))
        components[message.__name__] = schema
    return document


def _operation(body: dict[str, Any], example: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    refused = {"content": {"application/json": {"schema": _reference("Error")}}}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": body, "example": example}}},
        "responses": {
            "200": {"description": "What to request, and why", "content": {"application/json": {"schema": answer}}},
            "404": {"description": "No bundle for this tool", **refused},
            "422": {"description": "A field is wrong; `field` names it", **refused},
            "503": {"description": "No bundle is loaded", **refused},
        },
    }


def _reference(model: str) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model)}
