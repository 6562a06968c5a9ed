"""Finished jobs out of Galaxy's API, over real sockets."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from galaxy_api import KEY, Answers, Api, encoded, served
from galaxy_database import FIRST, V2, Filled, now
from sqlalchemy import update

from galaxy_memory_rules.errors import ConfigError, SourceError
from trainer import canonical
from trainer.__main__ import main
from trainer.exporting.api import GalaxyApi
from trainer.exporting.api_jobs import ApiJobs
from trainer.exporting.database import GalaxyDatabase
from trainer.exporting.database_jobs import DatabaseJobs
from trainer.exporting.selection import Selection
from trainer.exporting.settling import file_of
from trainer.records import JobRecord

pytestmark = pytest.mark.parametrize("address", ["sqlite"], indirect=True)


@pytest.fixture
def api(galaxy: Filled) -> Api:
    return Api(Answers(galaxy))


@pytest.fixture
def url(api: Api) -> Iterator[str]:
    with served(api) as found:
        yield found


def add(galaxy: Filled, **more: Any) -> int:
    return galaxy.job("cat1", **{"metrics": V2, **more})


def read(url: str, selection: Selection = Selection(), place: str | None = None) -> list[JobRecord]:  # noqa: B008
    jobs = ApiJobs(GalaxyApi(url, KEY, 10), selection, "api")
    return [record for batch in jobs.batches(place, ()) for record in batch.records]


def test_the_api_tells_what_the_database_tells(galaxy: Filled, address: str, url: str) -> None:
    leaves = [galaxy.dataset(1), galaxy.dataset(2, build=["mm10"])]
    add(
        galaxy,
        inputs=[("pair1", leaves[0]), ("pair2", leaves[1])],
        library_inputs=[("genome", galaxy.library_dataset(3))],
        collections=[("pair", galaxy.collection(leaves))],
        parameters={"pair": {"values": [{"src": "hdca", "id": 1}]}, "mode": {"kind": "fast"}, "dbkey": "?"},
        destination_params={"tpv_mem": "2"},
    )
    [batch] = DatabaseJobs(GalaxyDatabase(address, 30), Selection(), "api").batches(None, ())
    [expected], [found] = batch.records, read(url)
    assert found.job == replace(expected.job, tool_version=None)
    assert vars(found) == {**vars(expected), "job": found.job, "job_id": encoded(1), "destination_id": ""}


@pytest.mark.parametrize(
    ("exit_code", "said", "outcome"),
    [
        (None, "Tool failed due to insufficient memory. Try with more memory.", "out_of_memory"),
        (None, "Remote job server indicated a problem running or monitoring this job.", "failed"),
        (None, None, "failed"),
        # what a tool printed is no word of Galaxy's
        (1, "java ran out of memory", "failed"),
    ],
)
def test_why_a_job_was_given_up_is_told_by_its_output(
    galaxy: Filled, url: str, exit_code: int | None, said: str | None, outcome: str
) -> None:
    job, output = add(galaxy, state="error", exit_code=exit_code), galaxy.dataset(0)
    galaxy.add("job_to_output_dataset", job_id=job, dataset_id=output, name="output1")
    associations = galaxy.table("history_dataset_association")
    with galaxy.engine.begin() as connection:
        connection.execute(update(associations).where(associations.c.id == output).values(info=said))
    assert [record.outcome for record in read(url)] == [outcome]


def test_a_tool_of_the_toolshed_tells_its_version_by_its_id(galaxy: Filled, address: str, url: str) -> None:
    galaxy.job(metrics=V2, tool_version="2.5.0+galaxy0")
    assert [record.job.tool_version for record in read(url)] == ["2.5.0+galaxy0"]


def test_jobs_of_many_years_are_found_and_each_once(
    galaxy: Filled, url: str, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.exporting.api_jobs.JOBS_PER_WINDOW", 3)
    jobs = [add(galaxy) for _ in range(20)]
    for number, job in enumerate(jobs):
        # the last nine in one second
        galaxy.change(job, update_time=FIRST.replace(year=2010) + timedelta(days=min(number, 11) ** 3))
    found = [record.job_id for record in read(url)]
    # the newest of each window first
    assert sorted(set(found)) == [encoded(job) for job in jobs]
    # halving and doubling: day by day it would be 8,000
    assert len([path for path in api.asked if path == "/api/jobs"]) < 200


def test_only_what_is_wanted_is_asked_for_closely(galaxy: Filled, url: str, api: Api) -> None:
    add(galaxy, create_time=FIRST - timedelta(days=1))
    add(galaxy, state="running")
    galaxy.job("cat2")
    wanted = add(galaxy)
    found = read(url, Selection(("cat1",), since=FIRST))
    assert [record.job_id for record in found] == [encoded(wanted)]
    assert {path.split("/")[3] for path in api.asked if path.startswith("/api/jobs/")} == {encoded(wanted)}


def test_a_dataset_is_asked_for_once(galaxy: Filled, url: str, api: Api) -> None:
    genome = galaxy.dataset(1)
    add(galaxy, inputs=[("genome", genome)])
    read(url)
    add(galaxy, inputs=[("genome", genome), ("genome1", genome)])
    api.asked.clear()
    assert len(read(url)) == 2
    # two threads may ask at the same time
    assert 1 <= len([path for path in api.asked if path.startswith("/api/datasets/")]) <= 2


def test_the_last_hour_is_read_again_the_next_time(galaxy: Filled, url: str) -> None:
    jobs = ApiJobs(GalaxyApi(url, KEY, 10), Selection(), "api")
    galaxy.change(add(galaxy), update_time=now())
    places = [batch.place for batch in jobs.batches(None, ()) if batch.place]
    ago = now() - timedelta(seconds=3600)
    assert ago - timedelta(minutes=1) < ago.fromisoformat(places[-1]) <= ago
    assert len(read(url, place=places[-1])) == 1


def test_an_ordinary_key_sees_no_memory(galaxy: Filled, api: Api, url: str) -> None:
    api.answers = Answers(galaxy, is_admin=False)
    add(galaxy, metrics={**V2, "galaxy_slots": "4"})
    assert [(record.peak_bytes, record.job.slots) for record in read(url)] == [(0, 4)]


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_busy_galaxy_is_asked_again(galaxy: Filled, api: Api, url: str, status: int) -> None:
    add(galaxy)
    api.instead = {"/api/jobs": [status], f"/api/jobs/{encoded(1)}": [status]}
    assert len(read(url)) == 1


@pytest.mark.parametrize("status", [403, 404])
def test_a_job_that_is_gone_is_named_and_costs_no_other(galaxy: Filled, api: Api, url: str, status: int) -> None:
    add(galaxy), add(galaxy)
    api.instead = {f"/api/jobs/{encoded(1)}": [status]}
    batches = list(ApiJobs(GalaxyApi(url, KEY, 10), Selection(), "api").batches(None, ()))
    assert [record.job_id for batch in batches for record in batch.records] == [encoded(2)]
    assert [batch.refused for batch in batches if batch.refused] == [
        [f"job {encoded(1)}: this API key may not see it, or it is gone"]
    ]


@pytest.mark.parametrize(
    ("path", "given", "complaint"),
    [
        ("/api/jobs", 401, "refused .401.; expected the API key of an administrator"),
        ("/api/jobs", 302, "status 302"),
        ("/api/jobs", "<html>", "no JSON"),
        (f"/api/jobs/{encoded(1)}", 501, "status 501"),
        (f"/api/jobs/{encoded(1)}", "<html>", "no JSON"),
    ],
)
def test_an_answer_that_is_none_ends_the_export(
    galaxy: Filled, api: Api, url: str, path: str, given: int | str, complaint: str
) -> None:
    add(galaxy)
    api.instead = {path: [given]}
    with pytest.raises(SourceError, match=complaint):
        read(url)


def test_a_galaxy_that_is_away_is_named(galaxy: Filled) -> None:
    with pytest.raises(SourceError, match="127.0.0.1:1/api/jobs"):
        GalaxyApi("http://127.0.0.1:1", KEY, 1).get("jobs")


@pytest.mark.parametrize(
    ("address_", "key"),
    [("galaxy.example.org", KEY), ("ftp://x", KEY), ("https://me:pw@x", KEY), ("https://x", ""), ("https://x", "a\nb")],
)
def test_an_address_or_key_that_cannot_be_used_is_refused(galaxy: Filled, address_: str, key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        GalaxyApi(address_, key, 1)
    assert "pw" not in str(refused.value)


def test_from_the_command_line_nothing_personal_is_written(
    galaxy: Filled, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add(galaxy, inputs=[("reads", galaxy.dataset(1))], parameters={"reads|__identifier__": "Jane", "m": "jane@x.org"})
    key, out = tmp_path / "key", tmp_path / "out"
    key.write_text(f"{KEY}\n")
    monkeypatch.delenv("GALAXY_API_KEY", raising=False)
    assert main(["export", "--galaxy", url, "-o", str(out), "--resume"]) == 2
    assert main(["export", "--galaxy", url, "-o", str(out), "--resume", "--api-key-file", str(key)]) == 0
    [found] = canonical.read(file_of(out, "cat1"))
    assert (found.server, found.peak_bytes) == ("127.0.0.1", 322_122_547)
    canonical.write([found], out / "as_text.csv")
    written = b"".join(path.read_bytes() for path in out.iterdir())
    assert [word for word in (b"Jane", b"jane", b"tumour", KEY.encode()) if word in written] == []
    assert KEY not in "".join(capsys.readouterr())
