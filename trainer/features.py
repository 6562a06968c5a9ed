"""A job as numbers: the only place where a recorded row or a live job becomes what a model sees."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.messages import InputDataset, JobDescription, ParameterValue
from galaxy_memory_rules.names import tool_names

from . import genomes
from .columns import ColumnIndex
from .reference import reference_bytes, unpacked_bytes

Matrix = npt.NDArray[np.float32]
Features = dict[str, Union[float, str]]

# A category gets a column when this many rows have it; the rarer ones share a column with those never seen.
MIN_ROWS_PER_CATEGORY = 5
# A tool parameter with more values than this is free text or a number, not a choice.
MAX_VALUES_PER_PARAMETER = 20

# The name of the one entry that stands for all inputs where an export does not tell them apart.
TOTALS_INPUT = "total_filesize"
DBKEY = "dbkey"
VERSION = "version"
EXTENSION = "extension:"
PARAMETER = "parameter:"
ABSENT = "(absent)"
OTHER = "(other)"
TOTAL, LARGEST, REFERENCE = "total", "largest", "reference"
_NUMBERS = (TOTAL, LARGEST, "unpacked", "count", "slots", REFERENCE)
_TOTALS_ONLY_NUMBERS = (TOTAL, "count", "slots")


@dataclass(frozen=True)
class FeatureSchema:
    """Which features the model of one tool sees, learned from its recorded jobs.

    Parameters
    ----------
    inputs : tuple of str
        Columns of the input datasets that the records tell apart.
    parameters : tuple of str
        Columns of the tool parameters that have few values.
    categories : mapping of str to tuple of str
        The values seen of each categorical feature, the most frequent first.
    columns : tuple of str
        The model's columns: numbers by name, and ``dbkey=hg38`` which is 1 where the category holds.
    usual_slots : int
        The most frequent number of slots, for a job that does not tell its own; 0 where none was recorded.
    genomes : mapping of str to int
        Genome length by build, so that a cached reference stands beside its like from the history.

    Notes
    -----
    An absent input has size 0 and ``has:<input>`` 0, never a median. Where a job tells any tool parameter, those
    that it does not tell are absent: Galaxy leaves out the parameters of branches that are not taken.
    """

    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    columns: tuple[str, ...]
    usual_slots: int = 0
    genomes: Mapping[str, int] = field(default_factory=dict, repr=False)
    _numbers: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _choices: Mapping[str, tuple[Mapping[Any, int], Optional[int]]] = field(init=False, repr=False, compare=False)
    _input_index: ColumnIndex = field(init=False, repr=False, compare=False)
    _parameter_index: ColumnIndex = field(init=False, repr=False, compare=False)
    _absent_parameters: Features = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = {column: place for place, column in enumerate(self.columns)}
        choices = {name: _places_of_values(name, seen, places) for name, seen in self.categories.items()}
        of_choices = {f"{name}={value}" for name, seen in self.categories.items() for value in (*seen, OTHER)}
        object.__setattr__(self, "_numbers", {name: at for name, at in places.items() if name not in of_choices})
        object.__setattr__(self, "_choices", choices)
        object.__setattr__(self, "_input_index", ColumnIndex(self.inputs))
        object.__setattr__(self, "_parameter_index", ColumnIndex(self.parameters))
        object.__setattr__(self, "_absent_parameters", {PARAMETER + name: ABSENT for name in self.parameters})

    @classmethod
    def learn(
        cls, jobs: Sequence[JobDescription], genomes_by_build: Optional[Mapping[str, int]] = None
    ) -> "FeatureSchema":
        """Find what varies over `jobs`.

        Parameters
        ----------
        jobs : sequence of JobDescription
            The recorded jobs of one tool.
        genomes_by_build : mapping of str to int, optional
            Genome length by build; the shipped table where it is not given.
        """
        inputs = sorted({dataset.name for job in jobs for dataset in job.inputs} - {TOTALS_INPUT})
        # of equally frequent ones the least, whatever the order of the rows
        slots = Counter(sorted(job.slots for job in jobs if job.slots)).most_common(1)
        usual_slots = slots[0][0] if slots else 0
        known = genomes.load() if genomes_by_build is None else genomes_by_build
        names = cls(tuple(inputs), _choices(jobs), {}, (), usual_slots, known)
        features = [names.features(job) for job in jobs]
        counts = _count_categories(features)
        seen = {name: tuple(value for value, _ in counted.most_common()) for name, counted in counts.items()}
        wide = replace(names, categories=seen, columns=(*names._number_columns(), *_category_columns(counts)))
        varies = np.ptp(wide.encode(features), axis=0) > 0
        return replace(wide, columns=tuple(name for name, differs in zip(wide.columns, varies) if differs))

    def features(self, job: JobDescription) -> Features:
        """Return the features of a job by name: numbers, and categories as text."""
        found: Features = {**_totals(job.inputs), "slots": float(job.slots or self.usual_slots)}
        found[REFERENCE] = math.log1p(reference_bytes(job, self.genomes))
        if job.dbkey:
            found[DBKEY] = job.dbkey
        if version := version_of(job.tool_id, job.tool_version):
            found[VERSION] = version
        for dataset in job.inputs:
            column = self._input_index.find(dataset.name)
            if column is not None and dataset.extension:
                found.setdefault(EXTENSION + column, dataset.extension)
        for column, size_bytes in self.sizes_bytes(job).items():
            found["size:" + column] = math.log1p(size_bytes)
            found["has:" + column] = 1.0
        found.update(self._told_parameters(job.parameters))
        return found

    def sizes_bytes(self, job: JobDescription) -> dict[str, int]:
        """Return the bytes of each input that is there, under the records' names."""
        sizes_bytes: dict[str, int] = {}
        for dataset in job.inputs:
            column = self._input_index.find(dataset.name)
            if column is not None:
                sizes_bytes[column] = sizes_bytes.get(column, 0) + (dataset.size_bytes or 0)
        return sizes_bytes

    def _told_parameters(self, parameters: Mapping[str, ParameterValue]) -> Features:
        told: Features = {}
        for name, value in parameters.items():
            column = self._parameter_index.find(name)
            if column is not None and value is not None:
                told.setdefault(PARAMETER + column, _category(value))
        return {**self._absent_parameters, **told} if told else told

    def encode(self, features: Sequence[Features]) -> Matrix:
        """Return the features of jobs as rows of the model's columns, shape (n_jobs, n_columns)."""
        rows = [self._encode(found) for found in features]
        if not self.columns:
            # nothing varies: one column, so that every model has something to look at
            return np.zeros((len(rows), 1), dtype=np.float32)
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(self.columns))

    def _encode(self, features: Features) -> list[float]:
        row = [0.0] * len(self.columns)
        for name, (of_values, other) in self._choices.items():
            column = of_values.get(features.get(name, ABSENT), other)
            if column is not None:
                row[column] = 1.0
        for name, place in self._numbers.items():
            row[place] = float(features.get(name, 0.0))
        return row

    def matrix(self, jobs: Iterable[JobDescription]) -> Matrix:
        """Return jobs as rows of the model's columns, shape (n_jobs, n_columns)."""
        return self.encode([self.features(job) for job in jobs])

    def unseen(self, features: Features) -> list[tuple[str, str]]:
        """Return name and value of the categorical features whose value no recorded job had."""
        told = ((name, str(features.get(name, ABSENT)), seen) for name, seen in self.categories.items())
        return [(name, value) for name, value, seen in told if value != ABSENT and value not in seen]

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads."""
        return {
            "inputs": list(self.inputs),
            "parameters": list(self.parameters),
            "categories": {name: list(seen) for name, seen in self.categories.items()},
            "columns": list(self.columns),
            "usual_slots": self.usual_slots,
            "genomes": dict(self.genomes),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "FeatureSchema":
        """Read a schema back from a manifest."""
        categories = {name: tuple(seen) for name, seen in content["categories"].items()}
        inputs, parameters, columns = (tuple(content[name]) for name in ("inputs", "parameters", "columns"))
        lengths = {str(build): int(length) for build, length in content["genomes"].items()}
        return cls(inputs, parameters, categories, columns, int(content["usual_slots"]), lengths)

    def _number_columns(self) -> list[str]:
        if not self.inputs:
            return list(_TOTALS_ONLY_NUMBERS)
        return [*_NUMBERS, *(kind + name for name in self.inputs for kind in ("size:", "has:"))]


@lru_cache(maxsize=1000)
def version_of(tool_id: str, tool_version: Optional[str]) -> Optional[str]:
    """Return a tool's version: the last part of its id where that holds one, else what is told beside."""
    exact, *others = tool_names(tool_id, tool_version)
    family = next((name for name in others if exact.startswith(f"{name}/")), None)
    return exact[len(family) + 1 :] if family else tool_version


