"""What is said of a file of recorded jobs before anybody trains on it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import recorded

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import canonical
from trainer.__main__ import main
from trainer.inspecting import Inspection, hosts_of, inspect
from trainer.records import JobRecord

DATA = Path(__file__).parents[2] / "shared/data"
MIB, GIB = 1024**2, 1024**3
V1 = "memory.max_usage_in_bytes"


def job(number: int, tool: str = "star") -> JobRecord:
    """A job of its own input, on a destination where it is alone; its peak is no other job's."""
    described = JobDescription(tool, inputs=(InputDataset("reads", (number + 1) * MIB),))
    record = JobRecord(described, (200 + 3 * number) * MIB + number, job_id=f"{tool}{number}", peak_metric=V1)
    return replace(record, created_seconds=86400.0 * (number + 1), destination_id="slurm")


def of(folder: Path, records: list[JobRecord], most_rows: int = 2000) -> Inspection:
    path = folder / "jobs.parquet"
    canonical.write(records, path)
    return inspect(path, None, None, most_rows)


def test_tools_times_and_measures_are_told(tmp_path: Path) -> None:
    cats = [replace(job(number, "cat"), peak_metric="memory.peak") for number in range(7)]
    found = of(tmp_path, [*map(job, range(60)), *cats])
    assert (found.dialect, found.label, found.rows) == ("canonical", "peak_bytes", 67)
    assert (found.refusal, found.hosts) == ("", [])
    assert (found.first_seconds, found.last_seconds) == (86400, 60 * 86400)
    star, cat = found.tools
    assert (star.tool, star.rows, star.usable, star.measures) == ("star", 60, 60, {V1: 60})
    assert (star.verdict, star.more_jobs) == ("enough", 0)
    # a forest takes 50
    assert (cat.measures, cat.verdict, cat.more_jobs) == ({"memory.peak": 7}, "few", 43)


def test_what_is_missing_is_counted_and_so_is_what_cannot_be_used(tmp_path: Path) -> None:
    records = list(map(job, range(4)))
    nothing = replace(job(5), peak_bytes=0)
    without_size = replace(job(6), job=JobDescription("star", inputs=(InputDataset("reads", None),)))
    beyond = replace(job(7), requested_bytes=10 * MIB)  # 221 MiB are more than 8 times that
    [tool] = of(tmp_path, [*records, records[0], nothing, without_size, beyond]).tools
    assert (tool.rows, tool.examined, tool.usable, tool.faulty, tool.without_sizes) == (8, 7, 5, 1, 1)
    assert tool.unusable == {
        "no peak recorded": 1,
        "repeats another row": 1,
        "peak above 8 times the assigned memory": 1,
    }
    assert (tool.verdict, tool.more_jobs) == ("few", 45)
    assert of(tmp_path, records).tools[0].why == "1 more for any model, 46 more for a forest"


def test_a_job_that_ended_well_at_its_limit_may_be_page_cache(tmp_path: Path) -> None:
    limited = [replace(job(number), limit_bytes=(200 + 3 * number) * MIB + number) for number in range(3)]
    killed = replace(limited[2], outcome="out_of_memory", job_id="k")
    other = replace(limited[1], peak_metric="MaxRSS", job_id="r")
    [tool] = of(tmp_path, [*limited, killed, other, *map(job, range(20, 30))]).tools
    assert (tool.censored, tool.page_cache, tool.marked["at its memory limit"]) == (5, 3, 5)


def test_a_sample_stands_for_all_in_the_verdict(tmp_path: Path) -> None:
    [tool] = of(tmp_path, list(map(job, range(80))), most_rows=40).tools
    assert (tool.rows, tool.examined, tool.verdict) == (80, 40, "enough")


def test_a_destination_whose_peaks_stay_is_the_hosts(tmp_path: Path) -> None:
    """A host's high-water mark stays until it is passed: other jobs of other tools have it too."""
    marks = [GIB, GIB, GIB, 2 * GIB, 2 * GIB, 2 * GIB, 2 * GIB, 3 * GIB, 3 * GIB, 5 * GIB]
    shared = [replace(job(number), peak_bytes=peak, destination_id="local") for number, peak in enumerate(marks)]
    [host] = hosts_of([*map(job, range(20)), *shared])
    # all but the last one's are another job's
    assert (host.destination, host.jobs, host.repeated, host.beyond) == ("local", 10, 9, 0)
    assert hosts_of(shared[:9]) == []  # too few to say
    # at one limit many jobs stand, and a job that stands there twice is one job
    assert hosts_of([replace(record, limit_bytes=record.peak_bytes) for record in shared]) == []
    assert hosts_of([replace(shared[0], job_id=str(number)) for number in range(10)]) == []


