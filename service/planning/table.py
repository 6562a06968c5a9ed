"""A plan as CSV: a line for each tool and policy, and columns for each type of node."""

from collections.abc import Sequence
from typing import Any

from trainer.spreadsheet import csv_text

from .answer import policies_of, totals
from .forecast import Forecast, ToolForecast
from .load import Load
from .node_fit import fit
from .nodes import NodeType
from .request import PlanRequest

# Stands for all tools together.
ALL = "(all)"
_COLUMNS = (
    *("tool", "policy", "failure_cap", "jobs", "first_requests_bytes", "request_p50_bytes", "request_p95_bytes"),
    *("largest_request_bytes", "requested_gbh", "used_gbh", "wasted_gbh", "expected_retries", "failure_rate"),
)
_OF_NODE = ("at_once", "jobs_fit", "jobs_too_large", "needed_p50", "needed_p95", "enough", "cost_p95")


def plan_csv(forecast: Forecast, request: PlanRequest) -> str:
    """Write a plan for a spreadsheet."""
    nodes = [f"{node.name} {column}" for node in request.nodes for column in _OF_NODE]
    tools = [(tool.jobs.tool, [tool]) for tool in forecast.tools]
    rows = [
        _row(name, policy_name, policy, some, forecast.scenarios, request)
        for name, some in (*tools, (ALL, list(forecast.tools)))
        for policy_name, policy in policies_of(request).items()
    ]
    return csv_text((*_COLUMNS, *nodes), rows)


def _row(
    name: str, policy_name: str, policy: str, tools: Sequence[ToolForecast], scenarios: int, request: PlanRequest
) -> dict[str, Any]:
    load = Load.of(tools, policy, scenarios)
    told = totals(tools, policy, load)
    requested = told["requested_bytes"]
    row = {
        "tool": name,
        "policy": policy_name,
        "failure_cap": "" if told["failure_cap"] is None else told["failure_cap"],
        "jobs": int(load.counts.sum()),
        "first_requests_bytes": requested["total"],
        "request_p50_bytes": requested["p50"],
        "request_p95_bytes": requested["p95"],
        "largest_request_bytes": requested["largest"],
        **{column: told[column]["mean"] for column in ("requested_gbh", "used_gbh", "wasted_gbh")},
        **{column: told[column] for column in ("expected_retries", "failure_rate")},
    }
    for node in request.nodes:
        row.update(_node_cells(load, node, request.window_hours))
    return row


def _node_cells(load: Load, node: NodeType, window_hours: float) -> dict[str, Any]:
    told = fit(load, node, window_hours)
    needed, cost = told["needed"] or {}, told["cost"] or {}
    cells = {
        **{column: told[column] for column in ("at_once", "jobs_fit", "jobs_too_large")},
        **{f"needed_{bound}": value for bound, value in needed.items()},
        "enough": {True: "yes", False: "no", None: ""}[told["enough"]],
        "cost_p95": cost.get("p95", ""),
    }
    return {f"{node.name} {column}": value for column, value in cells.items()}
