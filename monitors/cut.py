"""One selection of strata, with every measure as it is and with each patient group left out."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from monitors import recalibration
from monitors.groups import Floats
from monitors.intervals import event_weight, filled_groups
from monitors.measurement import Interval, Measure, Slice
from monitors.monitor import Monitor
from monitors.selection import Mask, select, select_rest
from monitors.tally import Tally


@runtime_checkable
class MeanMonitor(Protocol):
    """A monitor some of whose measures are means of a number that each row has."""

    def scatter(self, totals: Floats) -> Floats:
        """Variance of single rows round the mean, totals (cells,) to (measures,); NaN of other measures."""
        ...

    def at_frequency(self, totals: Floats, frequency: float) -> Floats:
        """The means if the outcome (cell ``events``) had this frequency, totals (cells,) to (measures,)."""
        ...


@dataclass(slots=True)
class Cut:
    """The group totals of one selection of strata, and every measure with each group left out; read-only."""

    monitor: Monitor
    tally: Tally
    mask: Mask
    totals: Floats = field(init=False)  # (256, cells)
    total: Floats = field(init=False)  # (cells,)
    values: Floats = field(init=False)  # (measures,)
    without: Floats = field(init=False)  # (256, measures)
    filled: Mask = field(init=False)  # groups that hold any row
    _scatter: list[Floats] = field(default_factory=list, init=False)
    _patients: dict[tuple[str, ...], tuple[int, bool]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.totals = self.tally.group_totals(self.mask)
        self.total = self.totals.sum(axis=0)
        self.values = self.monitor.read(self.total)
        self.filled = filled_groups(self.totals)
        self.without = np.tile(self.values, (len(self.totals), 1))
        # without an empty group everything is as it was
        self.without[self.filled] = self.monitor.read(self.total - self.totals[self.filled])
        fits = [i for i, one in enumerate(self.monitor.measures) if one.interval is Interval.RECALIBRATION]
        if fits:  # an iterative fit is made once; `read` would make it 257 times
            self.values[fits], self.without[:, fits] = recalibration.fitted(self.totals)
        for shared in (self.totals, self.total, self.values, self.without, self.filled):
            shared.setflags(write=False)

    def cell(self, name: str) -> Floats:
        """Group totals of one cell, of shape (256,)."""
        column: Floats = self.totals[:, self.monitor.cells.index(name)]
        return column

    def weight(self, one: Measure) -> float:
        """What one event of a rate weighs (`monitors.intervals.event_weight`), 1 where events are not weighted."""
        if not one.squares:
            return 1.0
        return event_weight(float(self.cell(one.numerator).sum()), float(self.cell(one.squares).sum()))

    def scatter(self, index: int) -> float:
        """Variance of one row's number round the mean, of a measure whose interval is `Interval.MEAN`."""
        if not self._scatter:  # every mean asks for its part of the same
            self._scatter.append(self._of_means().scatter(self.total))
        return float(self._scatter[0][index])

    def at_frequency(self, index: int, frequency: float) -> float:
        """The mean if the outcome had this frequency, of a measure whose interval is `Interval.MEAN`."""
        return float(self._of_means().at_frequency(self.total, frequency)[index])

    def _of_means(self) -> MeanMonitor:
        if not isinstance(self.monitor, MeanMonitor):
            raise TypeError(f"Monitor {self.monitor.name} declares a mean but not the scatter of its rows.")
        return self.monitor

    def patients_with(self, *cells: str) -> tuple[int, bool]:
        """Distinct patients with a value in any of these cells, and whether the count is exact."""
        if cells not in self._patients:  # most measures count the same ones
            places = tuple(self.monitor.cells.index(name) for name in cells)
            self._patients[cells] = self.tally.patients(self.mask, places)
        return self._patients[cells]


class Cuts:
    """The cuts of one tally and version. Being large, only those of the item last asked for are remembered."""

    def __init__(self, monitor: Monitor, tally: Tally, version: str) -> None:
        self.monitor, self.tally, self.version = monitor, tally, version
        self._item = ""
        self._made: dict[bytes, Cut] = {}

    def inside(self, where: Slice, item: str) -> Cut:
        """The cut of a slice."""
        return self._of(select(self.tally, where, version=self.version, item=item), item)

    def rest(self, where: Slice, item: str) -> Cut:
        """The cut of what lies outside a slice (`monitors.selection.select_rest`)."""
        return self._of(select_rest(self.tally, where, version=self.version, item=item), item)

    def _of(self, mask: Mask, item: str) -> Cut:
        if item != self._item:
            self._item, self._made = item, {}
        key = mask.tobytes()
        if key not in self._made:
            self._made[key] = Cut(self.monitor, self.tally, mask)
        return self._made[key]
