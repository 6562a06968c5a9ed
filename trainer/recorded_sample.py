"""A few of the recorded jobs, kept in the bundle to be drawn behind what the model believes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.errors import BundleError

from .distribution import Vector
from .history import History

# More are not told apart in a picture.
MOST_KEPT = 1000


@dataclass(frozen=True)
class Recorded:
    """Recorded jobs of one tool, the smallest first.

    Parameters
    ----------
    sizes_bytes : array of shape (n_kept,)
        The size of all inputs of each job together.
    peaks_bytes : array of shape (n_kept,)
        What the job needs, see `History`.
    """

    sizes_bytes: Vector
    peaks_bytes: Vector

    @classmethod
    def of(cls, history: History) -> "Recorded":
        """Keep at most `MOST_KEPT` of the jobs, evenly spaced in the order of their sizes, the largest among them."""
        totals_bytes = history.totals_bytes
        order = np.lexsort((history.peaks_bytes, totals_bytes))
        kept = order[np.unique(np.linspace(0, len(order) - 1, MOST_KEPT).astype(int))]
        return cls(totals_bytes[kept], history.peaks_bytes[kept])

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return {"recorded_sizes": self.sizes_bytes.astype("<f8"), "recorded_peaks": self.peaks_bytes.astype("<f8")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> "Recorded":
        """Build from arrays.

        Raises
        ------
        BundleError
            If one is missing, of another type or length, or holds what is no amount of bytes.
        """
        sizes, peaks = arrays.get("recorded_sizes"), arrays.get("recorded_peaks")
        if sizes is None or peaks is None or {sizes.dtype, peaks.dtype} != {np.dtype("<f8")}:
            raise BundleError("recorded_sizes, recorded_peaks: missing or of another type; train this tool again")
        if sizes.ndim != 1 or sizes.shape != peaks.shape or not 1 <= len(sizes) <= MOST_KEPT:
            raise BundleError(
                f"recorded_sizes, recorded_peaks: expected two of one length of 1 to {MOST_KEPT:,}; "
                "train this tool again"
            )
        finite = np.isfinite(sizes).all() and np.isfinite(peaks).all()
        if not finite or (sizes < 0).any() or (peaks <= 0).any():
            raise BundleError("recorded_sizes, recorded_peaks: expected bytes; train this tool again")
        return cls(sizes, peaks)
