"""The jobs of a plan: each with how often it runs and how long; those that are the same are one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from galaxy_memory_rules.errors import InvalidMessage
from galaxy_memory_rules.messages import JobDescription, parse_job
from galaxy_memory_rules.values import shown
from service import wire

from .request import ToldFields, parse_run_seconds

MOST_ROWS = 100_000
MOST_JOBS = 10_000_000
# Beside what describes a job.
COUNT, RUN_SECONDS = "count", "run_seconds"
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs that are the same.

    Parameters
    ----------
    job : JobDescription
        Each of them.
    count : int
        How many there are.
    run_seconds : float or None
        How long each of them runs; None where it is not told.
    place : int
        Where the first one was told: its number from 0, or the line of a CSV.
    """

    job: JobDescription
    count: int
    run_seconds: float | None
    place: int


@dataclass(frozen=True)
class PlannedJobs:
    """All jobs of a plan.

    Parameters
    ----------
    groups : sequence of Group
        In an order of their own, whatever the order in which they were told.
    place_word : str
        What their places are: ``job`` or ``line``.
    notes : tuple of str
        What a person should know of how they were read.
    """

    groups: Sequence[Group]
    place_word: str
    notes: tuple[str, ...] = ()


def collect(told: Iterable[Group], place_word: str) -> PlannedJobs:
    """Put together what is the same.

    Raises
    ------
    InvalidMessage
        If they are too many.
    """
    by_key: dict[bytes, Group] = {}
    total = 0
    for group in told:
        total += group.count
        if total > MOST_JOBS:
            raise InvalidMessage(COUNT, f"expected at most {MOST_JOBS:,} jobs in all")
        key = _key(group)
        known = by_key.get(key)
        by_key[key] = group if known is None else _added(known, group)
    return PlannedJobs([by_key[key] for key in sorted(by_key)], place_word)


def _key(group: Group) -> bytes:
    """Return what is the same for jobs that are the same, in whatever order their parameters were told."""
    job = group.job
    told = (job.dbkey, job.slots, job.attempt, job.previous_request_bytes, group.run_seconds)
    return _encoder.encode((job.tool_id, job.tool_version, job.inputs, sorted(job.parameters.items()), *told))


def _added(known: Group, group: Group) -> Group:
    return Group(known.job, known.count + group.count, known.run_seconds, min(known.place, group.place))


def parse_jobs(part: Any) -> PlannedJobs:
    """Read jobs from JSON: a JobDescription each, with ``count`` and ``run_seconds`` beside its fields.

    Parameters
    ----------
    part : Any
        A list, or one that is still to be read.

    Raises
    ------
    InvalidMessage
        Naming the field.
    """
    entries = wire.decode_entries(part, "jobs")
    if not isinstance(entries, list) or len(entries) > MOST_ROWS:
        raise InvalidMessage("jobs", f"expected a list of at most {MOST_ROWS:,} jobs")
    return collect((_parse_entry(entry, place) for place, entry in enumerate(entries)), "job")


def _parse_entry(entry: Any, place: int) -> Group:
    path = f"jobs[{place}]"
    message = wire.decode_part(entry, path)
    if not isinstance(message, dict):
        raise InvalidMessage(path, "expected an object")
    described = {name: value for name, value in message.items() if name not in (COUNT, RUN_SECONDS)}
    return Group(parse_job(described, path), *read_multiplicity(message, path), place)


def read_multiplicity(message: Mapping[str, Any], path: str) -> tuple[int, float | None]:
    """Read how often a job runs, and how long.

    Raises
    ------
    InvalidMessage
        Naming the field.
    """
    told = ToldFields(message, path)
    return told.read(COUNT, parse_count, 1), told.read(RUN_SECONDS, parse_run_seconds, None)


def parse_count(value: object) -> int:
    """Read how many jobs are the same."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_JOBS:
        raise ValueError(f"expected a whole number from 1 to {MOST_JOBS:,}, found {shown(value)}")
    return value
