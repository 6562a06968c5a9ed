"""What models that had not seen a job would have requested for it, at each price of a failure."""

from typing import Optional

import numpy as np
import numpy.typing as npt

from .distribution import Rows, Vector
from .familiarity import Familiarity
from .pricing import Offers
from .reference import told_reference
from .rungs import Rung
from .sample import Fold, Sample, grouped_folds

# From "failures cost nothing but their own wastage" to "beyond any price".
PRICES: tuple[Optional[float], ...] = (
    *(0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 40.0),
    None,
)


def bids_bytes(rung: Rung, sample: Sample, typical_bytes: float, unseen: Optional[Familiarity] = None) -> Vector:
    """Return what models would request for each job that had not seen it.

    Parameters
    ----------
    rung : Rung
        How to fit a model.
    sample : Sample
        The jobs.
    typical_bytes : float
        The tool's mean peak.
    unseen : Familiarity, optional
        ``REFERENCE_SEEN``: the models had not seen the job's inputs either, but its reference; ``REFERENCE_UNSEEN``:
        nor its reference. Otherwise they had not seen the job itself, or, in time order, nothing that came later.

    Returns
    -------
    array of shape (n_prices, n_rows)
        In bytes; NaN for jobs of which no model can know that much or that little.
    """
    groups = {Familiarity.REFERENCE_SEEN: sample.groups, Familiarity.REFERENCE_UNSEEN: sample.references}
    if unseen in groups:
        bids = _bids(rung, sample, typical_bytes, grouped_folds(groups[unseen]), groups[unseen])
    else:
        bags = None if sample.in_blocks else np.arange(len(sample))
        bids = _bids(rung, sample, typical_bytes, sample.folds, bags)
    bids[:, ~_applies(sample, unseen)] = np.nan
    return bids


def _applies(sample: Sample, unseen: Optional[Familiarity]) -> npt.NDArray[np.bool_]:
    """Say which jobs can be as familiar to a model that has not seen them."""
    if unseen is Familiarity.INPUTS_SEEN:
        return np.asarray(np.bincount(sample.groups)[sample.groups] > 1)
    if unseen is Familiarity.REFERENCE_SEEN and sample.tells_references:
        _, first = np.unique(sample.groups, return_index=True)
        told = np.array([told_reference(job) is not None for job in sample.jobs])
        return told & (np.bincount(sample.references[first])[sample.references] > 1)
    return np.ones(len(sample), dtype=np.bool_)


def _bids(rung: Rung, sample: Sample, typical_bytes: float, folds: list[Fold], groups: Optional[Rows]) -> Vector:
    if rung.out_of_bag and groups is not None:
        return _at_each_price(rung.out_of_bag(sample, groups, typical_bytes))
    bids = np.full((len(PRICES), len(sample)), np.nan)
    for kept, held_out in folds:
        believed = rung.fit(sample.part(kept)).predict(sample.matrix[held_out])
        bids[:, held_out] = _at_each_price(Offers.of(believed, typical_bytes))
    return bids


def _at_each_price(offers: Offers) -> Vector:
    return np.array([offers.cheapest_bytes(price) for price in PRICES])
