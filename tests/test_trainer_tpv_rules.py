"""The administrator's TPV rules -> what they request for a recorded job."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from galaxy_memory_rules.memory import GIB
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.tpv_file import load
from trainer.tpv_rules import TpvRules

SHED = "toolshed.g2.bx.psu.edu/repos"
BOWTIE2 = f"{SHED}/devteam/bowtie2/bowtie2/2.5.3+galaxy1"
HIFIASM = f"{SHED}/bgruening/hifiasm/hifiasm/0.19.9+galaxy0"
BWA_MEM = f"{SHED}/devteam/bwa/bwa_mem/0.7.17.2"
HISAT2 = f"{SHED}/iuc/hisat2/hisat2/2.2.1+galaxy1"

SITE = rf"""
global:
  default_inherits: default
  context:
    small_gb: 4
    factor: 1

tools:
  default:
    abstract: true
    cores: 1
    mem: cores * 3.8
    params:
      native_specification: --mem={{int(mem * 1024)}}
    scheduling:
      reject: [offline]
    rank: |
      helpers.weighted_random_sampling(candidate_destinations)
    rules: []
  {SHED}/devteam/bowtie2/bowtie2/.*:
    cores: 8
    mem: cores * 3.8
    context:
      factor: 2
    rules:
    - id: bowtie2_large
      if: input_size > 5
      mem: min(input_size * factor, 60)
    - id: bowtie2_pulsar
      if: |
        helpers.job_args_match(job, app, {{'db': {{'selector': 'x'}}}})
      scheduling:
        accept: [pulsar]
  {SHED}/bgruening/hifiasm/hifiasm/.*:
    cores: 20
    mem: 120
    rules:
    - if: input_size <= 0.2
      cores: 6
      mem: 40
  {SHED}/devteam/bwa/bwa_mem/.*:
    inherits: {SHED}/devteam/bowtie2/bowtie2/.*
    rules:
    - id: bowtie2_large
      if: input_size > 1
  {SHED}/iuc/hisat2/.*:
    cores: 10
    mem: |
      import math
      math.ceil(input_size * 2.5)
    min_mem: small_gb * 2
    max_mem: 16
  {SHED}/iuc/hisat2/hisat2/2.2.1.*:
    max_mem: 12
  Cut1$:
    mem: '2'
