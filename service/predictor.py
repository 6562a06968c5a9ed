"""Finds the bundle for a job, predicts, and applies the policy."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from galaxy_memory_rules.errors import BundleError, PredictionUnavailable, UnknownTool
from galaxy_memory_rules.messages import JobDescription, MemoryRecommendation
from galaxy_memory_rules.names import tool_names
from trainer import bundle, policy
from trainer.bundle import Bundle
from trainer.distribution import Beliefs
from trainer.features import Features

QUANTILES = (0.5, 0.9, 0.95, 0.99)

log = logging.getLogger(__name__)


class Predictor:
    """All loaded bundles, by every name that a live job may call their tools.

    Parameters
    ----------
    bundles : iterable of Bundle
        Where several are known by the same family or bare name, the one with the most records answers for it.
    """

    def __init__(self, bundles: Iterable[Bundle], refused: Mapping[str, str] | None = None) -> None:
        self.refused = dict(refused or {})
        self.bundles = {found.tool: found for found in bundles}
        self._by_name = dict(self.bundles)
        for found in sorted(self.bundles.values(), key=lambda found: -found.sizing.rows):
            for name in tool_names(found.tool):
                self._by_name.setdefault(name, found)

    @classmethod
    def open(cls, root: Path) -> "Predictor":
        """Load every bundle below `root`; one that is damaged is named in the log and left out."""
        loaded = []
        for found in bundle.load_all(root):
            if isinstance(found, BundleError):
                log.error("not served: %s", found)
            else:
                loaded.append(found)
        return cls(loaded)

    def find(self, tool_id: str, tool_version: str | None = None) -> Bundle:
        """Return the bundle for a tool: by its exact version, then by its family, then by its bare name.

        Raises
        ------
        UnknownTool
            If no bundle was trained for it.
        PredictionUnavailable
            If no bundle is loaded at all.
        """
        self.require_ready()
        for name in tool_names(tool_id, tool_version):
            if name in self._by_name:
                return self._by_name[name]
        raise UnknownTool(f"no bundle for the tool {tool_id}")

    def require_ready(self) -> None:
        """Raise PredictionUnavailable unless a usable bundle is loaded."""
        if not self.bundles:
            raise PredictionUnavailable("no usable bundle is loaded; train one, or look at the log for why")

    def recommend(self, job: JobDescription) -> MemoryRecommendation:
        """Predict one job; see `recommend_all`.

        Raises
        ------
        UnknownTool
            If no bundle was trained for its tool.
        """
        return self._recommend(self.find(job.tool_id, job.tool_version), [job])[0]

    def recommend_all(self, jobs: Sequence[JobDescription]) -> list[MemoryRecommendation | UnknownTool]:
        """Predict many jobs, those of one tool together.

        Returns
        -------
        list of MemoryRecommendation or UnknownTool
            In the order of `jobs`.
        """
        answers: list[MemoryRecommendation | UnknownTool] = [UnknownTool()] * len(jobs)
        places: dict[str, list[int]] = {}
        for place, job in enumerate(jobs):
            try:
                places.setdefault(self.find(job.tool_id, job.tool_version).tool, []).append(place)
            except UnknownTool as error:
                answers[place] = error
        for tool, of_tool in places.items():
            recommendations = self._recommend(self.bundles[tool], [jobs[place] for place in of_tool])
            for place, recommendation in zip(of_tool, recommendations, strict=True):
                answers[place] = recommendation
        return answers

    @staticmethod
    def _recommend(found: Bundle, jobs: Sequence[JobDescription]) -> list[MemoryRecommendation]:
        features = [found.schema.features(job) for job in jobs]
        completed = [found.neighbours.complete(found.schema, one) for one in features]
        beliefs = found.model.predict(found.schema.encode(features))
        of_each = (beliefs.part(place) for place in range(len(jobs)))
        return [_answer(found, *one) for one in zip(jobs, features, completed, of_each, strict=True)]


def source(found: Bundle) -> str:
    """Name the rung that answers with a bundle: ``forest``, ``line``, ``pooled``, ``static`` or another's class."""
    return str(found.facts["model"]["source"])


def _answer(
    found: Bundle, job: JobDescription, features: Features, completed: list[str], beliefs: Beliefs
) -> MemoryRecommendation:
    request = policy.recommend(beliefs, job, features, found.schema, found.sizing)
    distribution = beliefs[0]
    return MemoryRecommendation(
        memory_bytes=request.memory_bytes,
        predicted_peak_bytes=distribution.predicted_peak_bytes,
        quantiles={str(quantile): distribution.quantile_bytes(quantile) for quantile in QUANTILES},
        failure_probability=round(distribution.exceedance(request.memory_bytes), 4),
        tool=found.tool,
        source=source(found),
        bundle=found.name,
        guards=request.guards,
        reasons=(*_said(completed), *request.reasons),
    )


def _said(completed: list[str]) -> list[str]:
    return [f"not told, taken from the most similar recorded job: {', '.join(completed)}"] if completed else []
