"""The real TPV maps jobs of the real Galaxy by the shipped example, and its own commands take it (make test-galaxy)."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fault_server
import pytest
import yaml
from real_galaxy import ROOT, Galaxy

pytest.importorskip("tpv", reason="TPV is installed beside the newest Galaxy alone")

from galaxy_memory_rules import tpv as door
from galaxy_memory_rules.config_file import settings_of
from galaxy_memory_rules.decision import client_for, decide
from galaxy_memory_rules.messages import MemoryRecommendation
from galaxy_memory_rules.record import Decision

# Galaxy and TPV warn of much that is their own business
pytestmark = [pytest.mark.galaxy, pytest.mark.filterwarnings("ignore")]

GIB = 1024**3
EXAMPLE = ROOT / "examples" / "tpv_rules.yml"
SHIPPED_PATH = "/srv/galaxy/config/memory_rules.yml"
BOWTIE2 = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.5.0"
HISAT2 = "toolshed.g2.bx.psu.edu/repos/iuc/hisat2/hisat2/2.2.1"
STAR = "toolshed.g2.bx.psu.edu/repos/iuc/rgrnastar/rna_star/2.7"
# in the form of tpv-shared-database: a number for one tool, and for the others a text that TPV evaluates
SHARED = {
    "tools": {
        "default": {"cores": 1, "mem": "cores * 3.8", "rules": []},
        "toolshed.g2.bx.psu.edu/repos/iuc/hisat2/hisat2/.*": {"cores": 8, "mem": 12},
        "toolshed.g2.bx.psu.edu/repos/iuc/rgrnastar/rna_star/.*": {"cores": 10},
    }
}
JOB_CONF = {
    "runners": {name: {"load": f"galaxy.jobs.runners.{name}:"} for name in ("slurm", "local")},
    "execution": {"default": "tpv_dispatcher", "environments": {"tpv_dispatcher": {"runner": "dynamic"}}},
}


def answer(gib: float) -> fault_server.Answer:
    """Let the service recommend so many GiB."""
    told = MemoryRecommendation(round(gib * GIB), GIB, {"0.5": GIB}, 0.03, "bowtie2", "forest", "bowtie2/1", (), ())
    return fault_server.reply(json.dumps(told.to_dict()).encode())


@pytest.fixture(scope="module")
def galaxy(tmp_path_factory: pytest.TempPathFactory) -> Galaxy:
    found = Galaxy(tmp_path_factory.mktemp("galaxy"))
    found.app.config.watch_job_rules = "false"
    return found


@pytest.fixture
def service() -> Iterator[fault_server.Server]:
    with fault_server.serving(answer(3.75)) as server:
        yield server


@pytest.fixture
def away() -> str:
    """An address that nobody listens on."""
    with fault_server.serving(answer(3.75)) as server:
        return server.url


class Tpv:
    """TPV with the example, and maybe the shared database before it, for a Galaxy whose service is somewhere."""

    def __init__(self, galaxy: Galaxy, folder: Path) -> None:
        self._galaxy = galaxy
        self._folder = folder
        self._settings = folder / "memory_rules.yml"
        self._rules = folder / "tpv_rules.yml"
        self.files = [str(self._rules)]

    def configure(self, url: str, **settings: Any) -> None:
        """Write the rule's settings, and the example with their path."""
        told = {"service_url": url, "deadline_seconds": 5, "ceiling": "500 GiB", **settings}
        self._settings.write_text(yaml.safe_dump(told))
        self._rules.write_text(EXAMPLE.read_text().replace(SHIPPED_PATH, str(self._settings)))

    def share(self) -> None:
        """Put the shared database first, and leave out what the example says to leave out then."""
        shared = self._folder / "shared.yml"
        shared.write_text(yaml.safe_dump(SHARED, sort_keys=False))
        text, left_out = re.subn(r"\n    cores: 1\n    mem: 4\n", "\n", self._rules.read_text())
        assert left_out == 1
        self._rules.write_text(text)
        self.files = [str(shared), str(self._rules)]

    def map(self, job: Any) -> Any:
        """Map a job as Galaxy does that has this tool."""
        from galaxy.jobs import JobDestination
        from tpv.rules.gateway import map_tool_to_destination

        # TPV keeps what it has read by the id of the destination that names its files
        referrer = JobDestination(id=f"{self._folder}{self.files}")
        return map_tool_to_destination(
            self._galaxy.app, job, self._galaxy.tool, job.user, referrer, tpv_config_files=self.files
        )

    def job(self, tool_id: str = BOWTIE2) -> Any:
        """Record a new job of a tool."""
        self._galaxy.tool.id = tool_id
        return self._galaxy.job({"type": "single", "input_1": self._galaxy.dataset(30_000_000)})

    def close(self) -> None:
        """Let go of the service."""
        client_for(settings_of(str(self._settings))).close()

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one of TPV's own commands."""
        (self._folder / "job_conf.yml").write_text(yaml.safe_dump(JOB_CONF))
        # mypy, which lint runs, takes minutes for the whole of Galaxy, and it is not Galaxy that is linted
        (self._folder / "mypy.ini").write_text("[mypy]\n[mypy-galaxy.*]\nfollow_imports = skip\n")
        command = [str(Path(sys.executable).parent / "tpv"), *arguments]
        paths = {"PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT), "MYPY_CACHE_DIR": f"{sys.prefix}/.mypy_cache"}
        return subprocess.run(
            command, cwd=self._folder, env={**os.environ, **paths}, capture_output=True, text=True, check=True
        )


@pytest.fixture
def tpv(galaxy: Galaxy, tmp_path: Path) -> Iterator[Tpv]:
    found = Tpv(galaxy, tmp_path)
    yield found
    found.close()


def mem_mib(destination: Any) -> int:
    """Return what a destination requests, of which its own note must tell the same."""
    found = re.fullmatch(r"--ntasks=1 --cpus-per-task=\d+ --mem=(\d+)M", destination.params["native_specification"])
    assert found, destination.params
    assert round(int(destination.params["gmem_request_bytes"]) / 1024**2) == int(found[1])
    return int(found[1])


def resubmit(galaxy: Galaxy, job: Any, destination: Any) -> None:
    """Do with a job what Galaxy 26.1 does whose memory did not suffice."""
    job.destination_params = destination.params
    job.set_state(galaxy.model.Job.states.RESUBMITTED)
    job.set_state(galaxy.model.Job.states.NEW)
    galaxy.session.commit()


def comes_back(job: Any, destination: Any) -> bool:
    """Ask Galaxy whether it would resubmit a job that was killed for its memory."""
    from galaxy.jobs.runners import JobState
    from galaxy.jobs.runners.state_handlers.resubmit import _ExpressionContext

    state = SimpleNamespace(
        runner_state=JobState.runner_states.MEMORY_LIMIT_REACHED, job_wrapper=SimpleNamespace(get_job=lambda: job)
    )
    [entry] = destination.resubmit
    assert (entry["environment"], "destination" in entry) == ("tpv_dispatcher", False)
    return bool(_ExpressionContext(state).safe_eval(entry["condition"]))


@pytest.mark.parametrize("tool_id", [BOWTIE2, HISAT2])
def test_a_job_gets_what_is_predicted_for_one_question_however_often_tpv_asks(
    tpv: Tpv, service: fault_server.Server, monkeypatch: pytest.MonkeyPatch, tool_id: str
) -> None:
    tpv.configure(service.url)
    decided = []

    def counted(*given: Any) -> Decision:
        decided.append(decide(*given))
        return decided[-1]

    monkeypatch.setattr(door, "decide", counted)
    job = tpv.job(tool_id)
    # 3.75 * 1024
    assert [mem_mib(tpv.map(job)) for _ in range(2)] == [3840, 3840]
    # an expression is evaluated twice for each mapping, a rule once
    assert len(decided) == (4 if tool_id == BOWTIE2 else 2)
    assert len(service.requests) == 1


@pytest.mark.parametrize("note", [True, False])
def test_each_attempt_gets_twice_the_last_one_until_max_mem_where_the_job_ends(
    galaxy: Galaxy, tpv: Tpv, note: bool
) -> None:
    with fault_server.serving(answer(20)) as service:
        tpv.configure(service.url)
        job, requests_mib, back = tpv.job(), [], []
        for _ in range(3):
            destination = tpv.map(job)
            requests_mib.append(mem_mib(destination))
            back.append(comes_back(job, destination))
            if not note:
                # Slurm's own word tells as much
                del destination.params["gmem_request_bytes"], destination.params["gmem_attempt"]
            resubmit(galaxy, job, destination)
        tpv.close()
    # 20 GiB, 40 GiB, and instead of 80 GiB max_mem
    assert requests_mib == [20480, 40960, 65536]
    assert back == [True, True, False]


def test_an_attempt_that_galaxy_asks_for_again_after_a_restart_does_not_grow(
    galaxy: Galaxy, tpv: Tpv, service: fault_server.Server
) -> None:
    tpv.configure(service.url)
    job = tpv.job()
    resubmit(galaxy, job, tpv.map(job))
    for _ in range(2):
        destination = tpv.map(job)
        assert (mem_mib(destination), destination.params["gmem_attempt"]) == (7680, "2")
        job.destination_params = destination.params
        galaxy.session.commit()


def test_tpv_keeps_what_is_predicted_below_its_own_max_mem(tpv: Tpv) -> None:
    with fault_server.serving(answer(200)) as service:
        tpv.configure(service.url)
        assert mem_mib(tpv.map(tpv.job())) == 65536
        tpv.close()


@pytest.mark.parametrize("mode", ["shadow", "off"])
def test_a_mode_that_changes_nothing_leaves_the_default(tpv: Tpv, service: fault_server.Server, mode: str) -> None:
    tpv.configure(service.url, mode=mode)
    assert mem_mib(tpv.map(tpv.job())) == 20480
    assert len(service.requests) == (mode == "shadow")


def test_without_the_service_the_default_stays_and_is_doubled_after_a_kill(galaxy: Galaxy, tpv: Tpv, away: str) -> None:
    tpv.configure(away)
    job = tpv.job()
    destination = tpv.map(job)
    assert mem_mib(destination) == 20480
    resubmit(galaxy, job, destination)
    assert mem_mib(tpv.map(job)) == 40960


def test_the_shared_databases_number_is_the_default_where_it_stands(
    tpv: Tpv, service: fault_server.Server, away: str
) -> None:
    tpv.configure(away)
    tpv.share()
    # 12 GiB; "cores * 3.8" for 10 cores = 38 GiB
    assert [mem_mib(tpv.map(tpv.job(tool_id))) for tool_id in (HISAT2, STAR)] == [12288, 38912]
    tpv.configure(service.url, never_above=0.25)
    tpv.share()
    tpv.close()
    # at most a quarter of each: 3 GiB; 9.5 GiB is more than what is predicted
    assert [mem_mib(tpv.map(tpv.job(tool_id))) for tool_id in (HISAT2, STAR)] == [3072, 3840]


def test_settings_that_are_gone_leave_the_default(tpv: Tpv, away: str) -> None:
    tpv.configure(away)
    rules = Path(tpv.files[0])
    rules.write_text(rules.read_text().replace("memory_rules.yml", "nowhere.yml"))
    assert mem_mib(tpv.map(tpv.job())) == 20480


def test_a_dry_run_shows_what_is_predicted(tpv: Tpv, service: fault_server.Server) -> None:
    tpv.configure(service.url)
    arguments = ["dry-run", "--job-conf", "job_conf.yml", "--input-size", "2", "--tool", BOWTIE2, *tpv.files]
    shown = " ".join(tpv.run(*arguments).stdout.split())
    assert "native_specification: --ntasks=1 --cpus-per-task=4 --mem=3840M" in shown
    assert "memory_limit_reached and attempt <= 3 and 3.75 < 64, environment: tpv_dispatcher" in shown
    [request] = service.requests
    assert json.loads(request.partition(b"\r\n\r\n")[2])["inputs"] == [
        {"name": "test", "size_bytes": 2 * GIB, "extension": "txt", "count": 1}
    ]


def test_lint_finds_nothing_in_the_example(tpv: Tpv, away: str) -> None:
    tpv.configure(away)
    # without -v TPV tells errors only
    told = tpv.run("-v", "lint", *tpv.files).stdout
    assert "import-untyped" in told, "no warning is told"
    # TPV 3.3 ships no types of its own, and takes its own mem for a text that cannot be multiplied
    own = (r"import-untyped|missing-imports", r'for \* \("None" and "int"\)|Left operand', r'to "round" has')
    assert [line for line in told.splitlines() if "WARNING" in line and not re.search("|".join(own), line)] == []
    assert "ERROR" not in told
