"""python -m trainer check-rule, from files and a real service to what an administrator reads."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serving
from checked import written

from trainer.__main__ import main

MIB = 1024**2


@pytest.fixture(scope="module")
def url(models: Path) -> Iterator[str]:
    with serving.served(models) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(*options: str) -> int:
    return main(["check-rule", "--config", "memory_rules.yml", "--job-conf", "job_conf.yml", *options])


def results(capsys: pytest.CaptureFixture[str], *options: str, status: int = 0) -> Any:
    assert check("--format", "json", *options) == status
    told = capsys.readouterr()
    assert told.err == ""
    return json.loads(told.out)


def write(folder: Path, url: str, file: str = "memory_rules.yml", *changes: tuple[str, str]) -> None:
    written(folder, file, *changes)
    settings = folder / "memory_rules.yml"
    # a busy machine may need longer than a handler waits
    settings.write_text(settings.read_text().replace("http://127.0.0.1:1", url).replace("0.25", "5"))


def test_a_person_reads_what_the_rule_would_do(url: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, url)
    assert check("--tool", "tool", "--input", "input_1=20M", "own_file=3 MiB") == 0
    said = capsys.readouterr()
    assert said.err == ""
    head, service, job, slurm, local = said.out.strip().split("\n\n")
    assert head == "memory_rules.yml, job_conf.yml: 0 errors, 0 warnings"
    assert service.startswith(f"service {url}: answered after ")
    assert service.endswith("the deadline is 5000 ms\n  knows tool")
    assert job.startswith("job of tool: input_1 20.00 MiB, own_file 3.00 MiB\n  * ")
    assert slurm.splitlines()[:5] == [
        "slurm (runner slurm), where jobs go; requests 8.00 GiB by itself",
        "  first attempt: 512.00 MiB",
        "    - params native_specification: --partition=main --mem=8192M",
        "    + params native_specification: --partition=main --mem=512M",
        "    + params gmem_request_bytes: 536870912",
    ]
    assert "  second one, after an out-of-memory kill: 1.00 GiB\n" in slurm
    assert slurm.endswith("    comes back to memory_rule if memory_limit_reached and attempt <= 3")
    assert local.startswith("local (runner local); requests nothing that can be read by itself\n")
    assert "    + env GALAXY_MEMORY_MB: 512\n" in local
    assert local.endswith("    comes back never, as it has no resubmit: there is no second attempt")
    assert max(map(len, said.out.splitlines())) <= 100


def test_a_program_reads_the_same(url: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, url)
    job = {"tool_id": "tool", "inputs": [{"name": "input_1", "size_bytes": 20 * MIB}], "dbkey": "hg38"}
    (folder / "job.json").write_text(json.dumps(job))
    content = results(capsys, "--job", "job.json")
    assert (content["errors"], content["warnings"], content["findings"]) == (0, 0, [])
    assert content["service"]["answered"]
    assert content["service"]["tools"] == ["tool"]
    assert content["job"]["inputs"][0]["size_bytes"] == 20 * MIB
    slurm, local = content["destinations"]
    assert (slurm["destination"], slurm["is_used"], local["is_used"]) == ("slurm", True, False)
    assert [attempt["decision"]["request_bytes"] for attempt in slurm["attempts"]] == [512 * MIB, 1024 * MIB]
    assert slurm["attempts"][0]["before"]["params"] == {"native_specification": "--partition=main --mem=8192M"}
    assert slurm["attempts"][1]["after"]["params"]["native_specification"] == "--partition=main --mem=1024M"


def test_without_a_job_it_is_a_small_one_of_the_first_tool(
    url: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, url)
    job = results(capsys)["job"]
    assert job["tool_id"] == "tool"
    # the smallest that were recorded; absent ones do not count
    assert {entry["name"]: entry["size_bytes"] for entry in job["inputs"]} == {"input_1": MIB, "own_file": 3 * MIB}


def test_a_tool_that_the_service_does_not_know_is_a_warning(
    url: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, url)
    content = results(capsys, "--tool", "tolo")
    [warning] = content["findings"]
    assert (warning["level"], warning["line"], warning["key"]) == ("warning", 1, "service_url")
    assert warning["message"].endswith("it knows tool")
    first = content["destinations"][0]["attempts"][0]
    assert first["before"] == first["after"]


def test_the_fallback_is_shown_where_the_service_does_not_answer(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, f"http://127.0.0.1:{serving.free_port()}")
    settings = folder / "memory_rules.yml"
    settings.write_text(settings.read_text() + "fallback: 2 GiB\n")
    assert check() == 1
    said = capsys.readouterr()
    assert said.err == "", "what the rule logs is in the story"
    first, *_ = said.out.splitlines()
    assert first.startswith("error: memory_rules.yml, line 1: service_url: ")
    assert first.endswith("start `python -m service` there, or name where it listens")
    assert "no usable answer after" in said.out
    assert "job of any_tool: no inputs" in said.out
    assert "  first attempt: 2.00 GiB" in said.out


def test_shadow_mode_tells_what_it_would_be(url: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, url)
    settings = folder / "memory_rules.yml"
    settings.write_text(settings.read_text() + "mode: shadow\n")
    assert check("--tool", "tool") == 0
    assert "  first attempt: unchanged; without shadow mode 512.00 MiB" in capsys.readouterr().out


def test_all_faults_of_both_files_are_listed_and_nobody_is_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, _ = written(folder, "job_conf.yml", ("function: map", "function: mop"))
    settings.write_text(settings.read_text().replace("512 MiB", "much").replace("shadow", "shade"))
    assert check() == 1
    lines = capsys.readouterr().out.splitlines()
    begins = [
        "error: memory_rules.yml, line 3: floor: expected an amount of memory",
        "error: memory_rules.yml, line 13: tools.bowtie2.mode: expected on, shadow or off",
        "error: job_conf.yml, line 9: execution.environments.memory_rule.function: mop_job_to_destination: ",
        "memory_rules.yml, job_conf.yml: 3 errors, 0 warnings",
        "The service was not asked: memory_rules.yml comes first.",
    ]
    for line, begin in zip(lines, begins, strict=True):
        assert line.startswith(begin)


def test_a_job_conf_that_cannot_be_read_keeps_nobody_from_asking(
    url: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, url, "job_conf.yml", ("execution:", "execution"))
    content = results(capsys, status=1)
    assert [(finding["file"], finding["line"]) for finding in content["findings"]] == [("job_conf.yml", 4)]
    assert content["service"]["answered"]
    assert content["destinations"] == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--input", "a=1"], "--input: expected a --tool"),
        (["--tool", ""], "--tool: tool_id: expected printable text"),
        (["--job", "nowhere.json"], "nowhere.json: cannot be read"),
        (["--job", "job_conf.yml"], "job_conf.yml: cannot be read"),
        (["--job", "job.json"], "job.json: size: unknown field"),
        (["--config", "nowhere.yml"], "nowhere.yml: no such file; name another one with --config"),
        (["--job-conf", "nowhere.yml"], "nowhere.yml: no such file; name another one with --job-conf"),
    ],
)
def test_a_wrong_option_is_one_line_and_status_2(
    options: list[str], complaint: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, "job_conf.yml")
    (folder / "job.json").write_text('{"tool_id": "tool", "size": 3}')
    assert check(*options) == 2
    [said] = capsys.readouterr().err.splitlines()
    assert complaint in said


@pytest.mark.parametrize(
    "options", [["--tool", "a", "--input", "b"], ["--tool", "a", "--input", "b=c"], ["--tool", "a", "--job", "b"]]
)
def test_an_option_that_cannot_be_read_is_status_2(options: list[str], folder: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        check(*options)
    assert ended.value.code == 2


def test_it_waits_for_none_of_the_trainers_packages() -> None:
    heavy = "{'sklearn', 'numpy', 'pandas', 'joblib', 'matplotlib'} & {*sys.modules}"
    program = f"import sys, trainer.check, trainer.check_rule, trainer.__main__; sys.exit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", program], cwd=serving.ROOT).returncode == 0


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    files = ["--config", "config/memory_rules.yml", "--job-conf", "examples/job_conf.yml"]
    command = [sys.executable, "-m", "trainer", "check-rule", *files]
    with subprocess.Popen(
        command, cwd=serving.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    # as a shell tells of a program that a closed pipe has stopped
    assert (process.returncode, said) == (141, "")
