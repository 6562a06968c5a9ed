"""What a skops file would take of memory, found out before skops opens it."""

import math
from io import BytesIO
from typing import IO
from zipfile import BadZipFile, ZipFile, ZipInfo

from numpy.lib import format as npy_format

from galaxy_memory_rules.errors import BundleError

_MOST_PARTS = 100_000
# A fitted estimator is numbers: zipped they become a little smaller, and zeros alone a thousand times.
_MOST_TIMES_LARGER = 100


def require_modest(name: str, content: bytes, most_bytes: int) -> None:
    """Refuse an archive that unpacks to more than it may, or has an array that claims more than is there.

    Parameters
    ----------
    name : str
        The file, for the complaint.
    content : bytes
        All of it.
    most_bytes : int
        What its parts may hold together.

    Raises
    ------
    BundleError
        Naming the part, where it is one.
    """
    try:
        with ZipFile(BytesIO(content)) as archive:
            parts = archive.infolist()
            unpacked_bytes = sum(part.file_size for part in parts)
            if len(parts) > _MOST_PARTS or unpacked_bytes > min(most_bytes, _MOST_TIMES_LARGER * len(content)):
                raise BundleError(f"{name}: unpacks to {unpacked_bytes:,} bytes; not loaded")
            for part in parts:
                if part.filename.endswith(".npy"):
                    _require_whole(name, archive, part)
    # a zip and its arrays fail in many ways when they were tampered with
    except (BadZipFile, ValueError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{name}: cannot be read ({error}); train this tool again") from error


def _require_whole(name: str, archive: ZipFile, part: ZipInfo) -> None:
    with archive.open(part) as file:
        claimed_bytes = _claimed_bytes(file)
    if claimed_bytes > part.file_size:
        raise BundleError(f"{name}: {part.filename} claims {claimed_bytes:,} bytes, and has fewer; not loaded")


def _claimed_bytes(file: IO[bytes]) -> int:
    """Return how many bytes an array's header says that follow it."""
    version = npy_format.read_magic(file)
    read_header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, _, kind = read_header(file)
    if kind.hasobject:
        raise ValueError("an array of objects")
    return math.prod(shape) * kind.itemsize
