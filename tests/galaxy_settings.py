"""The shipped settings of the rule, for a service at another address."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from real_galaxy import ROOT

from galaxy_memory_rules.config import load_config
from galaxy_memory_rules.decision import client_for


@contextmanager
def settings_for(folder: Path, url: str, **changes: Any) -> Iterator[str]:
    """Write them, and close the connections that came of them."""
    path = folder / "memory_rules.yml"
    shipped = yaml.safe_load((ROOT / "config" / "memory_rules.yml").read_text())
    path.write_text(yaml.safe_dump({**shipped, "service_url": url, **changes}))
    yield str(path)
    client_for(load_config(path)).close()
