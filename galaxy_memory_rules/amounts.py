"""How each scheduler writes an amount of memory: its suffixes, and what a number without one counts."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Optional

from .memory import GIB, KIB, MIB, TIB, ceil_div

# longer numbers are none that anybody wrote by hand, and reading them costs time
_AMOUNT = re.compile(
    r"\s*(?P<number>[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE]\+?[0-9]{1,2})?)\s*(?P<suffix>[A-Za-z]{0,3})\s*"
)


@dataclass(frozen=True)
class Amount:
    """One scheduler's way to write an amount.

    Parameters
    ----------
    units_bytes : mapping of str to int
        Bytes by suffix, ``""`` for a number alone; in small letters where the scheduler takes large ones alike.
    unit : str
        The suffix that is written.
    """

    units_bytes: Mapping[str, int]
    unit: str

    @property
    def unit_bytes(self) -> int:
        """What one of the written units counts."""
        return self._counted(self.unit) or 1

    def read(self, value: Any) -> Optional[int]:
        """Return the bytes, rounded up; None for what is no amount, and for 0, which says "all" or "no limit"."""
        found = _AMOUNT.fullmatch(str(value))
        unit_bytes = self._counted(found["suffix"]) if found else None
        if found is None or unit_bytes is None:
            return None
        return math.ceil(Fraction(found["number"]) * unit_bytes) or None

    def write(self, amount_bytes: int, like: str = "") -> str:
        """Write bytes in whole units, rounding up; without a suffix where `like` has none and that counts the same."""
        found = _AMOUNT.fullmatch(like)
        alone = found is not None and not found["suffix"] and self._counted("") == self.unit_bytes
        return f"{ceil_div(amount_bytes, self.unit_bytes)}{'' if alone else self.unit}"

    def _counted(self, suffix: str) -> Optional[int]:
        return self.units_bytes.get(suffix, self.units_bytes.get(suffix.lower()))


_LETTERS_BYTES = {"k": KIB, "m": MIB, "g": GIB, "t": TIB}
_BINARY_BYTES = {letter + tail: unit for letter, unit in _LETTERS_BYTES.items() for tail in ("", "b", "ib")}
_POWERS = {letter: power for power, letter in enumerate("kmgtpe", start=1)}

# sbatch: MiB unless a suffix says otherwise; no fractions. An old slurm-drmaa takes a number alone and nothing else.
SLURM = Amount({"": MIB, **_BINARY_BYTES}, "M")
# sge_types(5): small letters count by 1000, large ones by 1024. Galaxy's job script reads the granted h_vmem in G only.
SGE = Amount(
    {"": 1, **{k: 1000**n for k, n in _POWERS.items()}, **{k.upper(): 1024**n for k, n in _POWERS.items()}}, "G"
)
# LSF's -M as Galaxy's sample job_conf has it; PBS knows no suffix without the b
BATCH = Amount({"": MIB, **_BINARY_BYTES}, "MB")
# condor_submit: MiB, in all its versions, where there is no suffix
HTCONDOR = Amount({"": MIB, **_BINARY_BYTES}, "")
# Galaxy's runner reads these without regard to case; Gi counts by 1024 and G by 1000
KUBERNETES = Amount(
    {"": 1, **{k: 1000**n for k, n in _POWERS.items()}, **{f"{k}i": 1024**n for k, n in _POWERS.items()}}, "Mi"
)
# docker run --memory: bytes where there is no suffix
DOCKER = Amount({"": 1, "b": 1, **_BINARY_BYTES}, "M")
