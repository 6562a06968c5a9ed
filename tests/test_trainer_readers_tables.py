"""gxadmin's queries, Slurm's accounting and the canonical table -> records, recognised by what they hold."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galaxy_memory_rules.errors import ConfigError, RecordsError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import canonical
from trainer.features import TOTALS_INPUT
from trainer.readers import read
from trainer.readers.dialects import open_source
from trainer.readers.reader import Told
from trainer.records import JobRecord, ToolRecords

DATA = Path(__file__).parents[2] / "shared/data"
MIB = 1024**2
BOWTIE2 = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.3.4.3+galaxy0"
UNICYCLER = "toolshed.g2.bx.psu.edu/repos/iuc/unicycler/unicycler/0.4.8.0"
PER_INPUTS = (
    "id\ttool_id\tinput_count\ttotal_input_size_mb\tmean_input_size_mb\tmedian_input_size_mb\tmemory_used_mb\t"
    "memory_used_per_input_mb\tmemory_mean_input_ratio\tmemory_median_input_ratio\n"
)
ONE_PER_INPUTS = f"34663027\t{UNICYCLER}\t2\t245\t122\t122\t4645\t19\t38\t38\n5\t{UNICYCLER}\t1\t0\t0\t0\t9\t\t\t\n"
JOB_METRICS = (
    "job_id\ttool_id\tstate\ttotal_filesize\tnum_files\truntime_seconds\tslots\tmemory_bytes\tcreate_time\n"
    "992\tcircos\tok\t671523\t12\t21.0000000\t1.0000000\t\t2020-04-30 10:31:35.366913\n"
    "993\tcircos\tok\t671523\t12\t21.0000000\t1.0000000\t1024.0000000\t2020-04-30\n"
)
SACCT = """\
JobID|JobName|Partition|State|ReqMem|MaxRSS|Elapsed|NTasks|ExitCode|AllocCPUS|Submit
7|star|main|COMPLETED|4000M||1-02:00:03||0:0|4|1970-01-01T00:01:00
7.batch|batch||COMPLETED||1000K|1-02:00:03|1|0:0|4|1970-01-01T00:01:00
7.0|star||COMPLETED||600K|00:10:00|2|0:0|4|1970-01-01T00:01:00
8|star|main|OUT_OF_MEMORY|2Gc||05:00||0:125|4|
8.batch|batch||OUT_OF_MEMORY||3G|05:00|1|0:125|4|
9|star|main|CANCELLED by 1000|1Gn||00:01||0:0|2|
9.extern|extern||CANCELLED||1.50M|00:01|1|0:0|2|
10|star|main|RUNNING|1G||00:01||0:0|1|
10.batch|batch||RUNNING||9M|00:01|1|0:0|1|
"""


def of(text: str | bytes, folder: Path, label: str, name: str = "jobs.txt", **more: str) -> list[ToolRecords]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, label, **more)  # type: ignore[arg-type]


def dialect_of(path: Path) -> str:
    return open_source(path, Told(None, "tool")).dialect


@pytest.mark.parametrize("header", [PER_INPUTS, ""])
def test_tool_memory_per_inputs_is_in_mib_with_or_without_its_header(header: str, tmp_path: Path) -> None:
    [found] = of(header + ONE_PER_INPUTS, tmp_path, "memory_used_mb")
    first, second = found.records
    assert (found.tool, first.peak_bytes, first.job_id) == (UNICYCLER, 4645 * MIB, "34663027")
    assert first.job.inputs == (InputDataset(TOTALS_INPUT, 245 * MIB, None, 2),)
    assert second.job.inputs == (InputDataset(TOTALS_INPUT, 0, None, 1),)


@pytest.mark.parametrize("text", [JOB_METRICS, JOB_METRICS.partition("\n")[2]])
def test_job_metrics_are_refused_unless_somebody_insists(text: str, tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="sizes belong to other datasets .* the format gxadmin-job-metrics"):
        of(text, tmp_path, "memory_bytes")
    [found] = of(text, tmp_path, "memory_bytes", format="gxadmin-job-metrics")
    assert found.dropped == {"no peak recorded": 1}
    [record] = found.records
    assert (record.peak_bytes, record.run_seconds, record.state, record.job_id) == (1024, 21, "ok", "993")


def test_usegalaxy_eus_shape_is_right_and_read(tmp_path: Path) -> None:
    rows = f"{BOWTIE2},9168255,2,8,12447825920,2022-05-05 09:55:37.128908\n"
    header = "tool_id,total_filesize,num_files,slots,memory_bytes,create_time\n"
    [plain] = of(b"\xef\xbb\xbf" + rows.encode(), tmp_path, "memory_bytes")
    [headed] = of(gzip.compress((header + rows).replace("\n", "\r\n").encode()), tmp_path, "memory_bytes")
    assert plain.records == headed.records
    assert plain.records[0].job.inputs == (InputDataset(TOTALS_INPUT, 9168255, None, 2),)


@pytest.mark.parametrize("header", ["metric_value\n", ""])
def test_tool_metrics_are_peaks_alone(header: str, tmp_path: Path) -> None:
    [found] = of(f"{header}2048.0000000\n0E-7\n", tmp_path, "metric_value", tool_id=BOWTIE2)
    assert found.records == [JobRecord(JobDescription(BOWTIE2), 2048, peak_metric="metric_value")]
    assert found.dropped == {"no peak recorded": 1}


def test_sacct_has_a_job_and_its_steps(tmp_path: Path) -> None:
    [found] = of(SACCT, tmp_path, "MaxRSS")
    ended, killed, cancelled = found.records
    # the larger of 1000 KiB of one task and 600 KiB of each of two
    assert (found.tool, ended.peak_bytes, ended.requested_bytes) == ("star", 1200 * 1024, 4000 * MIB)
    # a day, 2 hours and 3 seconds
    assert (ended.run_seconds, ended.created_seconds, ended.job.slots) == (93603, 60, 4)
    assert (ended.job_id, ended.destination_id, ended.state) == ("7", "main", "COMPLETED")
    # 2 GiB for each of 4 cpus
    assert (killed.outcome, killed.requested_bytes, killed.run_seconds) == ("out_of_memory", 8 * 1024 * MIB, 300)
    assert (cancelled.outcome, cancelled.requested_bytes, cancelled.state) == ("failed", 1024 * MIB, "CANCELLED")
    assert cancelled.peak_bytes == 1.5 * MIB
    assert found.dropped == {"not ended yet": 1}


def test_a_galaxy_jobs_name_in_slurm_is_nobodys_business(tmp_path: Path) -> None:
    text = SACCT.replace("|star|main", "|g992_rna_star_somebody_example_org|main")
    [found] = of(text, tmp_path, "MaxRSS", "sacct.txt")
    assert "somebody" not in repr(found)
    # Galaxy's own id joins it with other exports; the tool is what the administrator says, else the file's name
    assert (found.tool, found.records[0].job_id) == ("sacct", "992")
    assert of(text, tmp_path, "MaxRSS", tool_id="rna_star")[0].tool == "rna_star"


def test_a_step_that_cannot_be_read_is_named_by_line_and_column(tmp_path: Path) -> None:
    [found] = of(SACCT.replace("600K", "lots"), tmp_path, "MaxRSS")
    assert "line 2: MaxRSS: 'lots' is no amount" in str(found.fault)


@pytest.mark.parametrize("suffix", canonical.SUFFIXES)
def test_a_canonical_table_is_read_whatever_it_is_called(suffix: str, tmp_path: Path) -> None:
    written = tmp_path / f"x{suffix}"
    killed = JobRecord(JobDescription("star", attempt=2), 0, "out_of_memory", requested_bytes=70)
    early = JobRecord(JobDescription("star"), 0, "failed", requested_bytes=70)
    canonical.write([JobRecord(JobDescription("star"), 5), killed, early, JobRecord(JobDescription("cat"), 6)], written)
    path = written.rename(tmp_path / "jobs")
    assert dialect_of(path) == "canonical"
    star, cat = read(path, "peak_bytes")
    assert [(record.peak_bytes, record.job.attempt) for record in star.records] == [(5, 1), (70, 2)]
    assert (star.dropped, star.label, cat.records[0].peak_bytes) == ({"no peak recorded": 1}, "peak_bytes", 6)
    with pytest.raises(RecordsError, match="no label 'memory.peak' but peak_bytes"):
        read(path, "memory.peak")


def test_a_folder_with_a_file_for_each_tool_is_one_table(tmp_path: Path) -> None:
    for number, tool in enumerate(("star", "cat", "star/2"), start=1):
        canonical.write([JobRecord(JobDescription(tool), number)], tmp_path / f"{number}.parquet")
    (tmp_path / ".3.parquet.77").write_bytes(b"left behind by a kill")
    assert [(found.tool, found.records[0].peak_bytes) for found in read(tmp_path, "peak_bytes")] == [
        ("star", 1),
        ("cat", 2),
        ("star/2", 3),
    ]


def test_a_faulty_row_costs_its_own_tool_only(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    canonical.write([JobRecord(JobDescription(tool), 5) for tool in ("star", "cat")], path)
    path.write_text(path.read_text().replace(",star,", ",star,", 1).replace("[]", "[1]", 1))
    star, cat = read(path, "peak_bytes")
    assert "line 2: inputs[0]: expected an object; repair or remove this line" in str(star.fault)
    assert cat.fault is None


def test_a_format_that_there_is_not_is_refused_and_one_that_there_is_overrules(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no dialect 'excel'; known are canonical, grt, "):
        of("a,b\n1,2\n", tmp_path, "a", format="excel")
    # a column of the seed's dialect that looks like a trace's
    text = "process,peak_rss\nfast,5\n"
    assert of(text, tmp_path, "peak_rss")[0].tool == "fast"
    [found] = of(text, tmp_path, "peak_rss", format="seed")
    assert (found.tool, found.records[0].job.parameters) == ("jobs", {"process": "fast"})


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="a folder without tables"):
        read(tmp_path, "peak_bytes")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(jobs=st.lists(st.tuples(st.integers(0, 2**50), st.integers(1, 500), st.integers(1, 64), st.integers(1, 2**50))))
def test_whatever_usegalaxy_eu_writes_is_read(jobs: list[tuple[int, int, int, int]], tmp_path: Path) -> None:
    text = "".join(f"star,{size},{count},{slots},{peak},2020-01-01 00:00:00\n" for size, count, slots, peak in jobs)
    found = of(f"star,1,1,1,7,2020-01-01\n{text}", tmp_path, "memory_bytes")[0].records[1:]
    told = [
        (record.job.inputs[0].size_bytes, record.job.inputs[0].count, record.job.slots, record.peak_bytes)
        for record in found
    ]
    assert told == jobs


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(jobs=st.lists(st.tuples(st.integers(1, 2**30), st.integers(0, 9), st.integers(0, 23), st.integers(0, 59))))
def test_whatever_sacct_writes_is_read(jobs: list[tuple[int, int, int, int]], tmp_path: Path) -> None:
    lines = ["JobID|JobName|State|ReqMem|MaxRSS|Elapsed|NTasks|ExitCode", "0|star|COMPLETED|1M|1K|00:01|1|0:0"]
    for number, (kib, days, hours, seconds) in enumerate(jobs, start=1):
        elapsed = f"{days}-{hours:02}:00:{seconds:02}"
        lines += [f"{number}|star|COMPLETED|1G||{elapsed}||0:0", f"{number}.batch|batch|COMPLETED||{kib}K|||0:0"]
    found = of("\n".join(lines) + "\n", tmp_path, "MaxRSS")[0].records[1:]
    assert [(record.peak_bytes, record.run_seconds) for record in found] == [
        (kib * 1024, (days * 24 + hours) * 3600 + seconds) for kib, days, hours, seconds in jobs
    ]


@pytest.mark.parametrize("name", ["cutadapt", "fastp", "fastqc", "rna_star", "trinity"])
def test_the_files_of_usegalaxy_eu_are_read_whole(name: str) -> None:
    path = DATA / "usegalaxy_eu" / f"{name}.txt"
    if not path.is_file():
        pytest.skip(f"{path} is not there: public data lies beside the checkout")
    assert dialect_of(path) == "usegalaxy-eu"
    found = read(path, "memory_bytes")
    assert sum(len(tool.records) + tool.dropped.total() for tool in found) == len(path.read_text().splitlines())
    assert all(tool.fault is None and tool.sampled == 0 for tool in found)
    assert all(record.created_seconds and record.job.inputs for tool in found for record in tool.records)
