"""The timer, the unit and the cron line that let the trainer go round by themselves."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from decided import decision, described, record, write_log
from serving import ROOT

from galaxy_memory_rules.memory import GIB, MIB
from trainer import bundle, canonical

DEPLOY = ROOT / "examples" / "deploy"
NAME = "galaxy-memory-rules-trainer"
HOME = "/srv/galaxy-memory-rules"
JOBS = 30


def commands() -> list[str]:
    """What the unit starts, in its order."""
    lines = (DEPLOY / f"{NAME}.service").read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(("ExecStart=", "ExecStopPost="))]


def cron_line() -> str:
    """What cron lets the shell do."""
    [line] = [line for line in (DEPLOY / f"{NAME}.cron").read_text().splitlines() if line[0].isdigit()]
    minute, hour, day, month, weekday, user, command = line.split(None, 6)
    assert (int(minute) < 60, int(hour) < 24, day, month, int(weekday) < 7) == (True, True, "*", "*", True)
    assert user == "galaxy-memory-rules"
    return command


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze (apt install systemd)")
def test_systemd_takes_the_unit_and_the_timer(tmp_path: Path) -> None:
    for suffix in ("service", "timer"):
        text = (DEPLOY / f"{NAME}.{suffix}").read_text().replace(f"{HOME}/.venv/bin/python", sys.executable)
        (tmp_path / f"{NAME}.{suffix}").write_text(text.replace(HOME, str(ROOT)))
    units = [str(tmp_path / f"{NAME}.{suffix}") for suffix in ("service", "timer")]
    told = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")
    when = subprocess.run(["systemd-analyze", "calendar", "Sun 03:00"], capture_output=True, text=True)
    assert "Sun *-*-* 03:00:00" in when.stdout


def test_cron_does_what_the_unit_does() -> None:
    line = cron_line()
    assert subprocess.run(["sh", "-n", "-c", line]).returncode == 0
    # cron takes a percent sign for the end of the line
    assert "%" not in line
    for command in commands():
        plain = command.replace(f"{HOME}/.venv", ".venv").replace("${GALAXY_DATABASE}", '"$GALAXY_DATABASE"')
        assert plain in line


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A checkout as the unit wants it, with 30 exported jobs and what was decided for them."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    now = time.time()
    (tmp_path / "jobs").mkdir()
    records = [record(place, (300 + 9 * place) * MIB, created_seconds=now - place) for place in range(JOBS)]
    canonical.write(records, tmp_path / "jobs" / "tool.parquet")
    lines = [(now - place, place, described(), decision(GIB)) for place in range(JOBS)]
    # one file in two, as the second was rotated away
    write_log(tmp_path / "decisions.1", lines[:10])
    write_log(tmp_path / "decisions", lines[10:])
    return tmp_path


def run(command: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """Do as systemd does with a line: words part at blanks, and at those of a variable without braces."""
    words = []
    for word in shlex.split(command.replace(f"{HOME}/.venv/bin/python", sys.executable)):
        words += [str(home / "decisions.1"), str(home / "decisions")] if word == "$DECISIONS" else [word]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=home, env=environment, capture_output=True, text=True)


def test_what_the_unit_starts_trains_and_reports_and_trains_no_more_than_it_has_to(home: Path) -> None:
    exporting, training, reporting = commands()
    assert "-m trainer export" in exporting
    done = run(training, home)
    assert (done.returncode, done.stderr) == (0, "")
    [folder] = [path for path in (home / "models").iterdir() if path.is_dir()]
    assert bundle.load(folder).sizing.rows == JOBS
    again = run(training, home)
    assert (again.returncode, "left as it is" in again.stdout) == (0, True)
    told = run(reporting, home)
    assert (told.returncode, "Requests that jobs got" in told.stdout) == (0, True)
    # 7 of them need more than 500 MiB, 300 and 9 times 23 to 29: let the rule have requested as much
    lines = [(time.time(), place, described(), decision(500 * MIB)) for place in range(JOBS)]
    write_log(home / "decisions", lines)
    assert run(reporting, home).returncode == 1
