"""Where a probability meets its outcome: counts, probability sums and events on the logit grid, and bins of it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitors.columns import LOGIT_BINS, LOGIT_REACH, ratio
from monitors.groups import Floats

#: Sums over rows with probability and outcome; every calibration monitor has these cells first.
SUMS: Final = ("labelled", "probability", "events", "non_events", "squared_error", "log_loss")
COUNT_BINS: Final = tuple(f"count_{i:03d}" for i in range(LOGIT_BINS))
PROBABILITY_BINS: Final = tuple(f"probability_{i:03d}" for i in range(LOGIT_BINS))
EVENT_BINS: Final = tuple(f"event_{i:03d}" for i in range(LOGIT_BINS))
CELLS: Final = (*SUMS, *COUNT_BINS, *PROBABILITY_BINS, *EVENT_BINS)

Bins = NDArray[np.int64]

#: No more different values than this are words and not a scale ("80", "90", "95"), if each is stated that often.
MOST_VALUES: Final = 25
LEAST_ROWS: Final = 11


def histograms(totals: Floats) -> tuple[Floats, Floats, Floats]:
    """Counts, probability sums and events by grid bin, each (..., 480), from totals (..., cells)."""
    count, probability, event = (
        totals[..., len(SUMS) + k * LOGIT_BINS : len(SUMS) + (k + 1) * LOGIT_BINS] for k in range(3)
    )
    return count, probability, event


def bin_starts(totals: Floats, bins: int = 10) -> Bins:
    """Grid bins at which `bins` bins of about equal mass begin, from totals of shape (cells,).

    Taken once from a reference window and then fixed: quantiles of the window at hand would not merge. Values that
    heap (`MOST_VALUES` of them at most, `LEAST_ROWS` rows each on average) have a bin each, however many they are.
    """
    counts = histograms(totals)[0]
    if not counts.sum() > 0:
        return np.zeros(1, np.int64)
    seen = np.flatnonzero(counts > 0)
    if len(seen) <= MOST_VALUES and counts.sum() >= LEAST_ROWS * len(seen):
        return _by_value(seen, counts)
    reached = np.cumsum(counts) / counts.sum()
    inner = np.searchsorted(reached, np.arange(1, bins) / bins, side="left") + 1
    return np.unique(np.r_[0, inner[inner < LOGIT_BINS]]).astype(np.int64)


def _by_value(seen: Bins, counts: Floats) -> Bins:
    """A bin for each value; what fewer than `LEAST_ROWS` rows state is binned with the next value above."""
    starts, rows = [0], 0.0
    for place in seen:
        if rows >= LEAST_ROWS:
            starts.append(int(place))
            rows = 0.0
        rows += float(counts[place])
    if rows < LEAST_ROWS and len(starts) > 1:  # none above
        starts.pop()
    return np.array(starts, np.int64)


def binned(totals: Floats, starts: Bins) -> tuple[Floats, Floats, Floats]:
    """Counts, probability sums and events by bin, each (groups, bins), from group totals (groups, cells)."""
    count, probability, event = (np.add.reduceat(part, starts, axis=1) for part in histograms(totals))
    return count, probability, event


def edges(starts: Bins) -> list[float]:
    """The probabilities at which bins begin, and 1.0 behind the last."""
    inner = starts[1:] * (2 * LOGIT_REACH / LOGIT_BINS) - LOGIT_REACH
    return [0.0, *(1 / (1 + np.exp(-inner))).tolist(), 1.0]


def mean_logit(count: Floats, probability: Floats) -> Floats:
    """Logit of the mean probability of each bin, clipped to the grid; NaN where a bin is empty."""
    mean = ratio(probability, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        logit: Floats = np.clip(np.log(mean) - np.log1p(-mean), -LOGIT_REACH, LOGIT_REACH)
    return logit
