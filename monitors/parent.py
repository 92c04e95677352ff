"""What a measure takes from the largest tally there is: the correlation within patients, and calibration bins.

A slice or a window is too small to know its own design effect: a few patients with many rows make its variance
small as often as large, and its interval too narrow just then.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitors import intervals, score_grid
from monitors.cut import Cut
from monitors.groups import Floats, jackknife_variance, mean_cluster_size
from monitors.intervals import filled_groups
from monitors.measurement import Interval, Measure, Slice
from monitors.monitor import Monitor
from monitors.performance import jaccard_of
from monitors.selection import select
from monitors.tally import Tally

_OWN_BINS = "bins taken from this window: no reference window"


@dataclass(frozen=True, slots=True)
class Parent:
    """What one measure of one item takes from the parent tally; NaN and None where it cannot tell."""

    rho: float = math.nan
    starts: NDArray[np.int64] | None = None
    note: str = ""
    ratio: float = math.nan  # of an area or a fit: variance per row of the rarer class
    cluster_size: float = math.nan  # rows of that class a patient


class Parents:
    """The parent of every measure and item, each read once."""

    def __init__(self, monitor: Monitor, tally: Tally, version: str, *, own: bool) -> None:
        self.monitor, self.tally, self.version, self.own = monitor, tally, version, own
        self._made: dict[tuple[str, int], Parent] = {}
        self._cuts: dict[str, Cut] = {}

    def of(self, item: str, index: int) -> Parent:
        key = (item, index)
        if key not in self._made:
            self._made[key] = self._read(self._cut(item), self.monitor.measures[index], index)
        return self._made[key]

    def pooled(self, cut: Cut, index: int, item: str, first: Floats, second: Floats) -> float:
        """Jackknife variance of an area or a fit, and no less than the parent's for as many rows.

        The parent's counts per row of the rarer class, relative to v(1 − v) of an area, and for less where
        patients have fewer such rows than there.
        """
        own, ratio, size = _unit_variance(self.monitor.measures[index], cut, index, first, second)
        parent = self.of(item, index)
        pooled = parent.ratio * min(1.0, size / parent.cluster_size)
        return own * max(1.0, pooled / ratio) if pooled > 0 and ratio > 0 else own

    def _cut(self, item: str) -> Cut:
        if item not in self._cuts:
            mask = select(self.tally, Slice(), version=self.version, item=item)
            if not mask.any():  # a new version: the correlation within patients is not the model's alone
                mask = select(self.tally, Slice(), item=item)
            self._cuts[item] = Cut(self.monitor, self.tally, mask)
        return self._cuts[item]

    def _read(self, cut: Cut, one: Measure, index: int) -> Parent:
        if one.interval in (Interval.LOGIT, Interval.RECALIBRATION):
            fit = one.interval is Interval.RECALIBRATION
            first, second = ("events", "non_events") if fit else (one.numerator, one.denominator)
            _, ratio, size = _unit_variance(one, cut, index, cut.cell(first), cut.cell(second))
            return Parent(ratio=ratio, cluster_size=size)
        denominator = cut.cell(one.denominator)
        n = float(denominator.sum())
        if not n > 0:
            return Parent()
        if one.interval is Interval.Q_HAT:
            return Parent(starts=score_grid.bin_starts(cut.totals.sum(axis=0)), note=_OWN_BINS if self.own else "")
        variance = jackknife_variance(share_of(one, cut.without[:, index]), filled_groups(denominator))
        size = mean_cluster_size(denominator)
        if one.interval is Interval.MEAN:
            scatter = cut.scatter(index)
            deff = variance * n / scatter if scatter > 0 else math.nan
            return Parent(rho=intervals.intracluster_correlation(deff, size))
        weight = cut.weight(one)
        events, counts = float(cut.cell(one.numerator).sum()) / weight, math.isinf(one.high)
        if events < intervals.FEW_EVENTS or (not counts and n - events < intervals.FEW_EVENTS):
            return Parent()
        deff = intervals.local_deff(variance / weight**2, n, events, counts=counts)
        return Parent(rho=intervals.intracluster_correlation(deff, size))


def share_of(one: Measure, values: Floats) -> Floats:
    """Values of a rate as those of the share that has the design effect: of F1 its TP/(TP + FP + FN)."""
    return jaccard_of(values) if one.interval is Interval.F1 else values


def rarer(first: Floats, second: Floats) -> int:
    """Groups that hold the rarer of two classes: never more than the patients who have it."""
    return int(min((first > 0).sum(), (second > 0).sum()))


def patients_with_rarer(one: Measure, cut: Cut) -> int:
    """Patients (groups) with the rarer outcome, of which the normal limit lives; of other means all of them."""
    if one.parts:
        named = {measure.name: measure for measure in cut.monitor.measures}
        return min(patients_with_rarer(named[part], cut) for part in one.parts)
    if one.interval is Interval.RECALIBRATION:
        return rarer(cut.cell("events"), cut.cell("non_events"))
    if one.interval is Interval.LOGIT:
        return rarer(cut.cell(one.numerator), cut.cell(one.denominator))
    n = cut.cell(one.denominator)
    if one.interval in (Interval.NORMAL, Interval.KNOWN):
        return int((n > 0).sum())
    events = cut.cell("events" if one.interval is Interval.MEAN else one.numerator)
    return int((events > 0).sum()) if math.isinf(one.high) else rarer(events, n - events)


def _unit_variance(
    one: Measure, cut: Cut, index: int, first: Floats, second: Floats
) -> tuple[float, float, float]:
    """Jackknife variance; the same per row of the rarer class (over v(1 − v) of an area); rows a patient there."""
    variance = jackknife_variance(cut.without[:, index], filled_groups(first) | filled_groups(second))
    rare = first if first.sum() <= second.sum() else second
    value = float(cut.values[index])
    unit = value * (1 - value) if one.interval is Interval.LOGIT else 1.0
    ratio = variance * float(rare.sum()) / unit if unit > 0 else math.nan
    return variance, ratio, mean_cluster_size(rare)
