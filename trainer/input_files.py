"""config/input_files.csv, or one folder -> which file to read for which label, and which tool it is of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from galaxy_memory_rules.errors import ConfigError, RecordsError

from .canonical import PEAK
from .tables import rows

_LABEL_COLUMNS = ("label", "label_name")
_OPTIONAL_COLUMNS = ("tool_id", "tool_version", "format")


@dataclass(frozen=True)
class InputFile:
    """One line of input_files.csv.

    Parameters
    ----------
    written : str
        The path as the administrator wrote it.
    path : Path
        The file or folder, where it was found: from the working directory, else from the folder of input_files.csv.
    label : str
        The column to predict.
    tool_id : str or None
        The tool's id, where the file itself does not tell.
    tool_version : str or None
        The tool's version, where neither the id nor the file tells.
    format : str or None
        One of the readers' dialects, where the content tells another or none.
    """

    written: str
    path: Path
    label: str
    tool_id: Optional[str] = None
    tool_version: Optional[str] = None
    format: Optional[str] = None


def load_input_files(path: Path) -> list[InputFile]:
    """Read input_files.csv; lines that start with ``#`` are comments. A folder, as `export` writes it, needs no list.

    Raises
    ------
    ConfigError
        If it cannot be read, lacks a column, or lists nothing.
    """
    if path.is_dir():
        return [InputFile(str(path), path, PEAK)]
    try:
        table = [(line, cells) for line, cells in rows(path, comment="#")]
    except RecordsError as error:
        raise ConfigError(str(error)) from error
    if len(table) < 2:
        raise ConfigError(f"{path}: lists no files; expected the columns input_file,label and a line for each file")
    header = table[0][1]
    label_column = next((column for column in _LABEL_COLUMNS if column in header), None)
    if "input_file" not in header or label_column is None:
        raise ConfigError(f"{path}: expected the columns input_file,label; found {', '.join(header)}")
    unknown = set(header) - {"input_file", *_LABEL_COLUMNS, *_OPTIONAL_COLUMNS}
    if unknown:
        known = ", ".join(("input_file", *_LABEL_COLUMNS, *_OPTIONAL_COLUMNS))
        raise ConfigError(f"{path}: unknown column {sorted(unknown)[0]}; known are {known}")
    return [_input_file(path, line, dict(zip(header, cells)), label_column) for line, cells in table[1:]]


def _input_file(listing: Path, line: int, row: dict[str, str], label_column: str) -> InputFile:
    written, label = row["input_file"], row[label_column]
    if not written or not label:
        raise ConfigError(f"{listing}, line {line}: expected a file and the column to predict")
    here, beside = Path(written), listing.parent / written
    return InputFile(
        written,
        here if here.exists() or not beside.exists() else beside,
        label,
        row.get("tool_id") or None,
        row.get("tool_version") or None,
        row.get("format") or None,
    )
