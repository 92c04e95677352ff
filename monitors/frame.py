"""From tallies to measurements: levels, gaps between a slice and the rest, changes between two windows.

Estimand: the average over reports (claims, images). Resampling unit: the patient, in 256 groups.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from monitors.level import Level
from monitors.levels import Desk
from monitors.measurement import Interval, Measure, Measurement, Slice, Window
from monitors.monitor import Monitor
from monitors.paired import Pairs
from monitors.parent import Parents
from monitors.selection import slices_of
from monitors.tally import Tally, TallyError

__all__ = ["changes", "gaps", "measure", "slices_of"]


def measure(desk: Desk, slices: Sequence[Slice], *, items: Sequence[str], window: Window) -> list[Measurement]:
    """Levels: every measure of the desk's monitor for each item ("" pools them) and slice."""
    rows = []
    for item in items:
        for where in slices:
            cut = desk.cuts.inside(where, item)
            for index, one in _measured(desk.monitor, item):
                level = desk.level(cut, index, item)
                rows.append(desk.row(one, level, item, where, "", window, one.interval))
    return rows


def gaps(
    desk: Desk, slices: Sequence[Slice], *, items: Sequence[str], window: Window, at_once: int = 1
) -> list[Measurement]:
    """Slice minus rest: MOVER for rates, jackknife of the difference for the others; none for Q̂.

    The slice of everything is left out, and so are, from the rest, cases whose attribute is unknown. Where
    `at_once` slices are looked at together, their intervals hold together in 1 − alpha of windows: each has its
    share of the error.
    """
    if at_once > 1:
        desk = desk.far_out(desk.alpha / at_once)
    rows = []
    for item in items:
        for where in slices:
            if not where.where:
                continue
            inside, rest = desk.cuts.inside(where, item), desk.cuts.rest(where, item)
            for index, one in _measured(desk.monitor, item):
                if one.interval is not Interval.Q_HAT:
                    sides = desk.level(inside, index, item), desk.level(rest, index, item)
                    rows.append(desk.contrast(one, *sides, item, where, "rest", window))
    return rows


def changes(
    monitor: Monitor,
    tally: Tally,
    reference: Tally,
    slices: Sequence[Slice],
    *,
    version: str,
    items: Sequence[str],
    window: Window,
    reference_version: str | None = None,
    pairs: Pairs | None = None,
    alpha: float = 0.05,
) -> list[Measurement]:
    """Window minus reference window. Patients in both are in the same groups: their covariance is subtracted.

    Of two versions that answered the same questions give these as `pairs`: without them limits are too narrow.
    """
    if tally.seed != reference.seed:
        raise TallyError("Window and reference were tallied with different seeds; make one of them anew.")
    now = Desk(monitor, tally, version, reference, alpha)
    then = Desk(monitor, reference, reference_version or version, reference, alpha)
    rows = []
    for item in items:
        for where in slices:
            first, second = now.cuts.inside(where, item), then.cuts.inside(where, item)
            for index, one in _measured(monitor, item):
                if one.interval is Interval.Q_HAT:
                    continue
                levels = now.level(first, index, item), then.level(second, index, item)
                row = now.contrast(one, *levels, item, where, "reference", window)
                if pairs is not None and math.isfinite(row.value):
                    row = _paired(row, one, levels, pairs, where, (now.parents, then.parents), alpha)
                rows.append(row)
    return rows


def _paired(
    row: Measurement,
    one: Measure,
    levels: tuple[Level, Level],
    pairs: Pairs,
    where: Slice,
    parents: Sequence[Parents],
    alpha: float,
) -> Measurement:
    """The row with the limits of a change on shared questions."""
    found = pairs.limits(one, where, row.item, levels, (row.low, row.high), parents, alpha)
    note = found.note or row.note
    return replace(row, low=found.low, high=found.high, interval=found.interval.value, note=note)


def _measured(monitor: Monitor, item: str) -> list[tuple[int, Measure]]:
    """The measures that mean something for one item, or for all pooled."""
    unfit = "item" if item == "" else "whole"
    return [(i, m) for i, m in enumerate(monitor.measures) if m.scope != unfit and m.interval is not Interval.NONE]
