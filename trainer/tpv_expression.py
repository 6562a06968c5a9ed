"""One ``mem:`` of TPV in numbers that a person can review: a constant, or a line over input sizes with bounds."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from galaxy_memory_rules.memory import GIB
from galaxy_memory_rules.messages import JobDescription

from .distribution import Vector
from .expressions import Expression
from .sizing_rule import Limits
from .tpv_lines import Bounded
from .tpv_sizes import GET_INPUT_SIZE, INPUT_SIZE, names_of

# What is fitted is not known better than that.
_DIGITS = 3
# The administrator's own ceiling is.
_CEILING_DIGITS = 6


@dataclass(frozen=True)
class Basis:
    """What memory may rise with.

    Parameters
    ----------
    name : str
        An expression of TPV, in GiB.
    """

    name: str

    def sizes_bytes(self, jobs: Sequence[JobDescription]) -> Vector:
        """Return it for each job, shape (n_jobs,), worked out as TPV will work it out."""
        expression = Expression("mem", self.name)
        return np.array([expression.number(names_of(job)) for job in jobs], dtype=np.float64) * GIB


CONSTANT, TOTAL, UNPACKED = Basis("0"), Basis(INPUT_SIZE), Basis(f"{GET_INPUT_SIZE}(job)")


def of_parameter(name: str) -> Basis:
    """Return the size of the inputs of one tool parameter, unpacked as far as their extension tells."""
    return Basis(f"{GET_INPUT_SIZE}(job, {json.dumps(name, ensure_ascii=False)})")


@dataclass(frozen=True)
class MemoryExpression:
    """``min(max(start + slope * basis, floor), ceiling)``.

    Parameters
    ----------
    basis : Basis
        What it rises with.
    start_gib, slope : float
        GiB, and GiB a GiB.
    floor_gib, ceiling_gib : float
        It is never below or above.
    """

    basis: Basis
    start_gib: float
    slope: float
    floor_gib: float
    ceiling_gib: float

    @classmethod
    def rounded(cls, basis: Basis, line: Bounded, limits: Limits) -> "MemoryExpression":
        """Write a fitted line in few digits, rounded up; it is never above the administrator's ceiling."""
        ceiling_gib = _rounded(limits.ceiling_bytes / GIB, math.floor, _CEILING_DIGITS)
        most_gib = ceiling_gib if math.isinf(line.most_bytes) else _rounded(line.most_bytes / GIB, math.ceil)
        return cls(
            basis,
            _rounded(line.start_bytes / GIB, math.ceil),
            _rounded(line.slope, math.ceil),
            _rounded(max(line.least_bytes, limits.floor_bytes) / GIB, math.ceil),
            min(most_gib, ceiling_gib),
        )

    @property
    def text(self) -> str:
        """As TPV evaluates it; a number where it depends on nothing."""
        if not self.slope:
            return f"{self._bounded(self.start_gib):g}"
        rise = f"{self.slope:g} * {self.basis.name}"
        line = f"{self.start_gib:g} + {rise}" if self.start_gib else rise
        return f"min(max({line}, {self.floor_gib:g}), {self.ceiling_gib:g})"

    def requests_bytes(self, jobs: Sequence[JobDescription]) -> Vector:
        """Return what it requests for each job, whole bytes, shape (n_jobs,)."""
        expression = Expression("mem", self.text)
        requests_gib = np.array([expression.number(names_of(job)) for job in jobs], dtype=np.float64)
        return np.asarray(np.ceil(requests_gib * GIB))

    def _bounded(self, amount_gib: float) -> float:
        return min(max(amount_gib, self.floor_gib), self.ceiling_gib)


def _rounded(value: float, towards: Callable[[float], int], digits: int = _DIGITS) -> float:
    if not value:
        return 0.0
    exponent = math.floor(math.log10(abs(value))) + 1 - digits
    # what is a few bits above a whole number is that number
    return float(f"{towards(round(value / 10.0**exponent, 6))}e{exponent}")
