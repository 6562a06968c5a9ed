"""job_conf.yml -> its environments, as Galaxy makes destinations of them, with the lines that they stand on."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import yaml

from galaxy_memory_rules.errors import FaultySetting
from galaxy_memory_rules.yaml_files import Section, load_section

# Galaxy's names for the runner of an environment that is a rule; the second one is TPV's.
RULES = ("dynamic", "dynamic_tpv")
# What is no param of an environment that has no `params`: Galaxy takes everything else for one.
NO_PARAMS = ("id", "tags", "runner", "shell", "env", "resubmit")


@dataclass
class Destination:
    """Stands in for Galaxy's JobDestination: as much of it as the rule looks at."""

    id: str
    runner: str
    params: dict[str, Any] = field(default_factory=dict)
    env: list[dict[str, Any]] = field(default_factory=list)
    resubmit: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Environment:
    """One environment of job_conf.

    Parameters
    ----------
    id : str
        What the rest of job_conf, and memory_rules.yml, call it.
    fields : Section
        All that it says.
    params : Section
        What Galaxy hands to a runner, or to a rule.
    resubmit : tuple of Section
        When and where a job that failed there comes back.
    """

    id: str
    fields: Section
    params: Section
    resubmit: tuple[Section, ...]

    @property
    def runner(self) -> str:
        """What runs its jobs."""
        return str(self.fields.content.get("runner"))

    @property
    def is_rule(self) -> bool:
        """Whether Galaxy asks a function where its jobs go."""
        return self.runner in RULES

    @property
    def tags(self) -> list[str]:
        """Under which names it may be chosen beside its id."""
        return [str(tag) for tag in self.fields.content.get("tags") or ()]

    def destination(self) -> Destination:
        """Return a copy that belongs to the caller."""
        env = self.fields.content.get("env") or []
        resubmit = [dict(entry.content) for entry in self.resubmit]
        return copy.deepcopy(Destination(self.id, self.runner, dict(self.params.content), env, resubmit))


@dataclass(frozen=True)
class JobConf:
    """What job_conf says of where jobs go.

    Parameters
    ----------
    fields : Section
        All of the file.
    execution : Section
        Its ``execution``.
    environments : mapping of str to Environment
        By their ids.
    tools : tuple of Section
        Which tools go elsewhere.
    """

    fields: Section
    execution: Section
    environments: Mapping[str, Environment]
    tools: tuple[Section, ...]

    def named(self, name: object) -> list[Environment]:
        """Return the environment with this id, else those with this tag: Galaxy takes any of them."""
        if name in self.environments:
            return [self.environments[str(name)]]
        return [found for found in self.environments.values() if name in found.tags]

    @property
    def rules_module(self) -> Optional[str]:
        """Where Galaxy looks for the functions of environments that do not say it."""
        old = self.fields.inner("runners").inner("dynamic")
        found = {**old.content, **self.fields.inner("dynamic").content}.get("rules_module")
        return None if found is None else str(found)


def read_job_conf(path: Path) -> JobConf:
    """Read the YAML form of job_conf.

    Raises
    ------
    FaultySetting
        If Galaxy could not use it, or it is the older form in XML.
    """
    if path.suffix == ".xml":
        raise FaultySetting(path, None, "", "only the YAML form can be checked; Galaxy takes job_conf.yml as well")
    fields = load_section(path)
    execution = fields.inner("execution")
    found = _environments(execution)
    if not found:
        execution.refuse("environments", "expected the environments that jobs go to")
    environments = [_environment(name, section) for name, section in found.items()]
    enabled = {environment.id: environment for environment in environments if _is_enabled(environment)}
    return JobConf(fields, execution, enabled, _listed(fields, "tools"))


def _is_enabled(environment: Environment) -> bool:
    """Whether Galaxy keeps an environment: by what its asbool takes for true."""
    return str(environment.params.content.get("enabled", True)).strip().lower() in ("true", "yes", "on", "1")


def _environments(execution: Section) -> dict[str, Section]:
    """Return the environments, which Galaxy reads from a mapping by ids or from a list with an `id` in each."""
    if isinstance(execution.content.get("environments"), list):
        return {str(entry.content.get("id")): entry for entry in _listed(execution, "environments")}
    environments = execution.inner("environments")
    return {name: environments.inner(name) for name in environments.content}


def _environment(name: str, fields: Section) -> Environment:
    if not isinstance(fields.content.get("runner"), str):
        fields.refuse("runner", "expected the runner of its jobs; write one of `runners`, or dynamic for a rule")
    _listed(fields, "env")
    if not isinstance(fields.content.get("tags") or [], list):
        fields.refuse("tags", "expected a list")
    return Environment(name, fields, _params(fields), _listed(fields, "resubmit"))


def _params(fields: Section) -> Section:
    if fields.content.get("params") is not None:
        return fields.inner("params")
    told = {key: value for key, value in fields.content.items() if key not in NO_PARAMS}
    return Section(fields.file, fields.place, told, fields.node)


def _listed(fields: Section, key: str) -> tuple[Section, ...]:
    """Return the sections of a list."""
    entries, node = fields.content.get(key) or [], fields.below(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        fields.refuse(key, "expected a list, each entry of it with settings by their names")
    nodes = node.value if isinstance(node, yaml.SequenceNode) else []
    return tuple(
        Section(fields.file, f"{fields.place}{key}[{index}].", entry, below)
        for index, (entry, below) in enumerate(zip(entries, nodes))
    )
