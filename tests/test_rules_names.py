"""What else a tool or an input may be called."""

import pytest

from galaxy_memory_rules import names

BOWTIE2 = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.5.0+galaxy0"


@pytest.mark.parametrize(
    ("tool_id", "version", "expected"),
    [
        ("bowtie2", None, ["bowtie2"]),
        ("bowtie2", "2.5", ["bowtie2/2.5", "bowtie2"]),
        (BOWTIE2, None, [BOWTIE2, BOWTIE2.rpartition("/")[0], "bowtie2"]),
        (BOWTIE2, "2.5.0+galaxy0", [BOWTIE2, BOWTIE2.rpartition("/")[0], "bowtie2"]),
        ("circos/0.69", None, ["circos/0.69", "circos"]),
    ],
)
def test_a_tool_is_known_by_its_exact_version_then_by_its_family(
    tool_id: str, version: str | None, expected: list[str]
) -> None:
    assert names.tool_names(tool_id, version) == expected


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("reads", []), ("reads1", ["reads"]), ("input_12", ["input_1", "input_"]), ("12", ["1"]), ("", [])],
)
def test_a_numbered_input_may_belong_to_each_name_without_some_of_its_digits(name: str, parameters: list[str]) -> None:
    assert list(names.unnumbered(name)) == parameters