def test_a_destination_beyond_all_requests_is_the_hosts(tmp_path: Path) -> None:
    records = [replace(job(number), requested_bytes=10 * MIB, destination_id="") for number in range(10)]
    [host] = hosts_of(records)
    assert (host.destination, host.jobs, host.repeated, host.beyond) == ("", 10, 0, 10)
    assert hosts_of([replace(record, limit_bytes=8 * GIB) for record in records]) == []


def test_a_file_that_training_refuses_is_looked_at_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "metrics.tsv"
    path.write_text(
        "job_id\ttool_id\tstate\ttotal_filesize\tnum_files\truntime_seconds\tslots\tmemory_bytes\tcreate_time\n"
        "993\tcircos\tok\t671523\t12\t21\t1\t1024\t2020-04-30\n"
    )
    found = inspect(path, None, None, 10)
    assert (found.dialect, found.rows) == ("gxadmin-job-metrics", 1)
    assert "sizes belong to other datasets" in found.refusal
    assert inspect(path, None, "gxadmin-job-metrics", 10).refusal == ""


def test_the_command_writes_text_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recorded.write(tmp_path / "tool.csv", recorded.rows(60))
    assert main(["inspect", str(path)]) == 0
    text = capsys.readouterr().out
    assert f"{path}: seed, 60 rows of 1 tools; label {recorded.LABEL}" in text
    assert "no times" in text
    assert "60 usable jobs make a forest" in text
    assert main(["inspect", str(path), "--format", "json", "--dialect", "seed", "--label", recorded.LABEL]) == 0
    [told] = json.loads(capsys.readouterr().out)["files"]
    assert (told["dialect"], told["rows"], told["first_time"], told["tools"][0]["verdict"]) == (
        "seed",
        60,
        None,
        "enough",
    )


def test_a_file_that_cannot_be_read_costs_the_others_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recorded.write(tmp_path / "tool.csv", recorded.rows(5))
    assert main(["inspect", str(tmp_path / "nowhere.csv"), str(path)]) == 1
    out, err = capsys.readouterr()
    assert "nowhere.csv: no such file" in err
    assert "5 rows of 1 tools" in out
    assert main(["inspect", str(path), "--dialect", "excel"]) == 2


def test_a_faulty_row_is_told_in_the_verdict(tmp_path: Path) -> None:
    path = tmp_path / "tool.csv"
    path.write_text(f"{V1},in,in_extension\n5,6,x\n5,many,x\n")
    [tool] = inspect(path, None, None, 10).tools
    assert (tool.verdict, "line 3: in: 'many' is no number" in tool.why) == ("unusable", True)


def test_a_tool_whose_peak_follows_its_request_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = []
    for number in range(60):
        requested_bytes = (4 + number // 30) * GIB
        peak_bytes = requested_bytes * 9 // 10 + number % 7 * MIB
        records.append(replace(job(number), requested_bytes=requested_bytes, peak_bytes=peak_bytes))
    [tool] = of(tmp_path, records).tools
    assert tool.follows_request.startswith("follows its request")
    assert of(tmp_path, list(map(job, range(60)))).tools[0].follows_request == ""
    canonical.write(records, tmp_path / "jobs.parquet")
    assert main(["inspect", str(tmp_path / "jobs.parquet")]) == 0
    assert "star: follows its request" in capsys.readouterr().out


def test_real_files_are_inspected() -> None:
    path = DATA / "usegalaxy_eu" / "fastqc-0.72-with-faulty-rows.txt"
    if not path.is_file():
        pytest.skip(f"{path} is not there: public data lies beside the checkout")
    found = inspect(path, None, None, 600)
    [tool] = found.tools
    assert (found.dialect, found.rows, tool.examined) == ("usegalaxy-eu", 10_000, 600)
    # 3 to 5 % of these rows are those of usegalaxy.eu's own list of faulty ones
    assert 0.02 < tool.faulty / tool.examined < 0.08
