"""Numbers of a plan as its answer writes them: to six digits, with the bounds of 50 and 95 % of the scenarios."""

import numpy as np
import numpy.typing as npt

from trainer.distribution import Vector

_BOUNDS = {"p50": 0.5, "p95": 0.95}


def rounded(value: float) -> float:
    """Return a number to six digits: more would be noise, and differ from machine to machine."""
    return float(f"{value:.6g}")


def bounds(values: Vector) -> dict[str, float]:
    """Return what half and what 95 % of the scenarios stay within."""
    found = np.quantile(values, list(_BOUNDS.values()), method="inverted_cdf")
    return {name: rounded(value) for name, value in zip(_BOUNDS, found.tolist(), strict=True)}


def distribution(mean: float, values: Vector) -> dict[str, float]:
    """Return a mean and the bounds beside it."""
    return {"mean": rounded(mean), **bounds(values)}


def weighted_bounds(values: npt.NDArray[np.int64], weights: npt.NDArray[np.int64]) -> dict[str, int]:
    """Return what half and what 95 % of the jobs stay within; 0 where there are none.

    Parameters
    ----------
    values, weights : int arrays of shape (n_values,)
        A value, and how many jobs have it.
    """
    if not len(values):
        return dict.fromkeys(_BOUNDS, 0)
    order = np.argsort(values, kind="stable")
    reached = weights[order].cumsum()
    places = np.searchsorted(reached, [share * reached[-1] for share in _BOUNDS.values()])
    return {name: int(values[order[place]]) for name, place in zip(_BOUNDS, places, strict=True)}
