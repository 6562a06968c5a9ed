"""Galaxy's API and GRT exports -> records, described as the rule would have described the job."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galaxy_memory_rules.errors import RecordsError
from galaxy_memory_rules.messages import InputDataset
from trainer.readers import read
from trainer.readers.dialects import open_source
from trainer.readers.reader import Told
from trainer.records import ToolRecords

API = Path(__file__).parents[2] / "shared/data/galaxy_api"
GIB = 1024**3
BOWTIE2 = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.4.2+galaxy0"
LABEL = "memory.max_usage_in_bytes"
METRICS = {
    "galaxy_slots": ("core", "4.0000000"),
    "galaxy_memory_mb": ("core", "8192.0000000"),
    "runtime_seconds": ("core", "122.0000000"),
    "memory.max_usage_in_bytes": ("cgroup", "2886856704.0000000"),
    "memory.limit_in_bytes": ("cgroup", "8589934592.0000000"),
    "memory.failcnt": ("cgroup", "0E-7"),
}
PARAMS = {
    "library": '{"type": "paired", "input_1": {"values": [{"id": 4, "src": "hda"}]}}',
    "dbkey": '"hg38"',
    "title": '"somebody@example.org"',
    "__workflow_invocation_uuid__": '"6281"',
}
JOB: dict[str, Any] = {
    "id": "992",
    "tool_id": BOWTIE2,
    "tool_version": "2.4.2+galaxy0",
    "state": "ok",
    "exit_code": 0,
    "create_time": "1970-01-01T00:01:00",
    "user_email": "somebody@example.org",
    "command_line": "bowtie2 /data/somebody.fastq",
    "params": PARAMS,
    "inputs": {
        "library|input_1": {"id": "f1", "src": "hda", "uuid": "u1"},
        "library|input_11": {"id": "f1", "src": "hda", "uuid": "u1"},
        "library|input_12": {"id": "f2", "src": "hda", "uuid": "u2"},
        "pairs": {"id": "c1", "src": "hdca"},
        "pairs1": {"id": "f3", "src": "hda", "uuid": "u3"},
        "pairs2": {"id": "f4", "src": "hda", "uuid": "u4", "file_size": 40, "extension": "fasta"},
    },
    "job_metrics": [
        {"title": name, "value": "much", "plugin": plugin, "name": name, "raw_value": value}
        for name, (plugin, value) in METRICS.items()
    ],
}
DATASET = {"hda_ldda": "hda", "file_size": 20, "extension": "fastqsanger", "genome_build": "hg38", "name": "my thesis"}
INPUTS = (
    InputDataset("library|input_1", 20, "fastqsanger"),
    InputDataset("library|input_1", 20, "fastqsanger"),
    InputDataset("pairs", 20, "fastqsanger"),
    InputDataset("pairs", 40, "fasta"),
)


def put(folder: Path, **documents: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return folder


def with_datasets(folder: Path, *jobs: Any) -> Path:
    """Lay jobs into a folder, and the datasets that tell the sizes."""
    put(folder, **{f"dataset_{name}": {**DATASET, "id": name, "uuid": name} for name in ("f1", "f2", "f3")})
    return put(folder, **{f"job_{number}": job for number, job in enumerate(jobs)})


def test_a_folder_of_answers_is_jobs_and_the_datasets_that_tell_their_sizes(tmp_path: Path) -> None:
    [found] = read(with_datasets(tmp_path / "api", JOB), LABEL)
    [record] = found.records
    assert (found.tool, record.job.inputs, record.job.dbkey, record.job.slots) == (BOWTIE2, INPUTS, "hg38", 4)
    assert record.job.parameters == {"library|type": "paired"}
    assert (record.peak_bytes, record.peak_metric) == (2886856704, LABEL)
    assert (record.limit_bytes, record.requested_bytes, record.run_seconds) == (8 * GIB, 8 * GIB, 122)
    assert (record.job_id, record.state, record.outcome, record.created_seconds) == ("992", "ok", "ok", 60)


def test_nothing_personal_comes_out_of_an_answer(tmp_path: Path) -> None:
    told = repr(read(with_datasets(tmp_path / "api", JOB), LABEL)[0].records)
    assert not [word for word in ("somebody", "thesis", "6281", "/data") if word in told]


def test_without_the_datasets_the_sizes_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(JOB).encode())
    [found] = read(path, "memory.peak")
    assert [dataset.size_bytes for dataset in found.records[0].job.inputs] == [None, None, None, 40]


@pytest.mark.parametrize("name", ["jobs.jsonl", "jobs.json", "jobs.jsonl.gz"])
def test_many_jobs_are_a_list_or_lines(name: str, tmp_path: Path) -> None:
    jobs = [{**JOB, "id": str(number)} for number in range(3)]
    text = "\n".join(map(json.dumps, jobs)) + "\n" if "jsonl" in name else json.dumps(jobs)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    [found] = read(path, LABEL)
    assert [record.job_id for record in found.records] == ["0", "1", "2"]


def test_a_wrapped_job_is_unwrapped(tmp_path: Path) -> None:
    """As the experiments wrote them that `galaxy_api` of the shared data is from."""
    [found] = read(put(tmp_path / "api", one={"run": 1, "cloud": "aws", "inputs": "big", "metrics": JOB}), LABEL)
    assert found.records[0].job_id == "992"


def test_a_job_of_a_destination_tells_what_its_rule_asked(tmp_path: Path) -> None:
    metrics = [metric for metric in JOB["job_metrics"] if metric["name"] != "galaxy_memory_mb"]
    params = {"native_specification": "--mem=2048", "gmem_request_bytes": str(3 * GIB)}
    [found] = read(put(tmp_path / "api", one={**JOB, "job_metrics": metrics, "destination_params": params}), LABEL)
    assert found.records[0].requested_bytes == 3 * GIB


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("[1]", "job 1: expected a job"), ("{", "job 1: .*expected a JSON object"), ('[{"a":1},', "expected a JSON")],
)
def test_a_document_of_something_else_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(text)
    with pytest.raises(RecordsError, match=complaint):
        read(path, LABEL)


def test_real_answers_of_the_api_are_read() -> None:
    if not API.is_dir():
        pytest.skip(f"{API} is not there: public data lies beside the checkout")
    assert open_source(API, Told(None, "")).dialect == "galaxy-api"
    found = read(API, LABEL)
    assert sorted(tool.tool.split("/")[-2] for tool in found) == ["bowtie2", "bwa_mem", "hisat2", "minimap2"]
    records = [record for tool in found for record in tool.records]
    assert len(records) == 19
    assert [record.outcome for record in records].count("ok") == 12
    # as measured, and Galaxy's 17179 "MB", by which it means MiB
    minimap2 = next(record for record in records if record.job_id == "01683d93261d238f")
    assert (minimap2.peak_bytes, minimap2.limit_bytes) == (17178918912, 16 * GIB)
    assert (minimap2.requested_bytes, minimap2.run_seconds) == (17179 * 1024**2, 122)
    assert [dataset.name for dataset in minimap2.job.inputs] == ["fastq_input1", "fastq_input2"]
    assert minimap2.job.parameters["fastq_input|analysis_type_selector"] == "sr"
    assert all(record.peak_bytes and record.limit_bytes and record.job.slots for record in records)


# A report of Galaxy's script, version 2: with parameters, exact sizes, blocks that have no order inside.
JOBS_TSV = (
    "id\ttool_id\ttool_version\tstate\tcreate_time\n"
    f"992\t{BOWTIE2}\t2.4.2+galaxy0\tok\t1970-01-01 00:01:00\n"
    "7\tcat1\t1.0\terror\t1970-01-01 00:00:10.5\n"
)
DATASETS_TSV = (
    "job_id\tdataset_id\textension\tfile_size\tparam_name\ttype\n"
    "992\t1\tfastqsanger\t20\tlibrary|input_1\tinput\n"
    "7\t9\ttxt\t-1\tinput1\tinput\n"
    "992\t1\tfastqsanger\t20\tlibrary|input_11\tinput\n"
    "992\t2\tfastqsanger\t20\tlibrary|input_12\tinput\n"
    "992\t8\tbam\t77\toutput\toutput\n"
)
METRICS_TSV = "job_id\tplugin\tname\tvalue\n" + "".join(
    f"992\t{plugin}\t{name}\t{value}\n" for name, (plugin, value) in reversed(METRICS.items())
)
PARAMS_TSV = 'job_id\tname\tvalue\n7\tmode\t"a"\n' + "".join(
    f"992\t{name}\t{value}\n" for name, value in PARAMS.items()
)
TABLES = {"jobs": JOBS_TSV, "datasets": DATASETS_TSV, "metric_num": METRICS_TSV, "params": PARAMS_TSV}


def report(folder: Path, tables: Mapping[str, str] = TABLES, name: str = "1592300000.1.tar.gz") -> Path:
    """Write a report as Galaxy's script does: with the paths of the files that it packs."""
    path = folder / name
    with tarfile.open(path, "w:gz") as archive:
        for table, text in tables.items():
            member = tarfile.TarInfo(f"galaxy/reports/{path.name.removesuffix('.tar.gz')}.{table}.tsv")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def both(found: list[ToolRecords]) -> tuple[ToolRecords, ToolRecords]:
    bowtie2, cat1 = sorted(found, key=lambda tool: tool.tool, reverse=True)
    return bowtie2, cat1


