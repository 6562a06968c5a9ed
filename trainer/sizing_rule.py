"""What the policy knows of a tool: what each failure cap decides, what was recorded, what limits every request."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from galaxy_memory_rules.memory import MIB
from galaxy_memory_rules.messages import MAX_SIZE_BYTES

from .choice import Choice
from .familiarity import Familiar, Familiarity
from .sizes import Sizes

# What stands for a cap that is not set, among names of numbers.
_NO_CAP = "none"


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
class AtCap:
    """What a failure cap decides.

    Parameters
    ----------
    choices : mapping of Familiarity to Choice
        What to request of the predictive distribution of a job that is as familiar.
    tracked_factor : float
        What the newest jobs made necessary on top, at least 1.
    start_bytes : int
        Where the line in bytes begins beyond the sizes that were recorded.
    tool_bytes : int
        What keeps the cap over all recorded peaks of the tool, whatever their inputs.
    held_bytes : int or None
        What is requested first of a tool whose peak follows its own request, whatever the model believes; None for all
        other tools.
    """

    choices: Mapping[Familiarity, Choice]
    tracked_factor: float
    start_bytes: int
    tool_bytes: int
    held_bytes: Optional[int] = None

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads."""
        return dict(vars(self), choices=_told(self.choices))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "AtCap":
        """Read it back from a manifest."""
        return replace(cls(**content), choices=_choices(content["choices"]))


@dataclass(frozen=True)
class SizingRule:
    """What the policy of one tool needs to know of its recorded jobs.

    Parameters
    ----------
    failure_cap : float or None
        Share of first attempts that may run out of memory; None where only the cost counts.
    choices, tracked_factor, tool_bytes, held_bytes
        What this cap decides, see `AtCap`.
    familiar : Familiar
        The inputs and references that were recorded.
    typical_bytes : float
        The tool's mean peak, which the price of a failure is counted in.
    rows : int
        Recorded jobs behind it.
    sizes : Sizes
        The input sizes that were recorded, and the line in bytes beyond them.
    limits : Limits
        Floor, ceiling and rounding.
    by_cap : mapping of float or None to AtCap
        What other caps would decide for the same model, and its own.
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
    by_cap: Mapping[Optional[float], AtCap] = field(default_factory=dict)

    @property
    def at_own_cap(self) -> AtCap:
        """What its own cap decides."""
        return AtCap(self.choices, self.tracked_factor, self.sizes.start_bytes, self.tool_bytes, self.held_bytes)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads; what is familiar is kept as arrays."""
        return dict(
            {name: value for name, value in vars(self).items() if name != "familiar"},
            choices=_told(self.choices),
            sizes=self.sizes.to_dict(),
            limits=vars(self.limits),
            by_cap={_NO_CAP if cap is None else str(cap): at.to_dict() for cap, at in self.by_cap.items()},
        )

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], familiar: Familiar) -> "SizingRule":
        """Read a rule back from a manifest."""
        by_cap = {None if cap == _NO_CAP else float(cap): at for cap, at in content["by_cap"].items()}
        return replace(
            cls(**content, familiar=familiar),
            choices=_choices(content["choices"]),
            sizes=Sizes.from_dict(content["sizes"]),
            limits=Limits(**content["limits"]),
            by_cap={cap: AtCap.from_dict(at) for cap, at in by_cap.items()},
        )


def _told(choices: Mapping[Familiarity, Choice]) -> dict[str, Any]:
    return {level.value: vars(choice) for level, choice in choices.items()}


def _choices(content: Mapping[str, Any]) -> dict[Familiarity, Choice]:
    """Read choices back; every familiarity has to have its own."""
    choices = {Familiarity(level): Choice(**choice) for level, choice in content.items()}
    return {level: choices[level] for level in Familiarity}
