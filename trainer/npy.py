"""Arrays as .npy files: written by numpy, and read here by a strict check, so that no header is believed."""

import math
import re
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError

# What a bundle's arrays hold, the same bytes on every machine; objects, texts and records are not among them.
_KINDS = ("|u1", "<u2", "<u4", "<u8", "<i4", "<i8", "<f4", "<f8")
_MAGIC = b"\x93NUMPY\x01\x00"
_LENGTH_BYTES = 2
_HEADER = re.compile(
    rb"\{'descr': '([|<][uif][1248])', 'fortran_order': False, 'shape': \((\d{1,12}), ?(\d{1,12})?\), \} *\n"
)


def to_bytes(array: npt.NDArray[Any]) -> bytes:
    """Return an array as a .npy file."""
    buffer = BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def from_bytes(name: str, content: bytes) -> npt.NDArray[Any]:
    """Return the array of a .npy file, a read-only view of its bytes: nothing is allocated, whatever its header claims.

    Parameters
    ----------
    name : str
        The file, for the complaint.
    content : bytes
        All of it.

    Raises
    ------
    BundleError
        If it is not what `to_bytes` writes: rows of plain numbers, in one or two dimensions, as many as there are.
    """
    start = len(_MAGIC) + _LENGTH_BYTES
    end = start + int.from_bytes(content[len(_MAGIC) : start], "little")
    header = _HEADER.fullmatch(content[start:end]) if content.startswith(_MAGIC) else None
    if header is None or header[1].decode() not in _KINDS:
        raise BundleError(f"{name}: expected rows of {', '.join(_KINDS)} as a .npy file; train this tool again")
    kind, shape = np.dtype(header[1].decode()), tuple(int(length) for length in header.groups()[1:] if length)
    if math.prod(shape) * kind.itemsize != len(content) - end:
        raise BundleError(f"{name}: {len(content) - end:,} bytes are not the {shape} it claims; train this tool again")
    return np.frombuffer(content, kind, offset=end).reshape(shape)
