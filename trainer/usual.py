"""What is usual at a site's tools, for those of its tools that have few jobs."""

from collections.abc import Sequence
from typing import Optional

import numpy as np

from .distribution import Vector
from .records import ToolRecords
from .rungs import FOREST_FROM, Usual

# With fewer tools their median says less than what was measured elsewhere.
_MIN_TOOLS = 3


def usual_of(tools: Sequence[ToolRecords]) -> Usual:
    """Measure how peaks rise with the total input at the tools with enough jobs, and how far they spread around that.

    Parameters
    ----------
    tools : sequence of ToolRecords
        All tools of a training.

    Returns
    -------
    Usual
        The medians over the tools; what is usual elsewhere where fewer than three have enough jobs.
    """
    measured = [line for found in tools if (line := _line(found)) is not None]
    if len(measured) < _MIN_TOOLS:
        return Usual()
    slope, spread = np.median(np.array(measured), axis=0)
    return Usual(float(slope), float(spread))


def _line(found: ToolRecords) -> Optional[Vector]:
    if len(found.records) < FOREST_FROM:
        return None
    totals = np.log1p([sum(dataset.size_bytes or 0 for dataset in record.job.inputs) for record in found.records])
    log_peaks = np.log([record.peak_bytes for record in found.records])
    around = totals - totals.mean()
    slope = max(float(around @ log_peaks) / max(float(around @ around), 1e-9), 0.0)
    return np.array([slope, float(np.std(log_peaks - log_peaks.mean() - slope * around))])
