"""Each slice beside the rest: the gap by itself, the gaps of all slices at once, and the ratio of rates.

Of twelve intervals of 95 % some one misses its truth in up to half of all audits. Those of all slices at once
hold together: where events are many each is widened by the max-t critical value of its family (Hothorn, Bretz &
Westfall 2008), elsewhere to α over the number of slices. Verdicts take the latter alone (`monitors.frame.gaps`).
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize, special

from monitors import intervals
from monitors.cut import Cut
from monitors.groups import Floats, correlation, jackknife_covariance
from monitors.level import Level
from monitors.levels import Desk
from monitors.measurement import Interval, Measure, Slice
from monitors.parent import patients_with_rarer

_DIRECTIONS: Final = 4096


@dataclass(frozen=True, slots=True)
class SliceGap:
    """One slice minus the rest, in the unit of the measure, and over the rest where both are rates.

    `alone` is the interval of this gap by itself. `joint` is that of `slices` gaps at once: all of them hold
    together in 1 − alpha of windows. It is `critical` standard errors wide on the scale of its limits; `max_t`
    says that this comes from the correlation of the gaps, else from their number. `ratio` and its limits are NaN
    where the measure is no rate or the rest had no events; `ratio_high` is infinite where the rest may have none.
    """

    measure: str
    item: str
    slice: str
    value: float
    alone: tuple[float, float]
    joint: tuple[float, float]
    slices: int
    critical: float
    max_t: bool
    ratio: float = math.nan
    ratio_low: float = math.nan
    ratio_high: float = math.nan


@dataclass(frozen=True, slots=True)
class _Pair:
    """A slice and the rest, of one measure."""

    where: Slice
    inside: Cut
    rest: Cut
    first: Level
    second: Level
    events: tuple[int, int]  # patient groups with the rarer outcome
    r: float  # correlation of both over the same patients

    @property
    def without(self) -> Floats:
        return self.first.without - self.second.without


def against_rest(
    desk: Desk,
    slices: Sequence[Slice],
    *,
    items: Sequence[str],
    measures: Collection[str] | None = None,
    seed: int = 0,
) -> list[SliceGap]:
    """The gap and ratio of every slice to the rest, for every item and measure (of `measures`) that has a gap.

    The slices of one measure and item are a family: their joint intervals hold together in 1 − alpha of windows.
    Slices without a value or an interval on either side are in no family. Of K slices, the m with enough events on
    both sides take the max-t value c at α·m/K, the others z at α/K, which together spend α. The joint interval is
    MOVER on limits of the level 2Φ(−c): those of rare events keep their skewness, those of areas their t.
    """
    made: list[SliceGap] = []
    for item in items:
        unfit = "item" if item == "" else "whole"
        chosen = [
            (index, one)
            for index, one in enumerate(desk.monitor.measures)
            if one.scope != unfit
            and one.interval not in (Interval.NONE, Interval.Q_HAT)
            and (measures is None or one.name in measures)
        ]
        if not chosen:
            continue
        cuts = [
            (where, desk.cuts.inside(where, item), desk.cuts.rest(where, item)) for where in slices if where.where
        ]
        for index, one in chosen:
            made += _family(desk, cuts, one, index, item, seed)
    return made


def critical_value(correlations: Floats, alpha: float = 0.05, seed: int = 0) -> float:
    """c with P(max_k |Z_k| ≤ c) = 1 − alpha, for Z normal with these correlations, of shape (K, K).

    Z = χ·Au with A a root of the correlations, u a direction on the unit sphere and χ on as many degrees as they
    have rank, so that P = E_u[F_χ(c / max_k |(Au)_k|)] (Deák 1980): the mean over 4,096 seeded directions. Exact
    for one slice and for two that mirror each other, else with a Monte Carlo error of .01 at 12 to 40. Never
    below the plain quantile of one slice, never above that at alpha/K.

    >>> round(critical_value(np.eye(1)), 3), round(critical_value(np.array([[1.0, -1.0], [-1.0, 1.0]])), 3)
    (1.96, 1.96)
    """
    plain, most = intervals.z_of(alpha), intervals.z_of(alpha / len(correlations))
    values, vectors = np.linalg.eigh(correlations)
    kept = values > 1e-9 * values.max()
    vectors, rank = vectors[:, kept], int(kept.sum())
    # symmetric root and projection are the same whichever vectors span a space: the bits hang on no library
    ways = np.random.default_rng(seed).standard_normal((_DIRECTIONS, len(values))) @ (vectors @ vectors.T)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    reach = np.abs(ways @ (vectors * np.sqrt(values[kept]) @ vectors.T)).max(axis=1)

    def beyond(c: float) -> float:
        return float(special.gammaincc(rank / 2, (c / reach) ** 2 / 2).mean()) - alpha

    if beyond(plain) <= 0 or beyond(most) >= 0:
        return plain if beyond(plain) <= 0 else most
    return float(optimize.brentq(beyond, plain, most, xtol=1e-6))


def _family(
    desk: Desk, cuts: Sequence[tuple[Slice, Cut, Cut]], one: Measure, index: int, item: str, seed: int
) -> Iterator[SliceGap]:
    """All slices of one measure and item, each at its own critical value."""
    pairs = []
    for where, inside, rest in cuts:
        first, second = desk.level(inside, index, item), desk.level(rest, index, item)
        if np.isfinite((first.low, first.high, second.low, second.high)).all():
            r = correlation(first.without, second.without)
            held = patients_with_rarer(one, inside), patients_with_rarer(one, rest)
            pairs.append(_Pair(where, inside, rest, first, second, held, r))
    if not pairs:
        return
    many = [k for k, pair in enumerate(pairs) if min(pair.events) >= intervals.MANY_PATIENTS]
    by_number = intervals.z_of(desk.alpha / len(pairs))
    critical, joined = _joint(pairs, many, desk.alpha, seed)
    for k, pair in enumerate(pairs):
        c = critical if k in joined else by_number
        far = desk.far_out(2 * float(special.ndtr(-c)))
        within, without = (far.level(cut, index, item).limits for cut in (pair.inside, pair.rest))
        yield SliceGap(
            one.name, item, str(pair.where), pair.first.value - pair.second.value,
            intervals.mover(pair.first.limits, pair.second.limits, pair.r),
            intervals.mover(within, without, pair.r), len(pairs), c, k in joined, *_ratio(one, pair),
        )  # fmt: skip


def _joint(pairs: Sequence[_Pair], many: Sequence[int], alpha: float, seed: int) -> tuple[float, list[int]]:
    """The max-t value of the slices with enough events, and which they are: a gap must vary to be among them."""
    without = np.stack([pair.without for pair in pairs], axis=1)
    filled = np.logical_or.reduce([pair.inside.filled | pair.rest.filled for pair in pairs])
    covariance = jackknife_covariance(without, filled)
    error = np.sqrt(np.diag(covariance))
    joined = [k for k in many if error[k] > 0]
    if not joined:
        return math.nan, []
    scale = error[joined]
    correlations = covariance[np.ix_(joined, joined)] / np.outer(scale, scale)
    return critical_value(correlations, alpha * len(joined) / len(pairs), seed), joined


def _ratio(one: Measure, pair: _Pair) -> tuple[float, float, float]:
    """Rate over rate with MOVER-R on the limits of both sides; NaN where it has no meaning."""
    if one.interval is not Interval.JEFFREYS or not pair.second.value > 0:
        return math.nan, math.nan, math.nan
    limits = intervals.mover_ratio(pair.first.limits, pair.second.limits, pair.r)
    return pair.first.value / pair.second.value, *limits