"""


def tpv(text: str, folder: Path) -> TpvRules:
    path = folder / "tpv.yml"
    path.write_text(text)
    return load(path)


def job(tool_id: str, size_gib: float = 0, version: str | None = None) -> JobDescription:
    return JobDescription(tool_id, version, (InputDataset("input_1", int(size_gib * GIB)),))


def gib(amount: float) -> int:
    # rounded up: a request is a whole number of bytes
    return -int(-amount * GIB // 1)


@pytest.mark.parametrize(
    ("tool_id", "size_gib", "expected_gib"),
    [
        ("fastqc", 9, 3.8),  # the default, 1 * 3.8
        (BOWTIE2, 5, 30.4),  # 8 * 3.8; the rule begins above 5
        (BOWTIE2, 7, 14),  # 7 * 2, the tool's own factor
        (BOWTIE2, 31, 60),  # 31 * 2 is above 60
        (HIFIASM, 1, 120),
        (HIFIASM, 0.125, 40),
        (BWA_MEM, 1, 30.4),  # inherited
        (BWA_MEM, 2, 4),  # the inherited rule with its own condition: 2 * 2
        (HISAT2.replace("2.2.1", "2.1.0"), 1, 8),  # 2.5 is 3 and raised to 4 * 2
        (HISAT2.replace("2.2.1", "2.1.0"), 4.5, 12),  # 11.25
        (HISAT2.replace("2.2.1", "2.1.0"), 9, 16),  # 22.5 is 23 and cut
        (HISAT2, 9, 12),  # both entries match, and the later one cuts at 12
        ("Cut1", 9, 2),
        ("Cut11", 9, 3.8),
    ],
)
def test_a_job_is_given_what_its_rules_say(tool_id: str, size_gib: float, expected_gib: float, tmp_path: Path) -> None:
    rules = tpv(SITE, tmp_path)
    assert rules.memory_bytes(job(tool_id, size_gib)) == gib(expected_gib)
    # the rule for Pulsar changes no memory, so nobody is told of it
    assert rules.skipped == ()


def test_all_inputs_count_and_one_of_unknown_size_counts_nothing(tmp_path: Path) -> None:
    inputs = (InputDataset("a", GIB), InputDataset("b", 3 * GIB, count=2), InputDataset("c", None))
    rules = tpv("tools: {sort: {mem: input_size * 2}}", tmp_path)
    assert rules.memory_bytes(JobDescription("sort", inputs=inputs)) == 8 * GIB  # (1 + 3) * 2


@pytest.mark.parametrize(
    ("tool_id", "version"),
    [
        (BOWTIE2, None),
        (BOWTIE2, "2.5.3+galaxy1"),
        (BOWTIE2.rpartition("/")[0], "2.5.3+galaxy1"),  # the record has it beside the id
        (BOWTIE2.rpartition("/")[0], None),  # or not at all
    ],
)
def test_a_tool_is_known_however_its_version_is_told(tool_id: str, version: str | None, tmp_path: Path) -> None:
    assert tpv(SITE, tmp_path).memory_bytes(job(tool_id, 1, version)) == gib(30.4)


def test_a_key_need_only_match_the_beginning_of_an_id(tmp_path: Path) -> None:
    # as TPV itself does it; seen running with TPV 3.3.0
    rules = tpv("tools: {sort: {mem: 3}, .*uniq: {mem: 5}}", tmp_path)
    assert [rules.memory_bytes(job(tool)) for tool in ("sort1", "tp_uniq_tool", "resort")] == [3 * GIB, 5 * GIB, None]


def test_rules_apply_in_their_order_and_those_inherited_come_first(tmp_path: Path) -> None:
    text = """
    tools:
      default:
        mem: 1
        rules:
        - {id: own, if: True, mem: 2}
      sort:
        rules:
        - {if: input_size >= 1, mem: 3, context: {more: 1}}
        - {if: input_size >= 2, mem: cores + more, cores: 6}
        - {id: own, if: input_size >= 4, max_mem: 1.5}
    """
    rules = tpv(text, tmp_path)
    # 0: none; 1: 3; 2: 6 + 1; 4: the inherited rule now has the new condition, its own 2, and a bound
    assert [rules.memory_bytes(job("sort", size)) for size in (0, 1, 2, 4)] == [GIB, 3 * GIB, 7 * GIB, gib(1.5)]


def test_each_resource_may_use_those_before_it(tmp_path: Path) -> None:
    text = "tools: {sort: {gpus: 2, cores: gpus * 9, max_cores: 16, min_gpus: 0, mem: cores + max_cores + gpus}}"
    assert tpv(text, tmp_path).memory_bytes(job("sort")) == 34 * GIB  # 18 cores are cut to 16; 16 + 16 + 2


def test_cores_matter_only_where_the_memory_depends_on_them(tmp_path: Path) -> None:
    rules = tpv("tools: {sort: {cores: user.cores, mem: 4}, uniq: {cores: user.cores, mem: cores}}", tmp_path)
    assert [rules.memory_bytes(job(tool)) for tool in ("sort", "uniq")] == [4 * GIB, None]
    [note] = rules.skipped
    assert "tpv.yml: tools: uniq: cores: cannot be evaluated: 'user.cores' needs Python itself" in note


@pytest.mark.parametrize(
    "text",
    [
        "tools: {uniq: {mem: 4}}",  # no entry and no default
        "tools: {sort: {cores: 4}}",
        "tools: {sort: {mem: 4, rules: [{if: input_size > 1, fail: too large}]}}",
        "tools: {default: {mem: 4}, sort: {abstract: true, mem: 4}}",
    ],
)
def test_nothing_is_said_where_tpv_would_request_nothing(text: str, tmp_path: Path) -> None:
    rules = tpv(text, tmp_path)
    assert (rules.memory_bytes(job("sort", 2)), rules.skipped) == (None, ())


@pytest.mark.parametrize(
    ("mem", "complaint"),
    [
        ("helpers.get_input_size(user) * 2", "needs Python itself"),
        ("helpers.get_input_size(job, **context) * 2", "needs Python itself"),
        ("helpers.get_input_size(job, 5) * 2", "cannot be evaluated"),
        ("helpers.get_input_size(job, parameter='input_1') * 2", "unexpected keyword"),
        ("helpers.get_input_size * 2", "needs Python itself"),
        ("job * 2", "job is not known here"),
        ("{cores} * 2", "needs Python itself"),
        ("{{ sort_mem }}", "needs Python itself"),
        ("x = 2\nx * input_size", "statements are not run"),
        ("mem * 2", "mem is not known here"),
        ("cores * 2", "cores is not known here"),
        ("1 / (input_size - 2)", "division by zero"),
        ("'8G'", "expected a number"),
        ("0", "expected GiB above 0"),
        ("-3", "expected GiB above 0"),
        ("10 ** 8", "expected GiB above 0 and below 8 million"),
    ],
)
def test_a_tool_whose_memory_cannot_be_told_is_noted_once(mem: str, complaint: str, tmp_path: Path) -> None:
    rules = tpv(yaml.safe_dump({"tools": {"default": {"mem": 4}, "sort": {"mem": mem}}}), tmp_path)
    assert [rules.memory_bytes(job("sort", 2)) for _ in range(3)] == [None] * 3
    [note] = rules.skipped
    assert note.startswith(f"{tmp_path}/tpv.yml: tools: sort: mem: ")
    assert complaint in note
    assert note.endswith("; the job is left out")


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"if": "helpers.job_args_match(job, app, {})", "mem": 8}, "large: if: cannot be evaluated: 'helpers.job_"),
        ({"if": "user", "mem": 8}, "large: if: cannot be evaluated: user is not known here"),
        # TPV works out cores after the rules
        ({"if": "cores > 2", "mem": 8}, "large: if: cannot be evaluated: cores is not known here"),
        ({"if": True, "mem": "job.id"}, "large: mem: cannot be evaluated: 'job.id' needs"),
        ({"if": True, "mem": "user"}, "large: mem: user is not known here"),
        ({"if": True, "execute": "entity.mem = 8"}, "large: execute: statements are not run"),
        ({"if": "input_size / 0", "fail": "no"}, "large: if: cannot be evaluated: float division by zero"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_passed_over(rule: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    tool = {"cores": 4, "mem": 2, "rules": [{"id": "large", **rule}, {"if": "input_size > 1", "mem": 3}]}
    rules = tpv(yaml.safe_dump({"tools": {"sort": tool}}), tmp_path)
    assert [rules.memory_bytes(job("sort", size)) for size in (1, 2, 2)] == [2 * GIB, 3 * GIB, 3 * GIB]
    [note] = rules.skipped
    assert f"tpv.yml: tools: sort: rules: {complaint}" in note
    assert note.endswith("; the rule is passed over")


def test_only_the_rules_of_recorded_tools_are_noted(tmp_path: Path) -> None:
    rules = tpv("tools: {sort: {mem: 2}, uniq: {mem: job.id}}", tmp_path)
    assert (rules.memory_bytes(job("sort")), rules.skipped) == (2 * GIB, ())


GET = "helpers.get_input_size"


@pytest.mark.parametrize(
    ("mem", "gigabytes"),
    [
        (f"{GET}(job)", 12.8),  # 1 + 3.4 * 2 + 5
        (f"{GET}(job, estimate_uncompressed_size=False)", 8),
        (f"{GET}(job, None, True, 2)", 10),
        (f"{GET}(job, 'lib|reads')", 6.8),  # reads1 and reads2, both packed: 3.4 * (0.5 + 1.5)
        (f"{GET}(job, param_name='lib|reads', compression_factor=2) + 1", 5),
        (f"{GET}(job, 'lib|reads_2') + 1", 6),
        (f"{GET}(job, 'reads') + 1", 1),  # TPV wants the whole path
        (f"{GET}(job, 'lib.reads') + 1", 1),  # and no regular expression
        (f"max({GET}(job, 'genome') or input_size, 2)", 2),
    ],
)
def test_sizes_of_single_parameters_are_those_of_tpv(mem: str, gigabytes: float, tmp_path: Path) -> None:
    inputs = (
        InputDataset("genome", GIB, "fasta"),
        InputDataset("lib|reads1", GIB // 2, "fastqsanger.gz"),
        InputDataset("lib|reads2", GIB * 3 // 2, "fastqsanger.bz2"),
        InputDataset("lib|reads_2", 5 * GIB, "fastqsanger"),
        InputDataset("lib|reads_2", None, "fastqsanger"),
    )
    rules = tpv(yaml.safe_dump({"tools": {"sort": {"mem": mem}}}), tmp_path)
    assert rules.memory_bytes(JobDescription("sort", None, inputs)) == gib(gigabytes)


def test_records_without_paths_meet_a_parameter_by_its_last_part(tmp_path: Path) -> None:
    rules = tpv(f"tools: {{sort: {{mem: '{GET}(job, \"library|input_1\") * 2'}}}}", tmp_path)
    assert rules.memory_bytes(job("sort", 2)) == 4 * GIB
