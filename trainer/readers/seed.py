"""The seed's tables: a column for each input's size, its extension and each tool parameter, in both spellings."""

from sys import intern

from trainer.amounts import whole
from trainer.measured import Cells, is_measured
from trainer.tables import Row

from .cells import Columns, present, slots_of

_TWINS = ("_extension", "_filetype")


def columns(header: Row, label: str) -> Columns:
    """Return how a table with this header is read; the label is nothing that is known before."""
    twins = {column[: -len(twin)]: column for twin in _TWINS for column in header if column.endswith(twin)}
    sizes = [column for column in header if column in twins]
    told = {label, "tool_id", "tool_version", "dbkey", "galaxy_slots", "slots"}
    told.update(sizes, (twins[column] for column in sizes))
    parameters = [column for column in header if column not in told and not is_measured(column)]

    def described(row: Cells) -> dict[str, object]:
        there = [(column, whole(row[column], column), present(row[twins[column]])) for column in sizes]
        return {
            "inputs": [
                {"name": column, "size_bytes": size_bytes, "extension": extension and intern(extension)}
                for column, size_bytes, extension in there
                if size_bytes or extension
            ],
            "parameters": {column: intern(row[column]) for column in parameters if present(row[column])},
            "dbkey": present(row.get("dbkey")),
            "slots": slots_of(row),
        }

    return Columns(described)
