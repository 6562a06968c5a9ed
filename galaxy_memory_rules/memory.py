"""Bytes inside, MiB and GiB at the edges, always rounding up: the only file that converts."""

import re
from typing import Union

KIB = 1024
MIB = 1024**2
GIB = 1024**3
TIB = 1024**4

_UNITS_BYTES = {"": 1, "k": KIB, "m": MIB, "g": GIB, "t": TIB}
_AMOUNT = re.compile(r"\s*(\d+)(?:\.(\d+))?\s*([kmgt]?)(?:i?b)?\s*", re.IGNORECASE)


def parse_bytes(text: Union[str, int]) -> int:
    """Read an amount of memory as an administrator writes it.

    Parameters
    ----------
    text : str or int
        An integer (or digits alone) is bytes; ``512 MiB``, ``512M``, ``2g``, ``1.5 GiB`` are powers of 1024, as
        Slurm, HTCondor and Kubernetes' ``Mi`` count them.

    Returns
    -------
    int
        Bytes, rounded up.

    Raises
    ------
    ValueError
        If the text is no non-negative amount of memory.
    """
    match = None if isinstance(text, bool) else _AMOUNT.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is no amount of memory: write for example 512 MiB, 4 GiB or a number of bytes")
    whole, fraction, unit = match.groups()
    digits = fraction or ""
    return ceil_div(int(whole + digits) * _UNITS_BYTES[unit.lower()], 10 ** len(digits))


def ceil_div(amount: int, step: int) -> int:
    """Divide, rounding up."""
    return -(-amount // step)


def round_up(amount_bytes: int, step_bytes: int) -> int:
    """Return the smallest multiple of `step_bytes` that is not below `amount_bytes`."""
    return ceil_div(amount_bytes, step_bytes) * step_bytes


def to_mib(amount_bytes: int) -> int:
    """Whole MiB that hold `amount_bytes`."""
    return ceil_div(amount_bytes, MIB)


def format_bytes(amount_bytes: int) -> str:
    """Write an amount for a person, in the largest unit that it fills, rounding up to two decimals."""
    for unit_bytes, unit in ((TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if amount_bytes >= unit_bytes:
            return f"{ceil_div(amount_bytes * 100, unit_bytes) / 100:.2f} {unit}"
    return f"{amount_bytes} B"