def test_a_report_is_joined_by_job(tmp_path: Path) -> None:
    bowtie2, cat1 = both(read(report(tmp_path), LABEL))
    [record] = bowtie2.records
    assert record.job.inputs == INPUTS[:2]
    assert (record.job.parameters, record.job.dbkey, record.job.slots) == ({"library|type": "paired"}, "hg38", 4)
    assert (record.peak_bytes, record.limit_bytes, record.requested_bytes) == (2886856704, 8 * GIB, 8 * GIB)
    assert (record.run_seconds, record.created_seconds, record.job_id) == (122, 60, "992")
    assert (cat1.tool, cat1.records, cat1.dropped) == ("cat1/1.0", [], {"no peak recorded": 1})


def test_the_same_job_is_the_same_record_from_the_api_and_from_a_report(tmp_path: Path) -> None:
    inputs = {name: told for name, told in JOB["inputs"].items() if name.startswith("library")}
    [of_api] = read(with_datasets(tmp_path / "api", {**JOB, "inputs": inputs}), LABEL)
    of_report, _ = both(read(report(tmp_path), LABEL))
    assert replace(of_api, file="") == replace(of_report, file="")


def test_newer_reports_have_no_parameters_and_rounded_sizes(tmp_path: Path) -> None:
    tables = {**TABLES, "datasets": DATASETS_TSV.replace("\t20\t", "\t-1\t")}
    del tables["params"]
    bowtie2, _ = both(read(report(tmp_path, tables), LABEL))
    assert [dataset.size_bytes for dataset in bowtie2.records[0].job.inputs] == [None, None]
    assert (bowtie2.records[0].job.parameters, bowtie2.records[0].job.dbkey) == ({}, "?")


