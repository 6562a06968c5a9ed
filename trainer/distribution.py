"""What a model believes about one job's peak: a distribution over bytes, on the log scale inside."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.messages import MAX_SIZE_BYTES

Vector = npt.NDArray[np.float64]
_MOST_LOG_BYTES = math.log(MAX_SIZE_BYTES)


@dataclass(frozen=True)
class Distribution:
    """A predictive distribution, linear on the log scale between its edges.

    Parameters
    ----------
    edges : array of shape (n_edges,)
        Ascending, natural logarithms of bytes.
    cumulative : array of shape (n_edges,)
        Probability that the log peak is at most each edge; ends at 1.
    point : float
        The best single guess, natural logarithm of bytes.
    """

    edges: Vector
    cumulative: Vector
    point: float

    def quantile_bytes(self, quantile: float) -> int:
        """Return the smallest peak, in bytes, that the job exceeds with probability 1 - `quantile` at most."""
        # the first edge at which enough has been collected; the one before it is where interpolation starts
        above = int(self.cumulative.searchsorted(quantile - 1e-9))
        above = min(max(above, 1), len(self.edges) - 1)
        low, high = self.cumulative[above - 1], self.cumulative[above]
        share = 1.0 if high <= low else min(max((quantile - low) / (high - low), 0.0), 1.0)
        return _to_bytes(self.edges[above - 1] + share * (self.edges[above] - self.edges[above - 1]))

    def exceedance(self, amount_bytes: int) -> float:
        """Return the probability that the peak is above `amount_bytes`."""
        return float(1.0 - np.interp(np.log(amount_bytes), self.edges, self.cumulative, left=0.0, right=1.0))

    @property
    def point_bytes(self) -> int:
        """The best single guess in bytes."""
        return _to_bytes(self.point)


def _to_bytes(log_bytes: float) -> int:
    """Return whole bytes within what a message can say, however wild an estimator's guess is."""
    return min(math.ceil(math.exp(min(max(log_bytes, 0.0), _MOST_LOG_BYTES))), MAX_SIZE_BYTES)
