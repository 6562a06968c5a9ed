"""The seed's address, GET /{tool}/memory/: its query as a JobDescription, and its documentation from the bundle."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from galaxy_memory_rules.errors import InvalidMessage
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, MAX_SLOTS, JobDescription, MemoryRecommendation, parse_job
from trainer.bundle import Bundle
from trainer.features import ABSENT, DBKEY, EXTENSION, PARAMETER, TOTALS_INPUT, FeatureSchema

_TWIN = "_extension"
_COUNT = "num_files"
# How the seed's files say that there is nothing.
_ABSENT = ("", "nan")


def parse_query(found: Bundle, query: Iterable[tuple[str, str]]) -> JobDescription:
    """Read a query whose names are the columns of the bundle's records.

    Parameters
    ----------
    found : Bundle
        The tool's bundle.
    query : iterable of (str, str)
        Names and values; an input of size 0 without an extension is absent, and so is what is ``nan``.

    Raises
    ------
    InvalidMessage
        Naming the parameter, with near matches for one that is not known.
    """
    told: dict[str, str] = {}
    known = column_types(found.schema)
    for name, value in query:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or list(known)[:8]
            raise InvalidMessage(name[:200], f"unknown parameter; near it are {', '.join(near)}")
        if name in told:
            raise InvalidMessage(name, "expected once")
        if value.lower() not in _ABSENT:
            told[name] = value
    integers = {name: _integer(name, value) for name, value in told.items() if known[name] == "integer"}
    return parse_job(
        {
            "tool_id": found.tool,
            "inputs": list(_inputs(found, told, integers)),
            "parameters": {name: told[name] for name in found.schema.parameters if name in told},
            "dbkey": told.get(DBKEY),
            "slots": integers.get("slots") or None,
        }
    )


def answer(recommendation: MemoryRecommendation) -> dict[str, Any]:
    """Return the seed's two fields, and beside them what this service recommends to request."""
    return {
        "Tool name": recommendation.tool,
        "Required memory": recommendation.predicted_peak_bytes,
        "Recommended request": recommendation.memory_bytes,
        "Quantiles": dict(recommendation.quantiles),
        "Guards": list(recommendation.guards),
        "Reasons": list(recommendation.reasons),
        "Bundle": recommendation.bundle,
    }


def column_types(schema: FeatureSchema) -> dict[str, str]:
    """Return the columns that a query may name, in their order: ``integer`` or ``string``."""
    columns: dict[str, str] = {}
    for name in schema.inputs:
        columns[name] = "integer"
        columns[name + _TWIN] = "string"
    if not schema.inputs:
        columns.update({TOTALS_INPUT: "integer", _COUNT: "integer"})
    if DBKEY in schema.categories:
        columns[DBKEY] = "string"
    columns.update(dict.fromkeys(schema.parameters, "string"))
    return {**columns, "slots": "integer"}


def parameters(schema: FeatureSchema, sizes_bytes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the query parameters of a bundle, typed, as OpenAPI writes them.

    Parameters
    ----------
    schema : FeatureSchema
        The bundle's columns.
    sizes_bytes : mapping
        What was recorded of each input: ``smallest``, ``median`` and ``largest``.
    """
    described: list[dict[str, Any]] = []
    for name in schema.inputs:
        seen = sizes_bytes[name]
        text = f"bytes of {name}, 0 where absent; seen {seen['smallest']:,} to {seen['largest']:,}"
        described.append({**_integer_parameter(name, text), "example": int(seen["median"])})
        described.append(_choice_parameter(name + _TWIN, schema.categories.get(EXTENSION + name, ())))
    if not schema.inputs:
        described.append(_integer_parameter(TOTALS_INPUT, "bytes of all input datasets together"))
        described.append(_integer_parameter(_COUNT, "number of input datasets"))
    if DBKEY in schema.categories:
        described.append(_choice_parameter(DBKEY, schema.categories[DBKEY]))
    described += [_choice_parameter(name, schema.categories[PARAMETER + name]) for name in schema.parameters]
    return [*described, _integer_parameter("slots", "cores of the job", MAX_SLOTS)]


def openapi_path(tool: str, rows: int, described: list[dict[str, Any]], refused: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the OpenAPI path of the seed's address of one tool: its `parameters`, and how it may be refused."""
    answer = {"Tool name": tool, "Required memory": 3221225472}
    operation = {
        "tags": ["one tool by its own columns"],
        "summary": f"Memory that {tool} needs",
        "operationId": f"memory_of_{tool}",
        "parameters": described,
        "responses": {
            "200": {
                "description": f"From {rows:,} recorded jobs.",
                "content": {"application/json": {"example": answer}},
            },
            **{str(status): told for status, told in refused.items()},
        },
    }
    return {f"/{quote(tool)}/memory/": {"get": operation}}


def _inputs(found: Bundle, told: Mapping[str, str], integers: Mapping[str, int]) -> Iterable[dict[str, Any]]:
    for name in found.schema.inputs:
        extension = told.get(name + _TWIN)
        if integers.get(name) or extension:
            yield {"name": name, "size_bytes": integers.get(name, 0), "extension": extension}
    if not found.schema.inputs and (integers.get(TOTALS_INPUT) or integers.get(_COUNT)):
        count = max(integers.get(_COUNT, 1), 1)
        yield {"name": TOTALS_INPUT, "size_bytes": integers.get(TOTALS_INPUT, 0), "count": count}


def _integer(name: str, text: str) -> int:
    # int() would take 1_000, +1 and other scripts' digits, and a number of thousands of digits would cost seconds
    if not text.isascii() or not text.isdigit() or len(text) > 16 or int(text) > MAX_SIZE_BYTES:
        raise InvalidMessage(name, f"expected an integer from 0 to {MAX_SIZE_BYTES}")
    return int(text)


def _integer_parameter(name: str, description: str, maximum: int = MAX_SIZE_BYTES) -> dict[str, Any]:
    schema = {"type": "integer", "format": "int64", "minimum": 0, "maximum": maximum}
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _choice_parameter(name: str, seen: Iterable[str]) -> dict[str, Any]:
    values = [value for value in seen if value != ABSENT]
    description = f"seen: {', '.join(values[:20])}{', ...' if len(values) > 20 else ''}"
    return {"name": name, "in": "query", "required": False, "description": description, "schema": {"type": "string"}}
