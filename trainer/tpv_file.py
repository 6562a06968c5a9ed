"""The administrator's own memory rules, a file of Total Perspective Vortex (TPV), asked about recorded jobs."""

import dataclasses
import functools
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import yaml

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import GIB
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, JobDescription

from .expressions import Expression, Value

# in the order in which TPV works them out: each may use those before it
_RESOURCES = tuple(f"{bound}{kind}" for bound in ("min_", "max_", "") for kind in ("gpus", "cores", "mem"))
_OF_RULES = ("if", "fail", "execute")
# PyYAML passes on what int, float and datetime raise at the scalars that it takes for theirs
_UNREADABLE = (OSError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)


@dataclass(frozen=True)
class _Entry:
    """A tool or a rule: what it sets itself, or all that it sets once it lies over those it inherits from."""

    settings: Mapping[str, Expression] = field(default_factory=dict)
    context: Mapping[str, Value] = field(default_factory=dict)
    rules: Mapping[str, "_Entry"] = field(default_factory=dict)
    inherits: Optional[str] = None
    abstract: bool = False

    def over(self, parent: "_Entry") -> "_Entry":
        rules = {key: rule.over(parent.rules.get(key, _Entry())) for key, rule in self.rules.items()}
        return _Entry(
            {**parent.settings, **self.settings},
            {**parent.context, **self.context},
            {**parent.rules, **rules},
            abstract=self.abstract,
        )

    @property
    def sets_memory(self) -> bool:
        return bool(self.context or self.settings.keys() - {"if"} or any(r.sets_memory for r in self.rules.values()))

    def memory_bytes(self, known: Mapping[str, Value]) -> int:
        amounts: dict[str, float] = {}
        for name in self._needed():
            amount = self.settings[name].number({**self.context, **amounts, **known})
            # a bound of 0 is no bound
            amount = max(amounts.get(f"min_{name}") or amount, amount)
            amounts[name] = min(amounts.get(f"max_{name}") or amount, amount)
        memory_bytes = math.ceil(amounts["mem"] * GIB)
        if not 0 < memory_bytes <= MAX_SIZE_BYTES:
            raise ConfigError(f"{self.settings['mem'].place}: expected GiB above 0 and below 8 million")
        return memory_bytes

    def _needed(self) -> list[str]:
        # cores that only Galaxy can work out are no loss where the memory does not depend on them
        kinds: tuple[str, ...] = ("mem",)
        for kind in ("cores", "gpus"):
            if any(kind in setting.text for name, setting in self.settings.items() if name.endswith(kinds)):
                kinds += (kind,)
        return [name for name in _RESOURCES if name in self.settings and name.endswith(kinds)]


class TpvFile:
    """The rules of one file, applied as TPV 3.3 applies them.

    https://total-perspective-vortex.readthedocs.io/en/latest/topics/tpv_by_example.html

    What roles, users and destinations change is left out, as is what a tool's own XML asks for: a recorded job does
    not tell them. Of Python only what `Expression` knows is evaluated.
    """

    def __init__(self, tools: Sequence[tuple[re.Pattern[str], _Entry]], common: _Entry, notes: Sequence[str]) -> None:
        self._tools = tools
        self._common = common
        self._found: dict[tuple[str, Optional[str]], _Entry] = {}
        self._notes = dict.fromkeys(notes)

    @property
    def skipped(self) -> tuple[str, ...]:
        """What could not be worked out for the jobs so far, each once, naming file, tool, rule and key."""
        return tuple(self._notes)

    def memory_bytes(self, job: JobDescription) -> Optional[int]:
        """Return what TPV would request.

        Parameters
        ----------
        job : JobDescription
            Its inputs, in bytes, are the ``input_size`` of the rules, in GiB; one of unknown size counts 0.

        Returns
        -------
        int or None
            Bytes, rounded up, of the GiB that ``mem`` says; None where the file does not say, refuses the job, or
            says it in a way that cannot be worked out (see `skipped`).
        """
        known: dict[str, Value] = {"input_size": sum(dataset.size_bytes or 0 for dataset in job.inputs) / GIB}
        tool = entry = self._entry(job.tool_id, job.tool_version)
        for rule in tool.rules.values():
            if rule.sets_memory:
                entry = self._after(rule, entry, {**tool.context, **known})
        if "mem" not in entry.settings or "fail" in entry.settings:
            return None
        try:
            return entry.memory_bytes(known)
        except ConfigError as error:
            self._note(error, "the job is left out")
            return None

    def _entry(self, tool_id: str, tool_version: Optional[str]) -> _Entry:
        if (tool_id, tool_version) not in self._found:
            # a record may have the version beside the id, or not at all, where a key ends with the slash before it
            names = (tool_id, f"{tool_id}/{tool_version or ''}")
            matches = [entry for key, entry in self._tools if any(key.match(name) for name in names)]
            refused = any(entry.abstract for entry in matches)
            self._found[tool_id, tool_version] = _Entry() if refused else _stacked([self._common, *matches])
        return self._found[tool_id, tool_version]

    def _after(self, rule: _Entry, entry: _Entry, known: Mapping[str, Value]) -> _Entry:
        try:
            if rule.settings["if"].value(known):
                changed = rule.over(entry)
                _check(rule, {*changed.context, *known, *_RESOURCES})
                return changed
        except ConfigError as error:
            self._note(error, "the rule is passed over")
        return entry

    def _note(self, error: ConfigError, consequence: str) -> None:
        self._notes[f"{error}; {consequence}"] = None


