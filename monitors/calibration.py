"""Calibration of a classifier's probability against the label.

The alerting measure is the signed gap; the squared error Q̂ is unbiased under clustering and shown as its root.
Plug-in ECE is not made: on a calibrated model its interval never covers the truth.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import LOGIT_BINS, LOGIT_REACH, Collector, logit_bin, numbers, ratio, unit_interval
from monitors.groups import Floats, mean_cluster_size
from monitors.intervals import design, intracluster_correlation, jeffreys, local_deff, share_variance
from monitors.measurement import Direction, Interval, Measure, Slice
from monitors.monitor import Contributions
from monitors.selection import select
from monitors.tally import Tally

COUNT_BINS: Final = tuple(f"count_{i:03d}" for i in range(LOGIT_BINS))
PROBABILITY_BINS: Final = tuple(f"probability_{i:03d}" for i in range(LOGIT_BINS))
EVENT_BINS: Final = tuple(f"event_{i:03d}" for i in range(LOGIT_BINS))
_FIRST: Final = 4  # index of the first bin cell

Bins = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Sums over labelled probabilities; one row is one (output, finding)."""

    name: str = "calibration"
    version: int = 1
    task: str = "classification"
    cells: tuple[str, ...] = (
        "labelled", "probability", "events", "squared_error", *COUNT_BINS, *PROBABILITY_BINS, *EVENT_BINS,
    )  # fmt: skip
    measures: tuple[Measure, ...] = (
        Measure(
            "calibration_gap", "Over-confidence: stated probability minus observed frequency",
            "labelled images", -1, 1, Direction.AWAY_FROM_ZERO, Interval.NORMAL,
            denominator="labelled", floor=50, unit="difference",
        ),
        Measure(
            "brier", "Brier score", "labelled images", 0, 1, Direction.HIGHER_IS_WORSE, Interval.NORMAL,
            denominator="labelled", floor=50, ceiling="watch", unit="score",
        ),
        Measure(
            "calibration_error", "Root of the unbiased squared calibration error", "labelled images", 0, 1,
            Direction.HIGHER_IS_WORSE, Interval.Q_HAT, denominator="labelled", floor=300, ceiling="watch",
            unit="score",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`. Rows without label or probability are in no cell."""
        add = Collector(self.cells)
        label = numbers(batch, "label")
        probability = unit_interval(numbers(batch, "probability"), "probability")
        known = np.isfinite(label) & np.isfinite(probability)
        bins = logit_bin(probability)
        add.count("labelled", known)
        add.sum("probability", probability, known)
        add.sum("events", label, known)
        add.sum("squared_error", (probability - label) ** 2, known)
        add.bins(COUNT_BINS[0], bins, known)
        add.bins(PROBABILITY_BINS[0], bins, known, probability)
        add.bins(EVENT_BINS[0], bins, known & (label == 1))
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gap and Brier score. Q̂ needs group totals, not totals (its bias is a variance): NaN here."""
        n, probability, events, squared = (totals[..., i] for i in range(_FIRST))
        values = np.full((*totals.shape[:-1], 3), np.nan)
        values[..., 0] = ratio(probability - events, n)
        values[..., 1] = ratio(squared, n)
        return values


CALIBRATION: Final = Calibration()


def bin_starts(totals: Floats, bins: int = 10) -> Bins:
    """Grid bins at which `bins` bins of about equal mass begin, from totals of shape (cells,).

    Taken once from a reference window and then fixed: quantiles of the window at hand would not merge.
    """
    counts = totals[_FIRST : _FIRST + LOGIT_BINS]
    if not counts.sum() > 0:
        return np.zeros(1, np.int64)
    reached = np.cumsum(counts) / counts.sum()
    inner = np.searchsorted(reached, np.arange(1, bins) / bins, side="left") + 1
    return np.unique(np.r_[0, inner[inner < LOGIT_BINS]]).astype(np.int64)


def binned(totals: Floats, starts: Bins) -> tuple[Floats, Floats, Floats]:
    """Counts, probability sums and events by bin, each (groups, bins), from group totals (groups, cells)."""
    count, probability, event = (
        np.add.reduceat(totals[:, _FIRST + k * LOGIT_BINS : _FIRST + (k + 1) * LOGIT_BINS], starts, axis=1)
        for k in range(3)
    )
    return count, probability, event


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bin of a reliability diagram: mean probability against observed frequency and its interval."""

    low: float
    high: float
    n: float
    confidence: float
    frequency: float
    frequency_low: float
    frequency_high: float


def reliability(
    tally: Tally,
    *,
    version: str,
    item: str = "",
    where: Slice | None = None,
    reference: Tally | None = None,
    bins: int = 10,
) -> list[ReliabilityBin]:
    """The reliability diagram of one finding (or all, item ""), without empty bins.

    Bin edges come from `reference` where given, else from this tally. Frequencies have Jeffreys limits on the
    effective sample size, with the correlation between a patient's images taken from the whole slice.
    """
    totals = tally.group_totals(select(tally, where or Slice(), version=version, item=item))
    source = totals if reference is None else reference.group_totals(select(reference, Slice(), item=item))
    starts = bin_starts(source.sum(axis=0), bins)
    edges = [0.0, *(_edge(int(i)) for i in starts[1:]), 1.0]
    count, probability, event = binned(totals, starts)
    rho = _correlation(totals)
    return [
        _reliability_bin(edges[b], edges[b + 1], count[:, b], float(probability[:, b].sum()), event[:, b], rho)
        for b in range(len(starts))
        if count[:, b].sum() > 0
    ]


def _reliability_bin(
    low: float, high: float, count: Floats, probability: float, event: Floats, rho: float
) -> ReliabilityBin:
    n, events = float(count.sum()), float(event.sum())
    variance = share_variance(event, count)
    cost = design(n, events, variance, mean_cluster_size(count), rho)
    below, above = jeffreys(events, n, cost.deff)
    return ReliabilityBin(low, high, n, probability / n, events / n, below, above)


def _correlation(totals: Floats) -> float:
    """ρ of the labels within patients over the whole slice."""
    count, event = totals[:, 0], totals[:, 2]
    if not count.sum() > 0:
        return math.nan
    variance = share_variance(event, count)
    return intracluster_correlation(
        local_deff(variance, float(count.sum()), float(event.sum())), mean_cluster_size(count)
    )


def _edge(grid_bin: int) -> float:
    """The probability at which a grid bin begins."""
    return 1 / (1 + math.exp(LOGIT_REACH - grid_bin * 2 * LOGIT_REACH / LOGIT_BINS))
