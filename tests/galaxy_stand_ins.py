"""Small classes that stand in for Galaxy's job, tool, datasets and job configuration."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass
class StoredDataset:
    """A file as Galaxy's database knows it."""

    id: int
    file_size: int | Decimal | None

    def get_size(self, nice_size: bool = False, calculate_size: bool = True) -> Any:
        """Return the size; nobody may look at the file itself."""
        assert not nice_size, "the size is wanted as a number"
        assert not calculate_size, "the file was looked at: it may be in an object store"
        return self.file_size or 0


@dataclass
class DatasetAssociation:
    """A dataset of a history or a library."""

    dataset: StoredDataset
    extension: str = "fastqsanger"
    dbkey: str = "?"
    name: str = "patient 42, secret.fastq"


@dataclass
class Collection:
    """A dataset collection, or one element of a nested one."""

    dataset_instances: list[DatasetAssociation]


@dataclass
class Input:
    """Which dataset a tool parameter has."""

    name: str
    dataset: DatasetAssociation | None


@dataclass
class InputCollection:
    """Which collection a tool parameter has."""

    name: str
    dataset_collection: Collection | None = None
    dataset_collection_element: Collection | None = None


@dataclass
class State:
    """One entry of a job's history of states."""

    state: str
    info: str = ""


@dataclass
class Job:
    """A job that waits for its destination."""

    id: int = 7
    tool_id: str = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.5.0+galaxy0"
    tool_version: str = "2.5.0+galaxy0"
    input_datasets: list[Input] = field(default_factory=list)
    input_library_datasets: list[Input] = field(default_factory=list)
    input_dataset_collections: list[InputCollection] = field(default_factory=list)
    input_dataset_collection_elements: list[InputCollection] = field(default_factory=list)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    state_history: list[State] = field(default_factory=list)
    destination_params: dict[str, Any] | None = None
    state: str = "new"
    job_runner_external_id: str | None = None

    def raw_param_dict(self) -> dict[str, str]:
        """Return the parameters as Galaxy stores them: JSON texts."""
        return {name: json.dumps(value) for name, value in self.parameters.items()}


@dataclass
class Tool:
    """An installed tool."""

    id: str = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.5.0+galaxy0"
    version: str | None = "2.5.0+galaxy0"


@dataclass
class Destination:
    """Where a job runs; Galaxy's class of this shape is JobDestination."""

    id: str
    runner: str
    params: dict[str, Any] = field(default_factory=dict)
    env: list[dict[str, Any]] = field(default_factory=list)
    resubmit: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class JobConfiguration:
    """What job_conf says."""

    destinations: dict[str, tuple[Destination, ...]]
    default_destination_id: str = "memory_rule"

    def get_destination(self, name: str | None) -> Destination:
        """Return a copy that belongs to the caller; without a name, of the default."""
        return copy.deepcopy(self.destinations[self.default_destination_id if name is None else name][0])


@dataclass
class App:
    """The part of Galaxy's application that a rule sees."""

    job_config: JobConfiguration


def app_with(*destinations: Destination) -> App:
    """Return an application with these destinations behind a dynamic one."""
    rule = Destination("memory_rule", "dynamic")
    return App(JobConfiguration({found.id: (found,) for found in (rule, *destinations)}))


def dataset(number: int, size_bytes: int | Decimal | None, extension: str = "fastqsanger") -> DatasetAssociation:
    """Return a dataset association with a file of its own."""
    return DatasetAssociation(StoredDataset(number, size_bytes), extension)


def bowtie2_job(reads_bytes: int, genome_bytes: int | None = None, **more: Any) -> Job:
    """Return a job of bowtie2: single reads, against a genome of the history or a cached one."""
    inputs = [Input("library|input_1", dataset(1, reads_bytes))]
    if genome_bytes is not None:
        inputs.append(Input("reference_genome|own_file", dataset(2, genome_bytes, "fasta")))
    parameters = {
        "library": {"type": "single", "__current_case__": 0, "input_1": {"values": [{"id": 1, "src": "hda"}]}},
        "reference_genome": {"source": "indexed" if genome_bytes is None else "history", "__current_case__": 0},
        "analysis_type": {"analysis_type_selector": "simple", "presets": "no_presets", "__current_case__": 0},
        "rg": {"rg_selector": "do_not_set", "__current_case__": 3},
        "sam_options": {"sam_options_selector": "no", "__current_case__": 1},
        "save_mapping_stats": False,
        "dbkey": "?",
        "chromInfo": "/srv/galaxy/tool-data/shared/ucsc/chrom/?.len",
        "__input_ext": "input",
    }
    return Job(input_datasets=inputs, parameters={**parameters, **more})
