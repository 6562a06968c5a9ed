"""A job as numbers: the only place where a recorded row or a live job becomes what a model sees."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.messages import InputDataset, JobDescription, ParameterValue

from .columns import ColumnIndex

Matrix = npt.NDArray[np.float32]
Features = dict[str, Union[float, str]]

# How much larger sequence data is once it is unpacked: the usual ratio of FASTQ under gzip (sizing-study.md, 8.1).
UNPACKED_PER_PACKED_BYTE = 3.5
PACKED_ENDINGS = (".gz", ".bz2", ".zip", ".xz", ".zst")

# A category gets a column when this many rows have it; the rarer ones share a column with those never seen.
MIN_ROWS_PER_CATEGORY = 5
# A tool parameter with more values than this is free text or a number, not a choice.
MAX_VALUES_PER_PARAMETER = 20

# The name of the one entry that stands for all inputs where an export does not tell them apart.
TOTALS_INPUT = "total_filesize"
DBKEY = "dbkey"
EXTENSION = "extension:"
PARAMETER = "parameter:"
ABSENT = "(absent)"
OTHER = "(other)"
_NUMBERS = ("total", "largest", "unpacked", "count", "slots")
_TOTALS_ONLY_NUMBERS = ("total", "count", "slots")


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
    _places: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _input_index: ColumnIndex = field(init=False, repr=False, compare=False)
    _parameter_index: ColumnIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {column: place for place, column in enumerate(self.columns)})
        object.__setattr__(self, "_input_index", ColumnIndex(self.inputs))
        object.__setattr__(self, "_parameter_index", ColumnIndex(self.parameters))

    @classmethod
    def learn(cls, jobs: Sequence[JobDescription]) -> "FeatureSchema":
        """Find what varies over `jobs`.

        Parameters
        ----------
        jobs : sequence of JobDescription
            The recorded jobs of one tool.
        """
        inputs = sorted({dataset.name for job in jobs for dataset in job.inputs} - {TOTALS_INPUT})
        # of equally frequent ones the least, whatever the order of the rows
        slots = Counter(sorted(job.slots for job in jobs if job.slots)).most_common(1)
        usual_slots = slots[0][0] if slots else 0
        names = cls(tuple(inputs), _choices(jobs), {}, (), usual_slots)
        features = [names.features(job) for job in jobs]
        counts = _count_categories(features)
        seen = {name: tuple(value for value, _ in counted.most_common()) for name, counted in counts.items()}
        wide = replace(names, categories=seen, columns=(*names._number_columns(), *_category_columns(counts)))
        varies = np.ptp(wide.encode(features), axis=0) > 0
        return replace(wide, columns=tuple(np.array(wide.columns)[varies].tolist()))

    def features(self, job: JobDescription) -> Features:
        """Return the features of a job by name: numbers, and categories as text."""
        found: Features = {**_totals(job.inputs), "slots": float(job.slots or self.usual_slots)}
        if job.dbkey:
            found[DBKEY] = job.dbkey
        for column, size_bytes in self.sizes_bytes(job).items():
            found["size:" + column] = math.log1p(size_bytes)
            found["has:" + column] = 1.0
        for dataset in job.inputs:
            column_of_dataset = self._input_index.find(dataset.name)
            if column_of_dataset is not None and dataset.extension:
                found.setdefault(EXTENSION + column_of_dataset, dataset.extension)
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
        if told:
            for column in self.parameters:
                told.setdefault(PARAMETER + column, ABSENT)
        return told

    def encode(self, features: Sequence[Features]) -> Matrix:
        """Return the features of jobs as rows of the model's columns, shape (n_jobs, n_columns)."""
        rows = [self._encode(found) for found in features]
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(self.columns))

    def _encode(self, features: Features) -> list[float]:
        row = [0.0] * len(self.columns)
        places = self._places
        for name in self.categories:
            value = features.get(name, ABSENT)
            place = places.get(f"{name}={value}", places.get(f"{name}={OTHER}"))
            if place is not None:
                row[place] = 1.0
        for name, number in features.items():
            place = places.get(name)
            if place is not None:
                row[place] = float(number)
        return row

    def matrix(self, jobs: Iterable[JobDescription]) -> Matrix:
        """Return jobs as rows of the model's columns, shape (n_jobs, n_columns)."""
        return self.encode([self.features(job) for job in jobs])

    def unseen(self, features: Features) -> list[str]:
        """Return the categorical features whose value no recorded job had, as ``name=value``."""
        told = ((name, features.get(name), seen) for name, seen in self.categories.items())
        return [f"{name}={value}" for name, value, seen in told if value and value != ABSENT and value not in seen]

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads."""
        return {
            "inputs": list(self.inputs),
            "parameters": list(self.parameters),
            "categories": {name: list(seen) for name, seen in self.categories.items()},
            "columns": list(self.columns),
            "usual_slots": self.usual_slots,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "FeatureSchema":
        """Read a schema back from a manifest."""
        categories = {name: tuple(seen) for name, seen in content["categories"].items()}
        inputs, parameters, columns = (tuple(content[name]) for name in ("inputs", "parameters", "columns"))
        return cls(inputs, parameters, categories, columns, int(content["usual_slots"]))

    def _number_columns(self) -> list[str]:
        if not self.inputs:
            return list(_TOTALS_ONLY_NUMBERS)
        return [*_NUMBERS, *(kind + name for name in self.inputs for kind in ("size:", "has:"))]


def _totals(inputs: Iterable[InputDataset]) -> Features:
    total_bytes = unpacked_bytes = largest_bytes = count = 0
    for dataset in inputs:
        size_bytes = dataset.size_bytes or 0
        packed = bool(dataset.extension) and str(dataset.extension).endswith(PACKED_ENDINGS)
        total_bytes += size_bytes
        unpacked_bytes += round(size_bytes * UNPACKED_PER_PACKED_BYTE) if packed else size_bytes
        largest_bytes = max(largest_bytes, size_bytes // dataset.count)
        count += dataset.count
    return {
        "total": math.log1p(total_bytes),
        "largest": math.log1p(largest_bytes),
        "unpacked": math.log1p(unpacked_bytes),
        "count": float(count),
    }


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
