"""Jobs of every kind in a real PostgreSQL and an SQLite with Galaxy's schema, read as records."""

from collections.abc import Sequence
from datetime import timezone
from typing import Any

import pytest
from galaxy_database import BOWTIE2, CORE, FIRST, V1, V2, Filled
from sqlalchemy import text

from galaxy_memory_rules.errors import ConfigError, SourceError
from galaxy_memory_rules.messages import InputDataset, parse_job
from trainer.exporting.database import GalaxyDatabase
from trainer.exporting.database_jobs import DatabaseJobs
from trainer.exporting.selection import Selection
from trainer.records import JobRecord


def read(address: str, selection: Selection = Selection()) -> list[JobRecord]:  # noqa: B008
    """Return all records that a first export finds."""
    jobs = DatabaseJobs(GalaxyDatabase(address, 30), selection, "main")
    found = [record for batch in jobs.batches(None, ()) for record in batch.records]
    for record in found:
        parse_job(record.job.to_dict())
    return found


def inputs(record: JobRecord) -> list[tuple[str, int | None]]:
    return [(dataset.name, dataset.size_bytes) for dataset in record.job.inputs]


def test_a_job_is_told_with_all_that_the_table_of_jobs_metrics_and_parameters_know(
    galaxy: Filled, address: str
) -> None:
    job = galaxy.job(
        inputs=[("library|input_1", galaxy.dataset(1_493_950_957, "fastqsanger.gz"))],
        parameters={
            "library": {"__current_case__": 0, "type": "single", "input_1": {"values": [{"id": 1, "src": "hda"}]}},
            "dbkey": "hg38",
            "chromInfo": "/srv/galaxy/hg38.len",
            "__input_ext": "fastqsanger.gz",
        },
        metrics={**CORE, **V1, "galaxy_memory_mb": "4096"},
        destination_params={"native_specification": "--mem=8192", "gmem_request_bytes": "1"},
    )
    [record] = read(address)
    assert record.job.tool_id == BOWTIE2
    assert record.job.inputs == (InputDataset("library|input_1", 1_493_950_957, "fastqsanger.gz"),)
    assert (record.job.parameters, record.job.dbkey) == ({"library|type": "single"}, "hg38")
    assert (record.job.slots, record.job.attempt, record.job.tool_version) == (8, 1, "2.5.0+galaxy0")
    # the limit of 9.2e18 bytes is the kernel's word for none; 4096 MiB were asked for
    assert (record.peak_bytes, record.peak_metric) == (2_886_856_704, "memory.max_usage_in_bytes")
    assert (record.limit_bytes, record.requested_bytes) == (None, 4096 * 1024**2)
    assert (record.outcome, record.state, record.destination_id) == ("ok", "ok", "slurm")
    assert (record.job_id, record.server, record.run_seconds) == (str(job), "main", 120.0)
    # the first job is created a minute after nine
    assert record.created_seconds == FIRST.replace(tzinfo=timezone.utc).timestamp() + 60


@pytest.mark.parametrize(
    ("metrics", "peak"),
    [
        (V1, (2_886_856_704, "memory.max_usage_in_bytes")),
        (V2, (322_122_547, "memory.peak")),
        ({"memory.memsw.max_usage_in_bytes": "7"}, (7, "memory.memsw.max_usage_in_bytes")),
        # 0 is what is measured outside of a cgroup of its own
        ({"memory.peak": "0", "memory.max_usage_in_bytes": "5"}, (5, "memory.max_usage_in_bytes")),
        ({"memory.peak": "9.3e18", "memory.max_usage_in_bytes": "-1"}, (0, "")),
        (CORE, (0, "")),
        ({}, (0, "")),
    ],
)
def test_the_peak_is_the_first_that_was_measured(galaxy: Filled, address: str, metrics: Any, peak: Any) -> None:
    galaxy.job(metrics=metrics)
    [record] = read(address)
    assert (record.peak_bytes, record.peak_metric) == peak


@pytest.mark.parametrize(
    ("state", "columns", "metrics", "outcome"),
    [
        ("error", {"exit_code": 1}, V2, "failed"),
        ("error", {"exit_code": 137}, V2, "out_of_memory"),
        ("error", {"exit_code": 1}, {**V2, "memory.events.oom_kill": "2"}, "out_of_memory"),
        ("error", {"info": "This job was terminated because it used more memory than it was allocated."}, {},
         "out_of_memory"),
        ("failed", {"exit_code": None}, {}, "failed"),
        ("ok", {"exit_code": 1}, V2, "ok"),
    ],
)  # fmt: skip
def test_how_a_job_ended_is_told(
    galaxy: Filled, address: str, state: str, columns: Any, metrics: Any, outcome: str
) -> None:
    galaxy.job(state=state, metrics=metrics, **columns)
    assert [record.outcome for record in read(address)] == [outcome]


