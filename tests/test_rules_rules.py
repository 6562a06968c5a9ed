"""The door for job_conf."""

import inspect
import logging
from pathlib import Path
from typing import Any

import fault_server
import pytest
from galaxy_stand_ins import App, Destination, Job, JobConfiguration, Tool, app_with, bowtie2_job
from wire_faults import DEADLINE_SECONDS, FAULTS, GOOD, UNHURRIED_SECONDS

from galaxy_memory_rules import map_job_to_destination
from galaxy_memory_rules.config import load_config
from galaxy_memory_rules.decision import client_for

SETTINGS = """
service_url: {url}
deadline_seconds: {deadline_seconds}
destination: slurm
destinations:
  slurm:
    params: {{native_specification: "--ntasks=4 --mem={{memory_mib}}M"}}
    env: {{GALAXY_MEMORY_MB: "{{memory_mib}}"}}
"""
SLURM = Destination(
    "slurm", "slurm", {"native_specification": "--mem=8192M"}, resubmit=[{"environment": "memory_rule"}]
)


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    """Write settings for a service; its connections are closed when the test is over."""
    written = []

    def write(url: str, deadline_seconds: float = UNHURRIED_SECONDS) -> str:
        path = tmp_path / "memory_rules.yml"
        path.write_text(SETTINGS.format(url=url, deadline_seconds=deadline_seconds))
        written.append(load_config(path))
        return str(path)

    yield write
    for config in written:
        client_for(config).close()


