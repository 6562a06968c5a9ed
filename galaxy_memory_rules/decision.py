"""The room behind the doors: describe the job, ask, clamp, round; it never raises."""

import logging
import threading
from dataclasses import dataclass
from typing import Any, Optional

from .client import PredictionClient
from .config import RulesConfig
from .describe import describe
from .errors import MemoryRulesError, UnknownTool
from .memory import format_bytes, round_up, to_mib
from .messages import JobDescription, MemoryRecommendation

log = logging.getLogger(__name__)

# An attempt after the first asks for at least so many times what the one before was given: within 1 % of the
# optimum, where the tool's maximum would cost 8-25 % more (sizing-study.md, Retry).
RETRY_FACTOR = 2

_clients: dict[tuple[str, float], PredictionClient] = {}
_clients_lock = threading.Lock()


@dataclass(frozen=True)
class Decision:
    """What to request for a job.

    Parameters
    ----------
    request_bytes : int or None
        None where the destination's own memory stays.
    attempt : int
        Which dispatch of the job this is.
    source : str
        What the request was made from: the rung that the service named.
    bundle : str
        The bundle that answered.
    reasons : tuple of str
        The steps to the request, or why there is none.
    known_tool : bool
        False where the service answered that it has no bundle for the tool: no fault, and the usual case at first.
    """

    request_bytes: Optional[int]
    attempt: int = 1
    source: str = ""
    bundle: str = ""
    reasons: tuple[str, ...] = ()
    known_tool: bool = True


def decide(job: Any, tool: Any, config: RulesConfig) -> Decision:
    """Decide what to request for a Galaxy job; whatever goes wrong becomes a decision without a request.

    Parameters
    ----------
    job : galaxy.model.Job
        The job.
    tool : galaxy.tools.Tool or None
        Its tool.
    config : RulesConfig
        The administrator's settings.
    """
    try:
        described = describe(job, tool)
        recommendation = client_for(config).predict(described)
        return _decide(described, recommendation, config)
    except MemoryRulesError as error:
        return Decision(None, reasons=(str(error),), known_tool=not isinstance(error, UnknownTool))
    except (KeyboardInterrupt, SystemExit):
        raise
    # Galaxy calls a rule that raises up to four times and then fails the user's job
    except BaseException as error:
        log.debug("unexpected error in the memory rule", exc_info=True)
        return Decision(None, reasons=(f"{type(error).__name__}: {error}",))


def client_for(config: RulesConfig) -> PredictionClient:
    """Return the client of a service: one for the life of the process, so that its connections are kept."""
    key = (config.service_url, config.deadline_seconds)
    with _clients_lock:
        return _clients.setdefault(key, PredictionClient(*key))


def clamp(amount_bytes: int, config: RulesConfig) -> int:
    """Round up, and keep between floor and ceiling whatever the service said."""
    rounded_bytes = round_up(amount_bytes, config.round_up_bytes)
    return min(max(rounded_bytes, config.floor_bytes), config.ceiling_bytes)


def _decide(job: JobDescription, recommendation: MemoryRecommendation, config: RulesConfig) -> Decision:
    wanted_bytes = recommendation.memory_bytes
    reasons = list(recommendation.reasons)
    if job.previous_request_bytes:
        least_bytes = RETRY_FACTOR * job.previous_request_bytes
        wanted_bytes = max(wanted_bytes, least_bytes)
        reasons.append(f"attempt {job.attempt}, at least twice the last request: {format_bytes(least_bytes)}")
    request_bytes = clamp(wanted_bytes, config)
    if request_bytes != wanted_bytes:
        limits = f"{to_mib(config.floor_bytes)} to {to_mib(config.ceiling_bytes)} MiB"
        reasons.append(
            f"rounded up to {to_mib(config.round_up_bytes)} MiB within {limits}: {format_bytes(request_bytes)}"
        )
    return Decision(request_bytes, job.attempt, recommendation.source, recommendation.bundle, tuple(reasons))
