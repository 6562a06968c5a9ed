"""Lines over one size that a tool's memory may follow, at growing heights."""

from dataclasses import dataclass, replace

import numpy as np

from .distribution import Beliefs, Grid, Vector
from .lines import spread_of, start_and_slopes
from .pricing import Offers
from .unseen import PRICES

# The shares of jobs that a line shifted for each price is high enough for.
_LEVELS = 1 - np.linspace(0.75, 0, len(PRICES)) ** 2


@dataclass(frozen=True)
class Bounded:
    """``min(max(start + slope * size, least), most)``, in bytes.

    Parameters
    ----------
    start_bytes, slope : float
        The line, in bytes, and bytes a byte.
    least_bytes, most_bytes : float
        Its bounds.
    """

    start_bytes: float
    slope: float
    least_bytes: float
    most_bytes: float = np.inf

    def __call__(self, sizes_bytes: Vector) -> Vector:
        """Return its height at each size."""
        return np.clip(self.start_bytes + self.slope * sizes_bytes, self.least_bytes, self.most_bytes)

    def times(self, factor: float) -> "Bounded":
        """Return what is that many times as high."""
        return Bounded(*(factor * part for part in vars(self).values()))

    def plus(self, shift_bytes: float) -> "Bounded":
        """Return the line shifted between the same bounds."""
        return replace(self, start_bytes=self.start_bytes + shift_bytes)


def families(sizes_bytes: Vector, peaks_bytes: Vector) -> dict[str, list[Bounded]]:
    """Fit a line, and raise it in several ways.

    Parameters
    ----------
    sizes_bytes, peaks_bytes : arrays of shape (n_jobs,)
        Of recorded jobs.

    Returns
    -------
    dict of str to list of Bounded
        By the way, the simplest first: a line for each of `PRICES`. Peaks may spread in proportion to themselves or
        alike whatever the size; and a capped line never asks for more than any of the jobs needed.
    """
    line = _line(sizes_bytes, peaks_bytes)
    raised = {
        "in proportion": _raised(line, sizes_bytes, peaks_bytes),
        "shifted": _shifted(line, sizes_bytes, peaks_bytes),
    }
    most_bytes = float(peaks_bytes.max())
    capped = {f"{way}, capped": [replace(one, most_bytes=most_bytes) for one in raised[way]] for way in raised}
    return {**raised, **capped}


def _raised(line: Bounded, sizes_bytes: Vector, peaks_bytes: Vector) -> list[Bounded]:
    typical_bytes = float(peaks_bytes.mean())
    spread = Grid(spread_of(np.log(peaks_bytes / line(sizes_bytes))))
    offers = Offers.of(Beliefs.around(np.log([typical_bytes]), spread), typical_bytes)
    return [line.times(float(offers.cheapest_bytes(price)[0]) / typical_bytes) for price in PRICES]


def _shifted(line: Bounded, sizes_bytes: Vector, peaks_bytes: Vector) -> list[Bounded]:
    shifts_bytes = np.quantile(peaks_bytes - line(sizes_bytes), _LEVELS, method="higher")
    return [line.plus(shift_bytes) for shift_bytes in shifts_bytes.tolist()]


def _line(sizes_bytes: Vector, peaks_bytes: Vector) -> Bounded:
    """Fit a line that is never below what any job used."""
    varying = sizes_bytes[:, None][:, : int(np.ptp(sizes_bytes) > 0)]
    start_bytes, *slopes = start_and_slopes(varying, np.log(peaks_bytes)).tolist()
    return Bounded(start_bytes, sum(slopes), float(peaks_bytes.min()))
