"""A delimited text file, plain or gzipped, as checked rows with their line numbers, one after the other."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Optional, cast

from galaxy_memory_rules.errors import RecordsError

Row = list[str]

# What is in memory at a time. The longest honest line is a canonical row of 64 inputs and 256 parameters: below 1 MB.
MAX_LINE_BYTES = 8 * 1024**2
# Tables of jobs are packed to a fifth or a twentieth, what is made to be a gzip bomb to a thousandth. A file below
# the second number does no harm whatever it is packed to.
MAX_RATIO, HARMLESS_BYTES = 250, 64 * 1024**2
_BUFFER_BYTES = 256 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"
# the names of tool parameters have bars: a bar parts cells only where nothing else does
_DELIMITERS, _LAST_DELIMITER = ",\t;", "|"

csv.field_size_limit(MAX_LINE_BYTES)


def rows(path: Path, comment: Optional[str] = None, quoted: bool = True) -> Iterator[tuple[int, Row]]:
    """Yield (line number, cells) of each line that holds something.

    Parameters
    ----------
    path : Path
        Comma, tab, semicolon or bar separated, UTF-8 with or without a byte-order mark, gzipped or not.
    comment : str, optional
        Lines that start with it are passed over.
    quoted : bool
        Whether quotes hold a cell together, as in CSV; else they are text like any other.

    Raises
    ------
    RecordsError
        Naming file and line, where the file cannot be read, is not UTF-8, or has a row of another length.
    """
    with opened(path) as file:
        yield from rows_of(lines(file, str(path)), str(path), comment, quoted)


def rows_of(
    found: Iterable[str], name: str, comment: Optional[str] = None, quoted: bool = True
) -> Iterator[tuple[int, Row]]:
    """Yield the same of lines of text; `name` is what errors call them."""
    if comment:
        # emptied, not removed: the numbers of the other lines stay
        found = ("\n" if line.lstrip().startswith(comment) else line for line in found)
    delimiter, found = _delimiter(iter(found))
    reader = csv.reader(
        found, delimiter=delimiter, strict=True, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    )
    width = None
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            width = width or len(cells)
            if len(cells) != width:
                raise RecordsError(
                    f"{name}, line {reader.line_num}: {len(cells)} cells where the first line has {width}; repair or "
                    "remove this line"
                )
            yield reader.line_num, cells
    except csv.Error as error:
        raise RecordsError(f"{name}, line {reader.line_num}: {error}; is a quote left open?") from error


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, unpacked where it is gzipped; what goes wrong while it is read is told by its name.

    Raises
    ------
    RecordsError
        If it is no regular file or cannot be read.
    """
    try:
        if not path.is_file():
            raise RecordsError(f"{path}: no such file, or no regular file; expected a table of recorded jobs")
        with path.open("rb") as file:
            zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            file.seek(0)
            if not zipped:
                yield file
                return
            with _Unpacked(file, path) as unpacked:
                yield io.BufferedReader(cast(io.RawIOBase, unpacked), _BUFFER_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise RecordsError(f"{path}: cannot be read ({error}); copy the file again") from error


def lines(file: IO[bytes], name: str) -> Iterator[str]:
    """Yield the lines of an open file as text; `name` is what errors call it.

    Raises
    ------
    RecordsError
        If a line is not UTF-8, or longer than any honest one.
    """
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise RecordsError(f"{name}, line {number}: more than {MAX_LINE_BYTES:,} bytes; is this a table of jobs?")
        try:
            yield (line.removeprefix(_MARK) if number == 1 else line).decode("utf-8")
        except UnicodeDecodeError as error:
            raise RecordsError(
                f"{name}, line {number}: not UTF-8; convert it, for example with iconv -t UTF-8"
            ) from error


class _Unpacked(gzip.GzipFile):
    """A gzipped file that stops where it unpacks to more than any table of jobs does."""

    def __init__(self, packed: IO[bytes], path: Path) -> None:
        super().__init__(fileobj=packed)
        self._packed, self._path = packed, path

    def read(self, size: Optional[int] = -1) -> bytes:
        """Return what comes next."""
        found = super().read(size)
        if self.tell() > max(HARMLESS_BYTES, MAX_RATIO * self._packed.tell()):
            raise RecordsError(f"{self._path}: unpacks to more than {MAX_RATIO} times its size; unpack it yourself")
        return found


def _delimiter(found: Iterator[str]) -> tuple[str, Iterator[str]]:
    """Return what parts the cells of the first line that holds something, and all lines again."""
    seen: list[str] = []
    for line in found:
        seen.append(line)
        if line.strip():
            break
    first = seen[-1] if seen else ""
    usual = max(_DELIMITERS, key=first.count)
    chosen = _LAST_DELIMITER if usual not in first and _LAST_DELIMITER in first else usual
    return chosen, chain(seen, found)
