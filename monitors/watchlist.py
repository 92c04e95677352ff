"""The weekly watch list: gaps between a slice and the rest, of which at most one in ten marked is chance.

A family is declared in advance: all gaps of one system and week. Each gets a p-value by inverting its MOVER
interval, and Benjamini–Hochberg marks at 10 %. The result is `watch` at most; a gap marked in two weeks running is
named as such, and nothing more follows by itself.

Statistics of Shiryaev–Roberts charts have no place here: their mean grows by one a week while nothing is wrong,
and a list that took 1/M for a p-value rejected something in more than half of all quiet years. The list therefore
takes gaps, made of two sides, and computes every p-value itself.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from monitors.groups import Floats
from monitors.intervals import jeffreys, mover
from monitors.measurement import Direction

#: Expected share of the marked that is chance.
RATE: Final = 0.1
#: No p-value below this is told apart: the limits that far out mean nothing.
_SMALLEST: Final = 1e-12


class WatchListError(ValueError):
    """One clear sentence about something that no watch list can hold."""


@runtime_checkable
class Side(Protocol):
    """One side of a gap: anything that has an interval at every level."""

    def limits(self, alpha: float) -> tuple[float, float, float]:
        """(value, low, high) of the 1 − alpha interval; NaN where not measured."""
        ...


@dataclass(frozen=True, slots=True)
class Counted:
    """A share from counts with their design effect: Jeffreys on the effective sample size."""

    events: float
    n: float
    deff: float = 1.0

    def limits(self, alpha: float) -> tuple[float, float, float]:
        """(value, low, high) of the 1 − alpha interval; NaN where n is 0.

        >>> [round(x, 3) for x in Counted(5, 100).limits(0.05)]
        [0.05, 0.019, 0.106]
        """
        if not self.n > 0:
            return math.nan, math.nan, math.nan
        return self.events / self.n, *jeffreys(self.events, self.n, self.deff, alpha)


@dataclass(frozen=True, slots=True)
class Gap:
    """One row of the watch list: a slice against the rest, in one week of one system.

    `first` is the slice, `second` the rest, `r` the correlation of their estimates (patients on both sides).
    """

    system: str
    week: date  # its Monday
    measure: str
    item: str
    slice: str
    direction: Direction
    first: Side
    second: Side
    r: float = 0.0

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What makes it the same question in another week."""
        return self.system, self.measure, self.item, self.slice


@dataclass(frozen=True, slots=True)
class Marked:
    """A gap with its p-value, the smallest rate at which Benjamini–Hochberg marks it, and whether it is marked.

    `p` and `adjusted` are NaN where the gap could not be measured; it is then in no family.
    """

    gap: Gap
    value: float
    p: float
    adjusted: float
    marked: bool


def watch_list(gaps: Sequence[Gap], rate: float = RATE) -> list[Marked]:
    """Mark the gaps of each (system, week) at a false discovery rate, aligned with the input.

    Raises WatchListError for anything that is not a gap of two sides, and for a gap named twice in a family.
    """
    families: dict[tuple[str, date], list[int]] = defaultdict(list)
    for i, gap in enumerate(gaps):
        if not (isinstance(gap, Gap) and isinstance(gap.first, Side) and isinstance(gap.second, Side)):
            raise WatchListError(
                "A watch list holds gaps of two sides only; the statistic of a sequential chart is no p-value "
                "(its mean grows with time) and its alarms have a budget of their own."
            )
        families[gap.system, gap.week].append(i)
    p = np.array([p_value(gap.first, gap.second, gap.r, gap.direction) for gap in gaps])
    adjusted = np.full(len(gaps), np.nan)
    for members in families.values():
        if len({gaps[i].name for i in members}) < len(members):
            raise WatchListError("A gap stands twice in the family of a week; each question is asked once.")
        adjusted[members] = benjamini_hochberg(p[members])
    return [
        Marked(gap, gap.first.limits(0.05)[0] - gap.second.limits(0.05)[0], float(one), float(q), bool(q <= rate))
        for gap, one, q in zip(gaps, p, adjusted, strict=True)
    ]


def promoted(now: Sequence[Marked], before: Sequence[Marked]) -> list[Marked]:
    """Those of `now` that were marked in the week before as well, so that chance is less likely.

    The two weeks hold different reports, so the second is evidence of its own.
    """
    last = {(one.gap.name, one.gap.week) for one in before if one.marked}
    return [one for one in now if one.marked and (one.gap.name, one.gap.week - timedelta(days=7)) in last]


def p_value(first: Side, second: Side, r: float = 0.0, direction: Direction = Direction.AWAY_FROM_ZERO) -> float:
    """p of "first is no worse than second": the level at which the MOVER interval of the difference ends at 0.

    One-sided (half that level) where the measure has a worse direction, and then 1 unless the first looks worse;
    two-sided where it has none. NaN where a side is not measured; never below 1e-12. By enumeration without a
    true gap, P(p ≤ t) is .9–1.1 t at t = .05 and up to 1.2–1.3 t at .001, for slices of 50 to 300 reports.

    >>> round(p_value(Counted(20, 200), Counted(50, 1000), direction=Direction.HIGHER_IS_WORSE), 4)
    0.0045
    """
    d = first.limits(0.05)[0] - second.limits(0.05)[0]
    if math.isnan(d):
        return math.nan
    one_sided = direction is not Direction.AWAY_FROM_ZERO
    if d == 0 or (one_sided and (d > 0) != (direction is Direction.HIGHER_IS_WORSE)):
        return 1.0

    def reaches_zero(alpha: float) -> bool:
        low, high = mover(first.limits(alpha), second.limits(alpha), r)
        return low <= 0 if d > 0 else high >= 0

    if math.isnan(sum(mover(first.limits(0.05), second.limits(0.05), r))):
        return math.nan
    near, far = math.log(_SMALLEST), 0.0
    if not reaches_zero(_SMALLEST):
        return _SMALLEST
    for _ in range(50):
        middle = (near + far) / 2
        near, far = (middle, far) if reaches_zero(math.exp(middle)) else (near, middle)
    return math.exp(far) / (2 if one_sided else 1)


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted p-values: the smallest rate at which each is marked; NaN stays NaN and counts in no family.

    q_(i) = min_{j ≥ i} p_(j)·m/j over the ascending p (Benjamini & Hochberg 1995).

    Raises WatchListError for numbers that are no p-values.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    known: NDArray[np.bool_] = ~np.isnan(p)
    if ((p[known] < 0) | (p[known] > 1)).any():
        raise WatchListError("A p-value must lie in [0, 1]; statistics of sequential charts are none.")
    order = np.argsort(p[known], kind="stable")
    m = len(order)
    steps = p[known][order] * m / np.arange(1, m + 1)
    lowest = np.minimum.accumulate(steps[::-1])[::-1]
    made, kept = np.full(p.shape, np.nan), np.empty(m)
    kept[order] = lowest
    made[known] = kept
    return made
