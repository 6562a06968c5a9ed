"""What else a tool or an input may be called."""

from collections.abc import Iterator
from typing import Optional


def tool_names(tool_id: str, tool_version: Optional[str] = None) -> list[str]:
    """Return the names a tool may be known by, the most exact one first.

    A ToolShed id ``host/repos/owner/repository/tool/version`` is also known by its family, the id without the
    version, and by the bare name of the tool; an id of another shape also by what stands before its last slash.
    """
    parts = tool_id.split("/")
    names = [tool_id]
    if tool_version and not tool_id.endswith(f"/{tool_version}"):
        names.insert(0, f"{tool_id}/{tool_version}")
    if len(parts) >= 5 and parts[1] == "repos":
        names += ["/".join(parts[:5]), parts[4]]
    elif len(parts) > 1:
        names.append("/".join(parts[:-1]))
    return list(dict.fromkeys(names))


def unnumbered(name: str) -> Iterator[str]:
    """Yield the parameters that Galaxy may have numbered: ``reads_12`` belongs to ``reads_1`` or to ``reads_``."""
    for cut in range(len(name) - 1, len(name.rstrip("0123456789")) - 1, -1):
        if cut:
            yield name[:cut]
