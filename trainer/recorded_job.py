"""A recorded job in the shape of Galaxy's own objects, so that one describe() describes live and recorded jobs."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Optional

from galaxy_memory_rules.describe import describe
from galaxy_memory_rules.messages import JobDescription


@dataclass(frozen=True)
class RecordedDataset:
    """One association of a job with a dataset, as an export tells it.

    Parameters
    ----------
    name : str
        The tool parameter as Galaxy recorded it, numbered where there are several (``reads``, ``reads1``, ``reads2``).
    key : str or int
        The same for associations with the same file, which is read once.
    size_bytes : int or None
        Its size, None where the server does not know it.
    extension : str or None
        Galaxy's datatype.
    dbkey : str or None
        Its genome build.
    """

    name: str
    key: object
    size_bytes: Optional[int]
    extension: Optional[str] = None
    dbkey: Optional[str] = None


@dataclass(frozen=True)
class _Job:
    """What `describe` looks at."""

    tool_id: str
    tool_version: Optional[str]
    input_datasets: list[Any]
    input_dataset_collections: list[Any]
    told: Mapping[str, Any]

    def raw_param_dict(self) -> Mapping[str, Any]:
        """Return the tool parameters as the database has them."""
        return self.told


def describe_recorded(
    tool_id: str,
    tool_version: Optional[str],
    datasets: Iterable[RecordedDataset],
    parameters: Mapping[str, Any],
    collections: Collection[str] = (),
) -> JobDescription:
    """Describe a recorded job as the rule would have described it; neither its slots nor its attempt are in that.

    Parameters
    ----------
    tool_id, tool_version : str
        Its tool.
    datasets : iterable of RecordedDataset
        All associations, aliases included, in the order in which they were recorded.
    parameters : mapping
        The tool parameters as the database has them: JSON texts by name.
    collections : collection of str
        Names of the parameters that took a collection.
    """
    collected = [SimpleNamespace(name=name, dataset_collection=_NOTHING_MORE) for name in collections]
    associations = [SimpleNamespace(name=dataset.name, dataset=_association(dataset)) for dataset in datasets]
    return describe(_Job(tool_id, tool_version, associations, collected, parameters), None)


# the leaves of a collection are recorded one by one as well
_NOTHING_MORE = SimpleNamespace(dataset_instances=())


def _association(dataset: RecordedDataset) -> Any:
    stored = SimpleNamespace(id=dataset.key, file_size=dataset.size_bytes, get_size=lambda **_: dataset.size_bytes)
    return SimpleNamespace(dataset=stored, extension=dataset.extension, dbkey=dataset.dbkey)
