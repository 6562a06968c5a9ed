"""The recorder of example jobs, and the examples it recorded."""

import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
sys.path.insert(0, str(EXAMPLES))

from recording import cgroups, commands, journal, plan, simulate  # noqa: E402
from recording.errors import RecordingError  # noqa: E402

V1, V2 = "memory.max_usage_in_bytes", "memory.peak"
PATIENCE_SECONDS = 120


def test_the_plan_of_a_seed_is_always_the_same() -> None:
    assert plan.plan("bowtie2", 30, 13) == plan.plan("bowtie2", 30, 13)
    assert plan.plan("bowtie2", 30, 13) != plan.plan("bowtie2", 30, 14)
    # an interrupted recording of fewer jobs can be made longer
    assert plan.plan("hisat2", 30, 13)[:10] == plan.plan("hisat2", 10, 13)


@pytest.mark.parametrize("tool", plan.TOOLS)
def test_the_plan_has_jobs_of_every_kind(tool: str) -> None:
    jobs = plan.plan(tool, 320, 13)
    for kind in ("paired", "packed", "index_cold"):
        assert {getattr(job, kind) for job in jobs} == {True, False}
    assert {job.slots for job in jobs} == {1, 2}
    assert {job.build for job in jobs} == {None, *plan.CACHED_BUILDS}
    assert max(job.read_count for job in jobs) > 20 * min(job.read_count for job in jobs)
    # some run the data of another job again, with other settings
    seeds = [tuple(job.input_seed) for job in jobs]
    assert 10 < len(seeds) - len(set(seeds)) < 60


def test_genomes_and_reads_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    def files_in(folder: Path) -> list[bytes]:
        folder.mkdir()
        sequence = simulate.genome([13, 0], 5000)
        paths = [folder / "genome.fa", folder / "1.fastq.gz", folder / "2.fastq.gz"]
        simulate.write_fasta(paths[0], sequence)
        simulate.write_reads(paths[1:], [13, 1], sequence, count=50, length_bp=75)
        return [path.read_bytes() for path in paths]

    first, second = files_in(tmp_path / "first"), files_in(tmp_path / "second")
    assert first == second
    assert first[1] != first[2]


def test_a_genome_and_its_reads_are_what_aligners_read(tmp_path: Path) -> None:
    sequence = simulate.genome([1], 805)
    simulate.write_fasta(tmp_path / "genome.fa", sequence)
    simulate.write_reads([tmp_path / "1.fastq", tmp_path / "2.fastq"], [2], sequence, count=3, length_bp=50)
    head, *lines = (tmp_path / "genome.fa").read_text().splitlines()
    assert head == ">chr1"
    # ten lines of 80 bases and one of 5
    assert [len(line) for line in lines] == [80] * 10 + [5]
    assert set("".join(lines)) == set("ACGT")
    for path in (tmp_path / "1.fastq", tmp_path / "2.fastq"):
        records = path.read_text().splitlines()
        assert len(records) == 12
        name, bases, plus, qualities = records[:4]
        assert (name, plus) == ("@r0000000", "+")
        assert len(bases) == len(qualities) == 50


def fake_v1(folder: Path, own: str = "/jobs/7") -> tuple[Path, Path]:
    """A folder that looks like cgroup v1's mount, but cannot make groups."""
    parent = folder / "memory" / own.lstrip("/")
    parent.mkdir(parents=True)
    (parent / "cgroup.procs").touch()
    (folder / "memory" / "cgroup.procs").touch()
    mine = folder / "self"
    mine.write_text(f"4:memory:{own}\n0::/\n")
    return folder, mine


