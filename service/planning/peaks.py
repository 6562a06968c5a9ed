"""Many jobs' predictive distributions as tables: what peaks they draw, and how likely each exceeds an amount."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from galaxy_memory_rules.messages import MAX_SIZE_BYTES
from trainer.distribution import Beliefs, Vector

# A draw takes the mean peak of one of so many equally likely parts of its distribution.
PARTS = 256
_MOST_LOG_BYTES = float(np.log(MAX_SIZE_BYTES))
# A peak that a request meets to a billionth is no kill.
_DUST = 1e-9
# Puts one job's edges behind those of another: farther apart than any two logarithms of bytes.
_APART = 64.0


@dataclass(frozen=True, eq=False)
class Peaks:
    """The peaks of n_jobs jobs, linear on the log scale between edges.

    Parameters
    ----------
    log_edges : array of shape (n_jobs, n_edges)
        Ascending, natural logarithms of bytes.
    cumulative : array of shape (n_jobs, n_edges)
        Probability that the peak is at most each edge; from 0 to 1.
    """

    log_edges: Vector
    cumulative: Vector

    @classmethod
    def of(cls, beliefs: Beliefs) -> "Peaks":
        """Lay out what a model believes."""
        log_edges = np.clip(beliefs.grid.edges + beliefs.origins[:, None], 0.0, _MOST_LOG_BYTES)
        return cls(log_edges, np.broadcast_to(beliefs.cumulative, log_edges.shape))

    @cached_property
    def parts_bytes(self) -> Vector:
        """The mean peak of each of `PARTS` equally likely parts, shape (n_jobs, PARTS)."""
        levels = np.arange(PARTS + 1) / PARTS
        below = np.concatenate([np.zeros((len(self.log_edges), 1)), self._shares_bytes.cumsum(axis=1)], axis=1)
        # the rows stand one behind the other, as numpy interpolates along one line
        behind = 2.0 * np.arange(len(self.log_edges))[:, None]
        reached = np.interp((levels + behind).ravel(), (self.cumulative + behind).ravel(), below.ravel())
        return np.asarray(np.diff(reached.reshape(len(behind), PARTS + 1), axis=1) * PARTS)

    @property
    def means_bytes(self) -> Vector:
        """The mean peak of each job, shape (n_jobs,)."""
        return np.asarray(self._shares_bytes.sum(axis=1))

    @cached_property
    def _shares_bytes(self) -> Vector:
        """What each bin adds to the mean peak, shape (n_jobs, n_edges - 1)."""
        edges_bytes = np.exp(self.log_edges)
        widths = np.diff(self.log_edges)
        # the mean of exp over a bin; where the bin has no width, its edge
        means = np.divide(np.diff(edges_bytes), widths, out=edges_bytes[:, 1:].copy(), where=widths > 1e-9)
        return np.asarray(means * np.diff(self.cumulative))

    def exceedance(self, amounts_bytes: npt.NDArray[np.int64]) -> Vector:
        """Return the probability that each job's peak is above its amount, shape (n_jobs,)."""
        places = np.log(amounts_bytes) + _DUST
        behind = _APART * np.arange(len(places))
        edges = (self.log_edges + behind[:, None]).ravel()
        at_most = np.interp(places + behind, edges, self.cumulative.ravel())
        at_most[places < self.log_edges[:, 0]] = 0.0
        at_most[places >= self.log_edges[:, -1]] = 1.0
        return np.asarray(1.0 - at_most)
