"""The two addresses that planners and the rule post to: one job, or many together."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from starlette.types import Receive

from galaxy_memory_rules.errors import BundleRefused, InvalidMessage, MemoryRulesError
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, JobDescription, MemoryRecommendation, parse_job

from . import metrics, refusals, wire
from .bodies import Headers, read_body
from .predictor import Predictor
from .recommending import NONSENSE
from .settings import ServiceSettings

MAX_BATCH_JOBS = 10_000
# After so many jobs of a batch others get their turn: ten milliseconds. More at once take no less time each.
JOBS_AT_ONCE = 50

log = logging.getLogger(__name__)

Outcome = MemoryRecommendation | MemoryRulesError


class Serving(Protocol):
    """Whatever holds the bundles that are served now; a request takes its snapshot once."""

    @property
    def predictor(self) -> Predictor:
        """Return the current snapshot."""


class Predicting:
    """Answers ``POST /v1/predict`` and ``POST /v1/predict/batch``.

    Parameters
    ----------
    serving : Serving
        Where the bundles are.
    settings : ServiceSettings
        How long a body may be.
    """

    def __init__(self, serving: Serving, settings: ServiceSettings) -> None:
        self._serving = serving
        self._max_body_bytes = settings.max_body_bytes
        self._max_batch_body_bytes = settings.max_batch_body_bytes

    async def predict(self, headers: Headers, receive: Receive) -> bytes:
        """Recommend the memory to request for one job."""
        job = parse_job(wire.decode(await read_body(headers, receive, self._max_body_bytes)))
        return wire.encode(recommend(self._serving.predictor, job))

    async def predict_batch(self, headers: Headers, receive: Receive) -> bytes:
        """Recommend for at most 10,000 jobs; one that is wrong or unknown gets an error in its place."""
        jobs = await _parse_batch(wire.decode_batch(await read_body(headers, receive, self._max_batch_body_bytes)))
        outcomes = await recommend_each(self._serving.predictor, jobs)
        return wire.encode({"recommendations": [_entry(outcome) for outcome in outcomes]})


def recommend(predictor: Predictor, job: JobDescription) -> MemoryRecommendation:
    """Predict one job, and let no nonsense out.

    Raises
    ------
    UnknownTool
        If no bundle was trained for its tool.
    BundleRefused
        If its bundle cannot be used, or predicts what no job can need.
    """
    recommendation = _predict(predictor, job)
    metrics.count_prediction(recommendation)
    metrics.OPENED.set(predictor.opened_count)
    return recommendation


async def recommend_each(predictor: Predictor, jobs: Sequence[JobDescription | InvalidMessage]) -> list[Outcome]:
    """Predict many jobs, those of one tool together; others get their turn in between.

    Parameters
    ----------
    predictor : Predictor
        The snapshot that answers for all of them.
    jobs : sequence of JobDescription or InvalidMessage
        The latter stay in their places.

    Returns
    -------
    list of MemoryRecommendation or MemoryRulesError
        In the order of `jobs`.
    """
    predictor.require_ready()
    outcomes: list[Any] = list(jobs)
    for places in _chunks(jobs):
        for place, outcome in zip(places, _outcomes(predictor, [outcomes[place] for place in places]), strict=True):
            outcomes[place] = outcome
            if isinstance(outcome, MemoryRecommendation):
                metrics.count_prediction(outcome)
        await asyncio.sleep(0)
    metrics.OPENED.set(predictor.opened_count)
    return outcomes


def _outcomes(predictor: Predictor, jobs: Sequence[JobDescription]) -> Sequence[Outcome]:
    try:
        together = predictor.recommend_all(jobs)
        return [one if isinstance(one, MemoryRulesError) else _checked(one) for one in together]
    except (*NONSENSE, BundleRefused):
        # one by one, so that the others get theirs
        return [_outcome(predictor, job) for job in jobs]


def _outcome(predictor: Predictor, job: JobDescription) -> Outcome:
    try:
        return _predict(predictor, job)
    except MemoryRulesError as error:
        return error


def _predict(predictor: Predictor, job: JobDescription) -> MemoryRecommendation:
    try:
        return _checked(predictor.recommend(job))
    except NONSENSE as error:
        log.error("%s: its bundle cannot predict", job.tool_id, exc_info=error)
        raise BundleRefused(f"the bundle of {job.tool_id} cannot predict this job; train it again") from error


def _chunks(jobs: Sequence[JobDescription | InvalidMessage]) -> Iterator[list[int]]:
    """Yield the places of jobs that are predicted together: of one tool, and not too many."""
    places: dict[tuple[str, str | None], list[int]] = {}
    for place, job in enumerate(jobs):
        if isinstance(job, JobDescription):
            places.setdefault((job.tool_id, job.tool_version), []).append(place)
    for of_tool in places.values():
        for start in range(0, len(of_tool), JOBS_AT_ONCE):
            yield of_tool[start : start + JOBS_AT_ONCE]


def _checked(recommendation: MemoryRecommendation) -> MemoryRecommendation:
    sizes_bytes = (recommendation.memory_bytes, recommendation.predicted_peak_bytes, *recommendation.quantiles.values())
    is_probability = 0 <= recommendation.failure_probability <= 1
    # a comparison with NaN is false: it does not get through either
    if not (is_probability and min(sizes_bytes) > 0 and max(sizes_bytes) <= MAX_SIZE_BYTES):
        raise BundleRefused(f"the bundle {recommendation.bundle} predicts what no job can need; train it again")
    return recommendation


async def _parse_batch(message: Any) -> list[JobDescription | InvalidMessage]:
    entries = message.get("jobs") if isinstance(message, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_BATCH_JOBS:
        raise InvalidMessage("jobs", f"expected a list of at most {MAX_BATCH_JOBS:,} jobs")
    jobs = []
    for place, entry in enumerate(entries):
        jobs.append(_parse_entry(entry, place))
        if place % JOBS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return jobs


def _parse_entry(entry: Any, place: int) -> JobDescription | InvalidMessage:
    path = f"jobs[{place}]"
    try:
        return parse_job(wire.decode_part(entry, path), path)
    except InvalidMessage as error:
        return error


def _entry(outcome: Outcome) -> Any:
    return refusals.describe(outcome)[1] if isinstance(outcome, Exception) else outcome
