"""From a predictive distribution to a request: price, guards, retry, floor, ceiling, rounding, each with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

from galaxy_memory_rules.memory import MIB, format_bytes, round_up
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, JobDescription
from galaxy_memory_rules.retry import RETRY_FACTOR

from .choice import Choice
from .distribution import Beliefs, Distribution
from .familiarity import Familiar, Familiarity
from .features import DBKEY, REFERENCE, VERSION, Features, FeatureSchema
from .pricing import Offers
from .reference import reference_key
from .sizes import TOTAL_NAME, Sizes, sizes_bytes

BEYOND_TRAINING_SIZES = "beyond_training_sizes"
UNSEEN_REFERENCE = "unseen_reference"
UNSEEN_CATEGORY = "unseen_category"
MISSING_INPUT = "missing_input"
UNKNOWN_VERSION = "unknown_version"
FOLLOWS_REQUEST = "follows_request"
# Of the peaks above a request that was not enough: three in four retries succeed at once, few hold much too much.
_RETRY_QUANTILE = 0.75
# What half of is spent on a version that was not recorded, where no cap is set.
_USUAL_CAP = 0.1


@dataclass(frozen=True)
class Limits:
    """What every request is brought to at last.

    Parameters
    ----------
    floor_bytes, ceiling_bytes : int
        No request is below or above; the ceiling is the largest node.
    round_up_bytes : int
        Requests are multiples of it.
    """

    floor_bytes: int = 0
    ceiling_bytes: int = MAX_SIZE_BYTES
    round_up_bytes: int = 64 * MIB


@dataclass(frozen=True)
class SizingRule:
    """What the policy of one tool needs to know of its recorded jobs.

    Parameters
    ----------
    failure_cap : float or None
        Share of first attempts that may run out of memory; None where only the cost counts.
    choices : mapping of Familiarity to Choice
        What to request of the predictive distribution of a job that is as familiar.
    familiar : Familiar
        The inputs and references that were recorded.
    typical_bytes : float
        The tool's mean peak, which the price of a failure is counted in.
    tracked_factor : float
        What the newest jobs made necessary on top, at least 1.
    rows : int
        Recorded jobs behind it.
    sizes : Sizes
        The input sizes that were recorded, and the line in bytes beyond them.
    tool_bytes : int
        What keeps the failure cap over all recorded peaks of the tool, whatever their inputs.
    limits : Limits
        Floor, ceiling and rounding.
    held_bytes : int or None
        What is requested first of a tool whose peak follows its own request, whatever the model believes; None for all
        other tools.
    """

    failure_cap: Optional[float]
    choices: Mapping[Familiarity, Choice]
    familiar: Familiar
    typical_bytes: float
    tracked_factor: float
    rows: int
    sizes: Sizes
    tool_bytes: int
    limits: Limits = Limits()
    held_bytes: Optional[int] = None

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads; what is familiar is kept as arrays."""
        return dict(
            {name: value for name, value in vars(self).items() if name != "familiar"},
            choices={level.value: vars(choice) for level, choice in self.choices.items()},
            sizes=self.sizes.to_dict(),
            limits=vars(self.limits),
        )

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], familiar: Familiar) -> "SizingRule":
        """Read a rule back from a manifest; every familiarity has to have its choice."""
        choices = {Familiarity(level): Choice(**choice) for level, choice in content["choices"].items()}
        return replace(
            cls(**content, familiar=familiar),
            choices={level: choices[level] for level in Familiarity},
            sizes=Sizes.from_dict(content["sizes"]),
            limits=Limits(**content["limits"]),
        )


@dataclass(frozen=True)
class Request:
    """The outcome of the policy: how much, which guards fired, and the story behind it."""

    memory_bytes: int
    guards: tuple[str, ...]
    reasons: tuple[str, ...]


class _Story:
    """A request on its way, with what has been done to it."""

    def __init__(self) -> None:
        self.memory_bytes = 0.0
        self.guards: list[str] = []
        self.reasons: list[str] = []

    def becomes(self, memory_bytes: float, why: str) -> None:
        self.memory_bytes = memory_bytes
        self.reasons.append(f"{why}: {format_bytes(round(memory_bytes))}")

    def at_least(self, memory_bytes: float, why: str, guard: Optional[str] = None) -> None:
        if guard:
            self.guards.append(guard)
        enough = memory_bytes <= self.memory_bytes
        self.reasons.append(f"{why}: at least {format_bytes(round(memory_bytes))}{', which it is' if enough else ''}")
        self.memory_bytes = max(self.memory_bytes, memory_bytes)


def recommend(
    beliefs: Beliefs,
    jobs: Sequence[JobDescription],
    features: Sequence[Features],
    schema: FeatureSchema,
    rule: SizingRule,
) -> list[Request]:
    """Turn distributions into requests.

    Parameters
    ----------
    beliefs : Beliefs
        What the model believes about n_jobs jobs.
    jobs : sequence of JobDescription, of length n_jobs
        The jobs.
    features : sequence of Features, of length n_jobs
        Their features, of `schema`.
    schema : FeatureSchema
        The tool's features.
    rule : SizingRule
        What the policy knows of the tool.

    Returns
    -------
    list of Request, of length n_jobs
        In bytes, multiples of the rule's `round_up_bytes`.
    """
    familiarities = [rule.familiar.of(job) for job in jobs]
    first_bytes = _first_bytes(beliefs, familiarities, rule)
    return [
        _request(distribution, familiarity, first, job, told, schema, rule)
        for distribution, familiarity, first, job, told in zip(beliefs, familiarities, first_bytes, jobs, features)
    ]


