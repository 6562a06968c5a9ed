"""The rule's decision log: what it was asked for each attempt of a job, and what it decided."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from galaxy_memory_rules.errors import InvalidMessage, RecordsError
from galaxy_memory_rules.fields import Fields
from galaxy_memory_rules.messages import MAX_ATTEMPT, MAX_SIZE_BYTES, JobDescription, parse_job, read_json
from galaxy_memory_rules.record import Decision

from .amounts import number
from .tables import lines, opened


@dataclass(frozen=True)
class Asked:
    """One line of the log.

    Parameters
    ----------
    seconds : float
        When the rule was asked, in seconds since 1970.
    job_id : str
        Galaxy's id of the job.
    job : JobDescription
        The attempt as the rule described it; it has `previous_request_bytes` where the attempt before may have ended
        for want of memory.
    decision : Decision
        What came of it.
    """

    seconds: float
    job_id: str
    job: JobDescription
    decision: Decision


@dataclass
class DecisionLog:
    """One log in several files, as ``logrotate`` leaves them; iterating reads it line by line.

    Parameters
    ----------
    paths : sequence of Path
        The files, gzipped or not, in any order: an attempt that was asked for twice comes twice.
    damaged : int
        Lines that could not be read, as a crash or a full disk leaves them.
    first_damage : str
        What is wrong with the first of them.
    """

    paths: Sequence[Path]
    damaged: int = field(default=0, init=False)
    first_damage: str = field(default="", init=False)

    def __iter__(self) -> Iterator[Asked]:
        """Yield what can be read.

        Raises
        ------
        RecordsError
            If a file cannot be read, or no line of it is one of a decision log.
        """
        self.damaged, self.first_damage = 0, ""
        for path in self.paths:
            yield from self._of_file(path)

    def _of_file(self, path: Path) -> Iterator[Asked]:
        read = damaged = 0
        with opened(path) as file:
            for place, line in enumerate(lines(file, str(path)), start=1):
                if not line.strip():
                    continue
                try:
                    asked = _parsed(line)
                    read += 1
                except InvalidMessage as error:
                    damaged += 1
                    self.first_damage = self.first_damage or f"{path}, line {place}: {error}"
                    continue
                if asked is not None:
                    yield asked
        self.damaged += damaged
        if damaged and not read:
            raise RecordsError(
                f"{path}: no decision log ({self.first_damage}); name the file that `record` in memory_rules.yml names"
            )


def _parsed(line: str) -> Optional[Asked]:
    """Read a line; None where it is about no job of Galaxy's: a dry run has no id."""
    message = read_json(line)
    fields = Fields(message, "")
    decision = _decision(fields)
    seconds = _seconds(message.get("time"))
    job_id, asked = message.get("job_id"), message.get("asked")
    if job_id is None or asked is None:
        return None
    if isinstance(job_id, bool) or not isinstance(job_id, (int, str)):
        raise InvalidMessage("job_id", "expected a number or a text")
    return Asked(seconds, str(job_id), parse_job(asked, "asked"), decision)


def _seconds(told: Any) -> float:
    seconds = None if isinstance(told, bool) else number(str(told))
    if seconds is None:
        raise InvalidMessage("time", "expected seconds since 1970")
    return seconds


def _decision(fields: Fields) -> Decision:
    def amount(name: str) -> Optional[int]:
        return fields.optional_integer(name, 0, MAX_SIZE_BYTES)

    return Decision(
        request_bytes=amount("request_bytes"),
        shadow_bytes=amount("shadow_bytes"),
        own_bytes=amount("own_bytes"),
        predicted_bytes=amount("predicted_bytes"),
        attempt=fields.integer("attempt", 1, MAX_ATTEMPT),
        source=fields.optional_text("source") or "",
        bundle=fields.optional_text("bundle") or "",
        guards=fields.texts("guards"),
        failure=fields.optional_text("failure") or "",
    )
