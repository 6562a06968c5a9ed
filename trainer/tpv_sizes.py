"""What TPV's own helpers tell of the inputs of a job, told of a recorded one."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Optional, Union

from galaxy_memory_rules.memory import GIB
from galaxy_memory_rules.messages import InputDataset, JobDescription

from .columns import path

INPUT_SIZE = "input_size"
GET_INPUT_SIZE = "helpers.get_input_size"
# as in TPV 3.3, not as in our own features: what is worked out here is what TPV will work out
_PACKED_ENDINGS = (".gz", ".bz2")
_COMPRESSION_FACTOR = 3.4


def names_of(job: JobDescription) -> Mapping[str, Union[float, Callable[..., float]]]:
    """Return what a TPV expression may ask of a job, by name; an input of unknown size counts 0."""
    return {
        INPUT_SIZE: sum(dataset.size_bytes or 0 for dataset in job.inputs) / GIB,
        GET_INPUT_SIZE: partial(input_size_gib, job),
    }


def input_size_gib(
    job: JobDescription,
    param_name: Optional[str] = None,
    estimate_uncompressed_size: bool = True,
    compression_factor: float = _COMPRESSION_FACTOR,
) -> float:
    """Return the size of a job's inputs, or of those of one tool parameter, as ``helpers.get_input_size`` of TPV 3.3.

    Parameters
    ----------
    job : JobDescription
        The job.
    param_name : str, optional
        The full path of a parameter (``library|input_1``); the datasets that Galaxy numbered belong to it. Records
        that tell no paths meet it by its last part.
    estimate_uncompressed_size : bool
        Whether what is packed counts `compression_factor` times.
    compression_factor : float
        By how much it grows.

    Returns
    -------
    float
        GiB.
    """
    datasets = job.inputs if param_name is None else _of_parameter(job, param_name)
    return sum(
        (dataset.size_bytes or 0) * (compression_factor if estimate_uncompressed_size and _is_packed(dataset) else 1.0)
        for dataset in datasets
    ) / float(GIB)


def _of_parameter(job: JobDescription, param_name: str) -> list[InputDataset]:
    tells_paths = any("|" in dataset.name for dataset in job.inputs)
    pattern = _numbered(param_name if tells_paths else path(param_name)[-1])
    return [dataset for dataset in job.inputs if pattern.match(dataset.name)]


@lru_cache(maxsize=1000)
def _numbered(name: str) -> re.Pattern[str]:
    return re.compile(rf"^{re.escape(name)}\d*$")


def _is_packed(dataset: InputDataset) -> bool:
    return (dataset.extension or "").endswith(_PACKED_ENDINGS)
