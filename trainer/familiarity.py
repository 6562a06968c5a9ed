"""How much of a job was recorded before: its very inputs, its reference, or neither."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError
from galaxy_memory_rules.messages import JobDescription

from .reference import told_reference

Digests = npt.NDArray[np.uint64]


class Familiarity(str, Enum):
    """What is known of a job's like; the failure cap is kept within each.

    A job on the same reads as a recorded one fails less often than one on new reads, and that less often than one on
    a reference that no model has met: 4, 9 and 13 % of bowtie2's first requests where one choice is made for all
    (usegalaxy.org).
    """

    INPUTS_SEEN = "inputs_seen"
    REFERENCE_SEEN = "reference_seen"
    REFERENCE_UNSEEN = "reference_unseen"


@dataclass(frozen=True)
class Familiar:
    """The inputs and references that were recorded, as sorted digests.

    Parameters
    ----------
    inputs : array of shape (n_inputs,)
        Of the distinct lists of input datasets.
    references : array of shape (n_references,)
        Of the distinct references; none where a tool's references are not told apart.
    """

    inputs: Digests
    references: Digests

    @classmethod
    def learn(cls, jobs: Iterable[JobDescription], tells_references: bool) -> "Familiar":
        """Remember the recorded jobs."""
        listed = list(jobs)
        references = [told for job in listed if (told := told_reference(job))] if tells_references else []
        return cls(_digests([inputs_key(job) for job in listed]), _digests(references))

    def of(self, job: JobDescription) -> Familiarity:
        """Say how familiar a job is."""
        if _holds(self.inputs, inputs_key(job)):
            return Familiarity.INPUTS_SEEN
        told = told_reference(job)
        if len(self.references) and (told is None or not _holds(self.references, told)):
            return Familiarity.REFERENCE_UNSEEN
        return Familiarity.REFERENCE_SEEN

    def __eq__(self, other: object) -> bool:
        """Compare whole arrays, which numpy and so the dataclass would compare one by one."""
        if not isinstance(other, Familiar):
            return NotImplemented
        return np.array_equal(self.inputs, other.inputs) and np.array_equal(self.references, other.references)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return {
            "familiar_inputs": self.inputs.astype("<u8"),
            "familiar_references": self.references.astype("<u8"),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> "Familiar":
        """Build from arrays.

        Raises
        ------
        BundleError
            If one is missing, of another type, or not sorted.
        """
        found = [arrays.get(name, np.zeros(0)) for name in ("familiar_inputs", "familiar_references")]
        for digests in found:
            if digests.dtype != np.dtype("<u8") or digests.ndim != 1:
                raise BundleError("familiar_inputs, familiar_references: expected digests; train this tool again")
            if (digests[1:] <= digests[:-1]).any():
                raise BundleError("familiar_inputs, familiar_references: not sorted; train this tool again")
        return cls(*found)


def inputs_key(job: JobDescription) -> str:
    """Return what is the same for jobs on identical inputs."""
    # what repr(job.inputs) is, in a fifth of the time: bundles hold its digests
    written = [
        f"InputDataset(name={one.name!r}, size_bytes={one.size_bytes}, extension={one.extension!r}, count={one.count})"
        for one in job.inputs
    ]
    return f"({written[0]},)" if len(written) == 1 else f"({', '.join(written)})"


def _digest(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _digests(keys: Iterable[str]) -> Digests:
    return np.unique(np.array([_digest(key) for key in keys], dtype=np.uint64))


def _holds(digests: Digests, key: str) -> bool:
    # Python's own search through a view costs a fifth of numpy's for one number
    digest, listed = _digest(key), digests.data
    place = bisect_left(listed, digest)
    return place < len(listed) and listed[place] == digest
