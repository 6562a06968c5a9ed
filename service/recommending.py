"""From the jobs of one tool to recommendations: features, belief, policy, all jobs together."""

import math
from collections.abc import Sequence

from galaxy_memory_rules.messages import JobDescription, MemoryRecommendation
from trainer import policy
from trainer.bundle import Bundle
from trainer.distribution import Distribution
from trainer.policy import Request

QUANTILES = (0.5, 0.9, 0.95, 0.99)


def recommend(found: Bundle, jobs: Sequence[JobDescription]) -> list[MemoryRecommendation]:
    """Recommend for jobs of one tool.

    Parameters
    ----------
    found : Bundle
        The tool's bundle.
    jobs : sequence of JobDescription, of length n_jobs
        Of this tool.

    Returns
    -------
    list of MemoryRecommendation, of length n_jobs
    """
    features = [found.schema.features(job) for job in jobs]
    completed = [found.neighbours.complete(found.schema, one) for one in features]
    beliefs = found.model.predict(found.schema.encode(features))
    requests = policy.recommend(beliefs, jobs, features, found.schema, found.sizing)
    peaks_bytes = beliefs.predicted_peaks_bytes.tolist()
    return [_answer(found, *one) for one in zip(beliefs, peaks_bytes, requests, completed, strict=True)]


def _answer(
    found: Bundle, distribution: Distribution, peak_bytes: float, request: Request, completed: list[str]
) -> MemoryRecommendation:
    return MemoryRecommendation(
        memory_bytes=request.memory_bytes,
        predicted_peak_bytes=math.ceil(peak_bytes),
        quantiles={str(quantile): distribution.quantile_bytes(quantile) for quantile in QUANTILES},
        failure_probability=round(distribution.exceedance(request.memory_bytes), 4),
        tool=found.tool,
        source=str(found.facts["model"]["source"]),
        bundle=found.name,
        guards=request.guards,
        reasons=(*_said(completed), *request.reasons),
    )


def _said(completed: list[str]) -> list[str]:
    return [f"not told, taken from the most similar recorded job: {', '.join(completed)}"] if completed else []
