"""Comes first in the alphabet, so Galaxy looks here last."""

from typing import Any


def in_two_modules(app: Any) -> Any:
    """Be found by nobody."""
    raise AssertionError(f"{app} found the first module of the alphabet before the last")
