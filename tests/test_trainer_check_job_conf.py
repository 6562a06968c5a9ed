"""What in job_conf keeps the rule from its work is found on its line."""

from pathlib import Path

import pytest
from checked import JOB_CONF, written

from galaxy_memory_rules.config import load_config
from galaxy_memory_rules.errors import FaultySetting
from galaxy_memory_rules.yaml_files import load_section
from trainer.check_job_conf import of_destinations, of_rule
from trainer.findings import Finding, of_fault
from trainer.job_conf import read_job_conf

RULE, SLURM = "execution.environments.memory_rule", "execution.environments.slurm"


def found(settings: Path, job_conf: Path) -> list[Finding]:
    try:
        conf = read_job_conf(job_conf)
    except FaultySetting as fault:
        return [of_fault(fault)]
    return [*of_rule(conf, settings), *of_destinations(conf, load_config(settings), load_section(settings))]


def test_nothing_is_found_in_a_good_pair(tmp_path: Path) -> None:
    assert found(*written(tmp_path, "job_conf.yml")) == []


@pytest.mark.parametrize(
    ("old", "new", "level", "line", "key", "message"),
    [
        ("runner: dynamic", "runner: slurm", "error", 7, f"{RULE}.runner", "write dynamic"),
        ("rules_module: galaxy", "rules_modul: galaxy", "error", 8, f"{RULE}.rules_modul", "near it are"),
        ("galaxy_memory_rules\n", "galaxy_memory_rules.rules\n", "error", 8, f"{RULE}.rules_module", "write galaxy_me"),
        ("function: map", "function: mop", "error", 9, f"{RULE}.function", "write map_job_to_destination"),
        ("      function: map_job_to_destination\n", "", "error", 7, f"{RULE}.function", "is missing; write map"),
        ("function:", "type: dtd\n      function:", "error", 9, f"{RULE}.type", "write python"),
        ("rules_config: SET", "rules_config: /nowhere/SET", "error", 10, f"{RULE}.rules_config", "no such file"),
        ("rules_config: SETTINGS", "rules_config: /etc/hosts", "error", 10, f"{RULE}.rules_config", "another file"),
        ("rules_config: SETTINGS", "rules_config: 7", "error", 10, f"{RULE}.rules_config", "expected a path"),
        ("default_destination:", "default_dest:", "error", 11, f"{RULE}.default_dest", "near it are default_destina"),
        ("default_destination: slurm", "tool: x", "error", 11, f"{RULE}.tool", "Galaxy fills this argument"),
        ("destination: slurm", "destination: slrm", "error", 11, f"{RULE}.default_destination", "near it are slurm"),
        ("n: slurm\n", "n: memory_rule\n", "error", 11, f"{RULE}.default_destination", "is a rule itself"),
        ("      default_destination: slurm\n", "", "warning", 7, f"{RULE}.default_destination", "jobs go to slurm"),
        ("default: memory_rule", "default: memory", "error", 4, "execution.default", "near it are memory_rule"),
        ("default: memory_rule", "default: slurm", "warning", 4, "execution.default", "no job comes to memory_rule"),
        ("    slurm:\n", "    slurms:\n", "error", 5, "destination", "near it are slurms"),
        ("runner: slurm", "runner: dynamic_tpv", "error", 5, "destination", "is a rule itself"),
        ("    slurm:\n", "    slurm:\n      enabled: false\n", "error", 5, "destination", "no environment slurm"),
        ("--mem=8192M", "--time=1", "warning", 13, SLURM, "requests no memory that can be read"),
        ("--mem=8192M", "--mem=128G", "warning", 13, SLURM, "128.00 GiB, outside of floor and ceiling"),
        ("--mem=8192M", "--mem=100M", "warning", 13, SLURM, "100.00 MiB, outside of floor and ceiling"),
        ("=8192M", "-per-gpu=8192M", "error", 7, "destinations.slurm", "--mem-per-gpu allows no other"),
        ("runner: local", "ruler: local", "error", None, "execution.environments.local.runner", "write one of"),
        ("    local:\n", "    loc:\n", "warning", 9, "destinations.local", "job_conf has no environment local"),
        ("  default: memory_rule", "  default: memory_rule\n  default: slurm", "error", 5, "", "is there twice"),
        ("execution:", "excution:", "error", None, "execution.environments", "expected the environments"),
        ("execution:", "execution", "error", 4, "", "cannot be read as YAML"),
    ],
)
def test_a_fault_is_found_on_its_line(
    tmp_path: Path, old: str, new: str, level: str, line: int | None, key: str, message: str
) -> None:
    # what is misspelled may be missed elsewhere too
    [fault] = [fault for fault in found(*written(tmp_path, "job_conf.yml", (old, new))) if fault.key == key]
    assert (fault.level, fault.line) == (level, line)
    assert message in fault.message


