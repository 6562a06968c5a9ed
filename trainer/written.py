"""Files that a command writes for a person: beside the old one, then put in its place."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from galaxy_memory_rules.errors import ConfigError


def put(path: Path, text: str, option: str) -> None:
    """Write a file in one piece: whoever looks finds the old one or the new one.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    text : str
        Its content.
    option : str
        The option that names another file.

    Raises
    ------
    ConfigError
        If it cannot be written; the old one stays.
    """
    with _beside(path, option) as beside:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)


def require_room(path: Path, option: str) -> None:
    """Find out before long work whether a file can be written.

    Raises
    ------
    ConfigError
        If it cannot.
    """
    with _beside(path, option) as beside:
        beside.touch()
        beside.unlink()


@contextmanager
def _beside(path: Path, option: str) -> Iterator[Path]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError("it is a folder")
        yield path.with_name(f".{path.name}.{os.getpid()}")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error}); choose another file with {option}") from error
