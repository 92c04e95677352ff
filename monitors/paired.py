"""The change of a measure where two versions answered the same questions: what was won, and what was lost.

Limits made of those of both versions are too narrow here: their correlation nears 1 where few answers differ, and
is 1 where none does, as if nothing could be hidden among the cases that were not asked. With N/D of the new
version and N′/D′ of the old one,

    N/D − N′/D′ = Σ e / D̄,   e = (n − n′) − θ̄(d − d′) by question,   D̄, θ̄: means of both versions,

without any approximation. e is 1 where a right answer was won and −1 where one was lost, less where a question
counts for one version only. Won (e > 0) and lost (e < 0) are rare events, each with exact limits, of which MOVER
makes those of the difference. Decision: docs/decisions/013-changes-on-shared-cases.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitors import intervals
from monitors.groups import GROUPS, Floats, correlation, jackknife_degrees, jackknife_variance
from monitors.judged import GRID
from monitors.level import Level
from monitors.measurement import Interval, Measure, Slice
from monitors.monitor import Contributions, Monitor
from monitors.parent import Parents
from monitors.performance import jaccard_of
from monitors.selection import Mask
from monitors.strata import Ints, Rows
from monitors.won_and_lost import Moves, by_group, patients_with

#: Statistics that are no ratio have no interval where fewer patients than this have another answer.
FEW_MOVED: Final = 10
#: Less than this is no difference: a case of k drafts weighs 1/k each, rounded to the grid of sums.
_NOTHING: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a change, how they were made, and why there are none (NaN)."""

    low: float
    high: float
    interval: Interval
    note: str = ""


@dataclass(frozen=True, slots=True)
class Paired:
    """The questions of one slice and item: by question what either version adds to the cells of ratios."""

    places: dict[str, int]
    group: Ints
    moved: Mask  # the versions differ in some cell of the monitor
    before: Floats  # (questions, cells of ratios)
    after: Floats

    def moves(self, one: Measure) -> Moves | None:
        """What a ratio won and lost; None where a version has nothing to count."""
        top, bottom = self.places[one.numerator], self.places[one.denominator]
        n, d = (self.after - self.before)[:, [top, bottom]].T
        (old, new), (under_old, under_new) = (
            (float(self.before[:, place].sum()), float(self.after[:, place].sum())) for place in (top, bottom)
        )
        if not (under_old > 0 and under_new > 0):
            return None
        rate = (old / under_old + new / under_new) / 2
        exposure = (self.before[:, bottom] + self.after[:, bottom]) / 2
        parts = n - rate * d
        return Moves(np.where(np.abs(parts) < _NOTHING, 0.0, parts), self.group, by_group(exposure, self.group))