def test_without_the_rule_it_is_told_how_to_write_it(tmp_path: Path) -> None:
    lines = JOB_CONF.splitlines(keepends=True)
    changes = ("".join(lines[5:11]), "")
    first, *_ = found(*written(tmp_path, "job_conf.yml", changes))
    assert (first.level, first.line, first.key) == ("error", 5, "execution.environments")
    assert "write one with runner: dynamic, rules_module: galaxy_memory_rules" in first.message


def test_what_stands_beside_params_is_not_read(tmp_path: Path) -> None:
    """Galaxy takes all keys of an environment for its params only where it has none."""
    changes = ("      default_destination: slurm\n", "      params: {default_destination: slurm}\n")
    faults = found(*written(tmp_path, "job_conf.yml", changes))
    assert {(fault.line, fault.key) for fault in faults if "beside params" in fault.message} == {
        (8, f"{RULE}.rules_module"),
        (9, f"{RULE}.function"),
        (10, f"{RULE}.rules_config"),
    }


def test_params_environments_in_a_list_and_a_module_for_all_rules_are_as_good(tmp_path: Path) -> None:
    settings, job_conf = written(tmp_path, "job_conf.yml")
    job_conf.write_text(f"""\
runners:
  dynamic: {{rules_module: galaxy_memory_rules}}
execution:
  default: memory_rule
  environments:
    - id: memory_rule
      runner: dynamic
      params: {{function: map_job_to_destination, rules_config: {settings}, default_destination: slurm}}
    - id: cluster
      runner: slurm
      tags: [slurm]
      params: {{native_specification: --mem=8G}}
      resubmit: [{{condition: memory_limit_reached and attempt < 4, environment: memory_rule}}]
    - {{id: local, runner: local}}
""")
    assert found(settings, job_conf) == []
    job_conf.write_text(job_conf.read_text().replace("--mem=8G", "--mem=8T"))
    assert [(fault.line, fault.key) for fault in found(settings, job_conf)] == [(9, "execution.environments[1]")]


def test_a_relative_path_of_the_settings_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [warning] = found(*written(tmp_path, "job_conf.yml", ("SETTINGS", "memory_rules.yml")))
    assert (warning.level, warning.line) == ("warning", 10)
    assert f"write {tmp_path / 'memory_rules.yml'}" in warning.message


def test_without_words_or_params_a_destination_without_memory_cannot_be_written(tmp_path: Path) -> None:
    settings, job_conf = written(tmp_path, "job_conf.yml", ("--mem=8192M", "--time=1"))
    settings.write_text(settings.read_text().replace("    words: slurm\n", "    {}\n"))
    first, second = found(settings, job_conf)
    assert (first.level, first.file, first.line, first.key) == ("error", settings, 7, "destinations.slurm")
    assert "either words:" in first.message
    assert second.level == "warning"


def test_settings_without_a_destination_are_for_tpv(tmp_path: Path) -> None:
    settings, job_conf = written(tmp_path, "memory_rules.yml", ("destination: slurm\n", ""))
    [fault] = found(settings, job_conf)
    assert (fault.level, fault.key) == ("error", "destination")
    assert "near it are slurm, local" in fault.message


def test_the_older_form_is_named(tmp_path: Path) -> None:
    path = tmp_path / "job_conf.xml"
    path.write_text("<job_conf/>")
    with pytest.raises(FaultySetting, match="only the YAML form can be checked"):
        read_job_conf(path)
