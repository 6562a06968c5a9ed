"""The room behind the doors: look at the job, ask, raise after a kill, keep within limits; it never raises."""

import hashlib
import logging
import threading
from dataclasses import replace
from typing import Any, Optional

from .client import PredictionClient
from .config import Mode, RulesConfig, ToolRules
from .describe import describe, tool_of
from .earlier import Earlier, earlier_attempts
from .errors import PredictionUnavailable, UnknownTool
from .memory import format_bytes, round_up, to_mib
from .messages import JobDescription
from .record import Decision, tell
from .remembered import Remembered
from .retry import RETRY_FACTOR

log = logging.getLogger(__name__)

# Galaxy asks again at every look while a resubmission is delayed.
_REMEMBERED_SECONDS = 600.0
# A failure is no answer: remembered for the two to four questions of one dispatch alone, which may take TPV a while.
_FAILURE_SECONDS = 10.0

# with the configuration that they were made under, which is one object for as long as its file stays as it is
_decisions: Remembered[tuple[RulesConfig, Decision]] = Remembered(10_000)
_clients: dict[tuple[str, float, Optional[str]], PredictionClient] = {}
_clients_lock = threading.Lock()


def decide(job: Any, tool: Any, config: RulesConfig, own_bytes: Optional[int] = None) -> Decision:
    """Decide what to request for a Galaxy job; whatever goes wrong becomes a decision without a request.

    Parameters
    ----------
    job : galaxy.model.Job
        The job.
    tool : galaxy.tools.Tool or None
        Its tool.
    config : RulesConfig
        The administrator's settings.
    own_bytes : int, optional
        What its destination requests by itself, where that is known.
    """
    try:
        return _decided(job, tool, config, own_bytes)
    except (KeyboardInterrupt, SystemExit):
        raise
    # Galaxy calls a rule that raises up to four times and then fails the user's job
    except BaseException as error:
        log.debug("unexpected error in the memory rule", exc_info=True)
        kind = type(error).__name__
        decision = Decision(own_bytes=own_bytes, reasons=(f"{kind}: {error}",), failure=kind)
        tell(getattr(job, "id", None), None, decision, None)
        return decision


def client_for(config: RulesConfig) -> PredictionClient:
    """Return the client of a service: one for the life of the process, so that its connections are kept."""
    key = (config.service_url, config.deadline_seconds, config.authority)
    with _clients_lock:
        if key not in _clients:
            _clients[key] = PredictionClient(*key)
        return _clients[key]


def _decided(job: Any, tool: Any, config: RulesConfig, own_bytes: Optional[int]) -> Decision:
    job_id, named = getattr(job, "id", None), tool_of(job, tool)
    rules = config.rules_for(*named)
    why_not = _why_not(job_id, rules, config)
    if why_not:
        return Decision(own_bytes=own_bytes, reasons=(why_not,))
    earlier = earlier_attempts(job)
    # all of it, as a test of a configuration asks for jobs that are none yet
    key = (job_id, *named, earlier, own_bytes, id(config))
    known = _decisions.get(key)
    if job_id is not None and known is not None and known[0] is config:
        return known[1]
    described = describe(job, tool, earlier)
    decision = _within(_wanted(described, earlier, config, rules, own_bytes), rules, config)
    tell(job_id, described, decision, config.record)
    _decisions.put(key, (config, decision), _FAILURE_SECONDS if decision.failure else _REMEMBERED_SECONDS)
    return decision


def _why_not(job_id: Any, rules: ToolRules, config: RulesConfig) -> str:
    """Return why the rule does not look at a job; empty where it does."""
    if rules.mode is Mode.OFF:
        return "mode: off"
    if config.off_switch is not None and config.off_switch.exists():
        return f"off_switch: {config.off_switch} exists"
    if rules.canary < 1 and _share_of(job_id) >= rules.canary:
        return f"canary: not among {rules.canary:.4g} of the jobs"
    return ""


