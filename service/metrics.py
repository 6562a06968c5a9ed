"""What Prometheus may know: requests, predictions and bundles, added up over all worker processes."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from galaxy_memory_rules.messages import MemoryRecommendation

REGISTRY = CollectorRegistry()
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

REQUESTS = Counter("gmr_requests", "Requests by route and status code.", ["route", "status"], registry=REGISTRY)
LATENCY = Histogram(
    "gmr_request_seconds",
    "Seconds from a request's headers to its answer.",
    ["route"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
OVERLOADS = Counter("gmr_overload_refusals", "Requests refused because too many were in work.", registry=REGISTRY)
PREDICTIONS = Counter(
    "gmr_predictions",
    "Recommendations by loaded tool and by the rung that answered.",
    ["tool", "source"],
    registry=REGISTRY,
)
GUARDS = Counter("gmr_guards", "Recommendations in which a guard fired.", ["guard"], registry=REGISTRY)

# finding a child by its labels takes longer than counting: each is found once
_requests: dict[tuple[str, int], Counter] = {}
_latencies: dict[str, Histogram] = {}
_predictions: dict[tuple[str, str], Counter] = {}
_guards: dict[str, Counter] = {}


def count_request(route: str, status: int, seconds: float) -> None:
    """Count a request that is over; the route is a template, never what a client wrote."""
    key = (route, status)
    if key not in _requests:
        _requests[key] = REQUESTS.labels(route, str(status))
        _latencies[route] = LATENCY.labels(route)
    _requests[key].inc()
    _latencies[route].observe(seconds)


def count_prediction(recommendation: MemoryRecommendation) -> None:
    """Count a recommendation that was given."""
    key = (recommendation.tool, recommendation.source)
    if key not in _predictions:
        _predictions[key] = PREDICTIONS.labels(*key)
    _predictions[key].inc()
    for guard in recommendation.guards:
        if guard not in _guards:
            _guards[guard] = GUARDS.labels(guard)
        _guards[guard].inc()
