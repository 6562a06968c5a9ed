"""How many bases a genome build (Galaxy's "dbkey") has: a shipped table and an administrator's own files."""

import logging
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, Optional

from galaxy_memory_rules.errors import ConfigError, RecordsError

from .tables import Row, rows

log = logging.getLogger(__name__)

_SHIPPED = Path(__file__).with_name("genomes.csv")
_FASTA = (".fa", ".fasta", ".fna", ".fas")
_BASES_PER_TWOBIT_BYTE = 4
# the dbkey that Galaxy writes where a dataset's genome is not known
_UNSPECIFIED = ("", "?")


class _Entry(NamedTuple):
    """One line of a .loc table; the id of a variant (hg38canon) is not the dbkey (hg38)."""

    id: str
    dbkey: str
    file: Path


def load(own: Sequence[Path] = ()) -> dict[str, int]:
    """Read the lengths of the shipped builds, then those of an administrator's own files.

    Parameters
    ----------
    own : sequence of Path
        Later ones win. Each is ``<build>.len`` (Galaxy's lengths of chromosomes), a ``.loc`` table that names
        FASTA, 2bit or ``.len`` files (``all_fasta.loc``, ``dbkeys.loc`` ...), or a folder of both.

    Returns
    -------
    dict of str to int
        Build -> length in bases, which is nearly the size in bytes of its FASTA file.

    Raises
    ------
    ConfigError
        Naming file and line, if one of them cannot be read or is of another kind.
    """
    lengths = dict(_shipped())
    for path in own:
        for file in _files(path):
            lengths.update(_read(file))
    return lengths


@cache
def _shipped() -> dict[str, int]:
    try:
        _, *table = rows(_SHIPPED)
        return {build: int(length) for _, (build, length, _) in table}
    except (RecordsError, ValueError) as error:
        raise ConfigError(f"{_SHIPPED}: the shipped table is damaged ({error}); install the trainer again") from error


def _files(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        return sorted(file for file in path.iterdir() if file.suffix in (".len", ".loc") and file.is_file())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error


def _read(path: Path) -> dict[str, int]:
    if path.suffix == ".len":
        return {path.stem: _sum_of_lengths(path)}
    if path.suffix == ".loc":
        measured = list(_measured(path))
        # hg38canon and hg38female have the dbkey hg38 as well; the entry that is hg38 itself has the last word
        builds = {entry.dbkey: length for entry, length in measured}
        builds.update((entry.id, length) for entry, length in measured)
        return {build: length for build, length in builds.items() if build not in _UNSPECIFIED}
    raise ConfigError(f"{path}: expected <build>.len, a .loc data table, or a folder of them")


def _measured(listing: Path) -> Iterator[tuple[_Entry, int]]:
    for number, cells in _lines(listing):
        if len(cells) < 2:
            raise ConfigError(f"{listing}, line {number}: expected a build and a path, separated by a tab")
        entry = _entry(listing.parent, cells)
        try:
            length = _length(entry.file)
        except OSError as error:
            raise ConfigError(f"{listing}, line {number}: {entry.file} cannot be read ({error})") from error
        if length:
            yield entry, length
        else:
            log.warning("%s, line %d: no FASTA, 2bit or .len file %s; skipped", listing, number, entry.file)


def _entry(folder: Path, cells: Row) -> _Entry:
    # twobit.loc: dbkey, path; dbkeys.loc: dbkey, name, path; all_fasta.loc and the indices: id, dbkey, name, path ...
    if len(cells) < 4:
        return _Entry(cells[0], cells[0], folder / cells[-1])
    return _Entry(cells[0], cells[1], folder / cells[3])


def _length(file: Path) -> Optional[int]:
    """Tell the bases of a sequence file; None if it is missing or no such file."""
    index = file.with_name(f"{file.name}.fai") if file.name else file
    if index.is_file():
        return _sum_of_lengths(index)
    if not file.is_file():
        return None
    if file.suffix == ".len":
        return _sum_of_lengths(file)
    if file.suffix == ".2bit":
        return file.stat().st_size * _BASES_PER_TWOBIT_BYTE
    # nothing else is measured: not every .loc names sequences, and a gzipped file's size tells little
    return file.stat().st_size if file.suffix in _FASTA else None


def _sum_of_lengths(path: Path) -> int:
    """Add up the second column of a .len file or of a FASTA index (.fai)."""
    total = sum(_bases(path, number, cells) for number, cells in _lines(path))
    if not total:
        raise ConfigError(f"{path}: expected a line for each sequence: its name, a tab, its length in bases")
    return total


def _bases(path: Path, number: int, cells: Row) -> int:
    # more digits than any genome has: a damaged file, and more than int() takes if there are thousands
    if len(cells) < 2 or not cells[1].isdecimal() or len(cells[1]) > 18:
        raise ConfigError(f"{path}, line {number}: expected a name, a tab and a length in bases")
    return int(cells[1])


def _lines(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield (line number, cells); no CSV, for a display name may hold any comma or quote."""
    number = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                text = line.decode("utf-8-sig")
                if text.strip() and not text.lstrip().startswith("#"):
                    yield number, [cell.strip() for cell in text.split("\t")]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}, line {max(number, 1)}: cannot be read as UTF-8 text ({error})") from error
