"""One row for each number to reach: what was measured, beside its goal."""

import argparse
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table; `met` is None where the row was skipped, with its reason in `measured`."""

    what: str
    measured: str
    goal: str
    met: bool | None


class CannotMeasure(Exception):
    """This machine lacks what a part needs; the message says what."""


class Pace(NamedTuple):
    """How much is done: full for the numbers that count, less while developing.

    Parameters
    ----------
    rounds : int
        Turns of each of two servers that are measured side by side.
    seconds : float
        Length of one turn.
    share : float
        The part of the requests, reloads and faults of a soak.
    """

    rounds: int = 7
    seconds: float = 5.0
    share: float = 1.0

    def count(self, full: int) -> int:
        """Return how many of a full number are done."""
        return max(round(full * self.share), 1)


Part = Callable[[Pace], Iterable[Row]]


def main(parts: Mapping[str, Part], arguments: Sequence[str]) -> int:
    """Print the rows of the parts that are named, or of all; return 1 if one is missed, after all were printed."""
    options = _parser(parts).parse_args(arguments)
    pace = Pace(options.rounds, options.seconds, options.share)
    if pace.share < 1:
        print(f"only {pace.share:.2%} of each soak: these rows are no evidence for the goals")
    rows = [_printed(row) for name in options.parts or parts for row in _rows(name, parts[name], pace)]
    missed = sum(row.met is False for row in rows)
    print(f"{len(rows)} rows, {missed} missed, {sum(row.met is None for row in rows)} skipped")
    return 1 if missed else 0


def _rows(name: str, part: Part, pace: Pace) -> Iterable[Row]:
    try:
        yield from part(pace)
    except CannotMeasure as reason:
        yield Row(name, str(reason), "measured", None)
    # one part that breaks must not hide what the others measure
    except Exception as error:
        traceback.print_exc()
        yield Row(name, f"broke: {type(error).__name__}: {error}"[:300], "an end", False)


def _printed(row: Row) -> Row:
    verdict = {True: "met", False: "MISSED", None: "skipped"}[row.met]
    print(f"{row.what} | {row.measured} | {row.goal} | {verdict}", flush=True)
    return row


def _parser(parts: Mapping[str, Part]) -> argparse.ArgumentParser:
    usual = Pace()
    parser = argparse.ArgumentParser(prog=sys.argv[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=f"any of: {', '.join(parts)} (default all)")
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="turns of each server side by side")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="length of one turn")
    parser.add_argument("--share", type=float, default=usual.share, help="part of a soak, 0.01 while developing")
    return parser
