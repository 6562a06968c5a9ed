"""A decision, told in a line of Galaxy's log and, if wanted, in one of a JSON-lines file."""

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional

from .destinations import one_line
from .memory import format_bytes
from .messages import JobDescription

log = logging.getLogger(__name__)

_LONGEST_TEXT = 1000
# A service that is away is worth one warning a minute, not one for each waiting job.
_WARNING_SECONDS = 60.0


@dataclass(frozen=True)
class Decision:
    """What to request for a job, and why.

    Parameters
    ----------
    request_bytes : int or None
        None where what the destination requests by itself stays.
    shadow_bytes : int or None
        What would be requested if the mode were not ``shadow``.
    own_bytes : int or None
        What the destination requests by itself; None where it does not tell.
    attempt : int
        Which dispatch of the job this is.
    source : str
        What the request was made from: the rung that the service named, or ``fallback`` or ``retry``.
    bundle : str
        The bundle that answered.
    predicted_bytes : int or None
        The peak that the service expects.
    guards, reasons : tuple of str
        Which guards of the service fired; the steps to the request, or why there is none.
    failure : str
        Kind of failure that kept the service from being asked, or its answer from being used.
    at_ceiling : bool
        No attempt will request more: another one after an out-of-memory kill would be killed again.
    """

    request_bytes: Optional[int] = None
    shadow_bytes: Optional[int] = None
    own_bytes: Optional[int] = None
    attempt: int = 1
    source: str = ""
    bundle: str = ""
    predicted_bytes: Optional[int] = None
    guards: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    failure: str = ""
    at_ceiling: bool = False


class Warnings:
    """Lets one warning of a kind through in a minute, and counts the others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[float, int]] = {}

    def due(self, kind: str) -> Optional[int]:
        """Return how many were held back since the last one; None where this one is held back too."""
        with self._lock:
            said, held_back = self._kinds.get(kind, (-_WARNING_SECONDS, 0))
            if time.monotonic() - said < _WARNING_SECONDS:
                self._kinds[kind] = (said, held_back + 1)
                return None
            self._kinds[kind] = (time.monotonic(), 0)
            return held_back


_warnings = Warnings()


def tell(job_id: Any, described: Optional[JobDescription], decision: Decision, file: Optional[Path]) -> None:
    """Write a decision down; a log or disk that is full harms nothing.

    Parameters
    ----------
    job_id : int or None
        Galaxy's id of the job.
    described : JobDescription or None
        What was asked: sizes and choices, no names of users or datasets; None where nothing was.
    decision : Decision
        What came of it.
    file : Path or None
        The JSON-lines file.
    """
    _log(job_id, decision)
    if file is None:
        return
    asked = described.to_dict() if described else None
    line = {"time": round(time.time(), 3), "job_id": job_id, "asked": asked, **asdict(decision)}
    try:
        # one write of one line: several handlers may share the file
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line, default=str) + "\n")
    except (OSError, ValueError) as error:
        _warn("record", f"{file}: the decision was not recorded: {error}")


def complain(text: str) -> None:
    """Say in one line of the log what went wrong at a door."""
    log.error("memory rule: %s", one_line(text, _LONGEST_TEXT))


def _log(job_id: Any, decision: Decision) -> None:
    line = " ".join(f"{name}={json.dumps(value)}" for name, value in _told(job_id, decision).items())
    if decision.failure:
        _warn(decision.failure, line)
    else:
        log.info("memory rule: %s", line)


def _warn(kind: str, line: str) -> None:
    held_back = _warnings.due(kind)
    if held_back is None:
        log.debug("memory rule: %s", line)
    else:
        log.warning("memory rule: %s%s", line, f" like_it_in_the_last_minutes={held_back}" if held_back else "")


def _told(job_id: Any, decision: Decision) -> Mapping[str, Any]:
    amounts = {
        "request": decision.request_bytes,
        "shadow": decision.shadow_bytes,
        "own": decision.own_bytes,
    }
    return {
        "job": one_line(str(job_id), _LONGEST_TEXT),
        "attempt": decision.attempt,
        **{name: format_bytes(amount) for name, amount in amounts.items() if amount is not None},
        **({"source": decision.source, "bundle": decision.bundle} if decision.source else {}),
        "why": one_line("; ".join(decision.reasons), _LONGEST_TEXT),
    }