def test_a_job_gets_its_destination_with_the_predicted_memory(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        found = map_job_to_destination(app_with(SLURM), bowtie2_job(1493950957), Tool(), settings(server.url))
    # the service's answer is 4,026,531,840 bytes = 3840 MiB
    assert found.params == {
        "native_specification": "--ntasks=4 --mem=3840M",
        "gmem_request_bytes": "4026531840",
        "gmem_attempt": "1",
        "gmem_source": "forest",
        "gmem_bundle": "bowtie2/1",
    }
    assert [entry["value"] for entry in found.env] == ["3840"]
    assert (found.id, found.runner, found.resubmit) == ("slurm", "slurm", SLURM.resubmit)
    assert [record.getMessage() for record in caplog.records if "memory rule" in record.getMessage()] == [
        'memory rule: job="7" attempt=1 request="3.75 GiB" own="8.00 GiB" source="forest" bundle="bowtie2/1"'
        ' why="a reason"'
    ]


def test_galaxys_own_destination_is_not_touched(settings: Any) -> None:
    app = app_with(SLURM)
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        map_job_to_destination(app, bowtie2_job(1), Tool(), settings(server.url))
    assert app.job_config.destinations["slurm"][0].params == {"native_specification": "--mem=8192M"}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_the_destination_is_unchanged_when_the_service(
    fault: fault_server.Answer, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with fault_server.serving(fault) as server:
        found = map_job_to_destination(app_with(SLURM), bowtie2_job(1), Tool(), settings(server.url, DEADLINE_SECONDS))
    assert found == SLURM
    said = [record.getMessage() for record in caplog.records if record.name.startswith("galaxy_memory_rules")]
    assert len(said) == 1
    assert said[0].startswith('memory rule: job="7" attempt=1 own="8.00 GiB" why="')


def test_a_tool_without_a_bundle_is_no_reason_for_a_warning(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    body = b'{"error": "unknown_tool", "message": "no bundle for the tool cat1"}'
    with fault_server.serving(fault_server.reply(body, "404 Not Found")) as server:
        assert map_job_to_destination(app_with(SLURM), bowtie2_job(1), Tool(), settings(server.url)) == SLURM
    said = [record for record in caplog.records if "memory rule" in record.getMessage()]
    assert [record.levelno for record in said] == [logging.INFO]
    assert "no bundle for the tool cat1" in said[0].getMessage()


@pytest.mark.parametrize("path", [None, "/nowhere/memory_rules.yml", 7, "a\x00b"])
def test_without_settings_a_job_goes_where_job_conf_says(path: Any, caplog: pytest.LogCaptureFixture) -> None:
    local = Destination("local", "local")
    assert map_job_to_destination(app_with(local, SLURM), Job(), Tool(), path, "slurm") == SLURM
    assert len(caplog.records) == 1
    # not even that, or only the rule itself: the first destination that is no rule
    for default in (None, "memory_rule", "nowhere"):
        assert map_job_to_destination(app_with(local, SLURM), Job(), Tool(), path, default) == local


def test_a_destination_that_job_conf_lacks_is_replaced_by_one_that_it_has_unchanged(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    local, htcondor = Destination("local", "local"), Destination("htcondor", "htcondor", {"request_memory": "8192"})
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        path = settings(server.url)
        # Slurm's words mean nothing to another scheduler
        assert map_job_to_destination(app_with(local, htcondor), bowtie2_job(1), Tool(), path) == local
        assert map_job_to_destination(app_with(local, htcondor), bowtie2_job(1), Tool(), path, "htcondor") == htcondor
        assert not server.requests
    assert [record.getMessage() for record in caplog.records] == 2 * [
        "memory rule: job 7: destination unchanged: DestinationError: job_conf has no environment slurm"
    ]


def test_a_rule_never_sends_a_job_to_a_rule(settings: Any) -> None:
    path = Path(settings("http://127.0.0.1:1"))
    path.write_text(path.read_text().replace("slurm", "memory_rule"))
    assert map_job_to_destination(app_with(SLURM), bowtie2_job(1), Tool(), str(path)) == SLURM


def test_a_database_that_has_gone_is_one_log_line(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Gone:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("server closed\nthe connection")

    found = map_job_to_destination(app_with(SLURM), Gone(), Tool(), settings("http://127.0.0.1:1"))
    assert found == SLURM
    assert [record.getMessage() for record in caplog.records] == [
        "memory rule: job ?: destination unchanged: RuntimeError: server closed the connection"
    ]


@pytest.mark.parametrize("app", [None, App(JobConfiguration({})), object()])
def test_it_does_not_raise_even_where_galaxy_has_no_destination_at_all(app: Any, settings: Any) -> None:
    assert map_job_to_destination(app, Job(), Tool(), settings("http://127.0.0.1:1")) is None


@pytest.mark.parametrize("job", [None, object(), 7])
def test_a_job_that_is_none_leaves_the_destination_unchanged(job: Any, settings: Any) -> None:
    assert map_job_to_destination(app_with(SLURM), job, Tool(), settings("http://127.0.0.1:1")) == SLURM


def test_every_argument_is_a_plain_one_with_a_name_that_galaxy_fills_or_a_default() -> None:
    found = inspect.getfullargspec(map_job_to_destination)
    assert (found.varargs, found.varkw, found.kwonlyargs) == (None, None, [])
    filled = {"job_id", "tool", "tool_id", "job_wrapper", "rule_helper", "app", "referrer", "job", "user"}
    without_default = found.args[: len(found.args) - len(found.defaults or ())]
    assert set(without_default) <= filled


def test_in_shadow_the_destination_keeps_what_it_requests_and_what_would_be_is_noted(settings: Any) -> None:
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        path = Path(settings(server.url))
        path.write_text(path.read_text() + "mode: shadow\n")
        found = map_job_to_destination(app_with(SLURM), bowtie2_job(1), Tool(), str(path))
    assert found.params == {
        "native_specification": "--mem=8192M",
        "gmem_shadow_bytes": "4026531840",
        "gmem_attempt": "1",
        "gmem_source": "forest",
        "gmem_bundle": "bowtie2/1",
    }
    assert (found.env, found.resubmit) == (SLURM.env, SLURM.resubmit)


@pytest.mark.parametrize(
    ("resubmit", "left"),
    [
        ([], []),
        (None, []),
        (
            [{"condition": "memory_limit_reached and attempt <= 3", "environment": "memory_rule", "delay": "1"}],
            [
                {
                    "condition": "not memory_limit_reached and (memory_limit_reached and attempt <= 3)",
                    "environment": "memory_rule",
                    "delay": "1",
                }
            ],
        ),
        ([{"environment": "long"}], [{"environment": "long", "condition": "not memory_limit_reached"}]),
    ],
)
def test_at_the_ceiling_a_killed_job_does_not_come_back_but_one_that_ran_out_of_time_does(
    resubmit: Any, left: Any, settings: Any
) -> None:
    destination = Destination("slurm", "slurm", {"native_specification": "--mem=8192M"}, resubmit=resubmit)
    with fault_server.serving(fault_server.reply(GOOD)) as server:
        path = Path(settings(server.url))
        path.write_text(path.read_text() + "ceiling: 3 GiB\n")
        found = map_job_to_destination(app_with(destination), bowtie2_job(1), Tool(), str(path))
    assert found.params["native_specification"] == "--ntasks=4 --mem=3072M"
    assert found.resubmit == left


def test_without_a_destination_in_the_settings_a_job_goes_where_job_conf_says(settings: Any) -> None:
    path = Path(settings("http://127.0.0.1:1"))
    path.write_text("service_url: http://127.0.0.1:1\n")
    assert map_job_to_destination(app_with(SLURM), bowtie2_job(1), Tool(), str(path), "slurm") == SLURM
