"""The recorder of example jobs, and the examples it recorded."""

import argparse
import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
sys.path.insert(0, str(EXAMPLES))

import record_jobs  # noqa: E402
from recording import cgroups, commands, journal, plan, simulate  # noqa: E402
from recording.errors import RecordingError  # noqa: E402
from recording.runner import Runner  # noqa: E402

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


@given(st.integers(0, 2**32), st.integers(401, 2000), st.integers(1, 40), st.integers(1, 400))
def test_reads_of_any_size_are_whole_and_the_same_each_time(seed: int, genome_bp: int, count: int, length: int) -> None:
    sequence = simulate.genome([seed, 0], genome_bp)
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("1.fastq", "2.fastq")]
        contents = []
        for _ in range(2):
            simulate.write_reads(paths, [seed, 1], sequence, count, length)
            contents.append([path.read_text() for path in paths])
    assert contents[0] == contents[1]
    for content in contents[0]:
        lines = content.splitlines()
        assert len(lines) == 4 * count
        assert {len(line) for line in lines[1::2] if line != "+"} == {length}


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


def test_processes_of_other_namespaces_are_left_alone(tmp_path: Path) -> None:
    # the kernel shows them as 0, and a kill of 0 would end the recorder's own process group
    (tmp_path / "cgroup.procs").write_text("0\n4194303\n")
    assert cgroups.Group(tmp_path, V1).processes() == [4194303]


def test_a_group_that_no_process_can_enter_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount, own = fake_v1(tmp_path)
    with_files(monkeypatch, V1)
    monkeypatch.setattr(cgroups, "_can_be_entered", lambda probe: "jobs" not in probe.parts)
    assert cgroups.find_controller(mount, own).parent == mount / "memory"


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


@given(st.integers(0, 200))
def test_a_journal_torn_anywhere_keeps_every_whole_line(cut: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bowtie2.jsonl"
        book = journal.Journal(path, V1, 13)
        for number in range(5):
            book.add({"job": number})
        whole = path.read_text()
        path.write_text(whole[:cut])
        # an entry is whole from its closing brace on, with or without the end of its line
        kept = sum(cut > whole.index(f'{{"job": {number}}}') + 9 for number in range(5))
        again = journal.Journal(path, V1, 13)
        assert list(again.entries) == list(range(kept))
        for number in range(kept, 5):
            again.add({"job": number})
        assert path.read_text() == whole


def test_a_slow_job_does_not_keep_finished_ones_from_being_written_down(tmp_path: Path) -> None:
    class SlowFirst(Runner):
        """Finishes job 0 when job 2 is on disk."""

        def build_cached_indexes(self, jobs: object) -> None:
            """None is needed."""

        def run(self, job: plan.Job) -> journal.Entry:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while job.number == 0 and '{"job": 2,' not in (tmp_path / "hisat2.jsonl").read_text():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            return {"job": job.number, "peak_bytes": 1, "exit_code": 0}

    options = argparse.Namespace(work=tmp_path, output=tmp_path, jobs=3, seed=13, workers=2)
    record_jobs._record("hisat2", options, SlowFirst(cgroups.Controller(tmp_path, V1), tmp_path))
    assert list(journal.Journal(tmp_path / "hisat2.jsonl", V1, 13).entries) == [1, 2, 0]


def test_a_cached_index_never_serves_another_seed_or_size(tmp_path: Path) -> None:
    runner = Runner(cgroups.Controller(tmp_path, V1), tmp_path)
    job = next(job for job in plan.plan("bowtie2", 20, 13) if job.build is not None)
    others = (replace(job, input_seed=[14, 0, job.number]), replace(job, genome_bp=job.genome_bp + 1))
    assert len({runner._cached(each) for each in (job, *others)}) == 3


def test_provenance_keeps_the_tool_that_was_recorded_alike_before(tmp_path: Path) -> None:
    def provenance(tool: str, bowtie2: str) -> dict[str, object]:
        options = argparse.Namespace(work=tmp_path, output=tmp_path, seed=13, tool=[tool])
        journal.Journal(tmp_path / f"{tool}.jsonl", V1, 13).add({"job": 0, "exit_code": 1})
        record_jobs._write_provenance(options, V1, {"bowtie2": bowtie2})
        told: dict[str, object] = json.loads((tmp_path / "PROVENANCE.json").read_text())["tools"]
        return told

    failed = {"jobs": 1, "failed": 1}
    assert provenance("bowtie2", "2.5.0") == {"bowtie2": failed}
    assert provenance("hisat2", "2.5.0") == {"bowtie2": failed, "hisat2": failed}
    # of what other versions recorded nothing is claimed
    assert provenance("hisat2", "2.5.4") == {"hisat2": failed}


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


def test_the_door_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "record_jobs.py"), "-o", str(tmp_path), "--work", str(tmp_path)]
    ended = subprocess.run(command, env={"PATH": ""}, capture_output=True, text=True)
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert line.endswith("apt-get install bowtie2 hisat2 samtools")


