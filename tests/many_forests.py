"""A folder of many tools, each with the forest of the one that was trained."""

from pathlib import Path
from tempfile import TemporaryDirectory

import many_tools
import trained_forest

from trainer import publishing
from trainer.training import Trained


def publish(trained: Trained, root: Path, count: int) -> list[str]:
    """Publish a bundle under so many names; return these."""
    names = many_tools.names(count)
    with TemporaryDirectory() as scratch:
        trained_forest.publish(trained, Path(scratch))
        many_tools.publish(Path(scratch) / publishing.folder_name(trained.bundle.tool), root, names)
    return names
