"""From a predictive distribution to a request: price, guards, retry, floor, ceiling, rounding, each with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import format_bytes, round_up
from galaxy_memory_rules.messages import JobDescription
from galaxy_memory_rules.retry import RETRY_FACTOR

from .distribution import Beliefs, Distribution
from .familiarity import Familiarity
from .features import DBKEY, REFERENCE, VERSION, Features, FeatureSchema
from .pricing import Offers
from .reference import reference_key
from .sizes import TOTAL_NAME, sizes_bytes
from .sizing_rule import Limits, SizingRule

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


def at_cap(rule: SizingRule, failure_cap: Optional[float]) -> SizingRule:
    """Return the rule as it would be for the same model under another failure cap.

    Raises
    ------
    ConfigError
        If that cap was not learned.
    """
    if failure_cap not in rule.by_cap:
        learned = ", ".join("none" if cap is None else f"{cap:g}" for cap in rule.by_cap)
        raise ConfigError(f"failure cap {failure_cap}: expected one that was learned ({learned})")
    at = rule.by_cap[failure_cap]
    return replace(
        rule,
        failure_cap=failure_cap,
        choices=at.choices,
        tracked_factor=at.tracked_factor,
        sizes=replace(rule.sizes, start_bytes=at.start_bytes),
        tool_bytes=at.tool_bytes,
        held_bytes=at.held_bytes,
    )


def limited_bytes(memory_bytes: float, limits: Limits) -> int:
    """Bring an amount to the limits as a request is brought to them."""
    story = _Story()
    story.memory_bytes = memory_bytes
    return _limit(story, limits).memory_bytes


def _first_bytes(beliefs: Beliefs, familiarities: Sequence[Familiarity], rule: SizingRule) -> list[float]:
    """Return what is held, or what the choices make of all jobs together, before any guard."""
    if rule.held_bytes is not None:
        return [rule.held_bytes] * len(familiarities)
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
        story.becomes(first_bytes, "its peak follows its own request: held at what was enough")
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
