"""The level of one measure in one slice: value, interval, effective size, and what a contrast needs of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from monitors import calibration, intervals
from monitors.groups import (
    Floats,
    correlation,
    jackknife_variance,
    leave_one_out,
    mean_cluster_size,
)
from monitors.intervals import filled_groups
from monitors.measurement import Interval, Measure, Measurement, Slice, Window
from monitors.monitor import Monitor
from monitors.selection import select
from monitors.tally import Tally, TallyError

Mask = NDArray[np.bool_]

_EMPTY = "nothing to measure: the denominator is empty"
_OWN_BINS = "bins taken from this window: no reference window"
_WORST = "patients' results taken as wholly alike: too little to tell how alike they are"


@dataclass(slots=True)
class Cut:
    """The group totals of one selection of strata, and every measure with each group left out."""

    monitor: Monitor
    tally: Tally
    mask: Mask
    totals: Floats = field(init=False)  # (256, cells)
    values: Floats = field(init=False)  # (measures,)
    without: Floats = field(init=False)  # (256, measures)
    filled: Mask = field(init=False)  # groups that hold any row

    def __post_init__(self) -> None:
        self.totals = self.tally.group_totals(self.mask)
        self.values = self.monitor.read(self.totals.sum(axis=0))
        self.without = self.monitor.read(leave_one_out(self.totals))
        self.filled = filled_groups(self.totals)

    def cell(self, name: str) -> Floats:
        """Group totals of one cell, of shape (256,)."""
        column: Floats = self.totals[:, self.monitor.cells.index(name)]
        return column

    def patients_with(self, *cells: str) -> tuple[int, bool]:
        """Distinct patients with a value in any of these cells, and whether the count is exact."""
        return self.tally.patients(self.mask, tuple(self.monitor.cells.index(name) for name in cells))


@dataclass(frozen=True, slots=True)
class Level:
    """One measure of one cut, with what a contrast needs of it."""

    value: float
    low: float
    high: float
    n: float
    events: float
    n_eff: float
    patients: int
    exact: bool
    deff: float
    variance: float
    without: Floats
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Parent:
    """What a measure takes from the largest tally: correlation within patients, and calibration bins."""

    rho: float
    starts: NDArray[np.int64] | None
    note: str = ""


class Desk:
    """One tally, version and parent, from which levels are made."""

    def __init__(self, monitor: Monitor, tally: Tally, version: str, parent: Tally | None, alpha: float) -> None:
        for one in (tally, parent):
            if one is not None and (one.monitor, one.monitor_version) != (monitor.name, monitor.version):
                raise TallyError(
                    f"This tally is not of monitor {monitor.name} version {monitor.version}; make it anew."
                )
        self.monitor, self.tally, self.version, self.alpha = monitor, tally, version, alpha
        self._parent_tally, self._own = (tally, True) if parent is None else (parent, False)
        self._parents: dict[tuple[str, int], _Parent] = {}
        self._parent_cuts: dict[str, Cut] = {}

    def cut(self, mask: Mask) -> Cut:
        return Cut(self.monitor, self.tally, mask)

    def level(self, cut: Cut, index: int, item: str) -> Level:
        """Value, interval and sizes of one measure of one cut."""
        made: dict[Interval, Callable[[Cut, int, str], Level]] = {
            Interval.JEFFREYS: self._rate,
            Interval.NORMAL: self._mean,
            Interval.LOGIT: self._auroc,
            Interval.Q_HAT: self._calibration,
        }
        return made[self.monitor.measures[index].interval](cut, index, item)

    def row(
        self,
        one: Measure,
        level: Level,
        item: str,
        where: Slice,
        contrast: str,
        window: Window,
        interval: Interval,
    ) -> Measurement:
        return Measurement(
            measure=one.name,
            monitor=self.monitor.name,
            monitor_version=self.monitor.version,
            task=self.monitor.task,
            version=self.version,
            item=item,
            slice=str(where),
            contrast=contrast,
            window=window,
            value=level.value,
            low=level.low,
            high=level.high,
            n=level.n,
            events=level.events,
            n_eff=level.n_eff,
            patients=level.patients,
            patients_exact=level.exact,
            deff=level.deff,
            interval=interval.value,
            note=level.note,
        )

    def contrast(
        self,
        one: Measure,
        index: int,
        inside: Cut,
        outside: Cut,
        other: "Desk",
        item: str,
        where: Slice,
        contrast: str,
        window: Window,
    ) -> Measurement:
        """First minus second; n, effective n and patients are those of the smaller side, which decides."""
        first, second = self.level(inside, index, item), other.level(outside, index, item)
        value = first.value - second.value
        interval = Interval.NORMAL
        if one.interval is Interval.JEFFREYS:
            interval = Interval.MOVER
            r = correlation(first.without, second.without)
            low, high = intervals.mover(
                (first.value, first.low, first.high), (second.value, second.low, second.high), r
            )
        else:
            either = inside.filled | outside.filled
            variance = jackknife_variance(first.without - second.without, either)
            span = one.high - one.low
            low, high = intervals.normal(value, variance, -span, span, self.alpha)
        small = min(first, second, key=lambda level: level.patients)
        joint = replace(
            first,
            value=value,
            low=low,
            high=high,
            n=small.n,
            n_eff=min(first.n_eff, second.n_eff),
            patients=small.patients,
            exact=small.exact,
            note=first.note or second.note,
        )
        return self.row(one, joint, item, where, contrast, window, interval)

    def _rate(self, cut: Cut, index: int, item: str) -> Level:
        """A share or a mean count: Jeffreys on the effective sample size."""
        one = self.monitor.measures[index]
        events, n = float(cut.cell(one.numerator).sum()), float(cut.cell(one.denominator).sum())
        patients, exact = cut.patients_with(one.denominator)
        without = cut.without[:, index]
        if n <= 0:
            return _undefined(patients, exact, without)
        counts = math.isinf(one.high)
        size = mean_cluster_size(cut.cell(one.denominator))
        variance = jackknife_variance(without, filled_groups(cut.cell(one.denominator)))
        rho = self._parent(item, index).rho
        cost = intervals.design(n, events, variance, size, rho, counts=counts)
        limits = intervals.jeffreys_count if counts else intervals.jeffreys
        low, high = limits(events, n, cost.deff, self.alpha)
        note = _WORST if math.isnan(rho) and cost.deff == size > 1.1 else ""
        return Level(
            events / n, low, high, n, events, cost.n_eff, patients, exact, cost.deff, variance, without, note
        )

    def _mean(self, cut: Cut, index: int, item: str) -> Level:
        """A bounded mean: normal on the jackknife error. Effective n takes a patient's rows as wholly alike."""
        one = self.monitor.measures[index]
        denominator = cut.cell(one.denominator)
        n = float(denominator.sum())
        patients, exact = cut.patients_with(one.denominator)
        without = cut.without[:, index]
        if n <= 0:
            return _undefined(patients, exact, without)
        value = float(cut.values[index])
        variance = jackknife_variance(without, filled_groups(denominator))
        low, high = intervals.normal(value, variance, one.low, one.high, self.alpha)
        size = mean_cluster_size(denominator)
        note = "" if math.isfinite(low) else "fewer than two patients: no interval"
        return Level(value, low, high, n, math.nan, n / size, patients, exact, size, variance, without, note)

    def _auroc(self, cut: Cut, index: int, item: str) -> Level:
        """AUROC on the logit scale. Its effective n is the smaller of positive and negative patients."""
        one = self.monitor.measures[index]
        positive, negative = cut.cell(one.numerator), cut.cell(one.denominator)
        n = float(positive.sum() + negative.sum())
        patients, exact = cut.patients_with(one.numerator, one.denominator)
        without = cut.without[:, index]
        value = float(cut.values[index])
        if math.isnan(value):
            level = _undefined(patients, exact, without)
            return replace(level, n=n, events=float(positive.sum()), note="only one class: no ROC curve")
        # groups that hold a positive: never more than the patients who have one
        with_positive, with_negative = int((positive > 0).sum()), int((negative > 0).sum())
        variance = jackknife_variance(without, filled_groups(positive) | filled_groups(negative))
        low, high = intervals.logit_t(value, variance, with_positive, self.alpha)
        effective = float(min(with_positive, with_negative))
        note = "" if math.isfinite(low) else "perfect separation or too few positive patients: no interval"
        return Level(
            value,
            low,
            high,
            n,
            float(positive.sum()),
            effective,
            patients,
            exact,
            math.nan,
            variance,
            without,
            note,
        )

    def _calibration(self, cut: Cut, index: int, item: str) -> Level:
        """√max(0, Q̂) with the limits of Q̂ on the same scale."""
        one = self.monitor.measures[index]
        denominator = cut.cell(one.denominator)
        n = float(denominator.sum())
        patients, exact = cut.patients_with(one.denominator)
        parent = self._parent(item, index)
        if n <= 0 or parent.starts is None:
            return _undefined(patients, exact, cut.without[:, index])
        made = intervals.squared_calibration_error(*calibration.binned(cut.totals, parent.starts), self.alpha)
        value, low, high = (math.sqrt(min(1.0, max(0.0, q))) if math.isfinite(q) else math.nan for q in made)
        size = mean_cluster_size(denominator)
        note = parent.note if math.isfinite(value) else "fewer than two patients: not estimable"
        return Level(
            value, low, high, n, math.nan, n / size, patients, exact, size, math.nan, cut.without[:, index], note
        )

    def _parent(self, item: str, index: int) -> _Parent:
        """ρ and bins of one measure and item from the parent tally, made once."""
        key = (item, index)
        if key not in self._parents:
            self._parents[key] = self._read_parent(item, self.monitor.measures[index], index)
        return self._parents[key]

    def _read_parent(self, item: str, one: Measure, index: int) -> _Parent:
        if item not in self._parent_cuts:
            whole = self._parent_tally
            mask = select(whole, Slice(), version=self.version, item=item)
            if not mask.any():  # a new version: the correlation within patients is not the model's alone
                mask = select(whole, Slice(), item=item)
            self._parent_cuts[item] = Cut(self.monitor, whole, mask)
        cut = self._parent_cuts[item]
        if one.interval is Interval.Q_HAT:
            if not cut.cell(one.denominator).any():
                return _Parent(math.nan, None)
            return _Parent(
                math.nan, calibration.bin_starts(cut.totals.sum(axis=0)), _OWN_BINS if self._own else ""
            )
        events, n = float(cut.cell(one.numerator).sum()), float(cut.cell(one.denominator).sum())
        counts = math.isinf(one.high)
        if events < intervals.FEW_EVENTS or (not counts and n - events < intervals.FEW_EVENTS):
            return _Parent(math.nan, None)
        denominator = cut.cell(one.denominator)
        variance = jackknife_variance(cut.without[:, index], filled_groups(denominator))
        deff = intervals.local_deff(variance, n, events, counts=counts)
        return _Parent(intervals.intracluster_correlation(deff, mean_cluster_size(denominator)), None)


def _undefined(patients: int, exact: bool, without: Floats) -> Level:
    nan = math.nan
    return Level(nan, nan, nan, 0.0, nan, 0.0, patients, exact, nan, nan, without, _EMPTY)
