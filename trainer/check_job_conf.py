"""What in job_conf keeps the rule from being asked, or its requests from being what memory_rules.yml means."""

import inspect
from collections.abc import Collection, Iterator
from pathlib import Path

from galaxy_memory_rules.config import RulesConfig
from galaxy_memory_rules.destinations import own_memory_bytes, write
from galaxy_memory_rules.errors import DestinationError
from galaxy_memory_rules.memory import format_bytes
from galaxy_memory_rules.rules import map_job_to_destination
from galaxy_memory_rules.yaml_files import Section

from .check_resubmit import of_resubmit
from .findings import Finding, error_at, near, warning_at
from .job_conf import NO_PARAMS, Environment, JobConf

PACKAGE = "galaxy_memory_rules"
FUNCTION = map_job_to_destination.__name__
# As Galaxy asks it: of the params it hands over those whose names are among these, and app, job and tool of its own.
_ARGUMENTS = inspect.getfullargspec(map_job_to_destination).args
_OF_GALAXY = ("app", "job", "tool")
_OURS = tuple(name for name in _ARGUMENTS if name not in _OF_GALAXY)
_TO_ASK = {"rules_module": PACKAGE, "function": FUNCTION, "type": "python"}
_NOT_PASSED = (*_TO_ASK, "enabled", "metrics")


def asking(conf: JobConf) -> list[Environment]:
    """Return the environments that are this rule, or were meant to be."""
    return [found for found in conf.environments.values() if _is_meant(found)]


def _is_meant(environment: Environment) -> bool:
    told = {**environment.fields.content, **environment.params.content}
    names_us = told.get("function") == FUNCTION or str(told.get("rules_module")).startswith(PACKAGE)
    return names_us or "rules_config" in told


def of_rule(conf: JobConf, settings: Path) -> Iterator[Finding]:
    """Yield what keeps Galaxy from asking the rule, or the rule from finding its settings."""
    rules = asking(conf)
    if not rules:
        how = f"write one with runner: dynamic, rules_module: {PACKAGE}, function: {FUNCTION}, rules_config: <path>"
        yield error_at(conf.execution, "environments", f"none of them asks the rule; {how}")
        return
    for rule in rules:
        yield from _of_call(conf, rule)
        yield from _of_params(rule)
        yield from _of_settings(rule, settings)
        yield from _of_default_destination(conf, rule)
    yield from _of_use(conf, rules)


def _of_call(conf: JobConf, rule: Environment) -> Iterator[Finding]:
    if rule.runner != "dynamic":
        yield error_at(rule.fields, "runner", f"{rule.runner}: Galaxy does not ask a function; write dynamic")
    found = {"type": "python", "rules_module": conf.rules_module, **rule.params.content}
    for key, wanted in _TO_ASK.items():
        if found.get(key) != wanted:
            why = "is missing" if found.get(key) is None else f"{found[key]}: Galaxy finds no rule of ours there"
            yield error_at(rule.params, key, f"{why}; write {wanted}")


def _of_params(rule: Environment) -> Iterator[Finding]:
    for key in rule.params.content:
        if key in _OF_GALAXY:
            yield error_at(rule.params, key, "Galaxy fills this argument by itself; remove it")
        elif key not in (*_OURS, *_NOT_PASSED):
            yield error_at(rule.params, key, f"no argument of the rule has this name{near(key, _OURS)}")
    if rule.fields.content.get("params") is not None:
        for key in rule.fields.content:
            if key not in (*NO_PARAMS, "params", "metrics"):
                yield error_at(rule.fields, key, "Galaxy does not read this beside params; move it below them")


def _of_settings(rule: Environment, settings: Path) -> Iterator[Finding]:
    path = rule.params.content.get("rules_config")
    if not isinstance(path, str):
        yield error_at(rule.params, "rules_config", f"expected a path; write {settings.resolve()}")
    elif Path(path).resolve() != settings.resolve():
        which = "another file than the one checked" if Path(path).exists() else "no such file on this machine"
        yield error_at(rule.params, "rules_config", f"{path}: {which}; write {settings.resolve()}")
    elif not Path(path).is_absolute():
        yield warning_at(rule.params, "rules_config", f"{path}: Galaxy may start elsewhere; write {settings.resolve()}")


def _of_default_destination(conf: JobConf, rule: Environment) -> Iterator[Finding]:
    name = rule.params.content.get("default_destination")
    if name is None:
        first = next((found.id for found in conf.environments.values() if not found.is_rule), "nowhere")
        message = f"is missing: where memory_rules.yml cannot be used, jobs go to {first}; name an environment"
        yield warning_at(rule.params, "default_destination", message)
    else:
        yield from _of_target(conf, rule.params, "default_destination", name)


def _of_target(conf: JobConf, section: Section, key: str, name: object) -> Iterator[Finding]:
    """Yield why jobs cannot be sent to an environment."""
    found = conf.named(name)
    if not found:
        yield error_at(section, key, f"job_conf has no environment {name}{near(str(name), conf.environments)}")
    elif any(environment.is_rule for environment in found):
        yield error_at(section, key, f"{name} is a rule itself: jobs would go round; name one that runs jobs")


def _of_use(conf: JobConf, rules: Collection[Environment]) -> Iterator[Finding]:
    ids = {rule.id for rule in rules}
    default = conf.execution.content.get("default")
    if default is not None and not conf.named(default):
        yield error_at(conf.execution, "default", f"no environment {default}{near(str(default), conf.environments)}")
        return
    chosen = [default, *(tool.content.get("environment", tool.content.get("destination")) for tool in conf.tools)]
    # Galaxy takes the only one there is
    if len(conf.environments) > 1 and not any(found.id in ids for name in chosen for found in conf.named(name)):
        message = f"no job comes to {' or '.join(sorted(ids))}; name it here, or for single tools below `tools`"
        yield warning_at(conf.execution, "default", message)


def of_destinations(conf: JobConf, config: RulesConfig, settings: Section) -> Iterator[Finding]:
    """Yield why the destinations of memory_rules.yml are not what it takes them for."""
    if config.destination is None:
        yield error_at(settings, "destination", f"is missing{near('', config.destinations or conf.environments)}")
    else:
        yield from _of_target(conf, settings, "destination", config.destination)
    entries = settings.inner("destinations")
    for name in config.destinations:
        found = conf.named(name)
        if not found and name != config.destination:
            yield warning_at(entries, name, f"job_conf has no environment {name}{near(name, conf.environments)}")
        for environment in found:
            if not environment.is_rule:
                yield from _of_words(environment, name, config, entries)
                yield from of_resubmit(conf, environment, asking(conf), name == config.destination)


def _of_words(environment: Environment, name: str, config: RulesConfig, entries: Section) -> Iterator[Finding]:
    try:
        write(environment.destination(), config.destinations[name], config.general.floor_bytes, {})
    except DestinationError as error:
        yield error_at(entries, name, str(error))
    own_bytes = own_memory_bytes(environment.destination())
    limits = f"{format_bytes(config.general.floor_bytes)} to {format_bytes(config.general.ceiling_bytes)}"
    if own_bytes is None and name == config.destination:
        message = "requests no memory that can be read, and that is what a job gets when the service cannot be asked"
        yield warning_at(environment.fields, "", f"{message}; add what you request today")
    if own_bytes is not None and not config.general.floor_bytes <= own_bytes <= config.general.ceiling_bytes:
        message = f"requests {format_bytes(own_bytes)}, outside of floor and ceiling, {limits}; move one of them"
        yield warning_at(environment.fields, "", message)
