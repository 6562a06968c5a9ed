"""Signed manifests: only bundles that were published with an administrator's own key are served."""

import hashlib
import hmac
import os
import stat
from pathlib import Path

from galaxy_memory_rules.errors import BundleError, ConfigError

from . import publishing

SIGNATURE = "manifest.sig"
_LEAST_KEY_BYTES = 32
_MOST_KEY_BYTES = 4096
_SIGNATURE_BYTES = 64


def read_key(path: Path) -> bytes:
    """Read the key that manifests are signed with.

    Parameters
    ----------
    path : Path
        A file of at least 32 bytes that no other user may read, as ``openssl rand -out signing.key 32`` makes it.

    Raises
    ------
    ConfigError
        If it cannot be read, is too short or too long, or is open to others.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read(_MOST_KEY_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: the signing key cannot be read ({error})") from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConfigError(f"{path}: every user may read or write the signing key; chmod o-rw it, and make a new one")
    if not _LEAST_KEY_BYTES <= len(key) <= _MOST_KEY_BYTES:
        raise ConfigError(
            f"{path}: a signing key has {_LEAST_KEY_BYTES} to {_MOST_KEY_BYTES:,} bytes; make one with "
            f"openssl rand -out {path} {_LEAST_KEY_BYTES}"
        )
    return key


def signature(manifest: bytes, key: bytes) -> bytes:
    """Return the content of ``manifest.sig``: HMAC-SHA256 in hexadecimal digits."""
    return hmac.new(key, manifest, hashlib.sha256).hexdigest().encode()


def require_signed(folder: Path, manifest: bytes, key: bytes) -> None:
    """Refuse a build whose manifest was not signed with this key.

    Raises
    ------
    BundleError
        If its signature is missing, or another.
    """
    try:
        found = publishing.read_whole(folder / SIGNATURE, _SIGNATURE_BYTES + 1).strip()
    except BundleError as error:
        raise BundleError(f"{folder}: not signed ({error}); train this tool with --signing-key") from error
    if not hmac.compare_digest(found, signature(manifest, key)):
        raise BundleError(f"{folder / SIGNATURE}: not signed with this key; train this tool with --signing-key")
