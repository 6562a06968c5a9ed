"""The canonical table: what is written is what is read, in each of its formats."""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galaxy_memory_rules.errors import RecordsError
from galaxy_memory_rules.messages import MAX_SIZE_BYTES, InputDataset, JobDescription
from trainer.canonical import COLUMNS, SUFFIXES, from_row, is_canonical, read, to_row, write
from trainer.records import JobRecord

JOB = JobDescription(
    "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.5.0+galaxy0",
    "2.5.0+galaxy0",
    (InputDataset("library|input_1", 1493950957, "fastqsanger.gz", 2), InputDataset("own_file", None)),
    {"analysis|mode": "a, b;  \"c'", "paired": True, "threads": 4, "cut": 0.5, "none": None},
    "hg38",
    8,
    2,
)
RECORD = JobRecord(
    JOB, 2886856704, "ok", 2**35, 2**34, 61.5, 60.25, "17", "eu", "ok", "memory.peak", "slurm"
)  # created 60.25 seconds after 1970 began
KILLED = JobRecord(JobDescription("cat1"), 0, "out_of_memory")

TEXTS = st.text(st.characters(categories=("L", "N", "P", "S")), max_size=20)
NAMES = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
SIZES = st.integers(0, MAX_SIZE_BYTES)
VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS | st.floats(-1e9, 1e9)
JOBS = st.builds(
    JobDescription,
    tool_id=NAMES,
    tool_version=st.none() | NAMES,
    inputs=st.lists(st.builds(InputDataset, NAMES, st.none() | SIZES, st.none() | NAMES, st.integers(1, 99))).map(
        tuple
    ),
    parameters=st.dictionaries(NAMES, VALUES, max_size=5),
    dbkey=st.none() | NAMES,
    slots=st.none() | st.integers(1, 64),
    attempt=st.integers(1, 5),
)
RECORDS = st.builds(
    JobRecord,
    JOBS,
    SIZES,
    st.sampled_from(["ok", "failed", "out_of_memory"]),
    limit_bytes=st.none() | SIZES,
    requested_bytes=st.none() | SIZES,
    run_seconds=st.none() | st.integers(0, 10**7).map(lambda milliseconds: milliseconds / 1000),
    created_seconds=st.none() | st.integers(1, 2**32),
    job_id=TEXTS,
    server=TEXTS,
    state=TEXTS,
    peak_metric=TEXTS,
    destination_id=TEXTS,
)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_record_of_everything_and_one_of_nothing_come_back(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / f"jobs{suffix}"
    assert write([RECORD, KILLED], path) == 2
    assert list(read(path)) == [RECORD, KILLED]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(RECORDS, max_size=5))
def test_whatever_is_written_is_read(suffix: str, records: list[JobRecord], tmp_path: Path) -> None:
    path = tmp_path / f"jobs{suffix}"
    assert write(records, path) == len(records)
    assert list(read(path)) == records


def test_the_columns_stand_in_their_order_and_times_are_iso(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    write([RECORD, KILLED], path)
    with path.open(newline="") as file:
        header, first, second = csv.reader(file)
    assert tuple(header) == COLUMNS == tuple(to_row(RECORD))
    assert (first[5], second[5]) == ("1970-01-01T00:01:00.250000+00:00", "")
    # an unknown number is empty, and so is an unknown text; a peak of 0 is told
    assert dict(zip(header, second)) == {
        **dict.fromkeys(COLUMNS, ""),
        "tool_id": "cat1",
        "peak_bytes": "0",
        "attempt": "1",
        "outcome": "out_of_memory",
        "inputs": "[]",
        "parameters": "{}",
    }


def test_parquet_has_numbers_where_numbers_are_meant(tmp_path: Path) -> None:
    path = tmp_path / "jobs.parquet"
    write([RECORD, KILLED], path)
    table = pq.read_table(path)
    assert tuple(table.column_names) == COLUMNS
    assert table["peak_bytes"].to_pylist() == [2886856704, 0]
    assert (table["slots"].to_pylist(), table["run_seconds"].to_pylist()) == ([8, None], [61.5, None])


def test_equal_records_make_equal_files(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        first, second = (tmp_path / f"{name}{suffix}" for name in "ab")
        write([RECORD], first)
        write([RECORD], second)
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_more_rows_than_a_group_holds_are_all_there_in_their_order(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.canonical._ROWS_PER_GROUP", 4)
    monkeypatch.setattr("trainer.canonical._ROWS_PER_BATCH", 3)
    path = tmp_path / f"jobs{suffix}"
    assert write((replace(KILLED, peak_bytes=number) for number in range(10)), path) == 10
    assert [record.peak_bytes for record in read(path)] == list(range(10))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_writing_that_breaks_off_leaves_the_old_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"jobs{suffix}"
    write([RECORD], path)

    def broken() -> Iterator[JobRecord]:
        yield KILLED
        raise OSError("the database is gone")

    with pytest.raises(RecordsError, match=r"cannot be written \(the database is gone\)"):
        write(broken(), path)
    assert list(read(path)) == [RECORD]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_name_that_tells_no_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"expected a name that ends with \.csv, \.csv\.gz, \.parquet"):
        write([RECORD], tmp_path / "jobs.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_a_spreadsheet_may_have_written_the_table_anew(tmp_path: Path) -> None:
    """Columns that a person left out are unknown, new ones are passed over, whole numbers have decimals."""
    path = tmp_path / "jobs.csv.gz"
    text = "note,peak_bytes,tool_id,inputs,parameters,slots\r\nx,1024.0,cat1,[],,4.0\r\n"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + text.encode()))
    assert list(read(path)) == [JobRecord(JobDescription("cat1", slots=4), 1024)]


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("peak_bytes", "many", "peak_bytes: 'many' is no number"),
        ("peak_bytes", "1e30", "peak_bytes: more than 9,007,199,254,740,991"),
        ("outcome", "fine", "outcome: expected ok, failed, out_of_memory"),
        ("inputs", "[", "inputs: expected JSON"),
        ("inputs", '[{"name":"a"}, 3]', "inputs[1]: expected an object"),
        ("parameters", "[]", "parameters: expected an object"),
        ("tool_id", "", "tool_id: expected printable text"),
        ("slots", "-1", "slots: '-1' is no number"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_by_row_and_column(
    column: str, value: str, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows([to_row(RECORD), {**to_row(RECORD), column: value}])
    with pytest.raises(RecordsError) as refused:
        list(read(path))
    assert str(refused.value).startswith(f"{path}, line 3: {complaint}")


def test_a_row_of_parquet_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "jobs.parquet"
    rows = [to_row(RECORD), {**to_row(RECORD), "outcome": "fine"}]
    pq.write_table(pa.Table.from_pylist(rows), path)
    with pytest.raises(RecordsError, match="row 2: outcome: expected"):
        list(read(path))


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.parquet", b"PAR1 and then nothing", "cannot be read"),
        ("a.parquet", b"", "no canonical table"),
        ("a.csv", b"tool_id,peak_bytes\ncat1,5\n", "no canonical table of jobs, it has no column 'inputs'"),
        ("a.csv", b"", "no canonical table"),
    ],
)
def test_what_is_no_canonical_table_is_refused(name: str, content: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecordsError, match=complaint):
        list(read(path))


def test_a_parquet_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"tool_id": ["cat1"]}), path)
    with pytest.raises(RecordsError, match="has no column 'inputs'"):
        list(read(path))


def test_a_table_is_known_by_its_columns() -> None:
    assert is_canonical(COLUMNS)
    assert not is_canonical(["tool_id", "memory.peak"])
    assert from_row(to_row(RECORD)) == RECORD
