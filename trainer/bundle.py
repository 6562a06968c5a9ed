"""A model on disk: a manifest and plain arrays in a folder of their own; save beside load."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError

from . import publishing
from .familiarity import Familiar
from .features import FeatureSchema
from .forest import Forest
from .lines import Line
from .models import Model
from .neighbours import Neighbours
from .policy import SizingRule
from .regressor import Regressor

FORMAT = 2
"""Version of everything below a build's folder.

To change it: raise the number, keep a bundle of the old format in ``tests/bundles`` with a test that it is refused
by name (or read, if it still can be), and say in the CHANGELOG that tools must be trained again.
"""

MANIFEST = "manifest.json"
ESTIMATOR = "estimator.skops"
MAX_MANIFEST_BYTES = 4 * 1024**2
MAX_FILE_BYTES = 2 * 1024**3
_FILE_NAME = re.compile(r"[a-z_]+\.(npy|skops)")


@dataclass(frozen=True)
class Bundle:
    """The model of one tool with all that is needed to serve it.

    Parameters
    ----------
    tool : str
        The tool's id, or its name where no id is known.
    schema : FeatureSchema
        How a job becomes a row.
    model : Forest, Line or Regressor
        How a row becomes a distribution.
    neighbours : Neighbours
        What a job that does not tell all is compared with.
    sizing : SizingRule
        How a distribution becomes a request.
    facts : mapping
        What a person or another program wants to know: ``file``, ``label``, ``model`` (name, source, parameters),
        ``rows`` (used, dropped and flagged, by reason), ``limit_bytes``, ``sizes_bytes`` (smallest, median and largest
        of each input), ``scores``, ``held_out``, ``cap_curve``, ``versions``.
    build : str
        Hash of the manifest, empty before it is saved.
    """

    tool: str
    schema: FeatureSchema
    model: Model
    neighbours: Neighbours
    sizing: SizingRule
    facts: Mapping[str, Any]
    build: str = ""

    @property
    def name(self) -> str:
        """The bundle's name in answers: ``<tool>/<build>``."""
        return f"{self.tool}/{self.build}"


def save(bundle: Bundle, root: Path) -> str:
    """Publish a bundle below `root`, so that a reader finds the old one or the new one, whenever we are stopped.

    Parameters
    ----------
    bundle : Bundle
        What to write.
    root : Path
        The folder of all bundles; the caller holds its `lock`.

    Returns
    -------
    str
        The build's name: the same content has the same name, and is written once.

    Raises
    ------
    BundleError
        If it cannot be written; what was published before stays.
    """
    home = root / publishing.folder_name(bundle.tool)
    files = _to_files(bundle)
    manifest = _manifest(bundle, files)
    build = hashlib.sha256(manifest).hexdigest()[:16]
    try:
        if not _is_whole(home / build):
            publishing.publish({**files, MANIFEST: manifest}, home, build)
        publishing.make_current(home, build)
    except OSError as error:
        raise BundleError(f"{home}: cannot be written ({error}); the bundle before stays in use") from error
    return build


def load(home: Path) -> Bundle:
    """Read the current build of one tool: read, check, open, in that order.

    Parameters
    ----------
    home : Path
        The tool's folder below the folder of all bundles.

    Raises
    ------
    BundleError
        Naming the file and what is wrong with it.
    """
    return load_build(publishing.current_build(home))


def load_all(root: Path) -> Iterator[Bundle | BundleError]:
    """Read every tool's current build below the folder of all bundles; what cannot be read is told in its place."""
    for home in publishing.homes(root):
        try:
            yield load(home)
        except BundleError as error:
            yield error


def load_build(folder: Path) -> Bundle:
    """Read one build; see `load`."""
    manifest = _read_manifest(folder)
    files = _checked_files(folder, manifest)
    try:
        schema = FeatureSchema.from_dict(manifest["schema"])
        arrays = _open_arrays(folder, files)
        model = _open_model(manifest["model"], arrays, folder, len(schema.columns))
        neighbours = Neighbours.from_arrays(arrays, schema)
        sizing = SizingRule.from_dict(manifest["sizing"], Familiar.from_arrays(arrays))
        return Bundle(str(manifest["tool"]), schema, model, neighbours, sizing, manifest["facts"], folder.name)
    except BundleError as error:
        raise BundleError(f"{folder}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{folder / MANIFEST}: incomplete ({error!r}); train this tool again") from error


def _open_model(told: Mapping[str, Any], arrays: dict[str, npt.NDArray[Any]], folder: Path, n_columns: int) -> Model:
    # a model of no columns looks at one that is 0
    n_columns = max(n_columns, 1)
    if told["kind"] == "forest":
        return Forest.from_arrays(arrays, n_columns)
    if told["kind"] == "line":
        return Line.from_arrays(arrays, bool(told["is_log"]), n_columns)
    return Regressor.from_bytes((folder / ESTIMATOR).read_bytes(), arrays)


def _told_of(model: Model) -> dict[str, Any]:
    if isinstance(model, Forest):
        return {"kind": "forest"}
    return {"kind": "line", "is_log": model.is_log} if isinstance(model, Line) else {"kind": "estimator"}


def _to_files(bundle: Bundle) -> dict[str, bytes]:
    arrays = {**bundle.model.to_arrays(), **bundle.neighbours.to_arrays(), **bundle.sizing.familiar.to_arrays()}
    files = {f"{name}.npy": _npy(array) for name, array in arrays.items()}
    return {**files, ESTIMATOR: bundle.model.to_bytes()} if isinstance(bundle.model, Regressor) else files


def _npy(array: npt.NDArray[Any]) -> bytes:
    buffer = BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _manifest(bundle: Bundle, files: Mapping[str, bytes]) -> bytes:
    content = {
        "format": FORMAT,
        "tool": bundle.tool,
        "facts": bundle.facts,
        "schema": bundle.schema.to_dict(),
        "sizing": bundle.sizing.to_dict(),
        "model": _told_of(bundle.model),
        "files": {name: {"sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()},
    }
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def _is_whole(folder: Path) -> bool:
    try:
        load_build(folder)
    except BundleError:
        return False
    return True


def _read_manifest(folder: Path) -> dict[str, Any]:
    data = publishing.read_small(folder / MANIFEST, MAX_MANIFEST_BYTES)
    # the folder is named after its manifest, which names every other file by its hash
    if hashlib.sha256(data).hexdigest()[:16] != folder.name:
        raise BundleError(f"{folder / MANIFEST}: does not match its folder's name; copy or train it again")
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{folder / MANIFEST}: no JSON ({error}); train this tool again") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise BundleError(f"{folder}: format {found}, and this version reads {FORMAT}; train this tool again")
    return manifest


def _checked_files(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(_FILE_NAME.fullmatch(name) for name in files):
        raise BundleError(f"{folder / MANIFEST}: files: expected names of arrays; train this tool again")
    for name, told in files.items():
        path = folder / name
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise BundleError(f"{path}: larger than {MAX_FILE_BYTES:,} bytes; not loaded")
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BundleError(f"{path}: cannot be read ({error}); copy or train it again") from error
        if found != told.get("sha256"):
            raise BundleError(f"{path}: its sha256 is not the manifest's; copy or train it again")
    return list(files)


def _open_arrays(folder: Path, files: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    return {
        # a plain view: numpy's memmap class costs microseconds at each step of a walk
        name.removesuffix(".npy"): np.asarray(np.load(folder / name, mmap_mode="r", allow_pickle=False))
        for name in files
        if name.endswith(".npy")
    }
