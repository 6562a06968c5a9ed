"""A YAML file of settings: every key is checked, and named with file and line where it is wrong."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Optional, TypeVar

import yaml

from .errors import FaultySetting
from .values import parse_mapping

_T = TypeVar("_T")

# What reading may raise: PyYAML passes on what int, float and datetime raise at the scalars that it takes for theirs.
UNREADABLE = (
    *(OSError, yaml.YAMLError, RecursionError),
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
)


class UniqueKeys(yaml.SafeLoader):
    """Refuses a key that is there twice, where YAML silently takes the last."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Read a mapping.

        Raises
        ------
        yaml.MarkedYAMLError
            With the place of the second one.
        """
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return node


@dataclass(frozen=True)
class Section:
    """A mapping of the file, and where it stands.

    Parameters
    ----------
    file : Path
        The file.
    place : str
        What its keys begin with, ``tools.bowtie2.``.
    content : mapping
        Its settings.
    node : yaml.Node or None
        What the parser made of it, which knows the lines.
    """

    file: Path
    place: str
    content: Mapping[str, Any]
    node: Optional[yaml.Node] = field(default=None, repr=False)

    def refuse(self, key: str, why: object) -> NoReturn:
        """Refuse a setting.

        Raises
        ------
        FaultySetting
            Naming file, line and key.
        """
        raise FaultySetting(self.file, self.line(key), f"{self.place}{key}", str(why))

    def refuse_unknown(self, known: tuple[str, ...]) -> None:
        """Refuse a key that is none of those known, with those near it."""
        for key in self.content:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=3) or known
                self.refuse(key, f"unknown key; near it are {', '.join(near)}")

    def read(self, key: str, parse: Callable[[Any], _T], default: _T) -> _T:
        """Return a setting as `parse` reads it; a ValueError of it says what was expected."""
        return self.require(key, parse) if key in self.content else default

    def require(self, key: str, parse: Callable[[Any], _T]) -> _T:
        """Return a setting that has to be there."""
        try:
            return parse(self.content.get(key))
        except ValueError as error:
            self.refuse(key, error)

    def inner(self, key: str) -> "Section":
        """Return the section below a key; without that key an empty one."""
        return Section(self.file, f"{self.place}{key}.", self.read(key, parse_mapping, {}), self.below(key))

    def line(self, key: str) -> Optional[int]:
        """Return the line on which a key stands, None where it does not."""
        return next((name.start_mark.line + 1 for name, _ in self._nodes() if name.value == key), None)

    def below(self, key: str) -> Optional[yaml.Node]:
        """Return what the parser made of a setting."""
        return next((value for name, value in self._nodes() if name.value == key), None)

    def _nodes(self) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        nodes = self.node.value if isinstance(self.node, yaml.MappingNode) else []
        return [(key, value) for key, value in nodes if isinstance(key, yaml.ScalarNode)]


def load_section(path: Path, text: Optional[str] = None) -> Section:
    """Read a file of settings.

    Parameters
    ----------
    path : Path
        The file.
    text : str, optional
        What to take it for instead of what stands in it.

    Raises
    ------
    FaultySetting
        If it cannot be read, or is no mapping.
    """
    try:
        loader = UniqueKeys(path.read_text(encoding="utf-8") if text is None else text)
        node = loader.get_single_node()
        content = loader.construct_document(node) if node is not None else None
        return Section(path, "", parse_mapping(content), node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise FaultySetting(path, line, "", f"cannot be read as YAML ({error.problem})") from error
    except UNREADABLE as error:
        raise FaultySetting(path, None, "", f"cannot be read ({error})") from error
