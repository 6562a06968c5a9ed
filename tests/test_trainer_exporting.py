"""An export into a folder: nothing lost, nothing twice, whatever happens in between; and nothing personal."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from galaxy_database import BOWTIE2, FIRST, V2, Filled, now
from serving import ROOT

from galaxy_memory_rules.errors import ConfigError, RecordsError, SourceError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import canonical
from trainer.__main__ import main
from trainer.exporting.export import Plan, export
from trainer.exporting.settling import file_of
from trainer.exporting.source import Batch, Source
from trainer.exporting.stage import FILE, Stage, opened
from trainer.readers import read
from trainer.records import JobRecord

BOWTIE2_FAMILY = BOWTIE2.rpartition("/")[0]


def record(job_id: str, tool: str = "cat1", minute: int = 0, peak_bytes: int = 1, server: str = "main") -> JobRecord:
    created = (FIRST + timedelta(minutes=minute) - datetime(1970, 1, 1)).total_seconds()
    return JobRecord(JobDescription(tool), peak_bytes, job_id=job_id, server=server, created_seconds=created)


class Told:
    """A Galaxy that tells these batches, whatever the place, and remembers what it was asked."""

    def __init__(self, *batches: Batch | Exception) -> None:
        self.batches_told = batches
        self.asked: list[tuple[str | None, list[str]]] = []

    def batches(self, place: str | None, open_ids: Any) -> Iterator[Batch]:
        self.asked.append((place, list(open_ids)))
        for batch in self.batches_told:
            if isinstance(batch, Exception):
                raise batch
            yield batch


def run(source: Source, folder: Path, *, resume: bool = True, server: str = "main", selection: str = "") -> None:
    for _ in export(source, Plan(folder, server, selection, resume, round_sizes=False)):
        pass


def stored(folder: Path, tool: str = "cat1") -> list[JobRecord]:
    return list(canonical.read(file_of(folder, tool)))


def ids(folder: Path, tool: str = "cat1") -> list[str]:
    return [found.job_id for found in stored(folder, tool)]


def test_each_tool_gets_a_file_with_its_jobs_in_order_of_time(tmp_path: Path) -> None:
    jobs = [record("3", minute=3), record("1", minute=1), record("9", BOWTIE2), record("2", minute=2)]
    run(Told(Batch(jobs, place="9")), tmp_path)
    assert stored(tmp_path) == [jobs[1], jobs[3], jobs[0]]
    assert stored(tmp_path, BOWTIE2_FAMILY) == [jobs[2]]
    assert len(list(tmp_path.glob("*.parquet"))) == 2


def test_a_later_export_adds_to_the_files_and_replaces_what_it_reads_again(tmp_path: Path) -> None:
    run(Told(Batch([record("1", minute=1), record("3", minute=3), record("4", minute=4)], place="4")), tmp_path)
    source = Told(Batch([record("3", minute=3, peak_bytes=7), record("2", minute=2)], place="5"))
    run(source, tmp_path)
    assert [(found.job_id, found.peak_bytes) for found in stored(tmp_path)] == [("1", 1), ("2", 1), ("3", 7), ("4", 1)]
    assert source.asked == [("4", [])]


def test_jobs_that_were_open_are_asked_for_until_they_are_not(tmp_path: Path) -> None:
    run(Told(Batch([], still_open=["5", "6", "7"], place="7")), tmp_path)
    # 5 has ended, 6 goes on, 7 was deleted
    second = Told(Batch([record("5")], looked_at=["5", "6", "7"], still_open=["6"]))
    third = Told()
    run(second, tmp_path)
    run(third, tmp_path)
    assert (second.asked, third.asked) == ([("7", ["5", "6", "7"])], [("7", ["6"])])
    assert ids(tmp_path) == ["5"]


def test_without_resume_all_is_read_again_and_nothing_is_there_twice(tmp_path: Path) -> None:
    run(Told(Batch([record("1")], still_open=["2"], place="2")), tmp_path)
    source = Told(Batch([record("1")], place="2"))
    run(source, tmp_path, resume=False)
    assert (source.asked, ids(tmp_path)) == ([(None, [])], ["1"])


def test_servers_share_a_folder_and_each_has_its_own_place(tmp_path: Path) -> None:
    run(Told(Batch([record("1")], still_open=["2"], place="2")), tmp_path)
    source = Told(Batch([record("1", server="eu")], place="9"))
    run(source, tmp_path, server="eu")
    assert source.asked == [(None, [])]
    assert [(found.server, found.job_id) for found in stored(tmp_path)] == [("eu", "1"), ("main", "1")]


def test_a_place_is_not_used_for_another_selection(tmp_path: Path) -> None:
    run(Told(Batch([], place="2")), tmp_path, selection="tools a")
    with pytest.raises(ConfigError, match="other options .tools a.; repeat them"):
        run(Told(), tmp_path, selection="tools b")
    source = Told()
    run(source, tmp_path, selection="tools b", resume=False)
    assert source.asked == [(None, [])]


def test_what_was_read_before_galaxy_went_away_is_in_the_files(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        run(Told(Batch([record("1")], place="1"), SourceError("gone")), tmp_path)
    assert ids(tmp_path) == ["1"]
    source = Told()
    run(source, tmp_path)
    assert source.asked == [("1", [])]


def test_many_jobs_go_to_their_files_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.exporting.export.MOST_STAGED_JOBS", 2)
    plan = Plan(tmp_path, "main", "", True, round_sizes=False)
    told = export(Told(*(Batch([record(str(job), minute=job)], place=str(job)) for job in range(3))), plan)
    next(told), next(told)
    assert ids(tmp_path) == ["0", "1"]
    assert [found.jobs.total() for found in told] == [3]
    assert ids(tmp_path) == ["0", "1", "2"]


def test_two_exports_do_not_share_a_folder_at_the_same_time(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(ConfigError, match="is another export at work there"), opened(tmp_path):
        pass
    with opened(tmp_path):
        pass


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="Choose another folder"), opened(tmp_path / "file"):
        pass


def test_a_file_that_is_no_table_is_named_and_the_jobs_go_on_waiting(tmp_path: Path) -> None:
    file_of(tmp_path, "cat1").write_text("harmed")
    with pytest.raises(RecordsError, match="cat1.parquet: "):
        run(Told(Batch([record("1")], place="1")), tmp_path)
    file_of(tmp_path, "cat1").unlink()
    run(Told(), tmp_path)
    assert ids(tmp_path) == ["1"]


def test_sizes_are_rounded_up_to_two_digits_where_that_is_wanted(tmp_path: Path) -> None:
    sizes = (1_493_950_957, 99_100, 7, 0, None)
    job = JobDescription("cat1", inputs=tuple(InputDataset(f"i{number}", size) for number, size in enumerate(sizes)))
    plan = Plan(tmp_path, "main", "", True, round_sizes=True)
    list(export(Told(Batch([replace(record("1"), job=job)])), plan))
    assert [found.size_bytes for found in stored(tmp_path)[0].job.inputs] == [1_500_000_000, 100_000, 7, 0, None]


# --- from the command line, out of real databases ---


def exported(address: str, folder: Path, *options: str) -> int:
    return main(["export", "--database", address, "-o", str(folder), "--resume", *options])


def test_the_next_export_reads_what_is_new_and_what_was_not_finished(
    galaxy: Filled, address: str, tmp_path: Path
) -> None:
    first, running = galaxy.job("cat1", metrics=V2), galaxy.job("cat1", "running")
    out = tmp_path / "out"
    assert exported(address, out) == 0
    assert ids(out) == [str(first)]
    galaxy.change(running, state="ok")
    new = galaxy.job("cat1", metrics=V2)
    # what is in the file is not asked for again: its row could be gone
    galaxy.change(first, state="deleted")
    assert exported(address, out) == 0
    assert ids(out) == [str(first), str(running), str(new)]


def test_a_job_whose_transaction_ended_after_that_of_a_newer_one_is_not_lost(
    galaxy: Filled, address: str, tmp_path: Path
) -> None:
    """Ids are given out when a transaction writes, and are seen when it ends."""
    out = tmp_path / "out"
    late, early = 10, 11
    galaxy.job("cat1", id=early, create_time=now())
    assert exported(address, out) == 0
    galaxy.job("cat1", id=late, create_time=now() - timedelta(seconds=30))
    assert exported(address, out) == 0
    assert ids(out) == ["10", "11"]


PERSONAL = ("Jane", "jane", "tumour", "sample", "example.org")


def personal(galaxy: Filled) -> None:
    """Write jobs down with something personal wherever Galaxy has room for it."""
    reads = [galaxy.dataset(1), galaxy.dataset(2)]
    galaxy.job(
        "cat1",
        "error",
        inputs=[("reads1", reads[0]), ("reads2", reads[1]), ("in|__adapter_part__|Jane's tumour", galaxy.dataset(3))],
        library_inputs=[("genome", galaxy.library_dataset(4))],
        collections=[("reads", galaxy.collection(reads))],
        parameters={
            "reads|__identifier__": "Jane's sample 0",
            "group": {"in|__identifier__": "Jane's sample 1", "kind": "short"},
            "mail": "jane@example.org",
            "path": "/srv/jane/tumour.fastq",
            "title": "Jane's tumour, which is the title of what will come out of this job, with details",
            "__workflow_invocation_uuid__": "jane",
        },
        info="Jane's job failed",
        job_stderr="no such file: /srv/jane/tumour.fastq",
        destination_params={"docker_volumes": "/srv/jane", "native_specification": "--mem=7", "submit_user": "jane"},
    )


def test_nothing_personal_leaves_the_database(galaxy: Filled, address: str, tmp_path: Path) -> None:
    personal(galaxy)
    out = tmp_path / "out"
    assert exported(address, out) == 0
    [found] = stored(out)
    # the other way around: what is no secret is there
    assert found.job.parameters == {"group|kind": "short"}
    assert [(dataset.name, dataset.size_bytes) for dataset in found.job.inputs] == [
        ("reads", 1), ("reads", 2), ("in", 3), ("genome", 4),
    ]  # fmt: skip
    # Parquet is compressed: as text as well
    canonical.write([found], tmp_path / "out" / "as_text.csv")
    written = b"".join(path.read_bytes() for path in out.iterdir())
    assert [word for word in PERSONAL if word.encode() in written] == []
    # the stage is empty, but its pages may still hold what was there
    assert (out / FILE).stat().st_size > 0


def test_the_options_say_what_is_exported(galaxy: Filled, address: str, tmp_path: Path) -> None:
    galaxy.job("cat1", metrics=V2, destination_id="slurm", create_time=FIRST)
    wanted = galaxy.job("cat1", metrics=V2, destination_id="slurm", create_time=FIRST + timedelta(days=9))
    galaxy.job("cat1", metrics=V2, destination_id="host", create_time=FIRST + timedelta(days=9))
    galaxy.job("cat2", metrics=V2, destination_id="slurm", create_time=FIRST + timedelta(days=9))
    options = ["--tools", "cat1", "--since", "2026-01-10", "--destinations", "s*", "h*", "--not-destinations", "host"]
    assert exported(address, tmp_path / "out", *options, "--server", "eu") == 0
    assert [(found.server, found.job_id) for found in stored(tmp_path / "out")] == [("eu", str(wanted))]


@pytest.mark.parametrize(
    ("options", "status", "complaint"),
    [
        (["--database", "mysql://galaxy"], 2, "expected postgresql or sqlite"),
        (["--galaxy", "galaxy.example.org"], 2, "expected https://galaxy.example.org"),
        (["--galaxy", "https://galaxy.example.org", "--destinations", "x"], 2, "does not tell where a job ran"),
        (["--galaxy", "https://galaxy.example.org", "--api-key-file", "/nowhere"], 2, "/nowhere: cannot be read"),
        (["--database", "postgresql://galaxy:secret@127.0.0.1:1/galaxy"], 1, "repeat with --resume"),
    ],
)
def test_a_wrong_option_or_a_galaxy_that_is_away_is_told(
    options: list[str],
    status: int,
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GALAXY_API_KEY", "0123")
    assert main(["export", *options, "-o", str(tmp_path)]) == status
    told = capsys.readouterr()
    assert complaint in told.err
    assert "secret" not in told.err + told.out


@pytest.mark.parametrize("options", [["--since", "yesterday"], ["--timeout", "0"], []])
def test_an_option_that_cannot_be_read_is_refused(options: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["export", "-o", str(tmp_path), *(["--database", "sqlite:///x", *options] if options else [])])
    assert refused.value.code == 2


def test_the_folder_is_what_input_files_csv_may_name(galaxy: Filled, address: str, tmp_path: Path) -> None:
    galaxy.many(5, ["cat1", BOWTIE2])
    out = tmp_path / "out"
    assert exported(address, out) == 0
    # of the jobs 1 to 6 the first has a version; then 2, 4 and 6 are of cat1, 3 and 5 of bowtie2
    jobs = {found.tool: len(found.records) for found in read(out, "peak_bytes")}
    assert jobs == {"cat1/2.5.0+galaxy0": 1, "cat1": 3, BOWTIE2: 2}
    assert sorted(len(found.records) for found in read(file_of(out, "cat1"), "peak_bytes")) == [1, 3]


def test_what_was_read_is_told(
    galaxy: Filled, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    galaxy.job("cat1", metrics=V2)
    galaxy.job("cat1", "error", metrics={})
    assert exported(address, tmp_path / "out") == 0
    told = capsys.readouterr().out
    assert "2 finished jobs" in told
    assert "1 with memory.peak" in told
    assert "1 without a peak" in told


# Small windows and often into the files, so that there is much to be killed in between. Each export is a process of
# its own; they are forked, as Python would need seconds to import all again.
KILLED = """
import os, random, signal, sys, time
import psycopg, sqlalchemy.dialects.postgresql.psycopg, sqlalchemy.dialects.sqlite, tqdm
from trainer.__main__ import main
from trainer.exporting import api_jobs, database_details, database_jobs, export
database_jobs.WINDOW_IDS, export.MOST_STAGED_JOBS = 40, 150
address, whole, killed = sys.argv[1:]

