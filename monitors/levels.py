"""The level of one measure in one slice: value, interval, effective size, and what a contrast needs of it."""

import math
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Final

import numpy as np

from monitors import intervals, score_grid
from monitors.cut import Cut, Cuts
from monitors.groups import correlation, jackknife_degrees, jackknife_variance, mean_cluster_size
from monitors.intervals import filled_groups
from monitors.level import Level, undefined
from monitors.measurement import Interval, Measure, Measurement, Slice, Window
from monitors.monitor import Monitor
from monitors.parent import Parents, patients_with_rarer, rarer, share_of
from monitors.performance import f1_of
from monitors.tally import Tally, TallyError

_WORST = "patients' results taken as wholly alike: too little to tell how alike they are"
_ALIKE = "every patient is alike, so that nothing tells how far others may differ: no interval"


def _undefined(groups: int) -> str:
    if groups < 2:
        return "fewer than two patients: no interval"
    return "not defined without some one patient: no interval"


class Desk:
    """One tally and version, from whose cuts levels are made.

    `parent` is the reference tally that gives the correlation within patients and fixes calibration bins; without
    it the tally itself does, over all of the version. Raises TallyError for a tally of another monitor.
    """

    def __init__(
        self, monitor: Monitor, tally: Tally, version: str, parent: Tally | None = None, alpha: float = 0.05
    ) -> None:
        self._far_out = False
        for one in (tally, parent):
            if one is not None and (one.monitor, one.monitor_version) != (monitor.name, monitor.version):
                raise TallyError(
                    f"This tally is not of monitor {monitor.name} version {monitor.version}; make it anew."
                )
        self.monitor, self.tally, self.version, self.alpha = monitor, tally, version, alpha
        self.parents = Parents(monitor, tally if parent is None else parent, version, own=parent is None)
        self.cuts = Cuts(monitor, tally, version)

    def far_out(self, alpha: float) -> "Desk":
        """The same desk for limits further out than usual, as many slices at once need them.

        There the pooled design effect does not hold where few patients have the outcome: one of them with six
        events of his own is what makes a gap. No rate then has more effective events than patients who have them.
        """
        other = copy(self)
        other.alpha, other._far_out = alpha, True
        return other

    def over(self, tally: Tally) -> "Desk":
        """The same desk for the tally of another window."""
        other = copy(self)
        other.tally, other.cuts = tally, Cuts(self.monitor, tally, self.version)
        return other

    def level(self, cut: Cut, index: int, item: str) -> Level:
        """Value, interval and sizes of one measure of one cut."""
        made: dict[Interval, Callable[[Cut, int, str], Level]] = {
            Interval.JEFFREYS: self._rate,
            Interval.F1: self._rate,
            Interval.MOVER: self._of_two,
            Interval.DIFFERENCE: self._of_two,
            Interval.NORMAL: self._statistic,
            Interval.KNOWN: self._statistic,
            Interval.PROBIT: self._detection,
            Interval.LEAN: self._detection,
            Interval.MEAN: self._mean,
            Interval.LOGIT: self._area,
            Interval.RECALIBRATION: self._recalibration,
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
        first: Level,
        second: Level,
        item: str,
        where: Slice,
        contrast: str,
        window: Window,
    ) -> Measurement:
        """First minus second; n, events and effective n are those of the weaker side, patients of the smaller."""
        value = first.value - second.value
        # of symmetric limits MOVER is the jackknife of the difference
        low, high = intervals.mover(first.limits, second.limits, correlation(first.without, second.without))
        interval = _CONTRASTS.get(one.interval, Interval.LIMITS)
        small = min(first, second, key=lambda level: level.patients)
        joint = replace(
            min(first, second, key=lambda level: level.n_eff),
            value=value,
            low=low,
            high=high,
            patients=small.patients,
            exact=small.exact,
            note=first.note or second.note,
        )
        return self.row(one, joint, item, where, contrast, window, interval)

    def _rate(self, cut: Cut, index: int, item: str) -> Level:
        """A share or a mean count: Jeffreys on the effective sample size. F1 has the limits of its share."""
        one = self.monitor.measures[index]
        weight = cut.weight(one)
        events, n = float(cut.cell(one.numerator).sum()) / weight, float(cut.cell(one.denominator).sum())
        patients, exact = cut.patients_with(one.denominator)
        without = cut.without[:, index]
        if n <= 0:
            return undefined(patients, exact, without)
        counts = math.isinf(one.high)
        size = mean_cluster_size(cut.cell(one.denominator))
        variance = jackknife_variance(share_of(one, without), filled_groups(cut.cell(one.denominator)))
        rho = self.parents.of(item, index).rho
        cost = intervals.design(n, events, variance / weight**2, size, rho, counts=counts)
        if self._far_out:
            cost = intervals.by_patients(cost, n, events, patients_with_rarer(one, cut), counts=counts)
        limits = intervals.jeffreys_count if counts else intervals.jeffreys
        low, high = (weight * limit for limit in limits(events, n, cost.deff, self.alpha))
        value = weight * events / n
        if one.interval is Interval.F1:
            value, low, high = f1_of(np.array([value, low, high])).tolist()
        note = _WORST if math.isnan(rho) and cost.deff == size > 1.1 else ""
        return Level(value, low, high, n, events, cost.n_eff, patients, exact, cost.deff, variance, without, note)

    def _of_two(self, cut: Cut, index: int, item: str) -> Level:
        """The mean or the difference of two measures: MOVER with their correlation over the same patients."""
        one = self.monitor.measures[index]
        names = [measure.name for measure in self.monitor.measures]
        first, second = (self.level(cut, names.index(part), item) for part in one.parts)
        patients, exact = cut.patients_with(one.denominator)
        without = cut.without[:, index]
        if math.isnan(first.value) or math.isnan(second.value):
            missing = first if math.isnan(first.value) else second
            return replace(undefined(patients, exact, without), note=missing.note)
        r = correlation(first.without, second.without)
        if one.interval is Interval.DIFFERENCE:
            value, divisor = first.value - second.value, 1.0
            low, high = intervals.mover(first.limits, second.limits, r)
        else:
            value, divisor = (first.value + second.value) / 2, 2.0
            # a sum is a difference from the negative, whose limits are mirrored and whose correlation is turned
            low, high = intervals.mover(first.limits, (-second.value, -second.high, -second.low), -r)
        low, high = max(low / divisor, one.low), min(high / divisor, one.high)
        variance = jackknife_variance(without, filled_groups(cut.cell(one.denominator)))
        small = min(first, second, key=lambda level: level.n_eff)
        n = float(cut.cell(one.denominator).sum())
        return Level(
            value, low, high, n, math.nan, small.n_eff, patients, exact, small.deff, variance, without,
            first.note or second.note,
        )  # fmt: skip

    def _mean(self, cut: Cut, index: int, item: str) -> Level:
        """The mean of a number that each row has: normal on the effective sample size."""
        one = self.monitor.measures[index]
        denominator = cut.cell(one.denominator)
        n, without = float(denominator.sum()), cut.without[:, index]
        patients, exact = cut.patients_with(one.denominator)
        if n <= 0:
            return undefined(patients, exact, without)
        value, size = float(cut.values[index]), mean_cluster_size(denominator)
        own = jackknife_variance(without, filled_groups(denominator))
        simple = cut.scatter(index) / n
        rho = self.parents.of(item, index).rho
        pooled = 1 + (1.0 if math.isnan(rho) else rho) * (size - 1)
        deff = max(pooled, own / simple) if simple > 0 and own >= 0 else pooled
        low, high = intervals.normal(value, deff * simple, one.low, one.high, self.alpha)
        events = float(cut.cell("events").sum())
        if min(events, n - events) < intervals.FEW_EVENTS:
            # few outcomes of one kind have not shown how many there are to come
            ends = [cut.at_frequency(index, f) for f in intervals.jeffreys(events, n, deff, self.alpha)]
            low, high = min(low, *ends), max(high, *ends)
        return Level(value, low, high, n, math.nan, n / deff, patients, exact, deff, deff * simple, without)

    def _statistic(self, cut: Cut, index: int, item: str) -> Level:
        """Any other bounded statistic: t on the jackknife error, a patient's rows taken as wholly alike."""
        one = self.monitor.measures[index]
        denominator = cut.cell(one.denominator)
        n = float(denominator.sum())
        patients, exact = cut.patients_with(one.denominator)
        without = cut.without[:, index]
        if n <= 0:
            return undefined(patients, exact, without)
        value = float(cut.values[index])
        filled = filled_groups(denominator)
        variance = jackknife_variance(without, filled)
        degrees = jackknife_degrees(without, filled)
        low, high = intervals.normal(value, variance, one.low, one.high, self.alpha, degrees)
        size = mean_cluster_size(denominator)
        note = "" if math.isfinite(low) else _undefined(int(filled.sum()))
        if variance == 0 and one.interval is Interval.NORMAL:
            low, high = intervals.alike(value, n / size, one.low, one.high, self.alpha)
            note = "" if math.isfinite(high - low) else _ALIKE
        return Level(value, low, high, n, math.nan, n / size, patients, exact, size, variance, without, note)

    def _detection(self, cut: Cut, index: int, item: str) -> Level:
        """d′ = z(sensitivity) + z(specificity), or the criterion, half of their difference."""
        one = self.monitor.measures[index]
        names = [measure.name for measure in self.monitor.measures]
        both = [self._rate(cut, names.index(part), item) for part in one.parts]
        patients, exact = cut.patients_with(one.denominator)
        without = cut.without[:, index]
        n, value = float(cut.cell(one.denominator).sum()), float(cut.values[index])
        if math.isnan(value):
            level = undefined(patients, exact, without)
            return replace(level, n=n, note="nothing asked of one kind, present or absent") if n > 0 else level
        first, second = (intervals.probit(rate.events, rate.n, rate.deff, self.alpha) for rate in both)
        r = correlation(both[0].without, both[1].without)
        if one.interval is Interval.LEAN:
            low, high = (limit / 2 for limit in intervals.mover(first, second, r))
        else:
            z, z_low, z_high = second
            low, high = intervals.mover(first, (-z, -z_high, -z_low), -r)
        variance = jackknife_variance(without, filled_groups(cut.cell(one.denominator)))
        small = min(both, key=lambda level: level.n_eff)
        return Level(
            value, max(low, one.low), min(high, one.high), n, math.nan, small.n_eff, patients, exact, small.deff,
            variance, without, small.note,
        )  # fmt: skip

    def _area(self, cut: Cut, index: int, item: str) -> Level:
        """An area under a curve, on the logit scale; its effective n is the patients of the rarer class."""
        one = self.monitor.measures[index]
        positive, negative = cut.cell(one.numerator), cut.cell(one.denominator)
        n, events = float(positive.sum() + negative.sum()), float(positive.sum())
        patients, exact = cut.patients_with(one.numerator, one.denominator)
        without = cut.without[:, index]
        value = float(cut.values[index])
        if math.isnan(value):
            level = undefined(patients, exact, without)
            return replace(level, n=n, events=events, note="only one class: there is no curve")
        few = rarer(positive, negative)
        variance = self.parents.pooled(cut, index, item, positive, negative)
        low, high = intervals.logit_t(value, variance, few, self.alpha)
        note = "" if math.isfinite(low) else "perfect order or too few patients of one class: no interval"
        # the jackknife has 256 groups at most; how much there is, its patients say
        of_class = min(cut.patients_with(name)[0] for name in (one.numerator, one.denominator))
        n_eff = float(max(few, of_class))
        return Level(value, low, high, n, events, n_eff, patients, exact, math.nan, variance, without, note)

    def _recalibration(self, cut: Cut, index: int, item: str) -> Level:
        """A parameter of the logistic fit: t on the patients of the rarer outcome."""
        one = self.monitor.measures[index]
        events, others = cut.cell("events"), cut.cell("non_events")
        patients, exact = cut.patients_with(one.denominator)
        without = cut.without[:, index]
        n, value = float(cut.cell(one.denominator).sum()), float(cut.values[index])
        if n <= 0:
            return undefined(patients, exact, without)
        if math.isnan(value):
            level = undefined(patients, exact, without)
            return replace(level, n=n, note="one outcome only, or the probability splits the outcomes: no fit")
        few = rarer(events, others)
        variance = self.parents.pooled(cut, index, item, events, others)
        low, high = intervals.t_interval(value, variance, few - 1, self.alpha)
        note = "" if math.isfinite(low) else "too few patients of one outcome: no interval"
        return Level(value, low, high, n, math.nan, float(few), patients, exact, math.nan, variance, without, note)

    def _calibration(self, cut: Cut, index: int, item: str) -> Level:
        """√max(0, Q̂) with the limits of Q̂ on the same scale."""
        one = self.monitor.measures[index]
        denominator = cut.cell(one.denominator)
        n = float(denominator.sum())
        patients, exact = cut.patients_with(one.denominator)
        if n <= 0:
            return undefined(patients, exact, cut.without[:, index])
        parent = self.parents.of(item, index)
        if parent.starts is None:  # a finding that the reference window has not
            parent = Parents(self.monitor, self.tally, self.version, own=True).of(item, index)
        if parent.starts is None:
            return undefined(patients, exact, cut.without[:, index])
        made = intervals.squared_calibration_error(*score_grid.binned(cut.totals, parent.starts), self.alpha)
        value, low, high = (math.sqrt(min(1.0, max(0.0, q))) if math.isfinite(q) else math.nan for q in made)
        size = mean_cluster_size(denominator)
        note = parent.note if math.isfinite(value) else "fewer than two patients: not estimable"
        return Level(
            value, low, high, n, math.nan, n / size, patients, exact, size, math.nan, cut.without[:, index], note
        )


#: How a contrast is made where the levels have these intervals; of all others, from the limits of both sides.
_CONTRASTS: Final = {
    Interval.JEFFREYS: Interval.MOVER,
    Interval.F1: Interval.MOVER,
    Interval.MOVER: Interval.MOVER,
}