def _totals(inputs: Iterable[InputDataset]) -> Features:
    total_bytes = total_unpacked_bytes = largest_bytes = count = 0
    for dataset in inputs:
        size_bytes = dataset.size_bytes or 0
        total_bytes += size_bytes
        total_unpacked_bytes += unpacked_bytes(dataset)
        largest_bytes = max(largest_bytes, size_bytes // dataset.count)
        count += dataset.count
    return {
        TOTAL: math.log1p(total_bytes),
        LARGEST: math.log1p(largest_bytes),
        "unpacked": math.log1p(total_unpacked_bytes),
        "count": float(count),
    }


def _places_of_values(
    name: str, seen: Iterable[str], places: Mapping[str, int]
) -> tuple[Mapping[str, int], Optional[int]]:
    """Return the column of each value of a category, and that of all other values."""
    of_values = {value: places[column] for value in seen if (column := f"{name}={value}") in places}
    return of_values, places.get(f"{name}={OTHER}")


def _category(value: ParameterValue) -> str:
    """Write a parameter's value the same way whether it was recorded as text or comes from a live job."""
    text = str(value).strip()
    return text.lower() if text.lower() in ("true", "false") else text


def _choices(jobs: Iterable[JobDescription]) -> tuple[str, ...]:
    values: dict[str, set[str]] = defaultdict(set)
    for job in jobs:
        for name, value in job.parameters.items():
            values[name].add(_category(value))
    return tuple(sorted(name for name, seen in values.items() if len(seen) <= MAX_VALUES_PER_PARAMETER))


def _count_categories(features: Sequence[Features]) -> dict[str, Counter[str]]:
    names = sorted({name for found in features for name, value in found.items() if isinstance(value, str)})
    # sorted first, so that equally frequent values stand in the same order in every run
    return {name: Counter(sorted(str(found.get(name, ABSENT)) for found in features)) for name in names}


def _category_columns(counts: Mapping[str, Counter[str]]) -> list[str]:
    columns = []
    for name, counted in counts.items():
        columns += [f"{name}={value}" for value, rows in counted.items() if rows >= MIN_ROWS_PER_CATEGORY]
        columns.append(f"{name}={OTHER}")
    return columns
