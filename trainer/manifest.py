"""A build's manifest: what its folder is named after, and what names every other file by its hash."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from galaxy_memory_rules.errors import BundleError

from . import publishing, signing

FORMAT = 3
"""Version of everything below a build's folder.

To change it: raise the number, keep a bundle of the old format in ``tests/bundles`` with a test that it is refused
by name (or read, if it still can be), and say in the CHANGELOG that tools must be trained again.
"""

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 4 * 1024**2
MAX_FILE_BYTES = 256 * 1024**2
MAX_BUNDLE_BYTES = 512 * 1024**2
_FILE_NAME = re.compile(r"[a-z_]{1,64}\.(npy|skops)")
_MOST_FILES = 64


def to_bytes(content: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """Write the manifest of `files`."""
    told = {name: {"sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    whole = {"format": FORMAT, **content, "files": told}
    return json.dumps(whole, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def build_name(manifest: bytes) -> str:
    """Return the name of the folder of a build: the same content has the same name."""
    return hashlib.sha256(manifest).hexdigest()[:16]


def read_manifest(folder: Path, key: Optional[bytes] = None) -> dict[str, Any]:
    """Read the manifest of a build, after checking that it is the one that was published.

    Parameters
    ----------
    folder : Path
        The build.
    key : bytes, optional
        Whoever published it must have signed it with this.

    Returns
    -------
    dict
        With ``tool`` and ``files``; every number in it is finite.

    Raises
    ------
    BundleError
        If it is damaged, unsigned or of another format.
    """
    data = publishing.read_whole(folder / MANIFEST, MAX_MANIFEST_BYTES)
    if build_name(data) != folder.name:
        raise BundleError(f"{folder / MANIFEST}: does not match its folder's name; copy or train it again")
    if key is not None:
        signing.require_signed(folder, data, key)
    try:
        content = json.loads(data, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{folder / MANIFEST}: no JSON ({error}); train this tool again") from error
    found = content.get("format") if isinstance(content, dict) else None
    if not isinstance(content, dict) or isinstance(found, bool) or found != FORMAT:
        raise BundleError(f"{folder}: format {found}, and this version reads {FORMAT}; train this tool again")
    if not isinstance(content.get("tool"), str):
        raise BundleError(f"{folder / MANIFEST}: incomplete (no tool); train this tool again")
    return content


def read_files(folder: Path, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """Read every file that a manifest names, each once and whole: what is checked is what is used.

    Builds are not memory-mapped. A mapped file that is cut or written over kills the process or changes answers after
    the check; what is read once stays as it was.

    Raises
    ------
    BundleError
        Naming the file that is missing, too large, or not the one that was published.
    """
    files = manifest.get("files")
    if not isinstance(files, dict) or len(files) > _MOST_FILES or not all(map(_FILE_NAME.fullmatch, files)):
        raise BundleError(f"{folder / MANIFEST}: files: expected names of arrays; train this tool again")
    contents: dict[str, bytes] = {}
    left_bytes = MAX_BUNDLE_BYTES
    for name, told in files.items():
        contents[name] = publishing.read_whole(folder / name, min(MAX_FILE_BYTES, left_bytes))
        left_bytes -= len(contents[name])
        if not isinstance(told, dict) or hashlib.sha256(contents[name]).hexdigest() != told.get("sha256"):
            raise BundleError(f"{folder / name}: its sha256 is not the manifest's; copy or train it again")
    return contents


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no finite number")
    return number
