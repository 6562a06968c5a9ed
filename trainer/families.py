"""Versions of one tool share a model: their records are pooled, and its trees part them where they differ."""

from collections import Counter
from dataclasses import replace

from galaxy_memory_rules.names import tool_names

from .records import ToolRecords


def pool_versions(tools: list[ToolRecords]) -> list[ToolRecords]:
    """Pool the records of tools that differ by their version alone.

    The version is a feature of each record: where the data says that versions differ, the forest tells them apart.

    Parameters
    ----------
    tools : list of ToolRecords
        One for each exact tool id.

    Returns
    -------
    list of ToolRecords
        One for each family, under its name even where there is one version of a tool: with the second one a bundle of
        the old name would be left behind, and answer for the first version ever after. In the order of the first
        members.
        Records that cannot be used stay alone, so that they cost no other version its model.
    """
    by_family: dict[str, list[ToolRecords]] = {}
    for found in tools:
        alone = found.fault is not None
        by_family.setdefault(found.tool if alone else family_of(found.tool), []).append(found)
    return [_pooled(family, members) for family, members in by_family.items()]


def family_of(tool: str) -> str:
    """Return the name that all versions of a tool share."""
    exact, *others = tool_names(tool)
    return next((name for name in others if exact.startswith(f"{name}/")), exact)


def _pooled(family: str, members: list[ToolRecords]) -> ToolRecords:
    first = members[0]
    if len(members) == 1:
        return replace(first, tool=family) if _tells_version(first) else first
    dropped: Counter[str] = sum((found.dropped for found in members), Counter())
    records = [record for found in members for record in found.records]
    files = ", ".join(dict.fromkeys(found.file for found in members))
    sampled = sum(found.sampled for found in members)
    return replace(first, tool=family, file=files, records=records, dropped=dropped, sampled=sampled)


def _tells_version(found: ToolRecords) -> bool:
    """Whether a tool's name ends with a version; ``owner/tool``, as somebody may call a tool, does not."""
    parts = found.tool.split("/")
    plain = [f"{record.job.tool_id}/{record.job.tool_version}" for record in found.records[:1]]
    return (len(parts) == 6 and parts[1] == "repos") or (len(parts) == 2 and found.tool in plain)
