"""Where a recorded column and the name of a live input or tool parameter meet."""

import re
from collections.abc import Iterable
from typing import Optional

from galaxy_memory_rules.names import unnumbered

_SEPARATOR = re.compile(r"[|.]")
_MOST_REMEMBERED = 1000


class ColumnIndex:
    """Finds the recorded column of a live name.

    Exports write a nested parameter as ``a|b|c``, ``a.b.c``, ``parameters.a.b.c`` or by its last part alone, so names
    meet by their full path and else by their last part. Galaxy numbers the datasets of one parameter (``reads1``,
    ``reads2``): a numbered name without a column of its own goes to its parameter's.
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self._by_path: dict[tuple[str, ...], str] = {}
        self._by_last_part: dict[str, str] = {}
        self._found: dict[str, Optional[str]] = {}
        # the shortest path first: a bare column is the natural home of a nested name
        for column in sorted(columns, key=lambda name: (len(path(name)), name)):
            self._by_path.setdefault(path(column), column)
            self._by_last_part.setdefault(path(column)[-1], column)

    def find(self, name: str) -> Optional[str]:
        """Return the column for `name`, or None."""
        if name not in self._found:
            # names come over the wire: what is remembered stays bounded
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            parts = path(name)
            candidates = [parts, *((*parts[:-1], parameter) for parameter in unnumbered(parts[-1]))]
            self._found[name] = next(filter(None, map(self._find, candidates)), None)
        return self._found[name]

    def _find(self, parts: tuple[str, ...]) -> Optional[str]:
        return self._by_path.get(parts) or self._by_last_part.get(parts[-1])


def path(name: str) -> tuple[str, ...]:
    """Split a name into its path; the prefix ``parameters.`` of some exports says nothing."""
    parts = tuple(_SEPARATOR.split(name))
    return parts[1:] if len(parts) > 1 and parts[0] == "parameters" else parts
