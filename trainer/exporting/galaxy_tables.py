"""The tables and columns of Galaxy's database that are read: no user, no history, and no name of a dataset is in them.

They are the same in all releases of Galaxy since 20.09; `history_dataset_association` holds what a tool reads.
"""

from sqlalchemy import DateTime, LargeBinary, column, table

JOB = table(
    "job",
    column("id"),
    column("create_time", DateTime),
    column("tool_id"),
    column("tool_version"),
    column("state"),
    column("exit_code"),
    column("info"),
    column("destination_id"),
    # JSON, as bytes
    column("destination_params", LargeBinary),
)
STATE_HISTORY = table("job_state_history", column("job_id"), column("state"))
METRIC = table("job_metric_numeric", column("job_id"), column("metric_name"), column("metric_value"))
PARAMETER = table("job_parameter", column("id"), column("job_id"), column("name"), column("value"))
# its dataset_id is the id of an association, not of a dataset
INPUT = table("job_to_input_dataset", column("id"), column("job_id"), column("dataset_id"), column("name"))
LIBRARY_INPUT = table("job_to_input_library_dataset", column("id"), column("job_id"), column("ldda_id"), column("name"))
# its dataset_collection_id is the id of an association, too
COLLECTION_INPUT = table(
    "job_to_input_dataset_collection", column("id"), column("job_id"), column("dataset_collection_id"), column("name")
)
ELEMENT_INPUT = table(
    "job_to_input_dataset_collection_element",
    column("id"),
    column("job_id"),
    column("dataset_collection_element_id"),
    column("name"),
)
_OF_A_DATASET = ("id", "dataset_id", "extension", "metadata")
IN_HISTORY = table("history_dataset_association", *(column(name) for name in _OF_A_DATASET))
IN_LIBRARY = table("library_dataset_dataset_association", *(column(name) for name in _OF_A_DATASET))
DATASET = table("dataset", column("id"), column("file_size"))
COLLECTION = table("history_dataset_collection_association", column("id"), column("collection_id"))
ELEMENT = table(
    "dataset_collection_element",
    column("id"),
    column("dataset_collection_id"),
    column("hda_id"),
    column("ldda_id"),
    column("child_collection_id"),
    column("element_index"),
)
