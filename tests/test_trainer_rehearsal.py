"""What is shown for a job that does not exist is what Galaxy would get from the rule's own door."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serving
from galaxy_stand_ins import App, JobConfiguration

from galaxy_memory_rules import rules
from galaxy_memory_rules.config import RulesConfig, load_config
from galaxy_memory_rules.decision import client_for
from galaxy_memory_rules.describe import describe
from galaxy_memory_rules.earlier import earlier_attempts
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import rehearsal
from trainer.job_conf import Destination
from trainer.rehearsal import ask, attempts

MIB = 1024**2
SETTINGS = """\
service_url: {url}
deadline_seconds: 5
destination: slurm
floor: 1 MiB
ceiling: {ceiling}
round_up_to: 1 MiB
mode: {mode}
canary: 0.01
fallback: 300 MiB
record: record.jsonl
destinations: {{slurm: {{words: slurm}}, unsaid: {{}}}}
"""
JOB = JobDescription(
    "tool",
    inputs=(InputDataset("input_1", 20 * MIB, "fastqsanger"), InputDataset("own_file", 3 * MIB, "fasta", count=2)),
    parameters={"conditional|mode": "fast"},
    dbkey="hg38",
)


@pytest.fixture(scope="module")
def url(models: Path) -> Iterator[str]:
    with serving.served(models) as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Any]:
    """Write memory_rules.yml and read it; what was asked over is closed in the end."""
    configs = []

    def write(url: str, mode: str = "on", ceiling: str = "64 GiB") -> RulesConfig:
        path = tmp_path / "memory_rules.yml"
        path.write_text(SETTINGS.format(url=url, mode=mode, ceiling=ceiling))
        configs.append(load_config(path))
        return configs[-1]

    yield write
    for config in configs:
        client_for(config).close()


def slurm() -> Destination:
    back = {"condition": "memory_limit_reached and attempt <= 3", "environment": "memory_rule"}
    env = [{"name": "_JAVA_OPTIONS", "value": "-Xmx6g"}]
    return Destination("slurm", "slurm", {"native_specification": "-p main --mem=8192M"}, env, [back])


def through_the_door(folder: Path, job: Any) -> Any:
    """Send a job through the rule as Galaxy does; all jobs are looked at."""
    path = folder / "memory_rules.yml"
    path.write_text(path.read_text().replace("canary: 0.01", "canary: 1"))
    app = App(JobConfiguration({"slurm": (copy.deepcopy(slurm()),)}))  # type: ignore[dict-item]
    return rules.map_job_to_destination(app, job, rehearsal._tool(JOB), str(path))


@pytest.mark.parametrize(
    ("mode", "ceiling"), [("on", "64 GiB"), ("on", "100 MiB"), ("shadow", "1 GiB"), ("off", "1 GiB")]
)
def test_it_is_what_the_door_returns(url: str, settings: Any, tmp_path: Path, mode: str, ceiling: str) -> None:
    first, second = attempts(settings(url, mode, ceiling), "slurm", slurm(), JOB)
    assert first.before == second.before == slurm()
    assert through_the_door(tmp_path, rehearsal._job(JOB)) == first.after
    assert (first.after == slurm()) == (mode == "off")


def test_the_second_attempt_asks_for_twice_as_much(url: str, settings: Any) -> None:
    first, second = attempts(settings(url), "slurm", slurm(), JOB)
    assert first.decision.request_bytes and second.decision.request_bytes
    assert (first.decision.attempt, second.decision.attempt) == (1, 2)
    assert second.decision.request_bytes == 2 * first.decision.request_bytes
    # 6 GiB of 8 are three quarters
    heap_mib = first.decision.request_bytes * 3 // 4 // MIB
    assert first.after.env == [{"name": "_JAVA_OPTIONS", "value": f"-Xmx{heap_mib}m"}]


def test_a_job_that_was_killed_before_goes_on_from_there(url: str, settings: Any) -> None:
    killed = JobDescription("tool", attempt=3, previous_request_bytes=1024 * MIB)
    first, second = attempts(settings(url), "slurm", slurm(), killed)
    assert first.decision.request_bytes == 2048 * MIB
    assert second.decision.request_bytes == 4096 * MIB
    assert (first.decision.attempt, second.decision.attempt) == (3, 4)


def test_a_destination_that_cannot_be_written_stays_as_it_is(url: str, settings: Any) -> None:
    unsaid = Destination("unsaid", "local")
    first, _ = attempts(settings(url), "unsaid", unsaid, JOB)
    assert first.after == unsaid
    assert "says nothing of memory" in first.problem


def test_nothing_is_recorded(url: str, settings: Any, tmp_path: Path) -> None:
    config = settings(url)
    ask(config, JOB)
    attempts(config, "slurm", slurm(), JOB)
    assert [path.name for path in tmp_path.iterdir()] == ["memory_rules.yml"]


def test_the_service_is_asked_whatever_the_mode(url: str, settings: Any) -> None:
    asked = ask(settings(url, "off"), JOB)
    assert asked.decision.bundle.startswith("tool/")
    assert 0 < asked.seconds < 5


def test_without_a_service_the_fallback_is_shown(settings: Any) -> None:
    config = settings(f"http://127.0.0.1:{serving.free_port()}")
    assert ask(config, JOB).decision.failure == "PredictionUnavailable"
    first, second = attempts(config, "slurm", slurm(), JOB)
    assert first.decision.request_bytes == 300 * MIB
    assert second.decision.request_bytes == 600 * MIB


def test_the_rule_reads_from_the_stand_ins_what_was_described() -> None:
    job = rehearsal._job(JOB)
    described = describe(job, rehearsal._tool(JOB), earlier_attempts(job))
    # datasets of one parameter are told one by one: 3 MiB are twice 1.5
    half = InputDataset("own_file", 3 * MIB // 2, "fasta")
    assert described == JobDescription(JOB.tool_id, None, (JOB.inputs[0], half, half), JOB.parameters, "hg38")


def test_sizes_that_cannot_be_divided_add_up() -> None:
    unknown = InputDataset("b", None, count=2)
    job = rehearsal._job(JobDescription("tool", inputs=(InputDataset("a", 8, count=3), unknown)))
    assert [entry.dataset.dataset.file_size for entry in job.input_datasets] == [3, 3, 2, None, None]
