"""What Prometheus may know: requests, predictions and bundles, added up over all worker processes."""

import os
import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from galaxy_memory_rules.messages import MemoryRecommendation

from .lifecycle import Lifecycle
from .predictor import Predictor
from .reloading import ReloadOutcome

# The parent of several workers sets it, before prometheus_client is imported, to the folder where they add up.
_SHARED = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_OF_PROCESS = CollectorRegistry()

# when a count began tells nobody anything, and doubles what is sent
disable_created_metrics()  # type: ignore[no-untyped-call]

REQUESTS = Counter("gmr_requests", "Requests by route and status code", ["route", "status"], registry=_OF_PROCESS)
LATENCY = Histogram(
    "gmr_request_seconds", "From a request's headers to its answer", ["route"], buckets=_SECONDS, registry=_OF_PROCESS
)
REFUSED = Counter(
    "gmr_refused_early", "Requests that never reached the application, by reason", ["reason"], registry=_OF_PROCESS
)
PREDICTIONS = Counter(
    "gmr_predictions", "Recommendations by tool and the rung that answered", ["tool", "source"], registry=_OF_PROCESS
)
GUARDS = Counter("gmr_guards", "Recommendations in which a guard fired", ["guard"], registry=_OF_PROCESS)
RELOADS = Counter("gmr_reloads", "Reloads of the bundles by outcome", ["outcome"], registry=_OF_PROCESS)
OPENED = Gauge("gmr_bundles_opened", "Bundles in memory", multiprocess_mode="livesum", registry=_OF_PROCESS)

# Finding a child by its labels takes longer than counting: each is found once.
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
    while Lifecycle.refused:
        reason, count = Lifecycle.refused.popitem()
        REFUSED.labels(reason).inc(count)


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


def count_reload(outcome: ReloadOutcome) -> None:
    """Count a reload by the worst that came of it."""
    changed = "taken_up" if outcome.taken_up or outcome.gone else "unchanged"
    RELOADS.labels("refused" if outcome.newly_refused else changed).inc()


def exposition(predictor: Predictor) -> bytes:
    """Write all metrics as Prometheus reads them.

    Parameters
    ----------
    predictor : Predictor
        The bundles that are served now; every worker serves the same ones.
    """
    registry = CollectorRegistry()
    registry.register(_Bundles(predictor))
    OPENED.set(predictor.opened_count)
    if os.environ.get(_SHARED):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(_OF_PROCESS) + generate_latest(registry)


class _Bundles(Collector):
    """The bundles of one snapshot: what is loaded is the only thing that names tools here."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def collect(self) -> Iterable[Metric]:
        """Yield what is served, how old it is, and how much is not."""
        info = GaugeMetricFamily("gmr_bundle_info", "1 for each bundle served", labels=["tool", "bundle", "source"])
        age = GaugeMetricFamily("gmr_bundle_age_seconds", "Since the bundle was published", labels=["tool"])
        promised = GaugeMetricFamily("gmr_bundle_promised_failure_rate", "The failure cap", labels=["tool"])
        achieved = GaugeMetricFamily(
            "gmr_bundle_achieved_failure_rate",
            "First attempts of held-out jobs with too little memory",
            labels=["tool"],
        )
        now = time.time()
        for entry in self._predictor.entries.values():
            info.add_metric([entry.tool, entry.name, entry.source], 1)
            age.add_metric([entry.tool], max(now - entry.published_seconds, 0))
            for family, rate in ((promised, entry.promised_failure_rate), (achieved, entry.achieved_failure_rate)):
                if rate is not None:
                    family.add_metric([entry.tool], rate)
        yield from (info, age, promised, achieved)
        yield GaugeMetricFamily("gmr_bundles_refused", "Bundles not served", value=len(self._predictor.refused))
