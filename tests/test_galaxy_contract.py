"""What the rule counts on in Galaxy's mapper, on every release that it is tested with (make test-galaxy)."""

import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import galaxy_probe.seen
import pytest
from real_galaxy import RELEASE, ROOT, Galaxy

import galaxy_memory_rules
from galaxy_memory_rules.rules import map_job_to_destination

# Galaxy warns of much that is its own business
pytestmark = [pytest.mark.galaxy, pytest.mark.filterwarnings("ignore")]

# what nothing but Galaxy is there for: no package of ours, nothing of the trainer's
BARE = """
import sys, threading
sys.path.insert(0, {root!r})
import galaxy_memory_rules
from galaxy.util.submodules import import_submodules
found = import_submodules(galaxy_memory_rules, ordered=True)
print(*(module.__name__.rpartition(".")[2] for module in found))
assert threading.active_count() == 1, threading.enumerate()
assert not {{"sklearn", "fastapi", "uvicorn", "pandas"}} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def galaxy(tmp_path_factory: pytest.TempPathFactory) -> Galaxy:
    return Galaxy(tmp_path_factory.mktemp("galaxy"))


def job_of(galaxy: Galaxy) -> Any:
    return galaxy.job({"type": "single", "input_1": galaxy.dataset(30_000_000)})


def mapped_by(galaxy: Galaxy, function: str, **params: Any) -> Any:
    galaxy.configure(rules_module="galaxy_probe", function=function, **params)
    return galaxy.map(job_of(galaxy))


def test_a_destination_is_a_bunch_up_to_25_1_and_a_dataclass_after(galaxy: Galaxy) -> None:
    import dataclasses

    from galaxy.jobs import JobDestination

    assert dataclasses.is_dataclass(JobDestination) == (RELEASE >= (26, 0))
    assert issubclass(JobDestination, dict) is False, "a Bunch only looks like one"
    # both are made, read and written the same way: by attributes
    made = JobDestination(id="slurm", runner="slurm", params={"a": "1"}, env=[], resubmit=[], tags=None)
    made.params = {**made.params, "b": "2"}
    assert (made.id, made.runner, made.params, made.env, made.resubmit) == (
        "slurm",
        "slurm",
        {"a": "1", "b": "2"},
        [],
        [],
    )


def test_what_is_written_into_one_jobs_destination_does_not_reach_the_next(galaxy: Galaxy) -> None:
    job_config = galaxy.configure(rules_config="x")
    first = job_config.get_destination("slurm")
    first.params["native_specification"], first.resubmit[0]["condition"] = "--mem=1M", "False"
    first.env.append({"name": "A", "value": "1"})
    second = job_config.get_destination("slurm")
    assert second.params["native_specification"].endswith("--mem=8192M")
    assert (second.resubmit[0]["condition"], second.env) == ("memory_limit_reached and attempt <= 3", [])


def test_arguments_are_filled_by_their_plain_names_and_keyword_only_ones_are_not(galaxy: Galaxy) -> None:
    mapped_by(galaxy, "every_name", own_param=["of", "job_conf"])
    given = galaxy_probe.seen.arguments
    assert given["own_param"] == ["of", "job_conf"]
    assert (given["tool_id"], given["user_email"], given["referrer"].id) == (
        "bowtie2",
        "jane@example.org",
        "memory_rule",
    )
    assert given["job"].id == given["job_id"] == given["job_wrapper"].job_id
    assert given["app"] is galaxy.app and given["user"] is galaxy.user
    assert (given["resource_params"], given["workflow_invocation_uuid"]) == ({}, None)
    assert (given["keyword_only"], given["others"]) == ("not filled", {})


def test_every_argument_of_our_rule_is_one_that_galaxy_or_job_conf_fills(galaxy: Galaxy) -> None:
    mapped_by(galaxy, "every_name", own_param=1)
    filled = {*galaxy_probe.seen.arguments, "rules_config", "default_destination"}
    asked = inspect.getfullargspec(map_job_to_destination)
    assert set(asked.args) <= filled
    assert asked.kwonlyargs == [], "Galaxy never fills these"


def test_the_last_module_of_the_alphabet_wins(galaxy: Galaxy) -> None:
    assert mapped_by(galaxy, "in_two_modules").id == "slurm"


def test_an_answer_by_id_is_looked_up_and_keeps_it(galaxy: Galaxy) -> None:
    assert mapped_by(galaxy, "by_id").id == "htcondor"


def test_the_destination_that_a_rule_returns_is_the_one_that_is_kept(galaxy: Galaxy) -> None:
    destination = mapped_by(galaxy, "see")
    assert (destination.id, destination.runner) == ("slurm", "slurm")
    assert destination.resubmit == [galaxy_probe.seen.MEMORY_KILL, galaxy_probe.seen.WALLTIME]
    assert destination.env == [{"name": "GALAXY_MEMORY_MB", "value": "1"}]


def test_galaxy_finds_our_rule_in_one_module_of_a_flat_package() -> None:
    from galaxy.util.submodules import import_submodules

    found = import_submodules(galaxy_memory_rules, ordered=True)
    names = [module.__name__.rpartition(".")[2] for module in found]
    assert names == sorted(names, reverse=True)
    assert sorted(names) == sorted(path.stem for path in Path(ROOT / "galaxy_memory_rules").glob("[a-z]*.py"))
    doors = [module.__name__ for module in found if hasattr(module, "map_job_to_destination")]
    assert doors == ["galaxy_memory_rules.rules"]
    assert not [module.name for module in pkgutil.iter_modules(galaxy_memory_rules.__path__) if module.ispkg]


def test_the_rule_is_imported_where_nothing_but_galaxy_is_installed() -> None:
    """R26."""
    bare = [sys.executable, "-I", "-W", "ignore", "-c", BARE.format(root=str(ROOT))]
    done = subprocess.run(bare, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Galaxy logs and passes over a module that it cannot import
    assert sorted(done.stdout.split()) == sorted(path.stem for path in (ROOT / "galaxy_memory_rules").glob("[a-z]*.py"))
