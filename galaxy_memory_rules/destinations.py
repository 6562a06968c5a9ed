"""Writes a memory request into a destination, in the destination's own words or by a template, and reads it back."""

import contextlib
from collections.abc import Mapping
from typing import Any, Optional

from .config import DestinationTemplate
from .errors import DestinationError
from .memory import GIB, ceil_div, to_mib
from .variables import TOLD_MIB, exported, followed, told_bytes
from .words import ADDED, CONTAINER, FAMILIES, WORDS, Params

PREFIX = "gmem_"
REQUEST_BYTES = PREFIX + "request_bytes"
_LONGEST_NOTE = 200
# HTCondor writes every param as a line of its submit file: ``$(`` begins a macro, a backslash at the end goes on
_UNSAFE = str.maketrans("", "", "$\\")


def write(destination: Any, template: DestinationTemplate, request_bytes: int, notes: Mapping[str, str]) -> Any:
    """Write a request into a destination.

    Parameters
    ----------
    destination : galaxy.jobs.JobDestination
        A copy that belongs to this job, as job_config.get_destination returns it. Either all of the request is
        written into it, or nothing.
    template : DestinationTemplate
        The words of this destination. Without params the request replaces what the destination says of memory in its
        own words; GALAXY_MEMORY_MB and the heap of a Java virtual machine in its variables follow.
    request_bytes : int
        What to request.
    notes : mapping of str to str
        What else is kept beside the job, by name without the prefix ``gmem_``.

    Returns
    -------
    galaxy.jobs.JobDestination
        The same destination.

    Raises
    ------
    DestinationError
        If the destination is none that can be written, or says nothing of memory and nobody said how to.
    """
    noted = {PREFIX + name: one_line(text.translate(_UNSAFE), _LONGEST_NOTE) for name, text in notes.items()}
    # everything is computed before anything is written
    try:
        own_bytes = own_memory_bytes(destination)
        env = [followed(entry, request_bytes, own_bytes) for entry in destination.env or []]
        params, variables = _said(destination, template, request_bytes)
        env = [entry for entry in env if entry.get("name") not in variables]
        merged = {**destination.params, **params, REQUEST_BYTES: str(request_bytes), **noted}
        destination.params = merged
        destination.env = env + [exported(name, value) for name, value in variables.items()]
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        raise DestinationError(f"no destination that a request can be written into: {error}") from error
    return destination


def own_memory_bytes(destination: Any) -> Optional[int]:
    """Return what a destination gives a job today: what it requests, else what it tells the tools; None if neither."""
    with contextlib.suppress(AttributeError, TypeError, ValueError):
        return own_memory_of(destination.params) or told_bytes(destination.env or [])
    return None


def own_memory_of(params: Any) -> Optional[int]:
    """Return the bytes that destination params request in their own words, None where they do not tell."""
    for word in WORDS:
        with contextlib.suppress(DestinationError, AttributeError, TypeError, ValueError):
            found_bytes = word.read(params)
            if found_bytes is not None:
                return found_bytes
    return None


def previous_request_bytes(params: Any) -> Optional[int]:
    """Return what an earlier attempt of the job requested, from the params that Galaxy kept of it."""
    try:
        found = int(params[REQUEST_BYTES])
    except (KeyError, TypeError, ValueError):
        return None
    return found if found > 0 else None


def _said(destination: Any, template: DestinationTemplate, request_bytes: int) -> tuple[Params, dict[str, str]]:
    """Return the params and the variables that say the request."""
    variables = _filled(template.env, request_bytes)
    if template.params:
        return _filled(template.params, request_bytes), variables
    params, told = _in_own_words(destination.params, template.words, request_bytes)
    if not params and not variables:
        raise DestinationError(
            f"environment {destination.id} of job_conf says nothing of memory: in memory_rules.yml, write below"
            f" destinations: {destination.id}: either words: ({', '.join(FAMILIES)}) or params"
        )
    known = told or any(entry.get("name") == TOLD_MIB for entry in destination.env or [])
    return params, variables if known else {TOLD_MIB: str(to_mib(request_bytes)), **variables}


def _in_own_words(params: Params, family: Optional[str], request_bytes: int) -> tuple[dict[str, str], bool]:
    """Return the params to change, and whether the runner will tell the tools of it by itself."""
    changes: dict[str, str] = {}
    used = []
    for word in WORDS:
        found = word.replaced({**params, **changes}, request_bytes)
        changes.update(found)
        used += [word] if found else []
    # a container's limit beside it does not make the scheduler's request
    if family is not None and all(word.family == CONTAINER != family for word in used):
        used.append(ADDED[family])
        changes.update(used[-1].added(params, request_bytes))
    return changes, any(word.told for word in used) or not used


def _filled(templates: Mapping[str, str], request_bytes: int) -> dict[str, str]:
    numbers = {
        "memory_bytes": str(request_bytes),
        "memory_mib": str(to_mib(request_bytes)),
        "memory_gib": str(ceil_div(request_bytes, GIB)),
    }
    return {name: text.format_map(numbers) for name, text in templates.items()}


def one_line(text: str, longest: int) -> str:
    """Keep what others say, a YAML parser or the service, to one line of at most so many characters."""
    return "".join(character if character.isprintable() else " " for character in text)[:longest]