class Pairs:
    """What two versions said to the same questions, by question.

    A question is a case and an item. One that a slice holds of one version only, or that counts for one version
    only, is won or lost in as much as it moves the measure.
    """

    def __init__(
        self, monitor: Monitor, judged: pa.Table, strata: Sequence[str], seed: int = 0, *, old: str, new: str
    ) -> None:
        """`judged` (schema `monitors.judged`) holds the answers of both versions; others' are left out.

        Raises TallyError as a tally of the same rows does.
        """
        both = pc.is_in(judged["version"].cast(pa.string()), value_set=pa.array([old, new]))
        rows = Rows.of(judged.filter(both), tuple(strata), seed)
        made = monitor.contributions(rows.batch)
        question = _questions(rows.batch)
        self.monitor, self._versions = monitor, (old, new)
        self._strata, self._levels = tuple(strata), rows.levels
        self._group = np.zeros(int(question.max(initial=-1)) + 1, np.int64)
        self._group[question] = rows.group
        names = sorted({name for one in monitor.measures for name in (one.numerator, one.denominator) if name})
        self._places = {name: i for i, name in enumerate(names)}
        order = np.argsort(question, kind="stable")
        self._question, self._stratum = question[order], rows.stratum[order]
        value = made.value / GRID * (rows.weight[made.row] / GRID)
        self._values = _of_ratios(monitor, made, value, self._places, rows)[order]
        is_new = np.array([level[self._strata.index("version")] == new for level in rows.levels], bool)
        sign = np.where(is_new[rows.stratum], 1.0, -1.0)[made.row]
        key = question[made.row] * len(monitor.cells) + made.cell
        self._moved = np.zeros(len(self._group), bool)
        self._moved[_differing(key, sign * value) // len(monitor.cells)] = True
        self._made: dict[tuple[Slice, str], Paired] = {}

    def of(self, where: Slice, item: str) -> Paired:
        """The questions of a slice and an item ("" pools them); those of the item as a whole are remembered."""
        if (where, item) not in self._made:
            kept = {key: one for key, one in self._made.items() if key == (Slice(), item)}
            self._made = {**kept, (where, item): self._cut(where, item)}
        return self._made[where, item]

    def limits(
        self,
        one: Measure,
        where: Slice,
        item: str,
        levels: tuple[Level, Level],
        apart: tuple[float, float],
        parents: Sequence[Parents],
        alpha: float = 0.05,
    ) -> Limits:
        """Limits of new minus old for one measure.

        `levels` are those of the new and the old version, `apart` the limits of their difference as if the
        versions had answered questions of their own; `parents` tell how alike a patient's results are
        with each.
        """
        if one.interval is Interval.MOVER:
            return self._of_two(one, where, item, parents, alpha)
        if not _is_ratio(one):
            return _other(self.of(where, item), levels, apart, alpha)
        _, low, high = self._ratio(one, where, item, parents, alpha)
        if one.interval is Interval.F1:  # 2J/(1 + J): the difference of two is that of their J times this
            first, second = (1 + jaccard_of(np.array(level.value)) for level in levels)
            low, high = (float(2 / (first * second)) * limit for limit in (low, high))
        return _within(one, low, high)

    def _of_two(self, one: Measure, where: Slice, item: str, parents: Sequence[Parents], alpha: float) -> Limits:
        """The mean of two ratios: a sum is a difference from the negative, with mirrored limits."""
        named = {measure.name: measure for measure in self.monitor.measures}
        parts = [named[name] for name in one.parts]
        first, second = (self._ratio(part, where, item, parents, alpha) for part in parts)
        nets = [moves.nets for part in parts if (moves := self.of(where, item).moves(part)) is not None]
        # few moves that offset each other by chance prove nothing
        r = max(0.0, correlation(nets[0], nets[1])) if len(nets) == len(parts) else 0.0
        low, high = intervals.mover(first, (-second[0], -second[2], -second[1]), -r)
        return _within(one, low / 2, high / 2)

    def _ratio(
        self, one: Measure, where: Slice, item: str, parents: Sequence[Parents], alpha: float
    ) -> tuple[float, float, float]:
        """Value, low and high of the change of a ratio; NaN where a version has nothing to count."""
        whole = self.of(Slice(), item).moves(one)
        moves = self.of(where, item).moves(one)
        if moves is None or whole is None:
            return math.nan, math.nan, math.nan
        index = self.monitor.measures.index(one)
        rho = float(np.fmax.reduce([version.of(item, index).rho for version in parents]))
        return moves.limits(whole.rho(rho), alpha)

    def _cut(self, where: Slice, item: str) -> Paired:
        sides = [self._side(where, item, version) for version in self._versions]
        asked = np.union1d(sides[0][0], sides[1][0])
        values = [np.zeros((len(asked), len(self._places))) for _ in sides]
        for side, (question, sums) in zip(values, sides, strict=True):
            side[np.searchsorted(asked, question)] = sums
        return Paired(self._places, self._group[asked], self._moved[asked], *values)

    def _side(self, where: Slice, item: str, version: str) -> tuple[Ints, Floats]:
        """The questions of one version in a slice, ascending, and what it adds to the cells of ratios."""
        conditions = {**dict(where.where), "version": version, **({"item": item} if item else {})}
        wanted = [(self._strata.index(name), value) for name, value in conditions.items()]
        inside = np.array([all(level[i] == value for i, value in wanted) for level in self._levels], bool)
        rows = np.flatnonzero(inside[self._stratum])
        question, starts = np.unique(self._question[rows], return_index=True)
        values = self._values[rows]
        return question, np.add.reduceat(values, starts, axis=0) if len(rows) else values


def _questions(batch: pa.RecordBatch) -> Ints:
    """A number for the question that each row answers, from 0 on."""
    case, item = (
        pc.dictionary_encode(batch.column(name).cast(pa.string())).indices.to_numpy().astype(np.int64)
        for name in ("case_id", "item")
    )
    _, question = np.unique(case * (int(item.max(initial=0)) + 1) + item, return_inverse=True)
    return question.astype(np.int64)


def _of_ratios(monitor: Monitor, made: Contributions, value: Floats, places: dict[str, int], rows: Rows) -> Floats:
    """What each row adds to the cells of ratios: (rows, cells of ratios)."""
    column = np.array([places.get(name, -1) for name in monitor.cells], np.int64)[made.cell]
    kept = column >= 0
    values = np.zeros((len(rows.weight), len(places)))
    np.add.at(values, (made.row[kept], column[kept]), value[kept])
    return values


def _differing(key: Ints, change: Floats) -> Ints:
    """The keys whose changes do not add up to nothing."""
    keys, place = np.unique(key, return_inverse=True)
    kept: Ints = keys[np.abs(np.bincount(place, change, len(keys))) >= _NOTHING]
    return kept


def _is_ratio(one: Measure) -> bool:
    """A share, a mean count, or a mean within finite bounds; of areas the cells named are the two classes."""
    if not (one.numerator and one.denominator) or one.interval is Interval.LOGIT:
        return False
    return one.interval in (Interval.JEFFREYS, Interval.F1) or math.isfinite(one.high - one.low)


def _within(one: Measure, low: float, high: float) -> Limits:
    """No change is beyond the range of the measure."""
    reach = one.high - one.low
    if math.isnan(low + high):
        return Limits(math.nan, math.nan, Interval.PAIRED)
    return Limits(max(low, -reach), min(high, reach), Interval.PAIRED)


def _other(here: Paired, levels: tuple[Level, Level], apart: tuple[float, float], alpha: float) -> Limits:
    """Areas, fits and other statistics: t on the jackknife of the difference, never narrower than `apart`."""
    if patients_with(here.moved.astype(np.float64), here.group) < FEW_MOVED:
        note = f"the versions differ in fewer than {FEW_MOVED} patients: no interval"
        return Limits(math.nan, math.nan, Interval.PAIRED_OTHER, note)
    without = levels[0].without - levels[1].without
    filled = np.bincount(here.group, minlength=GROUPS) > 0
    value, variance = levels[0].value - levels[1].value, jackknife_variance(without, filled)
    degrees = jackknife_degrees(without, filled)
    low, high = intervals.normal(value, variance, -math.inf, math.inf, alpha, degrees)
    return Limits(min(low, apart[0]), max(high, apart[1]), Interval.PAIRED_OTHER)
