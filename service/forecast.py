"""What a plan's jobs will request, use and waste: all of it that does not depend on nodes or window."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from galaxy_memory_rules.errors import BundleRefused, PredictionUnavailable
from trainer.bundle import Bundle
from trainer.distribution import Vector
from trainer.policy import BEYOND_TRAINING_SIZES

from .draws import Drawn, draw
from .plan_jobs import Group, PlannedJobs
from .plan_sample import MOST_DIFFERENT, stand_for
from .plan_tool import OWN, ToolJobs, tool_jobs
from .predictor import Predictor
from .recommending import NONSENSE
from .refusals import describe

# How often all jobs are run; fewer times where they are many, as many jobs vary less.
_SCENARIOS, _LEAST_SCENARIOS = 200, 50
_MOST_DRAWS = 10_000_000
_WORTH_A_NOTE = 0.5
# Of a forecast without any array.
_LEAST_TAKEN_BYTES = 10_000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refused:
    """Jobs of a tool that is not planned.

    Parameters
    ----------
    tool : str
        As the jobs name it.
    place : int
        Where the first of them was told.
    jobs : int
        How many there are.
    error, message : str
        Why, as `refusals` words it.
    """

    tool: str
    place: int
    jobs: int
    error: str
    message: str


@dataclass(frozen=True, eq=False)
class ToolForecast:
    """The jobs of one tool, and what came of them in each scenario."""

    jobs: ToolJobs
    drawn: Drawn


@dataclass(frozen=True, eq=False)
class Forecast:
    """All jobs of a plan.

    Parameters
    ----------
    tools : sequence of ToolForecast
        By tool, in the order of their names.
    different : int
        How many different jobs there were.
    refused : sequence of Refused
        What is not planned.
    place_word : str
        What the jobs' places are: ``job`` or ``line``.
    scenarios : int
        How often all jobs were run.
    notes : tuple of str
        What a person should know.
    """

    tools: Sequence[ToolForecast]
    different: int
    refused: Sequence[Refused]
    place_word: str
    scenarios: int
    notes: tuple[str, ...]

    @property
    def taken_bytes(self) -> int:
        """What it takes in memory, about."""
        return _LEAST_TAKEN_BYTES + _array_bytes(self.tools)


def forecast(predictor: Predictor, planned: PlannedJobs, default_run_seconds: float, seed: int) -> Forecast:
    """Predict, price and run all jobs of a plan.

    Parameters
    ----------
    predictor : Predictor
        The snapshot that answers for all of them.
    planned : PlannedJobs
        The jobs.
    default_run_seconds : float
        How long a job runs of which nothing is known.
    seed : int
        What the random numbers start from.
    """
    predictor.require_ready()
    bundles, by_tool, refused = _by_tool(predictor, planned.groups)
    told = {tool: _run_seconds(bundles[tool], default_run_seconds) for tool in by_tool}
    standing = stand_for(by_tool, {tool: seconds for tool, (seconds, _) in told.items()})
    predicted: list[tuple[ToolJobs, Vector]] = []
    for tool, chosen in standing.items():
        try:
            predicted.append(tool_jobs(bundles[tool], chosen.groups, chosen.counts, chosen.hours))
        except (*NONSENSE, BundleRefused) as error:
            refused.append(_refused(tool, by_tool[tool], _as_refusal(tool, error)))
    scenarios, most_drawn = _pace([jobs for jobs, _ in predicted])
    untold = [why for tool, (_, why) in told.items() if any(group.run_seconds is None for group in by_tool[tool])]
    unlike = chain.from_iterable(_unlike(jobs) for jobs, _ in predicted)
    return Forecast(
        [ToolForecast(jobs, draw(jobs, parts_bytes, scenarios, most_drawn, seed)) for jobs, parts_bytes in predicted],
        len(planned.groups),
        refused,
        planned.place_word,
        scenarios,
        tuple(chain(planned.notes, untold, _sampling(sum(map(len, by_tool.values()))), unlike)),
    )


def _by_tool(
    predictor: Predictor, groups: Sequence[Group]
) -> tuple[dict[str, Bundle], dict[str, list[Group]], list[Refused]]:
    by_name: dict[tuple[str, str | None], list[Group]] = {}
    for group in groups:
        by_name.setdefault((group.job.tool_id, group.job.tool_version), []).append(group)
    bundles: dict[str, Bundle] = {}
    by_tool: dict[str, list[Group]] = {}
    refused: list[Refused] = []
    for (tool_id, version), of_name in by_name.items():
        try:
            found = predictor.find(tool_id, version)
        except PredictionUnavailable as error:
            refused.append(_refused(tool_id, of_name, error))
        else:
            bundles[found.tool] = found
            by_tool.setdefault(found.tool, []).extend(of_name)
    return bundles, dict(sorted(by_tool.items())), refused


def _refused(tool: str, groups: Sequence[Group], error: Exception) -> Refused:
    told = describe(error)[1]
    jobs, place = sum(group.count for group in groups), min(group.place for group in groups)
    return Refused(tool, place, jobs, told["error"], told["message"])


def _as_refusal(tool: str, error: Exception) -> BundleRefused:
    if isinstance(error, BundleRefused):
        return error
    log.error("%s: its bundle cannot predict", tool, exc_info=error)
    return BundleRefused(f"the bundle of {tool} cannot predict these jobs; train it again")


def _run_seconds(found: Bundle, default_run_seconds: float) -> tuple[float, str]:
    """Return how long a job of a tool runs that does not tell, and where that is from."""
    recorded = found.facts.get("run_seconds")
    if recorded:
        median = float(recorded["median"])
        return median, f"run time of {found.tool} not told: the recorded median, {median:.3g} s"
    return default_run_seconds, f"run time of {found.tool} neither told nor recorded: {default_run_seconds:g} s"


def _sampling(different: int) -> list[str]:
    if different <= MOST_DIFFERENT:
        return []
    return [f"{different:,} different jobs: about {MOST_DIFFERENT:,} of all sizes stand for them, the largest included"]


def _unlike(jobs: ToolJobs) -> list[str]:
    """Tell of jobs that the model knows too little of, and of those that no attempt is enough for."""
    notes = []
    if beyond := jobs.guards.get(BEYOND_TRAINING_SIZES):
        notes.append(f"{beyond:,} jobs of {jobs.tool} are larger than any recorded: that they use no more is a guess")
    never = float(jobs.counts @ jobs.attempts[OWN].never)
    if never >= _WORTH_A_NOTE:
        notes.append(f"about {never:,.0f} jobs of {jobs.tool} need more than the ceiling of its requests")
    return notes


def _pace(predicted: Sequence[ToolJobs]) -> tuple[int, int]:
    """Return how many scenarios are run, and how many jobs of a row are drawn in each."""
    total = sum(int(jobs.counts.sum()) for jobs in predicted)
    scenarios = max(min(_MOST_DRAWS // max(total, 1), _SCENARIOS), _LEAST_SCENARIOS)
    rows = sum(map(len, predicted))
    return scenarios, max(_MOST_DRAWS // _LEAST_SCENARIOS // max(rows, 1), 1)


def _array_bytes(part: Any) -> int:
    """Add up the arrays in dataclasses, mappings and sequences."""
    if isinstance(part, np.ndarray):
        return part.nbytes
    if isinstance(part, (list, tuple)):
        return sum(map(_array_bytes, part))
    inner = part if isinstance(part, dict) else vars(part) if hasattr(part, "__dict__") else {}
    return sum(map(_array_bytes, inner.values()))
