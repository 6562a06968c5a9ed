"""Export dialects -> records."""

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from galaxy_memory_rules.errors import RecordsError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.features import TOTALS_INPUT
from trainer.measured import is_measured
from trainer.readers import read
from trainer.records import JobRecord

LABEL = "memory.max_usage_in_bytes"
SEED = f"""{LABEL},own_file,input_1,input_2,own_file_extension,input_1_extension,input_2_extension,dbkey,mode,rg
2886856704,2102960,1493950957,0,align,fastq,nan,?,False,none
100,0,0,7,nan,nan,fasta,hg38,nan,set
"""
BOWTIE2 = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.3.4.3+galaxy0"


def file_with(text: str, folder: Path, name: str = "bowtie2.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_seeds_columns_are_inputs_parameters_and_the_build(tmp_path: Path) -> None:
    [found] = read(file_with(SEED, tmp_path), LABEL, written="examples/bowtie2.csv")
    first, second = found.records
    assert (found.tool, found.file, first.peak_bytes) == ("bowtie2", "examples/bowtie2.csv", 2886856704)
    assert first.job.inputs == (
        InputDataset("own_file", 2102960, "align"),
        InputDataset("input_1", 1493950957, "fastq"),
    )
    assert (first.job.dbkey, first.job.parameters) == ("?", {"mode": "False", "rg": "none"})
    # the text nan is nothing; none is a choice that tools offer
    assert (second.job.inputs, second.job.parameters) == ((InputDataset("input_2", 7, "fasta"),), {"rg": "set"})


def test_an_empty_dataset_is_there_if_it_has_an_extension(tmp_path: Path) -> None:
    text = f"{LABEL},input_1,input_1_extension\n5,0,fasta\n5,0,nan\n"
    [found] = read(file_with(text, tmp_path), LABEL)
    assert [record.job.inputs for record in found.records] == [(InputDataset("input_1", 0, "fasta"),), ()]


def test_the_older_dialect_has_file_types_and_prefixed_parameters(tmp_path: Path) -> None:
    text = (
        "memory.peak,fastq_input|fastq_input1,fastq_input|fastq_input1_filetype,parameters.a.b,galaxy_slots\n"
        "9,5,fastq,x,8.0000000\n"
    )
    [found] = read(file_with(text, tmp_path), "memory.peak")
    [record] = found.records
    assert record.job.inputs == (InputDataset("fastq_input|fastq_input1", 5, "fastq"),)
    assert (record.job.parameters, record.job.slots) == ({"parameters.a.b": "x"}, 8)


def test_what_is_only_known_afterwards_is_no_feature(tmp_path: Path) -> None:
    after = ["runtime_seconds", "memory.failcnt", "cpuacct.usage", "job_id", "state", "handler", "destination_id"]
    after += ["galaxy_runtime", "tpv_mem", "requested_memory_mb", "native_specification", "limits_memory"]
    after += ["create_time", "exit_code", "user_email", "hostname", "wall_seconds", "peak_rss_bytes", "memtotal"]
    text = f"{LABEL},mode,{','.join(after)}\n9,fast,{','.join('1' for _ in after)}\n"
    [found] = read(file_with(text, tmp_path), LABEL)
    assert found.records[0].job.parameters == {"mode": "fast"}


def test_a_file_without_a_header_has_the_columns_of_job_metrics(tmp_path: Path) -> None:
    text = f"\ufeff{BOWTIE2},9168255,2,8,12447825920,2022-05-05 09:55:37.128908\ncircos,671523,12,1,1024,2020-04-30\n"
    bowtie2, circos = read(file_with(text, tmp_path, "all.txt"), "memory_bytes")
    assert (bowtie2.tool, circos.tool) == (BOWTIE2, "circos")
    job = bowtie2.records[0].job
    assert job.inputs == (InputDataset(TOTALS_INPUT, 9168255, None, 2),)
    assert (job.slots, bowtie2.records[0].peak_bytes) == (8, 12447825920)
    # 2020-04-30 is day 18382 of the epoch: 50 years of 365 days, 12 leap days, and 31 + 29 + 31 + 29 days
    assert circos.records[0].created_seconds == 18382 * 86400


def test_what_was_measured_of_a_job_stands_beside_it(tmp_path: Path) -> None:
    text = (
        f"{LABEL},mode,state,exit_code,create_time,runtime_seconds,memory.limit_in_bytes,galaxy_memory_mb\n"
        "9,fast,error,137,1970-01-01 00:01:00,7.0000000,2048.0000000,1.0000000\n"
        "9,fast,ok,0,unknown,,9223372036854771712,none\n"
    )
    [found] = read(file_with(text, tmp_path), LABEL)
    killed, ended = found.records
    assert (killed.outcome, killed.limit_bytes, killed.requested_bytes) == ("out_of_memory", 2048, 1024**2)
    assert (killed.run_seconds, killed.created_seconds) == (7, 60)
    # what is missing or cannot be read loses nothing else
    assert ended == JobRecord(JobDescription("bowtie2", parameters={"mode": "fast"}), 9, state="ok", peak_metric=LABEL)


@pytest.mark.parametrize(
    ("tool_id", "version", "tool"),
    [
        (None, None, "bowtie2"),  # named after its file
        ("bowtie2", "2.5", "bowtie2/2.5"),
        (BOWTIE2, "2.3.4.3+galaxy0", BOWTIE2),  # the id holds the version already
    ],
)
def test_a_tool_is_named_by_what_is_told(tool_id: str | None, version: str | None, tool: str, tmp_path: Path) -> None:
    [found] = read(file_with(SEED, tmp_path), LABEL, tool_id, version)
    assert found.tool == tool


def test_a_missing_label_is_named_with_the_columns_there_are(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"no column 'peak_rss' to predict; the columns are memory.max_usage"):
        read(file_with(SEED, tmp_path), "peak_rss")


def test_cgroup_v1_and_v2_are_one_thing(tmp_path: Path) -> None:
    """A server that moved to v2 has both columns, and each job one of them."""
    assert read(file_with(SEED, tmp_path), "memory.peak")[0].records == read(tmp_path / "bowtie2.csv", LABEL)[0].records
    text = f"{LABEL},memory.peak,mode\n5,,fast\n,7.0000000,fast\n6,8,fast\n0E-7,nan,fast\n"
    [found] = read(file_with(text, tmp_path), "memory.peak")
    assert [(record.peak_bytes, record.peak_metric) for record in found.records] == [
        (5, LABEL),
        (7, "memory.peak"),
        (8, "memory.peak"),
    ]
    assert found.dropped == {"no peak recorded": 1}
    assert found.records[0].job.parameters == {"mode": "fast"}


def test_a_killed_job_without_a_peak_needs_at_least_what_it_had(tmp_path: Path) -> None:
    text = f"{LABEL},state,exit_code,galaxy_memory_mb\n,error,137,1.0000000\n,error,137,\n,error,1,1\n7,ok,0,1\n"
    [found] = read(file_with(text, tmp_path), LABEL)
    assert [(record.peak_bytes, record.outcome) for record in found.records] == [(1024**2, "out_of_memory"), (7, "ok")]
    assert found.dropped == {"no peak recorded": 2}


@pytest.mark.parametrize(
    ("text", "complaint"), [("", "empty"), ("\n\n", "empty"), ("a,a\n1,2\n", "'a' stands there twice")]
)
def test_a_file_without_a_usable_header_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=complaint):
        read(file_with(text, tmp_path), "a")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("many,5,fastq", f"{LABEL}: 'many' is no number"),
        ("-5,5,fastq", f"{LABEL}: '-5' is no number"),
        ("inf,5,fastq", f"{LABEL}: 'inf' is no number"),
        (f"{'9' * 400},5,fastq", f"{LABEL}: more than 9,007,199,254,740,991 bytes"),
        ("1e999999999,5,fastq", f"{LABEL}: '1e999999999' is no number"),
        ("9,1_000,fastq", "input_1: '1_000' is no number"),
        ('9,"1,000",fastq', "input_1: '1,000' is no number"),
        ("9,1e30,fastq", "inputs[0].size_bytes: expected an integer"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_by_line_and_column(row: str, complaint: str, tmp_path: Path) -> None:
    [found] = read(file_with(f"{LABEL},input_1,input_1_extension\n9,5,fastq\n{row}\n", tmp_path), LABEL)
    assert found.fault is not None
    assert "line 3: " in str(found.fault)
    assert complaint in str(found.fault)


def test_a_row_without_a_peak_is_dropped_and_counted(tmp_path: Path) -> None:
    text = f"{LABEL},input_1,input_1_extension\n" + "".join(
        f"{peak},5,x\n" for peak in ("9", "", "nan", "None", "0", "0E-7")
    )
    [found] = read(file_with(text, tmp_path), LABEL)
    assert (len(found.records), found.dropped) == (1, {"no peak recorded": 5})


def test_the_jobs_that_galaxy_says_died_for_memory_are_lower_bounds(tmp_path: Path) -> None:
    """The shape of the public failed_jobs/memory_csv: the raw columns of the job beside the older dialect."""
    info = "This job was terminated because it used more memory than it was allocated."
    text = (
        "memtotal,galaxy_slots,fastq_input|fastq_input1,fastq_input|fastq_input1_filetype,parameters.a.b,create_time,"
        "destination_id,exit_code,handler,info,job_runner_name,state,galaxy_memory_mb,memory.max_usage_in_bytes\n"
        f"193736796,4,5,fastq,x,2018-01-01 00:00:00,multi,,main.w3,{info},slurm,error,8192,\n"
    )
    [found] = read(file_with(text, tmp_path), LABEL)
    [record] = found.records
    assert (record.outcome, record.peak_bytes, record.destination_id) == ("out_of_memory", 8192 * 1024**2, "multi")
    assert record.job.parameters == {"parameters.a.b": "x"}


NAMES = st.from_regex(r"[a-z]{1,8}(\|[a-z]{1,8})?", fullmatch=True)
CHOICES = st.from_regex(r"[A-Za-z0-9;\"' ]{0,10}x", fullmatch=True)
SEED_JOBS = st.tuples(
    st.integers(1, 2**50),
    st.lists(st.integers(0, 2**50), min_size=2, max_size=2),
    st.lists(CHOICES, min_size=2, max_size=2),
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(NAMES, min_size=4, max_size=4, unique=True),
    twin=st.sampled_from(["_extension", "_filetype"]),
    rows=st.lists(SEED_JOBS, min_size=1, max_size=5),
    decimals=st.sampled_from(["", ".0000000"]),
)
def test_whatever_the_seed_writes_is_read(
    names: list[str], twin: str, rows: list[tuple[int, list[int], list[str]]], decimals: str, tmp_path: Path
) -> None:
    assume(not any(is_measured(name) or name in ("dbkey", "slots") for name in names))
    inputs, parameters = names[:2], names[2:]
    path = tmp_path / "tool.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([LABEL, *inputs, *(name + twin for name in inputs), *parameters])
        for peak_bytes, sizes, chosen in rows:
            extensions = ["fastq" if size else "nan" for size in sizes]
            table.writerow([f"{peak_bytes}{decimals}", *sizes, *extensions, *chosen])
    [found] = read(path, LABEL)
    assert [record.peak_bytes for record in found.records] == [peak_bytes for peak_bytes, _, _ in rows]
    for record, (_, sizes, chosen) in zip(found.records, rows, strict=True):
        told = {dataset.name: dataset.size_bytes for dataset in record.job.inputs}
        assert told == {name: size for name, size in zip(inputs, sizes, strict=True) if size}
        assert record.job.parameters == {name: text.strip() for name, text in zip(parameters, chosen)}


@pytest.mark.parametrize(("name", "rows", "columns"), [("bowtie2", 3963, 5), ("hisat2", 2797, 4)])
def test_the_seeds_own_examples_are_read_whole(name: str, rows: int, columns: int) -> None:
    path = Path(__file__).parents[2] / "shared/data/usegalaxy_org" / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there: public data lies beside the checkout")
    [found] = read(path, LABEL)
    assert (len(found.records), found.dropped, found.fault) == (rows, {}, None)
    assert len({parameter for record in found.records for parameter in record.job.parameters}) <= columns
    assert all(record.job.inputs and record.job.dbkey for record in found.records)