def _share_of(job_id: Any) -> float:
    """Return a number from 0 to 1 that is the same whenever and wherever it is asked for."""
    digest = hashlib.blake2b(str(job_id).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _wanted(
    described: JobDescription, earlier: Earlier, config: RulesConfig, rules: ToolRules, own_bytes: Optional[int]
) -> Decision:
    """Ask the service, and raise after a kill; before any limit."""
    decision = replace(_asked(described, config, rules), attempt=earlier.attempt, own_bytes=own_bytes)
    if not earlier.request_bytes:
        return _beside_own(decision, rules)
    least_bytes = earlier.request_bytes * (RETRY_FACTOR if earlier.was_too_little else 1)
    why = f"at least {'twice ' if earlier.was_too_little else ''}the last request"
    # where the service cannot be asked, what the destination requests by itself is the least as well
    wanted_bytes = decision.request_bytes if decision.request_bytes is not None else own_bytes or 0
    if wanted_bytes < least_bytes:
        why = f"attempt {earlier.attempt}, {why}: {format_bytes(least_bytes)}"
        decision = replace(decision, reasons=(*decision.reasons, why))
    return replace(decision, request_bytes=max(wanted_bytes, least_bytes), source=decision.source or "retry")


def _asked(described: JobDescription, config: RulesConfig, rules: ToolRules) -> Decision:
    try:
        answer = client_for(config).predict(described)
    except PredictionUnavailable as error:
        failure = "" if isinstance(error, UnknownTool) else type(error).__name__
        if rules.fallback_bytes is None:
            return Decision(reasons=(str(error),), failure=failure)
        reasons = (str(error), f"fallback of memory_rules.yml: {format_bytes(rules.fallback_bytes)}")
        return Decision(rules.fallback_bytes, source="fallback", reasons=reasons, failure=failure)
    return Decision(
        answer.memory_bytes,
        source=answer.source,
        bundle=answer.bundle,
        predicted_bytes=answer.predicted_peak_bytes,
        guards=tuple(answer.guards),
        reasons=tuple(answer.reasons),
    )


def _beside_own(decision: Decision, rules: ToolRules) -> Decision:
    """Keep a first request within so many times what the destination requests by itself."""
    if decision.request_bytes is None or decision.own_bytes is None:
        return decision
    for times, bound, name in ((rules.never_below, max, "never_below"), (rules.never_above, min, "never_above")):
        if times is not None:
            limit_bytes = round(times * decision.own_bytes)
            if bound(decision.request_bytes, limit_bytes) != decision.request_bytes:
                why = f"{name} {times:g} times the destination's own memory: {format_bytes(limit_bytes)}"
                decision = replace(decision, request_bytes=limit_bytes, reasons=(*decision.reasons, why))
    return decision


def _within(decision: Decision, rules: ToolRules, config: RulesConfig) -> Decision:
    """Round up and keep between floor and ceiling, whatever the service said; in shadow mode only tell."""
    wanted_bytes = decision.request_bytes
    if wanted_bytes is None:
        return decision
    request_bytes = clamp(wanted_bytes, rules, config.round_up_bytes)
    if request_bytes != wanted_bytes:
        limits = f"{to_mib(rules.floor_bytes)} to {to_mib(rules.ceiling_bytes)} MiB"
        why = f"rounded up to {to_mib(config.round_up_bytes)} MiB within {limits}: {format_bytes(request_bytes)}"
        decision = replace(decision, reasons=(*decision.reasons, why))
    if rules.mode is Mode.SHADOW:
        return replace(decision, request_bytes=None, shadow_bytes=request_bytes)
    if request_bytes < rules.ceiling_bytes:
        return replace(decision, request_bytes=request_bytes)
    why = "this is the ceiling: a job that it does not hold ends here"
    return replace(decision, request_bytes=request_bytes, at_ceiling=True, reasons=(*decision.reasons, why))


def clamp(amount_bytes: int, rules: ToolRules, step_bytes: int) -> int:
    """Round up to a multiple of the step, and keep between floor and ceiling."""
    return min(max(round_up(amount_bytes, step_bytes), rules.floor_bytes), rules.ceiling_bytes)