def test_a_job_that_came_back_twice_was_measured_at_its_third_attempt(galaxy: Filled, address: str) -> None:
    galaxy.job(states=("new", "queued", "resubmitted", "queued", "resubmitted", "running"))
    assert [record.job.attempt for record in read(address)] == [3]


def test_only_jobs_that_ended_by_themselves_are_read(galaxy: Filled, address: str) -> None:
    for state in ("new", "queued", "running", "paused", "resubmitted", "deleted", "deleting", "skipped", "stopped"):
        galaxy.job(state=state)
    galaxy.job(None)
    wanted = [galaxy.job(state=state) for state in ("ok", "error", "failed")]
    assert [record.job_id for record in read(address)] == [str(job) for job in wanted]


def test_the_datasets_of_a_multiple_input_are_recorded_twice_and_told_once(galaxy: Filled, address: str) -> None:
    first, second = galaxy.dataset(10), galaxy.dataset(20)
    galaxy.job(inputs=[("reads", first), ("reads1", first), ("reads2", second)])
    assert inputs(read(address)[0]) == [("reads", 10), ("reads", 20)]


def test_a_file_in_two_histories_is_read_once(galaxy: Filled, address: str) -> None:
    stored = galaxy.stored(30)
    galaxy.job(inputs=[("a", galaxy.dataset(None, stored=stored)), ("b", galaxy.dataset(None, stored=stored))])
    assert inputs(read(address)[0]) == [("a", 30)]


def test_a_size_that_is_not_known_and_one_that_is_0_are_told_apart(galaxy: Filled, address: str) -> None:
    galaxy.job(inputs=[("a", galaxy.dataset(None)), ("b", galaxy.dataset(0))])
    assert inputs(read(address)[0]) == [("a", None), ("b", 0)]


def test_datasets_of_a_library_come_after_those_of_the_history(galaxy: Filled, address: str) -> None:
    galaxy.job(inputs=[("reads", galaxy.dataset(10))], library_inputs=[("genome", galaxy.library_dataset(20))])
    assert inputs(read(address)[0]) == [("reads", 10), ("genome", 20)]


def test_the_leaves_of_a_collection_go_to_its_parameter(galaxy: Filled, address: str) -> None:
    """Galaxy numbers them, and the parameter's own name may end with a digit."""
    leaves = [galaxy.dataset(size) for size in (1, 2, 3)]
    numbered = [(f"pair_1{number}", leaf) for number, leaf in enumerate(leaves, 1)]
    galaxy.job(inputs=numbered, collections=[("pair_1", galaxy.collection(leaves))])
    assert inputs(read(address)[0]) == [("pair_1", 1), ("pair_1", 2), ("pair_1", 3)]


def nested(galaxy: Filled) -> int:
    """Return a collection of two pairs, of 1, 2, 3 and 4 bytes."""
    return galaxy.collection([[galaxy.dataset(1), galaxy.dataset(2)], [galaxy.dataset(3), galaxy.dataset(4)]])


def test_the_leaves_of_a_nested_collection_are_found_where_galaxy_did_not_list_them(
    galaxy: Filled, address: str
) -> None:
    galaxy.job(collections=[("pairs", nested(galaxy))])
    assert inputs(read(address)[0]) == [("pairs", 1), ("pairs", 2), ("pairs", 3), ("pairs", 4)]


@pytest.mark.parametrize(("nesting", "expected"), [(True, [("part", 5), ("part", 6)]), (False, [("part", 5)])])
def test_an_element_of_a_collection_is_what_is_inside(
    galaxy: Filled, address: str, nesting: bool, expected: list[tuple[str, int]]
) -> None:
    inside: Sequence[Any] = [galaxy.dataset(5), galaxy.dataset(6)]
    whole = galaxy.collection([inside, inside] if nesting else inside)
    table = galaxy.table("dataset_collection_element")
    with galaxy.engine.connect() as connection:
        element = connection.execute(
            table.select().where(table.c.dataset_collection_id == whole).order_by(table.c.element_index)
        ).first()
    assert element is not None
    galaxy.job(elements=[("part", element.id)])
    assert inputs(read(address)[0]) == expected


