"""Writes a memory request into a destination, by the destination's own template."""

from collections.abc import Mapping
from typing import Any, Optional

from .config import DestinationTemplate
from .errors import DestinationError
from .memory import GIB, ceil_div, to_mib

PREFIX = "gmem_"
REQUEST_BYTES = PREFIX + "request_bytes"
_LONGEST_NOTE = 200


def write(destination: Any, template: DestinationTemplate, request_bytes: int, notes: Mapping[str, str]) -> Any:
    """Write a request into a destination.

    Parameters
    ----------
    destination : galaxy.jobs.JobDestination
        A copy that belongs to this job, as job_config.get_destination returns it. Either all of the request is
        written into it, or nothing.
    template : DestinationTemplate
        The words of this destination.
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
        If the destination is none that can be written.
    """
    # everything is computed before anything is written
    numbers = {
        "memory_bytes": str(request_bytes),
        "memory_mib": str(to_mib(request_bytes)),
        "memory_gib": str(ceil_div(request_bytes, GIB)),
    }
    params = {name: text.format_map(numbers) for name, text in template.params.items()}
    variables = {name: text.format_map(numbers) for name, text in template.env.items()}
    # HTCondor writes every param as a line of its submit file, where ``$(`` begins a macro
    noted = {PREFIX + name: one_line(text.replace("$", ""), _LONGEST_NOTE) for name, text in notes.items()}
    try:
        env = [entry for entry in destination.env or [] if entry.get("name") not in variables]
        merged = {**destination.params, **params, REQUEST_BYTES: str(request_bytes), **noted}
    except (AttributeError, TypeError) as error:
        raise DestinationError(f"no destination that a request can be written into: {error}") from error
    destination.params = merged
    destination.env = env + [_exported(name, value) for name, value in variables.items()]
    return destination


def previous_request_bytes(params: Any) -> Optional[int]:
    """Return what an earlier attempt of the job requested, from the params that Galaxy kept of it."""
    try:
        found = int(params[REQUEST_BYTES])
    except (KeyError, TypeError, ValueError):
        return None
    return found if found > 0 else None


def _exported(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": value, "raw": False, "file": None, "execute": None}


def one_line(text: str, longest: int) -> str:
    """Keep what others say, a YAML parser or the service, to one line of at most so many characters."""
    return "".join(character if character.isprintable() else " " for character in text)[:longest]
