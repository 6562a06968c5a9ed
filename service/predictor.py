"""Finds the bundle for a job and has it answer: one view of all that is served."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from galaxy_memory_rules.errors import BundleRefused, PredictionUnavailable, UnknownTool
from galaxy_memory_rules.messages import JobDescription, MemoryRecommendation
from trainer.bundle import Bundle

from .catalogue import Catalogue, Entry, scan
from .opened import OpenedBundles
from .recommending import recommend


class Predictor:
    """One view of all bundles: what a catalogue lists, opened when it is first asked for.

    Parameters
    ----------
    catalogue : Catalogue
        Never changed: a request that asks one predictor never meets two bundles of a tool.
    opened : OpenedBundles
        The bundles that are open.
    """

    def __init__(self, catalogue: Catalogue, opened: OpenedBundles) -> None:
        self.catalogue, self._opened = catalogue, opened

    @classmethod
    def open(cls, root: Path) -> "Predictor":
        """Serve what is below `root` now."""
        return cls(scan(root), OpenedBundles())

    @property
    def entries(self) -> Mapping[str, Entry]:
        """What is served, by tool."""
        return self.catalogue.entries

    @property
    def opened_count(self) -> int:
        """How many bundles are in memory."""
        return len(self._opened)

    @property
    def refused(self) -> dict[str, str]:
        """Tools, and folders whose tool is not known, that are not served or in an older build, and why."""
        listed, by_home = self.catalogue.refused, self.catalogue.by_home
        refused = {by_home[home].tool if home in by_home else home: why for home, why in listed.items()}
        failures = ((entry.tool, self._opened.failure(entry)) for entry in self.entries.values())
        return {**{tool: why for tool, why in failures if why}, **refused}

    def entry(self, tool_id: str, tool_version: str | None = None) -> Entry:
        """Return the entry for a tool: by its exact version, then by its family, then by its bare name.

        Raises
        ------
        UnknownTool
            If no bundle was trained for it.
        PredictionUnavailable
            If there is no bundle at all.
        """
        found = self.catalogue.find(tool_id, tool_version)
        if found is not None:
            return found
        self.require_ready()
        raise UnknownTool(f"no bundle for the tool {tool_id}")

    def find(self, tool_id: str, tool_version: str | None = None) -> Bundle:
        """Return the bundle for a tool, see `entry`; it is opened where it is not.

        Raises
        ------
        BundleRefused
            If it is damaged.
        """
        return self._opened.get(self.entry(tool_id, tool_version))

    def bundles(self) -> Iterator[Bundle]:
        """Open every bundle in turn that can be; no more of them stay open than the budget holds."""
        for entry in self.entries.values():
            with suppress(BundleRefused):
                yield self._opened.get(entry)

    def require_ready(self) -> None:
        """Raise PredictionUnavailable unless a bundle can be opened."""
        if len(self._opened):
            return
        # those first that open fast
        for entry in sorted(self.entries.values(), key=lambda entry: entry.needs_scikit_learn):
            with suppress(BundleRefused):
                self._opened.get(entry)
                return
        raise PredictionUnavailable("no usable bundle is loaded; train one, or look at the log for why")

    def recommend(self, job: JobDescription) -> MemoryRecommendation:
        """Predict one job; see `recommend_all`.

        Raises
        ------
        UnknownTool
            If no bundle was trained for its tool.
        BundleRefused
            If its bundle is damaged.
        """
        return recommend(self.find(job.tool_id, job.tool_version), [job])[0]

    def recommend_all(self, jobs: Sequence[JobDescription]) -> list[MemoryRecommendation | PredictionUnavailable]:
        """Predict many jobs, those of one tool together.

        Returns
        -------
        list of MemoryRecommendation, UnknownTool or BundleRefused
            In the order of `jobs`.
        """
        answers: list[MemoryRecommendation | PredictionUnavailable] = [UnknownTool()] * len(jobs)
        places: dict[str, list[int]] = {}
        for place, job in enumerate(jobs):
            try:
                places.setdefault(self.entry(job.tool_id, job.tool_version).tool, []).append(place)
            except UnknownTool as error:
                answers[place] = error
        for tool, of_tool in places.items():
            of_each = self._recommend_tool(self.entries[tool], [jobs[place] for place in of_tool])
            for place, answer in zip(of_tool, of_each, strict=True):
                answers[place] = answer
        return answers

    def _recommend_tool(
        self, entry: Entry, jobs: Sequence[JobDescription]
    ) -> Sequence[MemoryRecommendation | PredictionUnavailable]:
        try:
            return recommend(self._opened.get(entry), jobs)
        except BundleRefused as error:
            return [error] * len(jobs)
