"""What a bundle tells of itself: its records, its model, the sizes seen, the versions it was made with."""

import platform
from collections.abc import Mapping
from typing import Any

import numpy as np
import sklearn

from galaxy_memory_rules import __version__

from .candidates import Candidate
from .records import ToolRecords
from .sample import Sample


def facts_of(
    found: ToolRecords, candidate: Candidate, parameters: Mapping[str, Any], scores: Mapping[str, Any], sample: Sample
) -> dict[str, Any]:
    """Return where a bundle comes from and what its model is worth.

    Parameters
    ----------
    found : ToolRecords
        The recorded jobs.
    candidate : Candidate
        The model that is served.
    parameters : mapping
        Its hyper-parameters.
    scores : mapping
        How it did.
    sample : Sample
        The rows it is fitted on.
    """
    return {
        "file": found.file,
        "label": found.label,
        "model": {"name": candidate.name, "class": candidate.regressor.__name__, "parameters": dict(parameters)},
        "rows": {"used": len(sample.jobs), "dropped": dict(found.dropped)},
        "sizes_bytes": _ranges(sample),
        "scores": dict(scores),
        "versions": {
            "galaxy_memory_rules": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit_learn": sklearn.__version__,
        },
    }


def _ranges(sample: Sample) -> dict[str, dict[str, int]]:
    """Return the smallest, median and largest size of each input where it was there."""
    seen: dict[str, list[int]] = {name: [] for name in sample.schema.inputs}
    for job in sample.jobs:
        for name, size_bytes in sample.schema.sizes_bytes(job).items():
            seen[name].append(size_bytes)
    return {
        name: {"smallest": min(sizes), "median": int(np.median(sizes)), "largest": max(sizes)}
        for name, sizes in seen.items()
    }
