"""Write the tables of Galaxy's database that the export reads, and all that these refer to, as Galaxy's own models say.

.venv-galaxy-26.1/bin/python -W ignore tests/galaxy_schema/make.py
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from galaxy.model import mapper_registry, mapping  # noqa: F401  (maps the tables that are no classes)
from sqlalchemy import create_mock_engine

METADATA = mapper_registry.metadata
READ = (
    "job",
    "job_state_history",
    "job_metric_numeric",
    "job_metric_text",
    "job_parameter",
    "job_to_input_dataset",
    "job_to_input_library_dataset",
    "job_to_input_dataset_collection",
    "job_to_input_dataset_collection_element",
    # what only the API reads
    "job_to_output_dataset",
)


def with_referred(names: Iterable[str]) -> list[Any]:
    """Return these tables and, over and over, those that they refer to."""
    found: dict[str, Any] = {}
    left = [METADATA.tables[name] for name in names]
    while left:
        table = left.pop()
        if table.name not in found:
            found[table.name] = table
            left += [key.column.table for key in table.foreign_keys]
    return list(found.values())


def statements(dialect: str) -> list[str]:
    """Return what makes the tables and their indexes."""
    told: list[str] = []

    def note(statement: Any, *_: Any, **__: Any) -> None:
        told.append(str(statement.compile(dialect=engine.dialect)).strip().replace("\t", "    ").replace(" \n", "\n"))

    engine = create_mock_engine(f"{dialect}://", note)
    METADATA.create_all(engine, tables=with_referred(READ), checkfirst=False)
    return told


for dialect in ("postgresql", "sqlite"):
    text = ";\n".join(statements(dialect))
    (Path(__file__).parent / f"{dialect}.sql").write_text(f"{text};\n")
