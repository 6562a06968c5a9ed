"""What PyYAML leaves to those who read a file with it."""

from typing import Any

import yaml

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