def test_the_door_refuses_a_machine_without_a_memory_controller_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = cgroups.find_controller
    monkeypatch.setattr(commands, "require_programs", dict)
    monkeypatch.setattr(cgroups, "find_controller", lambda: find(tmp_path, tmp_path / "nowhere"))
    assert record_jobs.main(["-o", str(tmp_path / "out"), "--work", str(tmp_path / "work")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("record_jobs: no memory controller that can be written below")


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
    folders = ["--work", str(work / "work"), "-o", str(work / "out")]
    command = [sys.executable, str(EXAMPLES / "record_jobs.py"), *folders, *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def groups_of(recorder: "subprocess.Popen[bytes]", name: str = "*") -> list[cgroups.Group]:
    """Find the groups of this recorder alone: another one may be at work on the same machine."""
    parent = cgroups.find_controller().parent
    return [cgroups.Group(path, V1) for path in parent.glob(f"gmr-record-{recorder.pid}-{name}")]


def is_running(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # a dead orphan stays on the list until process 1 collects it, which may take it seconds
    return "State:\tZ" not in status


@pytest.mark.recording
def test_a_recording_leaves_tables_and_no_groups(tmp_path: Path) -> None:
    with record("--tool", "hisat2", "--jobs", "3", work=tmp_path) as recorder:
        assert recorder.wait(PATIENCE_SECONDS) == 0
    with (tmp_path / "out" / "hisat2_full.csv").open(newline="") as file:
        assert [row["exit_code"] for row in csv.DictReader(file)] == ["0", "0", "0"]
    assert groups_of(recorder) == []
    assert [path.name for path in (tmp_path / "work").glob("hisat2-*")] == []


@pytest.mark.recording
# job 1 of bowtie2 runs for seconds, as does the build of the index of job 0
@pytest.mark.parametrize("doing", ["bowtie2-1", "bowtie2-sim*"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_killed_recorder_leaves_no_children_and_no_groups(number: signal.Signals, doing: str, tmp_path: Path) -> None:
    children: list[int] = []
    with record("--tool", "bowtie2", "--jobs", "2", work=tmp_path) as recorder:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not children:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            children = [child for group in groups_of(recorder, doing) for child in group.processes()]
        recorder.send_signal(number)
        recorder.wait(PATIENCE_SECONDS)
    if number == signal.SIGKILL:
        # nothing can be done then: the next recorder sweeps
        assert cgroups.find_controller().sweep() > 0
    else:
        assert recorder.returncode == 130
    assert groups_of(recorder) == []
    assert [child for child in children if is_running(child)] == []
    # and it goes on where it was
    with record("--tool", "bowtie2", "--jobs", "2", work=tmp_path) as recorder:
        assert recorder.wait(PATIENCE_SECONDS) == 0


@pytest.mark.recording
@pytest.mark.parametrize("tool", plan.TOOLS)
def test_shipped_peaks_are_reproduced_within_3_percent(tool: str, tmp_path: Path) -> None:
    with record("--tool", tool, "--jobs", "5", work=tmp_path) as recorder:
        assert recorder.wait(PATIENCE_SECONDS) == 0
    with (tmp_path / "out" / f"{tool}.csv").open(newline="") as file:
        again = [int(row[V1]) for row in csv.DictReader(file)]
    shipped = [int(row[V1]) for row in rows_of(f"{tool}.csv")[:5]]
    assert statistics.median(abs(new / old - 1) for new, old in zip(again, shipped, strict=True)) <= 0.03