def _check(rule: _Entry, known: set[str]) -> None:
    for key, setting in rule.settings.items():
        if key == "execute":
            raise ConfigError(f"{setting.place}: statements are not run")
        if key != "fail" and not known.issuperset(names := setting.names):
            raise ConfigError(f"{setting.place}: {min(names - known)} is not known here")


def _stacked(entries: Sequence[_Entry]) -> _Entry:
    return functools.reduce(lambda parent, entry: entry.over(parent), entries)


def load(path: Path) -> TpvFile:
    """Read the rules.

    Parameters
    ----------
    path : Path
        YAML with ``tools``, and with ``global`` where it says which tool all others inherit from; the tool named
        ``default`` where it does not, as the shared database leaves that to each site's own file.

    Returns
    -------
    TpvFile
        To be asked about one job after another.

    Raises
    ------
    ConfigError
        Naming file and key, where TPV itself could not use the file.
    """
    content = _mapping(str(path), _read(path))
    tools = _tools(f"{path}: tools", content.get("tools"))
    if not tools:
        raise ConfigError(f"{path}: tools: expected an entry for each tool")
    common = _mapping(f"{path}: global", content.get("global"))
    default = _text(f"{path}: global", common, "default_inherits") or "default"
    stacked = {key: _stacked([tools[name] for name in _ancestry(f"{path}: tools", tools, key)]) for key in tools}
    return TpvFile(
        [(_pattern(f"{path}: tools", key), entry) for key, entry in stacked.items()],
        stacked.get(default, _Entry()).over(_Entry(context=_context(f"{path}: global", common))),
        [
            f"{path}: {section}: what these change is left out, as no recorded job tells which of them it met"
            for section in ("roles", "users", "destinations")
            if any(entry.sets_memory for entry in _tools(f"{path}: {section}", content.get(section)).values())
        ],
    )


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (*_UNREADABLE, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error}); is it a template still to be filled?") from error


def _mapping(place: str, content: Any) -> dict[str, Any]:
    content = {} if content is None else content
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"{place}: expected a mapping by names")
    return content


def _text(place: str, fields: Mapping[str, Any], key: str) -> Optional[str]:
    value = fields.get(key)
    if not isinstance(value, (str, int, float, type(None))):
        raise ConfigError(f"{place}: {key}: expected a text or a number")
    return None if value is None else str(value)


def _context(place: str, fields: Mapping[str, Any]) -> dict[str, Value]:
    context = _mapping(f"{place}: context", fields.get("context"))
    return {key: value for key, value in context.items() if isinstance(value, (str, int, float, type(None)))}


def _tools(place: str, content: Any) -> dict[str, _Entry]:
    return {key: _tool(f"{place}: {key}", entry) for key, entry in _mapping(place, content).items()}


def _tool(place: str, content: Any) -> _Entry:
    fields = _mapping(place, content)
    return dataclasses.replace(
        _entry(place, fields, _RESOURCES),
        rules=dict(_rules(f"{place}: rules", fields.get("rules"))),
        inherits=_text(place, fields, "inherits"),
        abstract=(_text(place, fields, "abstract") or "").lower() == "true",
    )


def _rules(place: str, content: Any) -> Iterator[tuple[str, _Entry]]:
    if isinstance(content, list):
        listed = [_mapping(f"{place}[{index}]", rule) for index, rule in enumerate(content)]
        content = {_text(place, rule, "id") or f"{place}[{index}]": rule for index, rule in enumerate(listed)}
    for key, rule in _mapping(place, content).items():
        rule_place = key if key.startswith(place) else f"{place}: {key}"
        entry = _entry(rule_place, _mapping(rule_place, rule), (*_RESOURCES, *_OF_RULES))
        if "if" not in entry.settings:
            raise ConfigError(f"{rule_place}: if: expected the condition under which the rule applies")
        yield key, entry


def _entry(place: str, fields: Mapping[str, Any], keys: Sequence[str]) -> _Entry:
    texts = {key: _text(place, fields, key) for key in keys}
    settings = {key: Expression(f"{place}: {key}", text) for key, text in texts.items() if text is not None}
    return _Entry(settings, _context(place, fields))


def _ancestry(place: str, tools: Mapping[str, _Entry], key: str) -> list[str]:
    chain = [key]
    while parent := tools[chain[0]].inherits:
        if parent not in tools or parent in chain:
            raise ConfigError(f"{place}: {chain[0]}: inherits: expected another tool of the file, not {parent!r}")
        chain.insert(0, parent)
    return chain


def _pattern(place: str, key: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            # of expressions that a later Python may read in another way
            warnings.simplefilter("ignore")
            return re.compile(key)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{place}: {key}: expected a regular expression of tool ids ({error})") from error
