"""The jobs of one tool as columns: what each policy requests of them, and what they may need."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from galaxy_memory_rules.errors import BundleRefused
from galaxy_memory_rules.messages import MAX_SIZE_BYTES
from service.recommending import Believed, believe
from trainer import policy
from trainer.bundle import Bundle
from trainer.distribution import Beliefs, Vector
from trainer.policy import Request

from .attempts import Amounts, Attempts
from .jobs import Group
from .peaks import Peaks
from .request import CAPS

# The policies by name: the bundles' own caps, a constant for each tool, and our own at other caps.
OWN, CONSTANT = "own", "constant"
OF_CAPS: Mapping[float, str] = {cap: f"cap_{cap:g}" for cap in CAPS}
POLICIES = (OWN, CONSTANT, *OF_CAPS.values())
# Jobs that are looked at together: more would need much memory for what is believed of them.
_JOBS_AT_ONCE = 500


@dataclass(frozen=True, eq=False)
class ToolJobs:
    """The planned jobs of one tool, of n_jobs rows; each may stand for many.

    Parameters
    ----------
    tool : str
        The tool, as its bundle names it.
    failure_cap : float or None
        That of its bundle.
    places : int array of shape (n_jobs,)
        Where they were told.
    counts : int array of shape (n_jobs,)
        How many jobs each row stands for.
    hours : array of shape (n_jobs,)
        How long each of them runs.
    slots : int array of shape (n_jobs,)
        Cores of each of them.
    inputs_bytes : int array of shape (n_jobs,)
        Their inputs together.
    attempts : mapping of str to Attempts
        What each of `POLICIES` asks for.
    means_bytes : array of shape (n_jobs,)
        Their mean peaks.
    guards : mapping of str to int
        In how many jobs each guard fires.
    """

    tool: str
    failure_cap: float | None
    places: Amounts
    counts: Amounts
    hours: Vector
    slots: Amounts
    inputs_bytes: Amounts
    attempts: Mapping[str, Attempts]
    means_bytes: Vector
    guards: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.counts)


def tool_jobs(found: Bundle, groups: Sequence[Group], counts: Amounts, hours: Vector) -> tuple[ToolJobs, Vector]:
    """Predict and price the jobs of one tool; return them and their peaks, see `Peaks.parts_bytes`.

    Parameters
    ----------
    found : Bundle
        The tool's bundle.
    groups : sequence of Group, of length n_jobs
        Of this tool.
    counts, hours : arrays of shape (n_jobs,)
        How many jobs each of them stands for, and how long these run.

    Raises
    ------
    BundleRefused
        If it predicts what no job can need.
    """
    believed = [believe(found, [group.job for group in some]) for some in _some(groups)]
    priced = [_requests(found, one) for one in believed]
    own = [request for requests in priced for request in requests[OWN]]
    first = {name: np.concatenate([_amounts(requests[name]) for requests in priced]) for name in priced[0]}
    first = {**_in_order(first, found.sizing.failure_cap), CONSTANT: _constant(found, len(groups))}
    _require_possible(found, first)
    peaks = _peaks([one.beliefs for one in believed])
    ceiling_bytes = found.sizing.limits.ceiling_bytes
    jobs = ToolJobs(
        found.tool,
        found.sizing.failure_cap,
        np.array([group.place for group in groups], dtype=np.int64),
        counts,
        hours,
        np.array([group.job.slots or found.schema.usual_slots or 1 for group in groups], dtype=np.int64),
        np.array([inputs_bytes(group) for group in groups], dtype=np.int64),
        {name: Attempts.of(first[name], ceiling_bytes, peaks) for name in POLICIES},
        peaks.means_bytes,
        _guards(own, counts),
    )
    return jobs, peaks.parts_bytes


def inputs_bytes(group: Group) -> int:
    """Return the size of all inputs of a job together."""
    return min(sum(dataset.size_bytes or 0 for dataset in group.job.inputs), MAX_SIZE_BYTES)


def _some(groups: Sequence[Group]) -> Iterator[Sequence[Group]]:
    for start in range(0, len(groups), _JOBS_AT_ONCE):
        yield groups[start : start + _JOBS_AT_ONCE]


def _requests(found: Bundle, believed: Believed) -> dict[str, list[Request]]:
    """Return the requests of the bundle's own cap, and those of the others by the same path."""
    rule = found.sizing
    rules = {OWN: rule, **{OF_CAPS[cap]: policy.at_cap(rule, cap) for cap in CAPS if cap != rule.failure_cap}}
    requests = {name: believed.requests(found.schema, at_cap) for name, at_cap in rules.items()}
    own_name = OF_CAPS.get(rule.failure_cap or 0.0)
    return {**requests, own_name: requests[OWN]} if own_name else requests


def _amounts(requests: Sequence[Request]) -> Amounts:
    return np.array([request.memory_bytes for request in requests], dtype=np.int64)


def _in_order(first: Mapping[str, Amounts], own_cap: float | None) -> dict[str, Amounts]:
    """See to it that a larger cap never asks for more, beginning at the bundle's own.

    Each cap's prices and factors were chosen by themselves, for the least wastage of all jobs together: for one job
    or other a larger cap may ask for a little more.
    """
    ordered = dict(first)
    own = 1.0 if own_cap is None else own_cap
    before = first[OWN]
    for cap in sorted(cap for cap in CAPS if cap > own):
        before = ordered[OF_CAPS[cap]] = np.minimum(first[OF_CAPS[cap]], before)
    before = first[OWN]
    for cap in sorted((cap for cap in CAPS if cap < own), reverse=True):
        before = ordered[OF_CAPS[cap]] = np.maximum(first[OF_CAPS[cap]], before)
    return ordered


def _constant(found: Bundle, count: int) -> Amounts:
    """Return what one request for all jobs of the tool would be, under the same failure cap."""
    told = found.facts.get("constant")
    amount_bytes = told["memory_bytes"] if told else policy.limited_bytes(found.sizing.tool_bytes, found.sizing.limits)
    return np.full(count, int(amount_bytes), dtype=np.int64)


def _require_possible(found: Bundle, first: Mapping[str, Amounts]) -> None:
    for requests in first.values():
        if not (requests.min() > 0 and requests.max() <= MAX_SIZE_BYTES):
            raise BundleRefused(f"the bundle {found.name} predicts what no job can need; train it again")


def _peaks(beliefs: Sequence[Beliefs]) -> Peaks:
    laid_out = [Peaks.of(one) for one in beliefs]
    return Peaks(
        np.concatenate([one.log_edges for one in laid_out]), np.concatenate([one.cumulative for one in laid_out])
    )


def _guards(requests: Sequence[Request], counts: Amounts) -> dict[str, int]:
    fired: Counter[str] = Counter()
    for request, count in zip(requests, counts.tolist(), strict=True):
        fired.update(dict.fromkeys(request.guards, count))
    return dict(sorted(fired.items()))
