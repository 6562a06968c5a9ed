"""Sets a Galaxy job's memory request from what the prediction service expects the job to need.

Galaxy's job_conf names this package and a function in it; Galaxy then searches the modules of this folder::

    environments:
      memory_rule:
        runner: dynamic
        rules_module: galaxy_memory_rules
        function: map_job_to_destination
        rules_config: /srv/galaxy/config/memory_rules.yml

Everything here runs inside Galaxy's own environment and needs nothing beyond ``requests`` and ``pyyaml``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .rules import map_job_to_destination

__all__ = ["map_job_to_destination"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Find the rule when it is asked for: the service and the trainer need neither it nor what it imports."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .rules import map_job_to_destination

    return map_job_to_destination
