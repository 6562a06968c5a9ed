"""A model on disk: a manifest and plain arrays in a folder of their own; save beside load."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError

from . import archive, npy, publishing, signing, soundness
from .familiarity import Familiar
from .features import FeatureSchema
from .forest import Forest
from .lines import Line
from .manifest import MANIFEST, MAX_BUNDLE_BYTES, build_name, read_files, read_manifest
from .manifest import to_bytes as manifest_bytes
from .models import Model
from .neighbours import Neighbours
from .recorded_sample import Recorded
from .regressor import Regressor
from .sizing_rule import SizingRule

ESTIMATOR = "estimator.skops"
_ESTIMATOR_KIND = "estimator"
# What a manifest's text takes as Python's objects.
_TIMES_LARGER = 8


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
    recorded : Recorded
        Some of the recorded jobs, to be looked at.
    sizing : SizingRule
        How a distribution becomes a request.
    facts : mapping
        What a person or another program wants to know: ``file``, ``label``, ``model`` (name, source, parameters),
        ``rows`` (used, dropped and flagged, by reason, and how many peaks are a limit's), ``limit_bytes``,
        ``sizes_bytes`` (smallest, median and largest of each input), ``run_seconds`` (median and 0.95 quantile),
        ``scores``, ``unit`` of wastage, ``held_out`` and, for the same jobs, ``constant``, ``cap_curve``, ``versions``,
        ``seen`` (how many jobs there were, and when the newest was created), ``follows_request``.
    build : str
        Hash of the manifest, empty before it is saved.
    memory_bytes : int
        What it takes when it is open, estimated; 0 before it is saved.
    """

    tool: str
    schema: FeatureSchema
    model: Model
    neighbours: Neighbours
    recorded: Recorded
    sizing: SizingRule
    facts: Mapping[str, Any]
    build: str = ""
    memory_bytes: int = 0

    @property
    def name(self) -> str:
        """The bundle's name in answers: ``<tool>/<build>``."""
        return f"{self.tool}/{self.build}"


