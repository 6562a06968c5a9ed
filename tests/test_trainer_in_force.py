"""What an administrator says of the rule in force, as requests for recorded jobs."""

from pathlib import Path

import numpy as np
import pytest

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import GIB
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.history import History
from trainer.in_force import in_force

RULES = """
tools:
  default:
    abstract: true
    mem: 3
  bowtie2:
    mem: 4
    rules:
    - id: large
      if: input_size > 5
      mem: input_size * 2
    - id: unknowable
      if: user.email == 'me'
      mem: 100
  odd:
    mem: something
"""


def history(tool: str, sizes_gib: list[int]) -> History:
    jobs = [JobDescription(tool, inputs=(InputDataset("in", size * GIB),)) for size in sizes_gib]
    ones = np.ones(len(jobs))
    return History(jobs, ones * 7 * GIB, ones, ones * 2 * GIB, ones, ones < 0)


def asked_gib(text: str, tool: str = "bowtie2") -> list[float]:
    jobs = history(tool, [1, 5, 6])
    return [float(asked) / GIB for asked in in_force(text).policy.learn(jobs)(jobs).first_bytes]


def test_an_amount_is_requested_for_every_job() -> None:
    assert asked_gib("8 GiB") == [8, 8, 8]
    assert in_force("8192M").policy.name == "in force (8.00 GiB)"


def test_the_word_requested_stands_for_what_the_records_tell() -> None:
    assert asked_gib("requested") == [2, 2, 2]
    assert in_force("requested").policy.name == "in force (requested)"


def test_a_file_of_rules_is_asked_about_each_job(tmp_path: Path) -> None:
    path = tmp_path / "tpv.yml"
    path.write_text(RULES)
    rule = in_force(str(path))
    assert rule.policy.name == f"in force ({path})"
    jobs = history("bowtie2", [1, 5, 6])
    assert (rule.policy.learn(jobs)(jobs).first_bytes / GIB).tolist() == [4, 4, 12]
    [note] = rule.skipped()
    assert "unknowable" in note


def test_what_the_rules_do_not_say_is_their_default_and_without_one_the_largest_peak(tmp_path: Path) -> None:
    path = tmp_path / "tpv.yml"
    path.write_text(RULES)
    assert asked_gib(str(path), tool="hisat2") == [3, 3, 3], "no entry of its own"
    assert asked_gib(str(path), tool="odd") == [3, 3, 3], "an entry that cannot be worked out"
    path.write_text("tools: {odd: {mem: something}}")
    assert asked_gib(str(path), tool="odd") == [7, 7, 7]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("8 gigs", "no such file, and not the word 'requested': '8 gigs' is no amount of memory"),
        ("0", "0 is no memory at all"),
        ("{folder}/tpv.yml", "no such file"),
        ("{folder}/broken.yml", "cannot be read as YAML"),
    ],
)
def test_anything_else_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("tools: [")
    with pytest.raises(ConfigError, match=complaint):
        in_force(text.format(folder=tmp_path))