@pytest.mark.parametrize(
    ("chosen", "built", "told"),
    [
        ("hg38", ["mm10"], "hg38"),
        ("?", ["mm10"], "mm10"),
        ("?", "mm10", "mm10"),
        ("?", ["mm10", "mm9"], "mm10"),
        ("?", [], "?"),
        ("?", ["?"], "?"),
        ("?", None, "?"),
    ],
)
def test_the_build_is_the_chosen_one_or_the_one_of_the_data(
    galaxy: Filled, address: str, chosen: str, built: Any, told: str
) -> None:
    galaxy.job(inputs=[("reads", galaxy.dataset(1, build=built))], parameters={"dbkey": chosen})
    assert [record.job.dbkey for record in read(address)] == [told]


@pytest.mark.parametrize("harmed", [b"", b"{", b"\x00\xff", b"\x80\x03}q\x00.", b"[1]", b'"x"', None])
def test_metadata_and_params_that_cannot_be_read_cost_nothing_else(
    galaxy: Filled, address: str, harmed: bytes | None
) -> None:
    reads = galaxy.dataset(1)
    job = galaxy.job(inputs=[("reads", reads)])
    table = galaxy.table("history_dataset_association")
    with galaxy.engine.begin() as connection:
        connection.execute(table.update().values(metadata=harmed))
    galaxy.change(job, destination_params=harmed)
    [record] = read(address)
    assert (inputs(record), record.job.dbkey, record.requested_bytes) == ([("reads", 1)], "?", None)


@pytest.mark.parametrize(
    ("params", "requested_mib"),
    [
        ({"gmem_request_bytes": str(5 * 1024**2), "native_specification": "--mem=7"}, 5),
        ({"tpv_mem": "2", "native_specification": "--mem=7"}, 2048),
        ({"native_specification": "--ntasks=2 --mem=7G"}, 7168),
        ({"request_memory": "12"}, 12),
        ({"requests_memory": "12Gi"}, 12288),
        ({"docker_enabled": "true"}, None),
    ],
)
def test_what_was_asked_for_is_found_in_the_params(
    galaxy: Filled, address: str, params: Any, requested_mib: int | None
) -> None:
    galaxy.job(destination_params=params)
    [record] = read(address)
    assert record.requested_bytes == (requested_mib and requested_mib * 1024**2)


def test_only_the_tools_and_destinations_that_are_wanted_are_read(galaxy: Filled, address: str) -> None:
    wanted = galaxy.job(BOWTIE2, destination_id="slurm_big")
    galaxy.job(BOWTIE2, destination_id="stampede")
    galaxy.job(BOWTIE2, destination_id=None)
    galaxy.job("cat1", destination_id="slurm_big")
    found = read(address, Selection(("*/bowtie2/*",), ("slurm*", "stampede"), ("stampede",)))
    assert [record.job_id for record in found] == [str(wanted)]


def test_jobs_from_before_the_time_that_is_wanted_are_left_out(galaxy: Filled, address: str) -> None:
    jobs = [galaxy.job(metrics=V2) for _ in range(5)]
    times = {number: FIRST.replace(day=number + 1) for number in range(5)}
    for number, job in enumerate(jobs):
        galaxy.change(job, create_time=times[number])
    found = read(address, Selection(since=times[3]))
    assert [record.job_id for record in found] == [str(jobs[3]), str(jobs[4])]


