"""OpenAPI of POST /v1/plan, with an example."""

from collections.abc import Mapping
from typing import Any

from .jobs import MOST_JOBS, MOST_ROWS
from .request import CAPS, MOST_RUN_SECONDS, MOST_SEED, MOST_WINDOW_HOURS

_EXAMPLE = {
    "csv": "tool,count,input_1,input_2\nbowtie2,400,1.4 GB,1.4 GB\nhisat2,120,800 MB,\n",
    "nodes": [
        {"name": "small", "memory": "16 GB", "cores": 4, "price_per_hour": 0.2},
        {"name": "large", "memory": "256 GB", "cores": 32, "count": 2, "price_per_hour": 2.4},
    ],
    "window_hours": 168,
    "failure_cap": 0.05,
}
_ANSWER = {
    "jobs": 520,
    "distinct_jobs": 2,
    "refused": [],
    "policies": {
        "predicted": {
            "failure_cap": 0.05,
            "requested_gbh": {"mean": 812.4, "p50": 812.1, "p95": 815.9},
            "used_gbh": {"mean": 633.0, "p50": 632.8, "p95": 640.2},
            "wasted_gbh": {"mean": 179.4, "p50": 179.3, "p95": 183.0},
            "expected_retries": 11.3,
            "nodes": [{"name": "small", "jobs_fit": 520, "needed": {"p50": 3, "p95": 4}, "enough": None}],
        }
    },
    "notes": ["run time of hisat2 neither told nor recorded: 3600 s"],
    "seed": 0,
    "scenarios": 200,
}


def plan_operation(job: Mapping[str, Any], refused: Mapping[int | str, Any]) -> dict[str, Any]:
    """Return the operation.

    Parameters
    ----------
    job : mapping
        The schema of a JobDescription.
    refused : mapping
        How it may be refused.
    """
    answers = {
        "application/json": {"schema": {"type": "object"}, "example": _ANSWER},
        "text/csv": {"schema": {"type": "string"}},
    }
    return {
        "tags": ["plan"],
        "summary": "Plan capacity: what many jobs ask for, use and waste, and how many nodes they need",
        "description": "Each policy is told: `predicted` at the failure cap, one number for each tool, and the other "
        "caps. The same seed gives the same answer.",
        "parameters": [
            {
                "name": "format",
                "in": "query",
                "description": "csv: a line for each tool and policy, as `Accept: text/csv` has it",
                "schema": {"type": "string", "enum": ["json", "csv"]},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _body(job), "example": _EXAMPLE}},
        },
        "responses": {
            "200": {"description": "The plan", "content": answers},
            **{str(status): told for status, told in refused.items()},
        },
    }


def _body(job: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Jobs as JSON or as CSV, and what they are to run on",
        "properties": {
            "jobs": {"type": "array", "maxItems": MOST_ROWS, "items": {"allOf": [job, _MULTIPLICITY]}},
            "csv": {"type": "string", "description": "columns tool, count, run_seconds, slots, sizes and parameters"},
            "tool": {"type": "string", "description": "the tool of all rows of a CSV without a column tool"},
            "nodes": {"type": "array", "items": _NODE},
            "window_hours": _number("how long the jobs have", MOST_WINDOW_HOURS, 168),
            "failure_cap": {"type": "number", "enum": list(CAPS), "description": "instead of each bundle's own"},
            "default_run_seconds": _number("of jobs of which no run time is known", MOST_RUN_SECONDS, 3600),
            "seed": {"type": "integer", "minimum": 0, "maximum": MOST_SEED, "default": 0},
        },
    }


def _number(description: str, maximum: float, default: float | None = None) -> dict[str, Any]:
    told = {"type": "number", "description": description, "exclusiveMinimum": 0, "maximum": maximum}
    return told if default is None else {**told, "default": default}


_MULTIPLICITY = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 1, "maximum": MOST_JOBS, "default": 1},
        "run_seconds": _number("of each of them", MOST_RUN_SECONDS),
    },
}
_NODE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "memory": {"type": "string", "description": "as in 64 GB; or memory_bytes"},
        "memory_bytes": {"type": "integer", "minimum": 1},
        "cores": {"type": "integer", "minimum": 1},
        "count": {"type": "integer", "minimum": 1, "description": "how many there are; none: unlimited"},
        "price_per_hour": {"type": "number", "minimum": 0},
    },
}
