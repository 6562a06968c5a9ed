"""The input sizes that were recorded, and what to request beyond them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

import numpy as np

from galaxy_memory_rules.messages import JobDescription

from .distribution import Rows, Vector
from .features import FeatureSchema

TOTAL_NAME = "all inputs together"
# The line beyond the sizes seen is that of the largest jobs: memory may rise with size and then stand still. Trained on
# the smaller 80 % of seven public tools, 3.9 % of the larger jobs fail at a rel of 1.78; with all jobs 5.4 % at 1.99.
_LARGEST_SHARE, _LEAST_LARGEST = 0.25, 20


@dataclass(frozen=True)
class Sizes:
    """What the sizes of one tool's recorded jobs tell.

    Parameters
    ----------
    largest_bytes : mapping of str to int
        The largest seen of each input, and of all of them together.
    always_there : tuple of str
        Inputs that every recorded job had.
    slope : float
        Bytes of peak for each byte of input among the largest recorded jobs.
    start_bytes : int
        Where that line begins, raised until it keeps the failure cap on the largest recorded jobs.
    """

    largest_bytes: Mapping[str, int]
    always_there: tuple[str, ...]
    slope: float
    start_bytes: int

    @classmethod
    def learn(cls, schema: FeatureSchema, jobs: list[JobDescription], peaks_bytes: Vector, covered: float) -> "Sizes":
        """Measure the recorded jobs.

        Parameters
        ----------
        schema : FeatureSchema
            The tool's features.
        jobs : list of JobDescription, of length n_jobs
            The recorded jobs.
        peaks_bytes : array of shape (n_jobs,)
            What they needed.
        covered : float
            Share of the recorded jobs that the line has to be enough for.
        """
        sizes = [sizes_bytes(schema, job) for job in jobs]
        totals = np.array([size[TOTAL_NAME] for size in sizes], dtype=np.float64)
        largest = _largest(totals)
        return cls(
            largest_bytes={name: max(size.get(name, 0) for size in sizes) for name in (TOTAL_NAME, *schema.inputs)},
            always_there=tuple(name for name in schema.inputs if all(name in size for size in sizes)),
            slope=_slope(totals[largest], peaks_bytes[largest]),
            start_bytes=0,
        ).enough_for(covered, totals, peaks_bytes)

    def enough_for(self, covered: float, totals_bytes: Vector, peaks_bytes: Vector) -> "Sizes":
        """Let the line begin where it is enough for a share of the largest recorded jobs."""
        above_line = (peaks_bytes - self.slope * totals_bytes)[_largest(totals_bytes)]
        return replace(self, start_bytes=int(np.quantile(above_line, covered, method="higher")))

    def beyond(self, sizes: Mapping[str, int]) -> Optional[str]:
        """Say which of a job's sizes is larger than any recorded, or return None."""
        for name, size_bytes in sizes.items():
            largest_bytes = self.largest_bytes.get(name, 0)
            if largest_bytes and size_bytes > largest_bytes:
                return f"{name} is {size_bytes / largest_bytes:.3g} times the largest seen"
        return None

    def line_bytes(self, total_bytes: int) -> float:
        """Return what the line says for a total of inputs."""
        return self.start_bytes + self.slope * total_bytes

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads."""
        return dict(vars(self), largest_bytes=dict(self.largest_bytes), always_there=list(self.always_there))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Sizes":
        """Read sizes back from a manifest."""
        return cls(**{**content, "always_there": tuple(content["always_there"])})


def sizes_bytes(schema: FeatureSchema, job: JobDescription) -> dict[str, int]:
    """Return the bytes of each input that is there, under the records' names, and of all of them together."""
    total_bytes = sum(dataset.size_bytes or 0 for dataset in job.inputs)
    return {**schema.sizes_bytes(job), TOTAL_NAME: total_bytes}


def _largest(totals_bytes: Vector) -> Rows:
    return np.argsort(-totals_bytes, kind="stable")[: max(round(_LARGEST_SHARE * len(totals_bytes)), _LEAST_LARGEST)]


def _slope(totals_bytes: Vector, peaks_bytes: Vector) -> float:
    """Least squares slope of the peak over the total input, never negative: more input never needs less."""
    spread = totals_bytes - totals_bytes.mean()
    variance = float(spread @ spread)
    return max(float(spread @ peaks_bytes) / variance, 0.0) if variance else 0.0