def save(bundle: Bundle, root: Path, key: Optional[bytes] = None) -> str:
    """Publish a bundle below `root`, so that a reader finds the old one or the new one, whenever we are stopped.

    Parameters
    ----------
    bundle : Bundle
        What to write.
    root : Path
        The folder of all bundles; the caller holds its `lock`.
    key : bytes, optional
        Its manifest is signed with this.

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
    manifest = manifest_bytes(_content(bundle), files)
    build = build_name(manifest)
    signed = {signing.SIGNATURE: signing.signature(manifest, key)} if key is not None else {}
    try:
        if not _is_whole(home / build, key):
            publishing.publish({**files, **signed, MANIFEST: manifest}, home, build)
        publishing.make_current(home, build)
    except OSError as error:
        raise BundleError(f"{home}: cannot be written ({error}); the bundle before stays in use") from error
    return build


def load(home: Path, key: Optional[bytes] = None) -> Bundle:
    """Read the build of one tool that is served; see `load_build`.

    Parameters
    ----------
    home : Path
        The tool's folder below the folder of all bundles.
    key : bytes, optional
        What its manifest must be signed with.
    """
    return load_build(publishing.served_build(home), key)


def load_build(folder: Path, key: Optional[bytes] = None) -> Bundle:
    """Read one build: read, check, open, in that order.

    Raises
    ------
    BundleError
        Naming the file and what is wrong with it.
    """
    with _complaints_of(folder):
        manifest, files = _checked(folder, key)
        schema = FeatureSchema.from_dict(manifest["schema"])
        arrays = _open_arrays(files)
        model = _open_model(manifest, arrays, files, len(schema.columns))
        neighbours = Neighbours.from_arrays(arrays, schema)
        sizing = SizingRule.from_dict(manifest["sizing"], Familiar.from_arrays(arrays))
        recorded, facts = Recorded.from_arrays(arrays), manifest["facts"]
        bundle = Bundle(manifest["tool"], schema, model, neighbours, recorded, sizing, facts, folder.name)
        soundness.require_sound(bundle)
        return replace(bundle, memory_bytes=_memory_bytes(bundle, files, manifest))


def check_build(folder: Path, key: Optional[bytes] = None) -> None:
    """Read and check the files of one build without opening its model; see `load_build`.

    Every damage that copying or a disk can do is found, in a tenth of the time.
    """
    with _complaints_of(folder):
        _open_arrays(_checked(folder, key)[1])


@contextmanager
def _complaints_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except BundleError as error:
        text = str(error)
        raise BundleError(text if text.startswith(str(folder)) else f"{folder}: {text}") from error
    except MemoryError as error:
        raise BundleError(f"{folder}: does not fit into the memory of this machine; not loaded") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BundleError(f"{folder / MANIFEST}: incomplete ({error!r}); train this tool again") from error


def _checked(folder: Path, key: Optional[bytes]) -> tuple[dict[str, Any], dict[str, bytes]]:
    manifest = read_manifest(folder, key)
    if manifest["model"]["kind"] == _ESTIMATOR_KIND:
        _require_version(manifest["facts"]["versions"]["scikit_learn"])
    files = read_files(folder, manifest)
    if ESTIMATOR in files:
        archive.require_modest(ESTIMATOR, files[ESTIMATOR], MAX_BUNDLE_BYTES)
    return manifest, files


def _require_version(trained_with: str) -> None:
    """Refuse an estimator of another scikit-learn: it may load and predict something else."""
    found = _scikit_learn()
    if found != trained_with:
        raise BundleError(
            f"made by scikit-learn {trained_with}, and here is {found}; install that one, or train this tool again"
        )


@cache
def _scikit_learn() -> str:
    """Return the version that is installed, without importing it."""
    try:
        return metadata.version("scikit-learn")
    except metadata.PackageNotFoundError:
        return "none"


def _open_arrays(files: Mapping[str, bytes]) -> dict[str, npt.NDArray[Any]]:
    arrays = {name: content for name, content in files.items() if name != ESTIMATOR}
    return {name.removesuffix(".npy"): npy.from_bytes(name, content) for name, content in arrays.items()}


def _open_model(
    manifest: Mapping[str, Any], arrays: dict[str, npt.NDArray[Any]], files: Mapping[str, bytes], n_columns: int
) -> Model:
    told = manifest["model"]
    # a model of no columns looks at one that is 0
    n_columns = max(n_columns, 1)
    if told["kind"] == "forest":
        return Forest.from_arrays(arrays, n_columns)
    if told["kind"] == "line":
        return Line.from_arrays(arrays, bool(told["is_log"]), n_columns)
    if told["kind"] == _ESTIMATOR_KIND:
        return Regressor.from_bytes(files[ESTIMATOR], arrays)
    raise BundleError(f"model.kind: {told['kind']!r} is none that this version knows; train this tool again")


def _memory_bytes(bundle: Bundle, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> int:
    """Estimate what a bundle takes: its arrays, the files that some of them are views of, and what is told of it."""
    return _array_bytes(bundle) + sum(map(len, files.values())) + len(repr(manifest)) * _TIMES_LARGER


def _array_bytes(part: Any) -> int:
    if isinstance(part, np.ndarray):
        return part.nbytes
    return sum(map(_array_bytes, vars(part).values())) if is_dataclass(part) else 0


def _told_of(model: Model) -> dict[str, Any]:
    if isinstance(model, Forest):
        return {"kind": "forest"}
    return {"kind": "line", "is_log": model.is_log} if isinstance(model, Line) else {"kind": _ESTIMATOR_KIND}


def _to_files(bundle: Bundle) -> dict[str, bytes]:
    parts = (bundle.model, bundle.neighbours, bundle.recorded, bundle.sizing.familiar)
    files = {f"{name}.npy": npy.to_bytes(array) for part in parts for name, array in part.to_arrays().items()}
    return {**files, ESTIMATOR: bundle.model.to_bytes()} if isinstance(bundle.model, Regressor) else files


def _content(bundle: Bundle) -> dict[str, Any]:
    return {
        "tool": bundle.tool,
        "facts": bundle.facts,
        "schema": bundle.schema.to_dict(),
        "sizing": bundle.sizing.to_dict(),
        "model": _told_of(bundle.model),
    }


def _is_whole(folder: Path, key: Optional[bytes]) -> bool:
    try:
        load_build(folder, key)
    except BundleError:
        return False
    return True