def test_the_seeds_dialect_has_other_names_and_commas(tmp_path: Path) -> None:
    renamed = {
        "jobs": JOBS_TSV.replace("id\ttool_id", "job_id\ttool_id", 1),
        "datasets": DATASETS_TSV.replace("file_size", "file_size_bytes", 1),
        "metric_num": METRICS_TSV.replace("name\tvalue", "metric_name\tmetric_value", 1),
    }
    folder = tmp_path / "extracted"
    folder.mkdir()
    for table, text in renamed.items():
        (folder / f"{table}.tsv").write_text(text.replace("\t", ","))
    without = {name: text for name, text in TABLES.items() if name != "params"}
    assert open_source(folder, Told(None, "")).dialect == "grt"
    plain = read(report(tmp_path, without), LABEL)
    assert [tool.records for tool in read(folder, LABEL)] == [tool.records for tool in plain]


def test_a_folder_of_reports_is_one_history(tmp_path: Path) -> None:
    report(tmp_path, name="1.tar.gz")
    later = {name: text.replace("992", "993") for name, text in TABLES.items()}
    report(tmp_path, later, name="2.tar.gz")
    (tmp_path / ".checkpoint").write_text("993")
    (tmp_path / "2.json").write_text('{"version": 3}')
    bowtie2, _ = both(read(tmp_path, LABEL))
    assert [record.job_id for record in bowtie2.records] == ["992", "993"]
    assert bowtie2.records[0].job == bowtie2.records[1].job


def test_the_scratch_file_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    read(report(tmp_path), LABEL)
    assert [path.name for path in tmp_path.iterdir()] == ["1592300000.1.tar.gz"]


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        ({"datasets": DATASETS_TSV}, "no table of jobs inside"),
        ({"jobs": "id\tstate\n1\tok\n"}, "jobs.tsv: no column tool_id; found id, state"),
        ({**TABLES, "params": "job_id\tname\tvalue\n1\ta\n"}, "params.tsv, line 2: 2 cells where the first line has 3"),
    ],
)
def test_a_report_that_cannot_be_joined_is_refused(tables: dict[str, str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=complaint):
        read(report(tmp_path, tables), LABEL)


def test_a_torn_archive_is_refused(tmp_path: Path) -> None:
    path = report(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RecordsError, match="cannot be read"):
        read(path, LABEL)


def test_a_faulty_cell_costs_its_own_tool_only(tmp_path: Path) -> None:
    tables = {**TABLES, "datasets": DATASETS_TSV.replace("\t20\t", "\tbig\t", 1)}
    bowtie2, cat1 = both(read(report(tmp_path, tables), LABEL))
    assert "job 992: file_size: 'big' is no number" in str(bowtie2.fault)
    assert cat1.fault is None


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 2**40), min_size=1, max_size=6, unique=True),
    peaks=st.permutations([100, 200, 300]),
    order=st.randoms(use_true_random=False),
)
def test_rows_of_a_report_may_stand_in_any_order(
    sizes: list[int], peaks: list[int], order: Any, tmp_path: Path
) -> None:
    datasets = [
        f"{job}\t{job}{number}\ttxt\t{size}\tin{number:02}x\tinput"
        for job in range(3)
        for number, size in enumerate(sizes)
    ]
    metrics = [f"{job}\tcgroup\tmemory.peak\t{peak}" for job, peak in enumerate(peaks)]
    order.shuffle(datasets)
    order.shuffle(metrics)
    tables = {
        "jobs": JOBS_TSV.partition("\n")[0] + "".join(f"\n{job}\tcat\t1\tok\t2020-01-01" for job in range(3)) + "\n",
        "datasets": "\n".join([DATASETS_TSV.partition("\n")[0], *datasets]),
        "metric_num": "\n".join([METRICS_TSV.partition("\n")[0], *metrics]),
    }
    [found] = read(report(tmp_path, tables), LABEL)
    assert [record.peak_bytes for record in found.records] == peaks
    told = [{dataset.name: dataset.size_bytes for dataset in record.job.inputs} for record in found.records]
    assert told == [{f"in{number:02}x": size for number, size in enumerate(sizes)}] * 3
