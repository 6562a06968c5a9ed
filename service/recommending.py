"""From the jobs of one tool to recommendations: features, belief, policy, all jobs together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from galaxy_memory_rules.messages import JobDescription, MemoryRecommendation
from trainer import policy
from trainer.bundle import Bundle
from trainer.distribution import Beliefs, Distribution
from trainer.features import Features, FeatureSchema
from trainer.policy import Request
from trainer.sizing_rule import SizingRule

QUANTILES = (0.5, 0.9, 0.95, 0.99)
# What a model's numbers may lead to where they are not numbers any more.
NONSENSE = (ArithmeticError, ValueError, Warning)


@dataclass(frozen=True)
class Believed:
    """What a bundle makes of jobs of its tool, before any of it is priced.

    Parameters
    ----------
    jobs : sequence of JobDescription, of length n_jobs
        The jobs.
    features : sequence of Features, of length n_jobs
        Their features, with what they leave open filled in.
    completed : sequence of list of str, of length n_jobs
        What was filled in.
    beliefs : Beliefs
        Their predictive distributions.
    """

    jobs: Sequence[JobDescription]
    features: Sequence[Features]
    completed: Sequence[list[str]]
    beliefs: Beliefs

    def requests(self, schema: FeatureSchema, rule: SizingRule) -> list[Request]:
        """Price the jobs by a rule."""
        return policy.recommend(self.beliefs, self.jobs, self.features, schema, rule)


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
    believed = believe(found, jobs)
    peaks_bytes = believed.beliefs.predicted_peaks_bytes.tolist()
    requests = believed.requests(found.schema, found.sizing)
    return [
        _answer(found, *one) for one in zip(believed.beliefs, peaks_bytes, requests, believed.completed, strict=True)
    ]


def believe(found: Bundle, jobs: Sequence[JobDescription]) -> Believed:
    """Describe jobs of one tool as its model sees them, and predict them."""
    features = [found.schema.features(job) for job in jobs]
    completed = [found.neighbours.complete(found.schema, one) for one in features]
    return Believed(jobs, features, completed, found.model.predict(found.schema.encode(features)))


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
