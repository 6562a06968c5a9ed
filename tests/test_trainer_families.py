"""Versions of one tool, pooled."""

from collections import Counter
from dataclasses import replace

import pytest

from galaxy_memory_rules.errors import RecordsError
from galaxy_memory_rules.messages import JobDescription
from trainer.families import pool_versions
from trainer.records import JobRecord, ToolRecords

FAMILY = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2"


def records(tool: str, *peaks: int, file: str = "jobs.csv", dropped: int = 0) -> ToolRecords:
    counter = Counter({"no peak recorded": dropped}) if dropped else Counter[str]()
    found = [JobRecord(JobDescription(tool), peak) for peak in peaks]
    return ToolRecords(tool, file, "label", found, counter)


def test_versions_of_a_family_are_pooled_under_its_name_in_the_place_of_the_first() -> None:
    old, new = records(f"{FAMILY}/2.4", 1, 2, dropped=1), records(f"{FAMILY}/2.5", 3, file="more.csv", dropped=2)
    first, pooled, last = pool_versions([records("cat1", 9), old, records("sort1", 8), new])[:3]
    assert (first.tool, pooled.tool, last.tool) == ("cat1", FAMILY, "sort1")
    assert [record.peak_bytes for record in pooled.records] == [1, 2, 3]
    # each job keeps its own version, which is a feature of it
    assert [record.job.tool_id for record in pooled.records] == [f"{FAMILY}/2.4"] * 2 + [f"{FAMILY}/2.5"]
    assert (pooled.file, pooled.dropped) == ("jobs.csv, more.csv", {"no peak recorded": 3})
    # and the counters of the versions are left as they were
    assert (old.dropped, new.dropped) == ({"no peak recorded": 1}, {"no peak recorded": 2})


@pytest.mark.parametrize(("tool", "name"), [(f"{FAMILY}/2.4", FAMILY), ("cat1", "cat1"), ("owner/tool", "owner/tool")])
def test_a_tool_of_one_version_has_the_name_that_it_will_have_with_two(tool: str, name: str) -> None:
    only = records(tool, 1)
    assert pool_versions([only]) == [replace(only, tool=name)]


def test_so_has_one_that_is_of_no_toolshed() -> None:
    job = JobRecord(JobDescription("upload", "1.0"), 1)
    only = replace(records("upload/1.0"), records=[job])
    assert pool_versions([only]) == [replace(only, tool="upload")]


def test_tools_of_other_owners_or_repositories_stay_apart() -> None:
    tools = [f"toolshed.g2.bx.psu.edu/repos/{repository}/1.0" for repository in ("a/b/tool", "b/b/tool", "a/c/tool")]
    pooled = pool_versions([records(tool, 1) for tool in tools])
    assert [found.tool for found in pooled] == [tool.removesuffix("/1.0") for tool in tools]


def test_records_that_cannot_be_used_cost_no_other_version_its_model() -> None:
    good, bad, other = (records(f"{FAMILY}/{version}", 1) for version in ("1", "2", "3"))
    bad.fault = RecordsError("line 7")
    pooled = pool_versions([bad, good, other])
    assert [(found.tool, found.fault) for found in pooled] == [(bad.tool, bad.fault), (FAMILY, None)]
