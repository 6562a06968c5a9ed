"""Numbers and names as a person reads them, on an administrator's page and in its plots."""

_UNITS_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def amount_text(value: float) -> str:
    """Write a number for a person, to three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percent_text(share: float) -> str:
    """Write a share as percent, to one decimal."""
    return f"{share * 100:.1f}".removesuffix(".0") + "\N{NO-BREAK SPACE}%"


def size_text(amount_bytes: float) -> str:
    """Write an amount of memory in the largest unit that it fills; 1 GB is 10**9 bytes, as in GB·h."""
    for unit_bytes, unit in _UNITS_BYTES:
        if amount_bytes >= unit_bytes:
            return f"{amount_text(amount_bytes / unit_bytes)}\N{NO-BREAK SPACE}{unit}"
    return f"{amount_text(amount_bytes)}\N{NO-BREAK SPACE}B"


def cap_text(failure_cap: float | None) -> str:
    """Write a failure cap, which may be absent."""
    return "none" if failure_cap is None else percent_text(failure_cap)


def change_text(wastage_gbh: float, reference_gbh: float | None) -> str:
    """Say how much less or more is wasted than by the rule in force; nothing where there is none to compare with."""
    if not reference_gbh:
        return ""
    change = wastage_gbh / reference_gbh - 1
    return f"{percent_text(abs(round(change, 2)))} {'more' if change > 0 else 'less'}"


def printable(text: str) -> str:
    """Replace what neither XML nor an eye can take: control characters, halves of characters, changes of direction."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