def with_files(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let every new folder have the files that a kernel would put there, and let it go with them."""
    make, remove = Path.mkdir, Path.rmdir

    def mkdir(self: Path) -> None:
        make(self)
        for name in names:
            (self / name).write_text("0\n")

    def rmdir(self: Path) -> None:
        for inside in self.iterdir():
            inside.unlink()
        remove(self)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "rmdir", rmdir)


def test_cgroup_v1_is_found_below_the_recorders_own_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount, own = fake_v1(tmp_path)
    with_files(monkeypatch, V1)
    assert cgroups.find_controller(mount, own) == cgroups.Controller(mount / "memory" / "jobs" / "7", V1)


def test_where_the_own_group_is_not_visible_the_top_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount, own = fake_v1(tmp_path)
    own.write_text("4:memory:/not/mounted/here\n")
    with_files(monkeypatch, V1)
    assert cgroups.find_controller(mount, own).parent == mount / "memory"


def test_cgroup_v2_is_found_where_it_tells_the_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.procs").touch()
    (tmp_path / "self").write_text("0::/\n")
    with_files(monkeypatch, V2)
    assert cgroups.find_controller(tmp_path, tmp_path / "self") == cgroups.Controller(tmp_path, V2)


def test_a_machine_without_a_memory_controller_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    for mount, own in (fake_v1(tmp_path / "v1"), (tmp_path, tmp_path / "nowhere")):
        with pytest.raises(RecordingError, match="run as root on a machine with cgroup v1 memory or v2 memory.peak"):
            cgroups.find_controller(mount, own)


def test_groups_of_dead_recorders_are_swept_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    for owner in (dead.pid, os.getpid()):
        (tmp_path / f"gmr-record-{owner}-bowtie2-1").mkdir()
    (tmp_path / "somebody-elses").mkdir()
    assert cgroups.Controller(tmp_path, V1).sweep() == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"gmr-record-{os.getpid()}-bowtie2-1", "somebody-elses"]


def test_a_journal_goes_on_where_it_was_even_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "bowtie2.jsonl"
    journal.Journal(path, V1, 13).add({"job": 0, "exit_code": 0})
    with path.open("a") as file:
        file.write('{"job": 1, "exit_c')
    again = journal.Journal(path, V1, 13)
    assert again.entries == {0: {"job": 0, "exit_code": 0}}
    again.add({"job": 2, "exit_code": 0})
    assert sorted(journal.Journal(path, V1, 13).entries) == [0, 2]


@pytest.mark.parametrize(("measure", "seed"), [(V2, 13), (V1, 14)])
def test_two_measures_or_seeds_never_stand_in_one_table(measure: str, seed: int, tmp_path: Path) -> None:
    journal.Journal(tmp_path / "bowtie2.jsonl", V1, 13)
    with pytest.raises(RecordingError, match="finish there or remove the file"):
        journal.Journal(tmp_path / "bowtie2.jsonl", measure, seed)


def test_failed_jobs_stay_in_the_full_table_alone(tmp_path: Path) -> None:
    entries = {
        number: {
            "job": number,
            "peak_bytes": 100 + number,
            "own_file": 5,
            "dbkey": "?",
            "galaxy_slots": 1,
            "exit_code": code,
        }
        for number, code in ((1, 0), (0, 137))
    }
    journal.write_tables(tmp_path, "bowtie2", V1, entries)
    assert (tmp_path / "bowtie2.csv").read_text() == f"{V1},own_file,dbkey\n101,5,?\n"
    assert (tmp_path / "bowtie2_full.csv").read_text() == (
        f"{V1},job,own_file,dbkey,galaxy_slots,exit_code\n100,0,5,?,1,137\n101,1,5,?,1,0\n"
    )


def test_missing_programs_are_named_with_the_command_that_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RecordingError, match="bowtie2, hisat2, samtools not found; install with: apt-get install"):
        commands.require_programs()


def rows_of(name: str) -> list[dict[str, str]]:
    with (EXAMPLES / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("tool", "reference"), [("bowtie2", "own_file"), ("hisat2", "history_item")])
def test_the_shipped_examples_are_what_the_recorder_writes(tool: str, reference: str) -> None:
    rows, full = rows_of(f"{tool}.csv"), rows_of(f"{tool}_full.csv")
    told = json.loads((EXAMPLES / "PROVENANCE.json").read_text())
    header = list(rows[0])
    assert header[:4] == [told["measure"], reference, "input_1", "input_2"]
    assert header[4:8] == [f"{reference}_extension", "input_1_extension", "input_2_extension", "dbkey"]
    assert len(rows) >= 300
    assert told["tools"][tool] == {"jobs": len(full), "failed": len(full) - len(rows)}
    assert b"\r" not in (EXAMPLES / f"{tool}.csv").read_bytes()
    # the plan's jobs, each once, with what the plan says of them
    planned = plan.plan(tool, len(full), told["seed"])
    for job, line in zip(planned, full, strict=True):
        assert (int(line["job"]), int(line["galaxy_slots"]), int(line["genome_bp"])) == (
            job.number,
            job.slots,
            job.genome_bp,
        )
        assert (int(line[reference]) > 0) == (job.build is None)
        assert (int(line["input_2"]) > 0) == job.paired
    for line, kept in zip((line for line in full if line["exit_code"] == "0"), rows, strict=True):
        assert kept.items() <= line.items()
        # what is resident is part of the peak
        assert int(line["peak_rss_bytes"]) <= int(line[told["measure"]])


def record(*options: str, work: Path) -> "subprocess.Popen[bytes]":
    folders = ["--work", str(work / "work"), "--output", str(work / "out")]
    command = [sys.executable, str(EXAMPLES / "record_jobs.py"), *folders, *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def groups() -> list[Path]:
    return list(cgroups.find_controller().parent.glob("gmr-record-*"))


@pytest.mark.recording
def test_a_recording_leaves_tables_and_no_groups(tmp_path: Path) -> None:
    with record("--tool", "hisat2", "--jobs", "3", work=tmp_path) as recorder:
        assert recorder.wait(PATIENCE_SECONDS) == 0
    with (tmp_path / "out" / "hisat2_full.csv").open(newline="") as file:
        assert [row["exit_code"] for row in csv.DictReader(file)] == ["0", "0", "0"]
    assert groups() == []


@pytest.mark.recording
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_killed_recorder_leaves_no_children_and_no_groups(number: signal.Signals, tmp_path: Path) -> None:
    with record("--tool", "bowtie2", "--jobs", "40", work=tmp_path) as recorder:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(cgroups.Group(path, V1).processes() for path in groups()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        recorder.send_signal(number)
        recorder.wait(PATIENCE_SECONDS)
    if number == signal.SIGKILL:
        # nothing can be done then: the next recorder sweeps
        assert cgroups.find_controller().sweep() > 0
    else:
        assert recorder.returncode == 130
    assert groups() == []
    # and it goes on where it was
    with record("--tool", "bowtie2", "--jobs", "2", work=tmp_path) as recorder:
        assert recorder.wait(PATIENCE_SECONDS) == 0


@pytest.mark.recording
def test_shipped_peaks_are_reproduced_within_3_percent(tmp_path: Path) -> None:
    with record("--tool", "hisat2", "--jobs", "5", work=tmp_path) as recorder:
        assert recorder.wait(PATIENCE_SECONDS) == 0
    with (tmp_path / "out" / "hisat2.csv").open(newline="") as file:
        again = [int(row[V1]) for row in csv.DictReader(file)]
    shipped = [int(row[V1]) for row in rows_of("hisat2.csv")[:5]]
    assert statistics.median(abs(new / old - 1) for new, old in zip(again, shipped, strict=True)) <= 0.03
