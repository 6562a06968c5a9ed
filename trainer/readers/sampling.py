"""Which of a tool's rows are kept where there are more than a training can use: any of them with the same chance."""

import random
from collections.abc import Iterator
from typing import Generic, Optional, TypeVar

Kept = TypeVar("Kept")

# of all tools of one file together, a record taking 1 to 2 KB: below 1 GB
MOST_RECORDS = 400_000
_SEED = 13


class Reservoir(Generic[Kept]):
    """A sample without replacement of rows whose number is not known (Vitter 1985, algorithm R), in their order.

    Parameters
    ----------
    name : str
        What it is a sample of; with the same name and rows the sample is the same.
    capacity : int
        How many rows are kept.
    """

    def __init__(self, name: str, capacity: int) -> None:
        self.capacity, self.seen = capacity, 0
        self._random = random.Random(f"{_SEED} {name}")  # noqa: S311  no secret
        self._kept: list[tuple[int, Kept]] = []
        self._place: Optional[int] = None

    def takes(self) -> bool:
        """Count one more row; whether it is taken, by `keep`."""
        self.seen += 1
        place = len(self._kept) if len(self._kept) < self.capacity else self._random.randrange(self.seen)
        self._place = place if place < self.capacity else None
        return self._place is not None

    def keep(self, row: Kept) -> None:
        """Keep the row that was just taken."""
        entry = (self.seen, row)
        if self._place == len(self._kept):
            self._kept.append(entry)
        elif self._place is not None:
            self._kept[self._place] = entry

    def shrink(self, capacity: int) -> None:
        """Keep fewer from now on; what is kept stays a sample of all that was seen."""
        self.capacity = capacity
        if len(self._kept) > capacity:
            self._kept = self._random.sample(self._kept, capacity)

    @property
    def rows(self) -> list[Kept]:
        """What is kept, in the order of its rows."""
        return [row for _, row in sorted(self._kept, key=lambda entry: entry[0])]

    def __len__(self) -> int:
        return len(self._kept)


class Reservoirs(Generic[Kept]):
    """A reservoir for each tool, and a bound on all of them together.

    Parameters
    ----------
    most_rows : int
        How many rows of a tool are kept.
    most_records : int
        How many of all tools; when there are more, each tool's share is halved.
    """

    def __init__(self, most_rows: int, most_records: int) -> None:
        self._capacity, self._most_records, self._count = most_rows, most_records, 0
        self._by_tool: dict[str, Reservoir[Kept]] = {}

    def rows(self) -> Iterator[Kept]:
        """Yield what is kept, one tool after the other."""
        for reservoir in self._by_tool.values():
            yield from reservoir.rows

    def of(self, tool: str) -> Reservoir[Kept]:
        """Return the reservoir of a tool."""
        if tool not in self._by_tool:
            self._by_tool[tool] = Reservoir(tool, self._capacity)
        return self._by_tool[tool]

    def keep(self, reservoir: Reservoir[Kept], row: Kept) -> None:
        """Keep the row that one of the reservoirs has just taken."""
        self._count -= len(reservoir)
        reservoir.keep(row)
        self._count += len(reservoir)
        while self._count > self._most_records and self._capacity > 1:
            self._halve()

    def _halve(self) -> None:
        self._capacity //= 2
        for reservoir in self._by_tool.values():
            reservoir.shrink(self._capacity)
        self._count = sum(map(len, self._by_tool.values()))
