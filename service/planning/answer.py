"""What a plan answers: totals for each policy, tools, nodes, a histogram of requests, what fits nowhere, notes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .attempts import Amounts
from .figures import distribution, rounded, weighted_bounds
from .forecast import Forecast, Refused, ToolForecast
from .load import Load, expected_gbh
from .node_fit import fit, fit_nowhere, fits_somewhere, mix
from .request import PlanRequest
from .tool import CONSTANT, OF_CAPS, OWN

# Under this name stands the policy of the failure cap that was asked for.
PREDICTED = "predicted"
_MOST_LISTED = 20
_MOST_REFUSED = 100
_MOST_WRITTEN = 2**63 - 1
# Bars of the histogram: as many for each doubling as leave it readable.
_MOST_BARS, _BARS_OF_A_DOUBLING = 32, (4, 2, 1)


def answer(forecast: Forecast, request: PlanRequest) -> dict[str, Any]:
    """Return all of ``POST /v1/plan``."""
    policies = policies_of(request)
    # the cap that was asked for is one of those compared: what it answers is found once
    loads = {policy: Load.of(forecast.tools, policy, forecast.scenarios) for policy in {*policies.values()}}
    told = {policy: {**totals(forecast.tools, policy, load), **_nodes(load, request)} for policy, load in loads.items()}
    predicted = loads[policies[PREDICTED]]
    return {
        "jobs": int(predicted.counts.sum()),
        "distinct_jobs": forecast.different,
        "refused_jobs": sum(one.jobs for one in forecast.refused),
        "refused": [_refused(one, forecast.place_word) for one in forecast.refused[:_MOST_REFUSED]],
        "policies": {name: told[policy] for name, policy in policies.items()},
        "tools": [_tool(tool, policies[PREDICTED]) for tool in forecast.tools],
        "histogram": _histogram(predicted, loads[CONSTANT]),
        "fit_nowhere": _listed(forecast, policies[PREDICTED], request),
        "too_long": int(predicted.counts[predicted.hours > request.window_hours].sum()),
        "window_hours": request.window_hours,
        "notes": _notes(forecast, request),
        "seed": request.seed,
        "scenarios": forecast.scenarios,
    }


def policies_of(request: PlanRequest) -> dict[str, str]:
    """Return the policies of a forecast by their names in the answer."""
    predicted = OF_CAPS.get(request.failure_cap or 0.0, OWN)
    return {PREDICTED: predicted, CONSTANT: CONSTANT, **{name: name for name in OF_CAPS.values()}}


def _refused(one: Refused, place_word: str) -> dict[str, Any]:
    told = {"tool": one.tool, "jobs": one.jobs, "error": one.error, "message": one.message}
    return {place_word: one.place, **told}


def totals(tools: Sequence[ToolForecast], policy: str, load: Load) -> dict[str, Any]:
    """Return what the jobs of some tools request, use and waste under one policy."""
    requested_gbh, used_gbh, wasted_gbh = expected_gbh(tools, policy)
    used_bytes = float(sum(tool.jobs.counts @ tool.jobs.means_bytes for tool in tools))
    jobs = max(int(load.counts.sum()), 1)
    return {
        "failure_cap": _cap(tools, policy),
        "requested_bytes": _requested_bytes(load.first_bytes, load.counts),
        "requested_gbh": distribution(requested_gbh, load.requested_gbh),
        "used_gbh": distribution(used_gbh, load.used_gbh),
        "wasted_gbh": distribution(wasted_gbh, load.wasted_gbh),
        "used_bytes": distribution(used_bytes, load.used_bytes),
        "expected_retries": rounded(float(load.counts @ load.attempts.expected_retries)),
        "failure_rate": rounded(float(load.counts @ load.attempts.failure_rates) / jobs),
    }


def _cap(tools: Sequence[ToolForecast], policy: str) -> float | None:
    """Return the failure cap of a policy; where each bundle has its own, the one that all share."""
    of_name = {name: cap for cap, name in OF_CAPS.items()}
    if policy in of_name:
        return of_name[policy]
    own = {tool.jobs.failure_cap for tool in tools}
    return own.pop() if len(own) == 1 else None


def _requested_bytes(first_bytes: Amounts, counts: Amounts) -> dict[str, int]:
    return {
        # what 64 bits do not hold is absurd, and could not be written
        "total": min(sum(map(int.__mul__, first_bytes.tolist(), counts.tolist())), _MOST_WRITTEN),
        **weighted_bounds(first_bytes, counts),
        "largest": int(first_bytes.max(initial=0)),
    }


def _nodes(load: Load, request: PlanRequest) -> dict[str, Any]:
    return {
        "fit_nowhere": fit_nowhere(load, request.nodes),
        "nodes": [fit(load, node, request.window_hours) for node in request.nodes],
        "mix": mix(load, request.nodes, request.window_hours),
    }


def _tool(tool: ToolForecast, policy: str) -> dict[str, Any]:
    jobs, attempts = tool.jobs, tool.jobs.attempts[policy]
    total = int(jobs.counts.sum())
    requested_gbh, used_gbh, wasted_gbh = expected_gbh([tool], policy)
    *_, constant_wasted_gbh = expected_gbh([tool], CONSTANT)
    return {
        "tool": jobs.tool,
        "jobs": total,
        "run_seconds": rounded(float(jobs.counts @ jobs.hours) / total * 3600),
        "requested_gbh": rounded(requested_gbh),
        "used_gbh": rounded(used_gbh),
        "wasted_gbh": rounded(wasted_gbh),
        "constant_request_bytes": int(jobs.attempts[CONSTANT].first_bytes[0]),
        "constant_wasted_gbh": rounded(constant_wasted_gbh),
        "requested_bytes": _requested_bytes(attempts.first_bytes, jobs.counts),
        "expected_retries": rounded(float(jobs.counts @ attempts.expected_retries)),
        "failure_rate": rounded(float(jobs.counts @ attempts.failure_rates) / total),
        "guards": dict(jobs.guards),
    }


def _histogram(predicted: Load, constant: Load) -> dict[str, Any]:
    """Count the first requests between edges that rise by the same factor."""
    both = np.concatenate([predicted.first_bytes, constant.first_bytes])
    if not len(both):
        return {"edges_bytes": [], "jobs": {PREDICTED: [], CONSTANT: []}}
    least, most = np.log2([float(both.min()), float(both.max())])
    steps = next((steps for steps in _BARS_OF_A_DOUBLING if (most - least) * steps < _MOST_BARS - 1), 1)
    powers = np.arange(np.floor(least * steps), np.floor(most * steps) + 2) / steps
    edges = np.rint(2.0**powers)
    counted = {
        name: np.histogram(load.first_bytes, edges, weights=load.counts)[0].astype(int).tolist()
        for name, load in ((PREDICTED, predicted), (CONSTANT, constant))
    }
    return {"edges_bytes": edges.astype(int).tolist(), "jobs": counted}


def _listed(forecast: Forecast, policy: str, request: PlanRequest) -> list[dict[str, Any]]:
    """Return the jobs that fit nowhere, those that ask for most first."""
    found = []
    for tool in forecast.tools:
        jobs, first_bytes = tool.jobs, tool.jobs.attempts[policy].first_bytes
        for row in np.flatnonzero(~fits_somewhere(first_bytes, jobs.slots, request.nodes)).tolist():
            found.append((int(first_bytes[row]), tool, row))
    found.sort(key=lambda one: (-one[0], one[1].jobs.tool, one[2]))
    return [_job(forecast, tool, row, amount_bytes) for amount_bytes, tool, row in found[:_MOST_LISTED]]


def _job(forecast: Forecast, tool: ToolForecast, row: int, request_bytes: int) -> dict[str, Any]:
    return {
        "tool": tool.jobs.tool,
        forecast.place_word: int(tool.jobs.places[row]),
        "jobs": int(tool.jobs.counts[row]),
        "inputs_bytes": int(tool.jobs.inputs_bytes[row]),
        "slots": int(tool.jobs.slots[row]),
        "request_bytes": request_bytes,
    }


def _notes(forecast: Forecast, request: PlanRequest) -> list[str]:
    notes = list(forecast.notes)
    priced = [node for node in request.nodes if node.price_per_hour is not None]
    if priced and len(priced) < len(request.nodes):
        notes.append("not all nodes have a price: each job goes to the one with the least memory that it fits on")
    if len(forecast.refused) > _MOST_REFUSED:
        notes.append(f"{len(forecast.refused):,} tools are not planned; {_MOST_REFUSED} of them are listed")
    return notes
