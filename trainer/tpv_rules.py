"""Memory rules of Total Perspective Vortex (TPV), asked about recorded jobs: what each entry sets, and which apply."""

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import GIB
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, JobDescription

from .expressions import Expression, Value
from .tpv_sizes import names_of

# in the order in which TPV works them out: each may use those before it
RESOURCES = tuple(f"{bound}{kind}" for bound in ("min_", "max_", "") for kind in ("gpus", "cores", "mem"))


@dataclass(frozen=True)
class Entry:
    """A tool or a rule: what it sets itself, or all that it sets once it lies over those it inherits from.

    Parameters
    ----------
    settings : mapping of str to Expression
        Of `RESOURCES`, and of a rule its condition as ``if``, ``fail`` and ``execute``.
    context : mapping of str to str, int, float, bool or None
        Names that the expressions may use.
    rules : mapping of str to Entry
        By id, in the order in which they apply.
    inherits : str, optional
        The key of the tool it lies over.
    abstract : bool
        Whether only others may inherit from it.
    """

    settings: Mapping[str, Expression] = field(default_factory=dict)
    context: Mapping[str, Value] = field(default_factory=dict)
    rules: Mapping[str, "Entry"] = field(default_factory=dict)
    inherits: Optional[str] = None
    abstract: bool = False

    def over(self, parent: "Entry") -> "Entry":
        """Return what is set where this entry has the last word."""
        rules = {key: rule.over(parent.rules.get(key, Entry())) for key, rule in self.rules.items()}
        return Entry(
            {**parent.settings, **self.settings},
            {**parent.context, **self.context},
            {**parent.rules, **rules},
            abstract=self.abstract,
        )

    @property
    def sets_memory(self) -> bool:
        """Whether it may change what is requested."""
        return bool(self.context or self.settings.keys() - {"if"} or any(r.sets_memory for r in self.rules.values()))

    def memory_bytes(self, known: Mapping[str, Value]) -> int:
        """Work out ``mem``, which is set, and what it depends on.

        Raises
        ------
        ConfigError
            If it cannot be worked out, or is no amount of memory.
        """
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
        return [name for name in RESOURCES if name in self.settings and name.endswith(kinds)]


def stacked(entries: Sequence[Entry]) -> Entry:
    """Lay each entry over those before it."""
    return functools.reduce(lambda parent, entry: entry.over(parent), entries)


class TpvRules:
    """The rules of one file, applied as TPV 3.3 applies them.

    https://total-perspective-vortex.readthedocs.io/en/latest/topics/tpv_by_example.html

    What roles, users and destinations change is left out, as is what a tool's own XML asks for: a recorded job does
    not tell them. Of Python only what `Expression` knows is evaluated.
    """

    def __init__(self, tools: Sequence[tuple[re.Pattern[str], Entry]], common: Entry, notes: Sequence[str]) -> None:
        self._tools = tools
        self._common = common
        self._found: dict[tuple[str, Optional[str]], Entry] = {}
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
            Its inputs, in bytes, are the ``input_size`` and ``helpers.get_input_size`` of the rules, in GiB; one of
            unknown size counts 0.

        Returns
        -------
        int or None
            Bytes, rounded up, of the GiB that ``mem`` says; None where the file does not say, refuses the job, or
            says it in a way that cannot be worked out (see `skipped`).
        """
        known: dict[str, Value] = {**names_of(job)}
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

    def _entry(self, tool_id: str, tool_version: Optional[str]) -> Entry:
        if (tool_id, tool_version) not in self._found:
            # a record may have the version beside the id, or not at all, where a key ends with the slash before it
            names = (tool_id, f"{tool_id}/{tool_version or ''}")
            matches = [entry for key, entry in self._tools if any(key.match(name) for name in names)]
            refused = any(entry.abstract for entry in matches)
            self._found[tool_id, tool_version] = Entry() if refused else stacked([self._common, *matches])
        return self._found[tool_id, tool_version]

    def _after(self, rule: Entry, entry: Entry, known: Mapping[str, Value]) -> Entry:
        try:
            if rule.settings["if"].value(known):
                changed = rule.over(entry)
                _check(rule, {*changed.context, *known, *RESOURCES})
                return changed
        except ConfigError as error:
            self._note(error, "the rule is passed over")
        return entry

    def _note(self, error: ConfigError, consequence: str) -> None:
        self._notes[f"{error}; {consequence}"] = None


def _check(rule: Entry, known: set[str]) -> None:
    for key, setting in rule.settings.items():
        if key == "execute":
            raise ConfigError(f"{setting.place}: statements are not run")
        if key != "fail" and not known.issuperset(names := setting.names):
            raise ConfigError(f"{setting.place}: {min(names - known)} is not known here")
