"""Which recorded jobs of a tool its model may learn from, and which peaks are a limit's instead of the job's need."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesRegressor

from galaxy_memory_rules.memory import TIB, format_bytes

from .distribution import Vector
from .features import FeatureSchema, Matrix
from .records import JobRecord

Flags = npt.NDArray[np.bool_]

NOT_POSITIVE = "peak not above 0"
ABOVE_ASSIGNED = "peak above 8 times the assigned memory"
REPEATED = "repeats another row"
UNLIKE_SIMILAR = "peak above 4 times what similar jobs use"
FAILED_EARLY = "failed before it used what similar jobs use"

KILLED = "killed for its memory, needs more than its peak"
FAILED = "failed, may need more than its peak"
AT_LIMIT = "at its memory limit"
AT_SPIKE = "at a limit seen in the tool's peaks"
_CENSORING = {KILLED, AT_LIMIT, AT_SPIKE}

# A sanity bound, above the memory of the nodes that Galaxy servers run on.
LARGEST_NODE_BYTES = 4 * TIB
# usegalaxy.eu's own rule for faulty measurements (sizing-study.md, section 6).
TIMES_ASSIGNED = 8
# With 5 % of fastp's rows raised 3 to 10 times, training wastes 1.2 times as much as without them; 5 makes it 1.35.
TIMES_SIMILAR = 4
# A tool with two modes has rows far above their likes, but none far above its own 0.9 quantile.
TAIL_QUANTILE, TIMES_TAIL = 0.9, 2
MIN_ROWS = 30
# What similar jobs use: their median, and a quartile that one faulty neighbour of five does not reach.
_QUANTILES = (0.5, 0.75)
_TREES, _MIN_LEAF, _MOST_SAMPLES, _SEED = 30, 5, 2000, 13

AT_LIMIT_SHARE = 0.97
# A spike: how wide, how many rows at least and of all, how many times the fullest of the bands below, what lies above.
_BAND, _BANDS_BELOW = 0.01, 22
_SPIKE_ROWS, _SPIKE_SHARE, _SPIKE_TIMES, _ABOVE_SHARE = 5, 0.005, 3, 0.002


@dataclass(frozen=True)
class Cleaned:
    """What is left of a tool's records, and what became of the others.

    Parameters
    ----------
    records : list of JobRecord, of length n_kept
        Those to learn from, in the order they came.
    censored : array of shape (n_kept,)
        Whether the peak is a limit's: a killed job needs more, one that ended well needs less.
    dropped, flagged : Counter of str
        How many rows were refused, and how many were kept but marked, by reason; a row may have two marks.
    limit_bytes : int, optional
        The limit that the peaks themselves show, else the most frequent known one.
    """

    records: list[JobRecord]
    censored: Flags
    dropped: Counter[str]
    flagged: Counter[str]
    limit_bytes: Optional[int]


def clean(records: Sequence[JobRecord], node_bytes: Optional[int] = None) -> Cleaned:
    """Decide which records of one tool to learn from.

    Refused are impossible peaks, repeated rows, peaks unlike those of similar jobs, and jobs that failed early.

    Parameters
    ----------
    records : sequence of JobRecord
        All records of one tool.
    node_bytes : int, optional
        The memory of the largest node; 4 TiB where it is not told.
    """
    dropped: Counter[str] = Counter()
    most_bytes = LARGEST_NODE_BYTES if node_bytes is None else node_bytes
    kept = _keep(records, [_impossible(record, most_bytes) for record in records], dropped)
    kept = _keep(kept, _repeats(kept), dropped)
    kept = _keep(kept, _unlike_similar(kept), dropped)
    spike_bytes = find_spike(np.array([record.peak_bytes for record in kept if not record.limit_bytes], np.float64))
    marks = [_marks(record, spike_bytes) for record in kept]
    known = Counter(record.limit_bytes for record in kept if record.limit_bytes).most_common(1)
    return Cleaned(
        kept,
        np.array([not _CENSORING.isdisjoint(found) for found in marks], dtype=np.bool_),
        dropped,
        Counter(mark for found in marks for mark in found),
        spike_bytes or (known[0][0] if known else None),
    )


def _keep(records: Sequence[JobRecord], reasons: Sequence[Optional[str]], dropped: Counter[str]) -> list[JobRecord]:
    dropped.update(reason for reason in reasons if reason)
    return [record for record, reason in zip(records, reasons, strict=True) if not reason]


def _impossible(record: JobRecord, node_bytes: int) -> Optional[str]:
    if record.peak_bytes <= 0:
        return NOT_POSITIVE
    if record.peak_bytes > node_bytes:
        return f"peak above the largest node's {format_bytes(node_bytes)}"
    assigned_bytes = record.limit_bytes or record.requested_bytes
    return ABOVE_ASSIGNED if assigned_bytes and record.peak_bytes > TIMES_ASSIGNED * assigned_bytes else None


def _repeats(records: Sequence[JobRecord]) -> list[Optional[str]]:
    """Name the rows that stood there before; without times, peaks equal to the byte are taken for a repeat too."""
    seen: set[tuple[object, ...]] = set()
    reasons = []
    for record in records:
        identity = _identity(record)
        reasons.append(REPEATED if identity in seen else None)
        seen.add(identity)
    return reasons


def _identity(record: JobRecord) -> tuple[object, ...]:
    """Return what is the same for rows of one attempt: its id, which two exports may tell, else all that it tells."""
    if record.job_id:
        return record.server, record.job_id, record.job.attempt
    told = {**vars(record), **vars(record.job), "parameters": frozenset(record.job.parameters.items())}
    return tuple(value for name, value in told.items() if name != "job")


def _unlike_similar(records: Sequence[JobRecord]) -> list[Optional[str]]:
    """Name the rows that their similar jobs speak against.

    What a failed job used is less than it needs, by how much nobody knows: it can only tell something where it used
    more than similar jobs do. A job killed for its memory did use what was measured, however unlike the others.
    """
    log_peaks = np.log([record.peak_bytes for record in records])
    outcomes = np.array([record.outcome for record in records], dtype=np.str_)
    ended_well = outcomes == "ok"
    if np.count_nonzero(ended_well) < MIN_ROWS:
        # too few to say what is unlike, and the tool's own median has to do for the failed ones
        usual = np.median(log_peaks[ended_well]) if ended_well.any() else np.inf
        early, unlike = (outcomes == "failed") & (log_peaks < usual), np.zeros(len(records), dtype=np.bool_)
    else:
        usual_log_peaks, unlike = _two_passes(_matrix(records), log_peaks, ended_well)
        early = (outcomes == "failed") & (log_peaks < usual_log_peaks)
        unlike &= outcomes != "out_of_memory"
    return [
        FAILED_EARLY if failed else UNLIKE_SIMILAR if far else None for failed, far in zip(early, unlike, strict=True)
    ]


def _matrix(records: Sequence[JobRecord]) -> Matrix:
    jobs = [record.job for record in records]
    return FeatureSchema.learn(jobs).matrix(jobs)


def _two_passes(matrix: Matrix, log_peaks: Vector, trusted: Flags) -> tuple[Vector, Flags]:
    """Judge every row by its similar ones, then again by those of them that passed.

    Returns
    -------
    array of shape (n_rows,), array of shape (n_rows,)
        Log median of the similar jobs, and whether the row is unlike them.
    """
    tail = log_peaks > np.quantile(log_peaks[trusted], TAIL_QUANTILE) + np.log(TIMES_TAIL)
    unlike = np.zeros(len(log_peaks), dtype=np.bool_)
    for _ in range(2):
        median, upper = _similar(matrix, log_peaks, np.flatnonzero(trusted & ~unlike))
        unlike = tail & (log_peaks > upper + np.log(TIMES_SIMILAR))
    return median, unlike


def _similar(matrix: Matrix, log_peaks: Vector, learned: npt.NDArray[np.intp]) -> tuple[Vector, ...]:
    """Return quantiles of the peaks of each row's similar jobs: those in its leaves of trees that have not seen it.

    Trees as in extremely randomised trees (Geurts et al. 2006, https://doi.org/10.1007/s10994-006-6226-1), each on a
    sample of its own; the median over the trees of a quantile inside the leaf, which no single faulty row moves far.
    """
    # half of the rows at most, so that no row is in every tree's sample
    samples = min(len(learned) // 2, _MOST_SAMPLES)
    forest = ExtraTreesRegressor(
        _TREES, min_samples_leaf=_MIN_LEAF, bootstrap=True, max_samples=samples, random_state=_SEED
    ).fit(matrix[learned], log_peaks[learned])
    leaves = forest.apply(matrix)
    found = np.full((len(_QUANTILES), len(log_peaks), _TREES), np.nan)
    for tree, sample in enumerate(forest.estimators_samples_):
        rows = learned[sample]
        unseen = np.setdiff1d(np.arange(len(log_peaks)), rows)
        by_leaf = _leaf_quantiles(leaves[rows, tree], log_peaks[rows], int(leaves[:, tree].max()) + 1)
        found[:, unseen, tree] = by_leaf[:, leaves[unseen, tree]]
    return tuple(np.nanmedian(found, axis=2))


def _leaf_quantiles(leaves: npt.NDArray[np.intp], values: Vector, n_nodes: int) -> Vector:
    """Return `_QUANTILES` of the values in each leaf, shape (n_quantiles, n_nodes)."""
    ordered = values[np.lexsort((values, leaves))]
    filled, counts = np.unique(leaves, return_counts=True)
    starts = counts.cumsum() - counts
    quantiles = np.full((len(_QUANTILES), n_nodes), np.nan)
    for place, quantile in enumerate(_QUANTILES):
        quantiles[place, filled] = ordered[starts + (quantile * counts).astype(np.intp)]
    return quantiles


def find_spike(peaks_bytes: Vector) -> Optional[int]:
    """Recognise a memory limit by the peaks that pile up just below it.

    A limit shows as a band 1 % wide at the top of the tool's peaks that holds at least 5 rows, 0.5 % of all, and 3
    times the fullest such band of the 20 % below. Those are not empty: jobs come near a limit before they reach it,
    while a tool of a few constant peaks has gaps. More than half of all rows are no spike but a constant tool.

    Parameters
    ----------
    peaks_bytes : array of shape (n_rows,)
        Peaks of one tool, above 0.

    Returns
    -------
    int or None
        The median of the band, in bytes.
    """
    ascending, count = np.sort(peaks_bytes), len(peaks_bytes)
    fewest = max(_SPIKE_ROWS, _SPIKE_SHARE * count)
    spikes = []
    for top_bytes in np.unique(ascending[-int(_ABOVE_SHARE * count) - 1 :]):
        band, *below = _bands(ascending, float(top_bytes))
        if fewest <= band <= count / 2 and sum(below) >= _SPIKE_ROWS and band >= _SPIKE_TIMES * max(below):
            spikes.append((band, top_bytes))
    if not spikes:
        return None
    top_bytes = max(spikes)[1]
    return int(np.median(ascending[(ascending > top_bytes * (1 - _BAND)) & (ascending <= top_bytes)]))


def _bands(ascending: Vector, top_bytes: float) -> list[int]:
    """Count the rows in each band from the top downwards."""
    edges = top_bytes * (1 - _BAND) ** np.arange(_BANDS_BELOW + 2)
    at_most = np.searchsorted(ascending, edges, side="right")
    return [int(rows) for rows in -np.diff(at_most)]


def _marks(record: JobRecord, spike_bytes: Optional[int]) -> list[str]:
    marks = {"out_of_memory": [KILLED], "failed": [FAILED]}.get(record.outcome, [])
    if record.limit_bytes:
        return [*marks, AT_LIMIT] if record.peak_bytes >= AT_LIMIT_SHARE * record.limit_bytes else marks
    at_spike = spike_bytes is not None and abs(record.peak_bytes - spike_bytes) <= _BAND * spike_bytes
    return [*marks, AT_SPIKE] if at_spike else marks
