"""The worst slice of an attribute, beside how bad the worst of as many equal slices would look by chance.

The largest of several gaps is positive also where nothing is unfair, so it has no interval: it is shown beside its
null band and never ruled on.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitors.columns import ratio
from monitors.cut import Cut
from monitors.groups import Floats, jackknife_covariance
from monitors.judged import MISSING
from monitors.level import Level
from monitors.levels import Desk
from monitors.measurement import Direction, Interval, Slice
from monitors.selection import slices_of
from monitors.tally import TallyError
from monitors.threshold import SUPPRESS_BELOW

_DRAWS: Final = 4_000
_BAND: Final = 0.95


@dataclass(frozen=True, slots=True)
class WorstSlice:
    """The slice whose gap to the rest is largest in the bad direction, and its null.

    `gap` is in the unit of the measure, positive = worse than the rest. Without any difference the worst of these
    slices would have a gap of `null_median` half of the time and stay below `null_high` in 95 % of windows;
    `chance` is the share of null windows with a gap as large. NaN where fewer than two slices can be measured.
    """

    measure: str
    item: str
    slice: str
    gap: float
    null_median: float
    null_high: float
    chance: float
    slices: int  # that could be the worst: 11 patients or more, and a value
    left_out: int
    note: str = ""


def worst_slice(
    desk: Desk, attribute: Sequence[str], measure: str, *, item: str = "", seed: int = 0
) -> WorstSlice:
    """The worst slice of one attribute (or combination of attributes) for one measure and item.

    The slices of one attribute share no case, so under equality a rate of slice s is Binomial(n_eff,s, p)/n_eff,s
    with p the pooled rate, n_eff,s its effective size and the rest made of the other slices (4,000 seeded draws).
    Weighted events are drawn as whole ones and then weighed as one does in the whole (`Cut.weight`), since slices
    that are equal have errors as heavy as each other's. Means and AUROCs are drawn from a normal with the
    jackknife covariance of all gaps. Patients in several slices make true gaps smaller than independent draws, so
    the band is never too narrow on their account. Simulated over 12 equal slices of 400–3,000 patients, ρ = 0 and
    .3: the band is left in .03–.08 of windows.

    `measure` is the name of one of the monitor's measures; raises TallyError for another. Slices of fewer than 11
    patients count among the rest but are never named.
    """
    monitor = desk.monitor
    index = next((i for i, one in enumerate(monitor.measures) if one.name == measure), None)
    if index is None or monitor.measures[index].interval in (Interval.NONE, Interval.Q_HAT):
        raise TallyError(f"Monitor {monitor.name} has no measure of that name with a gap between slices.")
    one = monitor.measures[index]
    slices = [s for s in slices_of(desk.tally, [tuple(attribute)], version=desk.version) if s.where]
    cuts = [desk.cuts.inside(s, item) for s in slices]
    rests = [desk.cuts.rest(s, item) for s in slices]
    levels = [desk.level(cut, index, item) for cut in cuts]
    sound = np.array([math.isfinite(level.value) for level in levels], bool)
    others = np.array([math.isfinite(float(rest.values[index])) for rest in rests], bool)
    named = sound & others & np.array([level.patients >= SUPPRESS_BELOW for level in levels], bool)
    left = len(slices) - int(named.sum())
    if named.sum() < 2:
        nan, note = math.nan, "fewer than two slices can be measured"
        return WorstSlice(measure, item, "", nan, nan, nan, nan, int(named.sum()), left, note)
    gaps = np.array([float(c.values[index] - r.values[index]) for c, r in zip(cuts, rests, strict=True)])
    if one.interval is Interval.JEFFREYS:
        counts, weight = math.isinf(one.high), desk.cuts.inside(Slice(), item).weight(one)
        draws = _binomial(levels, _rests(slices), sound, weight, seed, counts=counts)[:, named]
    else:
        draws = _normal([c for c, k in zip(cuts, named, strict=True) if k],
                        [r for r, k in zip(rests, named, strict=True) if k], index, seed)  # fmt: skip
    harms, null = _harm(gaps[named], one.direction), _harm(draws, one.direction).max(axis=1)
    worst = int(np.argmax(harms))
    name = str([s for s, keep in zip(slices, named, strict=True) if keep][worst])
    median, high = np.quantile(null, [0.5, _BAND])
    chance = (1 + int((null >= harms[worst]).sum())) / (1 + _DRAWS)
    return WorstSlice(
        measure, item, name, float(harms[worst]), float(median), float(high), chance, int(named.sum()), left
    )


def _harm(gaps: Floats, direction: Direction) -> Floats:
    """Gaps so that larger is worse."""
    if direction is Direction.AWAY_FROM_ZERO:
        return np.abs(gaps)
    return -gaps if direction is Direction.LOWER_IS_WORSE else gaps


def _rests(slices: Sequence[Slice]) -> np.ndarray:
    """Which slice is in the rest of which, of shape (slices, slices); the unknown are in no known slice's."""
    known = np.array([[value != MISSING for _, value in s.where] for s in slices])
    member: np.ndarray = (known[:, None, :] <= known[None, :, :]).all(axis=2) & ~np.eye(len(slices), dtype=bool)
    return member


def _binomial(
    levels: Sequence[Level], member: np.ndarray, sound: np.ndarray, weight: float, seed: int, *, counts: bool
) -> Floats:
    """Gaps of all slices to their rests if all rates were equal, of shape (draws, slices).

    An event counts `weight`, which is 1 but for weighted errors.
    """
    n = np.array([level.n if keep else 0.0 for level, keep in zip(levels, sound, strict=True)])
    value = np.array([level.value if keep else 0.0 for level, keep in zip(levels, sound, strict=True)])
    size = np.array([max(1.0, level.n_eff) for level in levels])
    rate = float(value @ n / n.sum()) / weight  # of events, of which a level's own weight may differ
    rng = np.random.default_rng(seed)
    shape = (_DRAWS, len(levels))
    # an effective size is no whole number: the binomial of its whole part, narrowed to the right variance
    whole = np.floor(size)
    drawn = rng.poisson(whole * rate, shape) if counts else rng.binomial(whole.astype(np.int64), rate, shape)
    rates = rate + (drawn / whole - rate) * np.sqrt(whole / size)
    gaps: Floats = weight * (rates - ratio((rates * n) @ member.T, n @ member.T))
    return gaps


def _normal(inside: Sequence[Cut], rest: Sequence[Cut], index: int, seed: int) -> Floats:
    """Gaps around zero with their jackknife covariance, of shape (draws, slices)."""
    without = np.stack([c.without[:, index] - r.without[:, index] for c, r in zip(inside, rest, strict=True)], 1)
    filled = np.logical_or.reduce([c.filled | r.filled for c, r in zip(inside, rest, strict=True)])
    # without its only event a slice may have no value: that group then says nothing
    covariance = jackknife_covariance(np.where(np.isfinite(without), without, np.nanmean(without, axis=0)), filled)
    root = np.linalg.eigh(covariance)
    mixing = root.eigenvectors * np.sqrt(np.clip(root.eigenvalues, 0.0, None))
    draws: Floats = np.random.default_rng(seed).standard_normal((_DRAWS, len(mixing))) @ mixing.T
    return draws
