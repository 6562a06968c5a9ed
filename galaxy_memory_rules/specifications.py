"""Native specifications, the flags a scheduler's own command takes: where they name memory, and how it is replaced."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Optional

from .amounts import SGE, SLURM, Amount
from .errors import DestinationError
from .memory import ceil_div

_PIECE = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+""", re.DOTALL)
_QUOTED = re.compile(r"""["']*(?P<value>[^"'\\]*)["']*""")
_QUOTES = re.compile(r"""["'\\]""")
_COUNT = re.compile(r"[0-9]{1,6}")
_H_VMEM = re.compile(r"""(?<![\w.])h_vmem=["']?(?P<value>[^,"'\s]*)""")

Piece = re.Match[str]


class Place(NamedTuple):
    """Where an amount of memory stands in a specification."""

    start: int
    end: int
    # how many times the job gets what stands there
    shares: int


@dataclass(frozen=True)
class Flags:
    """The memory flags of one scheduler.

    Parameters
    ----------
    amount : Amount
        How it writes amounts.
    places : callable
        Finds each amount of memory in a specification.
    flag : str
        What is added where there is none, up to the amount.
    """

    amount: Amount
    places: Callable[[str], list[Place]]
    flag: str

    def read(self, specification: str) -> Optional[int]:
        """Return the bytes that a specification requests, by the last of its flags; None where it does not say."""
        for start, end, shares in reversed(self.places(specification)):
            found_bytes = self.amount.read(specification[start:end])
            return None if found_bytes is None else found_bytes * shares
        return None

    def replaced(self, specification: str, request_bytes: int) -> Optional[str]:
        """Return a specification with the request in place of what it says, None where it says nothing."""
        places = self.places(specification)
        for start, end, shares in reversed(places):
            amount = self.amount.write(ceil_div(request_bytes, shares), specification[start:end])
            specification = specification[:start] + amount + specification[end:]
        return specification if places else None

    def added(self, specification: str, request_bytes: int) -> str:
        """Return a specification that says nothing of memory with the request behind all that it says."""
        longer = f"{specification} {self.flag}" if specification.strip() else self.flag
        written = None if self.places(specification) else self.replaced(longer, request_bytes)
        if written is None:
            raise DestinationError(f"a native specification that {self.flag} cannot be added to: {specification!r}")
        return written


def count(text: str) -> int:
    """Read how many cpus, tasks or slots, the fewest where it is a range; 1 where nobody can tell."""
    found = _COUNT.match(text.strip())
    return max(int(found[0]), 1) if found else 1


def _slurm_places(specification: str) -> list[Place]:
    if any(_values(specification, "--mem-per-gpu")):
        raise DestinationError("--mem-per-gpu allows no other --mem beside it: write params into memory_rules.yml")
    places = [Place(start, end, 1) for start, end in _values(specification, "--mem")]
    for start, end in _values(specification, "--mem-per-cpu"):
        cpus = _counted(specification, "--cpus-per-task", "-c") * _counted(specification, "--ntasks", "-n")
        places.append(Place(start, end, cpus))
    return sorted(places)


def _sge_places(specification: str) -> list[Place]:
    pieces = _pieces(specification)
    names = [_plain(piece) for piece in pieces]
    slots = [count(_plain(pieces[at + 2])) for at, name in enumerate(names[:-2]) if name == "-pe"]
    resources = [pieces[at + 1] for at, name in enumerate(names[:-1]) if name == "-l"]
    return [
        Place(piece.start() + found.start("value"), piece.start() + found.end("value"), (slots or [1])[-1])
        for piece in resources
        for found in _H_VMEM.finditer(piece[0])
    ]


def _pieces(specification: str) -> list[Piece]:
    """Split as a shell does, keeping where each piece stands."""
    # a backslash at the end would take in what comes after it
    if _PIECE.sub("", specification).strip():
        raise DestinationError(f"a native specification whose quotes do not end: {specification!r}")
    return list(_PIECE.finditer(specification))


def _plain(piece: Piece) -> str:
    return _QUOTES.sub("", piece[0])


def _counted(specification: str, long: str, short: str) -> int:
    """Read a number of cpus or tasks, also where it is glued to its short option."""
    glued = [_plain(piece)[len(short) :] for piece in _pieces(specification) if _plain(piece).startswith(short)]
    given = [specification[start:end] for start, end in _values(specification, long, short)]
    return count(([text for text in glued if text.isdigit()] + given + ["1"])[0])


def _values(specification: str, *options: str) -> Iterator[tuple[int, int]]:
    """Yield where the values of options stand, between their quotes: ``--mem=1G`` and ``--mem 1G`` alike."""
    pieces = _pieces(specification)
    for piece, following in zip(pieces, [*pieces[1:], None]):
        name, equals, _ = _plain(piece).partition("=")
        if name not in options:
            continue
        if equals:
            yield _between_quotes(specification, piece.start() + piece[0].index("=") + 1, piece.end())
        elif following is None or _plain(following).startswith("-"):
            raise DestinationError(f"a native specification with {name} without a value: {specification!r}")
        else:
            yield _between_quotes(specification, following.start(), following.end())


def _between_quotes(specification: str, start: int, end: int) -> tuple[int, int]:
    found = _QUOTED.fullmatch(specification, start, end)
    if found is None:
        raise DestinationError(f"a native specification with quotes inside an amount: {specification!r}")
    return found.span("value")


SLURM_FLAGS = Flags(SLURM, _slurm_places, "--mem=")
SGE_FLAGS = Flags(SGE, _sge_places, "-l h_vmem=")