def _first_bytes(beliefs: Beliefs, familiarities: Sequence[Familiarity], rule: SizingRule) -> list[float]:
    """Return what the choices make of all jobs together, before any guard."""
    offers = Offers.of(beliefs, rule.typical_bytes)
    by_choice = {level: rule.choices[level] for level in set(familiarities)}
    offered = {
        level: (offers.cheapest_bytes(choice.price) * choice.factor).tolist() for level, choice in by_choice.items()
    }
    return [offered[level][row] for row, level in enumerate(familiarities)]


def _request(
    distribution: Distribution,
    familiarity: Familiarity,
    first_bytes: float,
    job: JobDescription,
    features: Features,
    schema: FeatureSchema,
    rule: SizingRule,
) -> Request:
    story = _Story()
    if rule.held_bytes is None:
        _begin(story, distribution, familiarity, first_bytes, job, rule)
        _guard(story, distribution, job, features, schema, rule)
    else:
        story.guards.append(FOLLOWS_REQUEST)
        story.becomes(rule.held_bytes, "its peak follows its own request: held at what was enough")
    _retry(story, distribution, job)
    return _limit(story, rule.limits)


def _begin(
    story: _Story,
    distribution: Distribution,
    familiarity: Familiarity,
    first_bytes: float,
    job: JobDescription,
    rule: SizingRule,
) -> None:
    if familiarity is Familiarity.REFERENCE_UNSEEN:
        story.guards.append(UNSEEN_REFERENCE)
        story.reasons.append(f"no recorded job had the reference {reference_key(job)}: sized as jobs on new ones are")
    quantile = 1 - distribution.exceedance(max(round(first_bytes), 1))
    story.becomes(first_bytes, f"{quantile:.3g} quantile of {rule.rows:,} recorded jobs")
    if rule.tracked_factor > 1:
        story.becomes(first_bytes * rule.tracked_factor, f"times {rule.tracked_factor:.3g} as recent jobs needed more")


def _guard(
    story: _Story,
    distribution: Distribution,
    job: JobDescription,
    features: Features,
    schema: FeatureSchema,
    rule: SizingRule,
) -> None:
    """Raise the request where the job is unlike those recorded.

    Beyond the sizes seen a forest fails on 44 % of jobs and a line in bytes on 3 %; an unseen category fails on
    17-21 %, the tool's own quantile on 0.6 % (sizing-study.md, 4b and 4c).
    """
    sizes = sizes_bytes(schema, job)
    beyond = rule.sizes.beyond(sizes)
    if beyond:
        line_bytes = max(rule.sizes.line_bytes(sizes[TOTAL_NAME]), rule.tool_bytes)
        story.at_least(line_bytes, f"{beyond}: line in bytes", BEYOND_TRAINING_SIZES)
    for name, value in schema.unseen(features):
        if name == VERSION:
            quantile = 1 - (rule.failure_cap or _USUAL_CAP) / 2
            why = f"version {value} was not recorded: {quantile:.4g} quantile"
            story.at_least(distribution.quantile_bytes(quantile), why, UNKNOWN_VERSION)
        # a build that is new is sized as new references are, if its length tells what it is like
        elif not (name == DBKEY and len(rule.familiar.references) and features.get(REFERENCE)):
            why = f"no recorded job had {name}={value}: the tool's own quantile"
            story.at_least(rule.tool_bytes, why, UNSEEN_CATEGORY)
    missing = [f"{name} is missing" for name in rule.sizes.always_there if name not in sizes]
    missing += [f"the size of {dataset.name} is unknown" for dataset in job.inputs if dataset.size_bytes is None]
    for why in missing:
        story.at_least(rule.tool_bytes, f"{why}: the tool's own quantile", MISSING_INPUT)


def _retry(story: _Story, distribution: Distribution, job: JobDescription) -> None:
    """Ask for more than was not enough: twice as much, or what jobs need that need more, whichever is more.

    Doubling wastes within 1 % of the optimum; jumping to the tool's maximum 8 to 25 % more (sizing-study.md, 3.6).
    """
    if job.attempt < 2 or not job.previous_request_bytes:
        return
    story.at_least(
        RETRY_FACTOR * job.previous_request_bytes,
        f"attempt {job.attempt}, {format_bytes(job.previous_request_bytes)} were not enough: twice as much",
    )
    needed_bytes = distribution.above(job.previous_request_bytes).quantile_bytes(_RETRY_QUANTILE)
    if needed_bytes > story.memory_bytes:
        story.at_least(needed_bytes, f"{_RETRY_QUANTILE} quantile of the jobs that need more than that")


def _limit(story: _Story, limits: Limits) -> Request:
    if story.memory_bytes < limits.floor_bytes:
        story.becomes(limits.floor_bytes, "raised to the floor")
    # less than a byte is the dust of floats: gone, and not worth a word
    story.memory_bytes = max(round(story.memory_bytes), 1)
    rounded_bytes = round_up(story.memory_bytes, limits.round_up_bytes)
    if rounded_bytes != story.memory_bytes:
        story.becomes(rounded_bytes, f"rounded up to {format_bytes(limits.round_up_bytes)}")
    if story.memory_bytes > limits.ceiling_bytes:
        story.becomes(limits.ceiling_bytes, "lowered to the ceiling")
    return Request(int(story.memory_bytes), tuple(dict.fromkeys(story.guards)), tuple(story.reasons))