def test_the_jobs_are_read_by_windows_and_none_is_left_out(
    galaxy: Filled, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.exporting.database_jobs.WINDOW_IDS", 7)
    galaxy.many(50, [BOWTIE2, "cat1"])
    assert [record.job_id for record in read(address)] == [str(number) for number in range(1, 52)]


def test_galaxy_can_write_between_two_windows(galaxy: Filled, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WINDOW_IDS", "SQLITE_WINDOW_IDS"):
        monkeypatch.setattr(f"trainer.exporting.database_jobs.{name}", 2)
    jobs = [galaxy.job() for _ in range(6)]
    windows = DatabaseJobs(GalaxyDatabase(address, 30), Selection(), "").batches(None, ())
    seen = 0
    for _ in windows:
        # it would wait for an SQLite that is locked until it gives up
        galaxy.change(jobs[0], info="written")
        seen += 1
    assert seen == 3


def test_a_window_that_fails_is_read_in_halves(galaxy: Filled, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a statement takes too long: 40 ids fail, 20 do not."""
    monkeypatch.setattr("trainer.exporting.database_jobs.WINDOW_IDS", 40)
    monkeypatch.setattr("trainer.exporting.database_jobs._SMALLEST_WINDOW_IDS", 5)
    galaxy.many(50, [BOWTIE2])
    original = DatabaseJobs._batch
    asked: list[int] = []

    def limited(self: DatabaseJobs, connection: Any, wanted: Any, *more: Any) -> Any:
        low, high = wanted.compile().params.values()
        asked.append(high - low)
        if high - low > 20:
            raise SourceError("too slow")
        return original(self, connection, wanted, *more)

    monkeypatch.setattr(DatabaseJobs, "_batch", limited)
    assert len(read(address)) == 51
    # 1 to 20, then as far as it goes: 31 are too many, 20 are not, and the last of 51 are 11
    assert asked == [40, 20, 31, 20, 11]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM job", "UPDATE job SET tool_id = NULL", "CREATE TABLE mine (id INT)"]
)
def test_nothing_can_be_written_through_this_door(galaxy: Filled, address: str, statement: str) -> None:
    galaxy.job()
    with pytest.raises(SourceError, match="read.?only"), GalaxyDatabase(address, 30).snapshot() as connection:
        connection.execute(text(statement))
    assert len(read(address)) == 1


def test_a_statement_that_takes_too_long_is_ended(galaxy: Filled, address: str) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n"
    with pytest.raises(SourceError, match="timeout|interrupted"), GalaxyDatabase(address, 0.2).snapshot() as connection:
        connection.execute(text(slow))


def test_what_is_seen_is_one_state_of_the_database(galaxy: Filled, address: str) -> None:
    galaxy.job()
    count = text("SELECT count(*) FROM job")
    with GalaxyDatabase(address, 30).snapshot() as connection:
        assert connection.execute(count).scalar() == 1
        if connection.dialect.name == "postgresql":
            # SQLite's writers wait for its readers
            galaxy.job()
        assert connection.execute(count).scalar() == 1


def test_an_account_that_may_read_nothing_but_what_is_needed_is_enough(
    server: str, galaxy: Filled, address: str
) -> None:
    """And so no user, no history, no name and no command line can have been read."""
    if not address.startswith("postgresql"):
        pytest.skip("SQLite knows no accounts")
    galaxy.job(
        inputs=[("reads", galaxy.dataset(1))],
        library_inputs=[("genome", galaxy.library_dataset(20))],
        collections=[("pairs", nested(galaxy))],
        metrics=V2,
    )
    as_admin = read(address)
    with galaxy.engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS exporter"))
        connection.execute(text("CREATE ROLE exporter LOGIN"))
        for table, columns in readme_grants().items():
            connection.execute(text(f"GRANT SELECT ({', '.join(columns)}) ON {table} TO exporter"))
    try:
        assert read(address.replace("galaxy@", "exporter@")) == as_admin
    finally:
        with galaxy.engine.begin() as connection:
            connection.execute(text("DROP OWNED BY exporter"))
            connection.execute(text("DROP ROLE exporter"))


def readme_grants() -> dict[str, list[str]]:
    """Return the columns that the export reads, by table."""
    from sqlalchemy import TableClause

    from trainer.exporting import galaxy_tables

    tables = [found for found in vars(galaxy_tables).values() if isinstance(found, TableClause)]
    return {table.name: [column.name for column in table.columns] for table in tables}


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("galaxy", "no address of a database"),
        ("mysql://galaxy@localhost/galaxy", "mysql is no database of Galaxy"),
        ("sqlite:////nowhere/universe.sqlite", "no such file"),
        ("sqlite://", "no such file"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(address: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        GalaxyDatabase(address, 30)


def test_a_database_that_cannot_be_reached_is_named_without_its_password() -> None:
    jobs = DatabaseJobs(GalaxyDatabase("postgresql://galaxy:secret@127.0.0.1:1/galaxy", 30), Selection(), "")
    with pytest.raises(SourceError, match="galaxy:\\*\\*\\*@127.0.0.1:1/galaxy: .*refused") as caught:
        next(jobs.batches(None, ()))
    assert "secret" not in str(caught.value)


def test_a_database_of_something_else_is_named(tmp_path: Any) -> None:
    other = tmp_path / "other.sqlite"
    other.touch()
    with pytest.raises(SourceError, match="no such table: job"):
        read(f"sqlite:///{other}")


def test_a_job_that_no_record_can_be_made_of_is_named_and_costs_no_other(galaxy: Filled, address: str) -> None:
    galaxy.job("cat\n1")
    galaxy.job("cat1", metrics={"galaxy_slots": "-3", "memory.peak": "7"})
    good = galaxy.job("cat1")
    jobs = DatabaseJobs(GalaxyDatabase(address, 30), Selection(), "main")
    [batch] = [batch for batch in jobs.batches(None, ()) if batch.records]
    assert [record.job_id for record in batch.records] == [str(good)]
    assert [sentence.partition(":")[0] for sentence in batch.refused] == ["job 1", "job 2"]