def start(folder):
    process = os.fork()
    if not process:
        os._exit(main(["export", "--database", address, "-o", folder, "--resume"]))
    return process

begun = time.monotonic()
assert os.waitpid(start(whole), 0)[1] == 0
seconds, chance, kills = time.monotonic() - begun, random.Random(13), 0
for _ in range(8):
    process = start(killed)
    time.sleep(chance.uniform(0, seconds / 2))
    os.kill(process, signal.SIGKILL)
    kills += os.waitpid(process, 0)[1] == signal.SIGKILL
assert os.waitpid(start(killed), 0)[1] == 0
print("seconds:", seconds, "kills:", kills)
"""


def test_an_export_that_is_killed_again_and_again_loses_nothing_and_tells_nothing_twice(
    galaxy: Filled, address: str, tmp_path: Path
) -> None:
    galaxy.many(500, ["cat1", "cat2", BOWTIE2])
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, address, str(whole), str(killed)]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.rpartition("kills: ")[2]) >= 4, "most were killed before they were done"
    for tool in ("cat1", "cat2", BOWTIE2_FAMILY):
        assert stored(killed, tool) == stored(whole, tool)
    assert sum(len(ids(whole, tool)) for tool in ("cat1", "cat2", BOWTIE2_FAMILY)) == 501


@pytest.mark.parametrize("step", ["add", "write", "forget"])
@pytest.mark.parametrize("survived", [0, 1, 2])
def test_an_export_that_ends_at_any_step_goes_on_there(
    step: str, survived: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [Batch([record(str(job), f"cat{job % 2}", job)], place=str(job)) for job in range(6)]

    class FromPlace(Told):
        def batches(self, place: str | None, open_ids: Any) -> Iterator[Batch]:
            return iter(batches[0 if place is None else int(place) + 1 :])

    class PowerCut(BaseException):
        pass

    owner: Any = canonical if step == "write" else Stage
    original = getattr(owner, step)
    done: list[str] = []

    def cut(*arguments: Any) -> Any:
        if len(done) >= survived:
            raise PowerCut
        done.append(step)
        return original(*arguments)

    monkeypatch.setattr("trainer.exporting.export.MOST_STAGED_JOBS", 3)
    monkeypatch.setattr(owner, step, cut)
    with pytest.raises(PowerCut):
        run(FromPlace(), tmp_path)
    monkeypatch.setattr(owner, step, original)
    run(FromPlace(), tmp_path)
    assert (ids(tmp_path, "cat0"), ids(tmp_path, "cat1")) == (["0", "2", "4"], ["1", "3", "5"])
