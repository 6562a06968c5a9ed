"""Node types in a YAML file: a mapping of names to memory, cores, how many there are and what an hour of one costs."""

from pathlib import Path

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.values import parse_mapping
from galaxy_memory_rules.yaml_files import load_section

from .nodes import KEYS, MOST_NODE_TYPES, NodeType, node_type

_NODES = "nodes"
_LONGEST_NAME = 100


def load_nodes(path: Path) -> tuple[NodeType, ...]:
    """Read ``nodes: {small: {memory: 16 GB, cores: 4}}``.

    Raises
    ------
    ConfigError
        Naming file, line and key.
    """
    section = load_section(path)
    section.refuse_unknown((_NODES,))
    names = section.require(_NODES, parse_mapping)
    if not 1 <= len(names) <= MOST_NODE_TYPES:
        raise ConfigError(f"{path}: {_NODES}: expected 1 to {MOST_NODE_TYPES} node types by their names")
    nodes = section.inner(_NODES)
    for name in names:
        if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
            nodes.refuse(name, f"expected a printable name of at most {_LONGEST_NAME} characters")
        nodes.inner(name).refuse_unknown(KEYS)
    return tuple(node_type(name, nodes.inner(name)) for name in names)
