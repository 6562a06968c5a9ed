"""What the service knows: the tools that it has bundles of, and a small job of one of them."""

from typing import Any
from urllib.parse import quote

import requests

from galaxy_memory_rules.config import RulesConfig
from galaxy_memory_rules.messages import InputDataset, JobDescription

# no handler waits here
_TIMEOUT_SECONDS = 5.0
# where the service knows none, or does not answer
ANY_TOOL = JobDescription("any_tool")


def known_tools(config: RulesConfig) -> list[str]:
    """Return the tools of the service; none where it cannot be asked."""
    return [str(tool.get("tool")) for tool in _mappings(_told(config, "/v1/tools").get("tools"))]


def small_job(config: RulesConfig, tool: str) -> JobDescription:
    """Return a job of a tool with inputs as small as any that was recorded."""
    sizes = _told(config, f"/v1/tools/{quote(tool)}").get("sizes_bytes")
    named = sizes.items() if isinstance(sizes, dict) else ()
    return JobDescription(
        tool, inputs=tuple(InputDataset(name, seen.get("smallest")) for name, seen in named if isinstance(seen, dict))
    )


def _told(config: RulesConfig, path: str) -> dict[str, Any]:
    try:
        with requests.Session() as session:
            # as the rule does: no proxy of the environment, no redirect
            session.trust_env = False
            answer = session.get(
                config.service_url.rstrip("/") + path,
                timeout=_TIMEOUT_SECONDS,
                verify=config.authority or True,
                allow_redirects=False,
            )
            told = answer.json()
    except (requests.RequestException, ValueError, OSError):
        return {}
    return told if isinstance(told, dict) else {}


def _mappings(entries: object) -> list[dict[str, Any]]:
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
