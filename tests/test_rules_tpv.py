"""The function that TPV's expressions and rules call: a number of GiB comes back, whatever happens."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fault_server
import pytest
from galaxy_stand_ins import Job, State, Tool, bowtie2_job
from hypothesis import given
from hypothesis import strategies as st
from wire_faults import GOOD, UNHURRIED_SECONDS

from galaxy_memory_rules import tpv
from galaxy_memory_rules.config_file import settings_of
from galaxy_memory_rules.decision import client_for
from galaxy_memory_rules.tpv import predicted_mem

GIB = 1024**3
# nobody listens there
NOWHERE = "http://127.0.0.1:1"

Settings = Callable[..., str]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Write memory_rules.yml; return its path."""

    def write(url: str = NOWHERE, **more: Any) -> str:
        path = tmp_path / "memory_rules.yml"
        lines = {"service_url": url, "deadline_seconds": UNHURRIED_SECONDS, **more}
        path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
        return str(path)

    return write


def killed(**params: str) -> Job:
    """A job that Galaxy 26.1 has resubmitted once, with what TPV's destination requested."""
    return replace(bowtie2_job(1493950957), state_history=[State("resubmitted")], destination_params=params)


def dry_run_job() -> Any:
    """What `tpv dry-run` calls a job: no history, no parameters, no version, datasets without a build."""
    dataset = SimpleNamespace(id=0, file_size=2 * GIB, get_size=lambda nice_size=False, calculate_size=False: 2 * GIB)
    association = SimpleNamespace(name="test", dataset=dataset, extension="txt")
    entry = SimpleNamespace(name="test", dataset=association)
    return SimpleNamespace(id=1, state="new", input_datasets=[entry], input_library_datasets=[], param_values={})


@pytest.mark.parametrize("job", [bowtie2_job(1493950957), dry_run_job()])
def test_the_service_is_asked_once_and_every_evaluation_gets_the_same(settings: Settings, job: Any) -> None:
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        path = settings(server.url)
        # 4,026,531,840 bytes / 2**30 = 3.75
        assert [predicted_mem(job, Tool(version=None), path, 20) for _ in range(4)] == [3.75] * 4
        client_for(settings_of(path)).close()
        assert len(server.requests) == 1


def test_without_an_answer_the_default_stays_or_the_fallback_takes_its_place(settings: Settings) -> None:
    assert predicted_mem(bowtie2_job(1), Tool(), settings(), 3.8) == 3.8
    assert predicted_mem(bowtie2_job(1), Tool(), settings(fallback="12 GiB"), 3.8) == 12


@pytest.mark.parametrize("mode", ["shadow", "off"])
def test_a_mode_that_changes_nothing_keeps_the_default(settings: Settings, mode: str) -> None:
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        path = settings(server.url, mode=mode)
        assert predicted_mem(bowtie2_job(1493950957), Tool(), path, 20) == 20
        client_for(settings_of(path)).close()


# TPV's own words say what the last attempt requested as well as our note does: 8 GiB, twice that is 16
@pytest.mark.parametrize(
    "params", [{"native_specification": "--ntasks=1 --mem=8192M"}, {"gmem_request_bytes": str(8 * GIB)}]
)
def test_a_killed_job_asks_for_twice_its_last_request(settings: Settings, params: dict[str, str]) -> None:
    assert predicted_mem(killed(**params), Tool(), settings(), 4) == 16


@pytest.mark.parametrize("default", ["cores * 3.8", None, "", float("nan"), float("inf"), -1, 10**400, object()])
def test_a_default_that_is_no_number_is_complained_of_and_never_0(
    settings: Settings, caplog: pytest.LogCaptureFixture, default: object
) -> None:
    # 0 would be all of a node to Slurm
    assert predicted_mem(bowtie2_job(1), Tool(), settings(), default) == 4
    assert "entity.evaluate_resources(dict(locals())).mem" in caplog.text


def test_a_default_may_be_written_as_a_text(settings: Settings) -> None:
    assert predicted_mem(bowtie2_job(1), Tool(), settings(), "3.8") == 3.8


@pytest.mark.parametrize("path", [None, 5, "/nowhere/memory_rules.yml"])
def test_without_settings_the_default_stays_with_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture, path: object
) -> None:
    assert predicted_mem(bowtie2_job(1), Tool(), path, 20) == 20
    [record] = caplog.records
    assert (record.levelno, record.getMessage().startswith("memory rule: 20 GiB stay: ")) == (logging.ERROR, True)


def test_whatever_the_room_behind_raises_the_default_stays_but_an_interrupt_is_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(tpv, "decide", fails)
    error: BaseException = GeneratorExit("a\nreason")
    assert predicted_mem(bowtie2_job(1), Tool(), settings(), 20) == 20
    error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        predicted_mem(bowtie2_job(1), Tool(), settings(), 20)


things = st.none() | st.integers() | st.floats() | st.text() | st.builds(object)


@given(job=things, tool=things, path=st.none() | st.integers() | st.just("/nowhere"), default=things)
def test_nothing_that_it_is_given_makes_it_raise(job: Any, tool: Any, path: object, default: object) -> None:
    assert predicted_mem(job, tool, path, default) >= 0
