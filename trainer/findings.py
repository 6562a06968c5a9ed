"""What a check of the configuration found: one line each, an error or a warning, with the place and what to do."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from galaxy_memory_rules.errors import FaultySetting
from galaxy_memory_rules.yaml_files import Section

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that an administrator should look at.

    Parameters
    ----------
    level : str
        ``error``: the rule would not work as it was meant to; ``warning``: it may not.
    file : Path
        Where to look.
    line : int or None
        On which line; None where the file says nothing of it.
    key : str
        The setting by its full path; empty where it is the file.
    message : str
        What was found, and what to do.
    """

    level: str
    file: Path
    line: Optional[int]
    key: str
    message: str

    def __str__(self) -> str:
        """Return the line that is printed."""
        return f"{self.level}: {FaultySetting(self.file, self.line, self.key, self.message)}"


def error_at(section: Section, key: str, message: str) -> Finding:
    """Return an error of one setting; where it is missing, at the first line of those beside it."""
    return _at(ERROR, section, key, message)


def warning_at(section: Section, key: str, message: str) -> Finding:
    """Return a warning of one setting; where it is missing, at the first line of those beside it."""
    return _at(WARNING, section, key, message)


def of_fault(fault: FaultySetting) -> Finding:
    """Return the error that a reader of a file raised."""
    return Finding(ERROR, fault.file, fault.line, fault.key, fault.why)


def near(name: str, known: Collection[str]) -> str:
    """Return the end of a message about a name that is none of those known."""
    return f"; near it are {', '.join(difflib.get_close_matches(name, known, n=3) or known)}"


def _at(level: str, section: Section, key: str, message: str) -> Finding:
    line = section.line(key)
    if line is None and section.node is not None and section.place:
        line = section.node.start_mark.line + 1
    return Finding(level, section.file, line, f"{section.place}{key}".rstrip("."), message)
