"""A delimited text file, plain or gzipped, as checked rows with their line numbers."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from galaxy_memory_rules.errors import RecordsError

Row = list[str]

# A gigabyte of text holds about ten million jobs; more is a mistake or an attack (a gzip bomb).
MAX_TEXT_BYTES = 1024**3
_GZIP_MAGIC = b"\x1f\x8b"


def rows(path: Path, comment: Optional[str] = None) -> Iterator[tuple[int, Row]]:
    """Yield (line number, cells) of each line that holds something.

    Parameters
    ----------
    path : Path
        Comma, tab or semicolon separated, UTF-8 with or without a byte-order mark, gzipped or not.
    comment : str, optional
        Lines that start with it are passed over.

    Raises
    ------
    RecordsError
        Naming file and line, where the file cannot be read, is not UTF-8, or has a row of another length.
    """
    text = _decode(path, _read(path))
    if comment:
        # emptied, not removed: the numbers of the other lines stay
        text = "\n".join("" if line.lstrip().startswith(comment) else line for line in text.splitlines())
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    width = None
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            width = width or len(row)
            if len(row) != width:
                raise RecordsError(
                    f"{path}, line {reader.line_num}: {len(row)} cells where the first line has {width}; repair or "
                    "remove this line"
                )
            yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise RecordsError(f"{path}, line {reader.line_num}: {error}; is a quote left open?") from error


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise RecordsError(f"{path}: no such file, or no regular file; expected a table of recorded jobs")
        with path.open("rb") as file:
            zipped = file.read(2) == _GZIP_MAGIC
        with gzip.open(path) if zipped else path.open("rb") as file:
            content = file.read(MAX_TEXT_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise RecordsError(f"{path}: cannot be read ({error}); copy the file again") from error
    if len(content) > MAX_TEXT_BYTES:
        raise RecordsError(f"{path}: more than {MAX_TEXT_BYTES:,} bytes of text; split the file")
    return content


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RecordsError(f"{path}, line {line}: not UTF-8; convert it, for example with iconv -t UTF-8") from error


def _delimiter(text: str) -> str:
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    return max(",\t;", key=first_line.count)
