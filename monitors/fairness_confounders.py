"""Which other attributes move with a gap, and what is left of it when they are held equal.

A gap between age bands may be one between scanners on which the old are imaged. Association alone explains
nothing; a gap that shrinks when both sides are given the same mix of scanners does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitors.casemix import CaseMix, CaseMixError
from monitors.groups import Floats, correlation, mean_cluster_size
from monitors.intervals import mover
from monitors.levels import Desk
from monitors.measurement import Interval, Measure, Slice
from monitors.monitor import Monitor
from monitors.selection import Mask
from monitors.standardised import Standardised, standardise
from monitors.stratum_counts import case_mix, group_counts
from monitors.tally import Tally

_NAN: Final = math.nan


@dataclass(frozen=True, slots=True)
class Confounder:
    """One attribute beside the gap of one slice.

    `cramers_v` is the association of being in the slice (or in the rest) with this attribute over what the measure
    counts, in [0, 1], and `by_chance` the value of an unrelated one on average at this effective size.
    `adjusted` is the gap (slice − rest, with its interval) when both sides have this attribute's mix of everybody;
    `covered` the smaller share of that mix that a side was seen in: below .9 (`sufficient` False) nothing follows.
    NaN with a `note` where something could not be made.
    """

    attribute: str
    cramers_v: float
    by_chance: float
    n: float
    n_eff: float
    crude: float
    crude_low: float
    crude_high: float
    adjusted: float
    adjusted_low: float
    adjusted_high: float
    explained: float  # crude − adjusted
    covered: float
    sufficient: bool
    note: str = ""


def confounders(
    desk: Desk, where: Slice, attributes: Sequence[str], measure: str, *, item: str = ""
) -> list[Confounder]:
    """The gap of slice `where` to the rest, crude and standardised over each of `attributes` in turn.

    Both sides are standardised directly (`monitors.standardised`) to the mix of slice and rest together. The crude
    gap has the interval of any gap; that of the adjusted one has MOVER limits with unrelated errors, which are too
    wide rather than too narrow where patients are on both sides. An attribute may itself be the way in which a
    group is failed (a worse scanner in one clinic): crude and adjusted are shown side by side and no verdict is
    made of the adjusted one.

    `measure` must be a share. Raises CaseMixError for any other measure, and for attributes the tally has not.
    """
    monitor, tally = desk.monitor, desk.tally
    index = next((i for i, one in enumerate(monitor.measures) if one.name == measure), None)
    if index is None or monitor.measures[index].interval is not Interval.JEFFREYS:
        raise CaseMixError(f"Monitor {monitor.name} has no share of that name; only shares are standardised.")
    unknown = [name for name in attributes if name not in tally.strata]
    if unknown:
        raise CaseMixError(f"The tally is not stratified by {unknown[0]!r}; add it to the slices and tally anew.")
    one = monitor.measures[index]
    cuts = [desk.cuts.inside(where, item), desk.cuts.rest(where, item)]
    first, second = (desk.level(cut, index, item) for cut in cuts)
    gap = first.value - second.value
    low, high = mover(first.limits, second.limits, correlation(first.without, second.without))
    both = cuts[0].mask | cuts[1].mask
    parts = [tally.only(mask) for mask in (cuts[0].mask, cuts[1].mask, both)]
    rho = desk.parents.of(item, index).rho
    own = [name for name, _ in where.where]
    rows = []
    for name in attributes:
        if name in own:
            continue
        v, by_chance, n, n_eff = _association(monitor, one, tally, cuts[0].mask, both, name)
        sides, note = _standardised(monitor, one, parts, name, desk.version, item, rho, desk.alpha)
        adjusted = sides[0].value - sides[1].value if sides else _NAN
        limits = _limits(sides) if sides else (_NAN, _NAN)
        covered = min((s.covered for s in sides), default=0.0)
        rows.append(
            Confounder(
                name,
                v,
                by_chance,
                n,
                n_eff,
                gap,
                low,
                high,
                adjusted,
                *limits,
                gap - adjusted,
                covered,
                bool(sides) and all(s.sufficient for s in sides),
                note,
            )
        )
    return rows


def cramers_v(counts: Floats, n_eff: float) -> tuple[float, float]:
    """Cramér's V of a table of counts, and what unrelated margins give on average at this effective size.

    V = √(χ²/(n·min(r − 1, c − 1))); under independence E χ² = (r − 1)(c − 1)·n/n_eff. NaN for both with fewer than
    two values on a side: what does not vary is associated with nothing. Source: Cramér 1946, Rao & Scott 1984.

    >>> cramers_v(np.array([[30.0, 0.0], [0.0, 20.0]]), 50.0)[0]
    1.0
    """
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    rows, columns = counts.shape
    if min(rows, columns) < 2:
        return _NAN, _NAN
    n = counts.sum()
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    chi = float(((counts - expected) ** 2 / expected).sum())
    least = min(rows, columns) - 1
    chance = math.sqrt((rows - 1) * (columns - 1) / (max(n_eff, 1.0) * least))
    return min(1.0, math.sqrt(chi / (n * least))), min(1.0, chance)


def _limits(sides: Sequence[Standardised]) -> tuple[float, float]:
    """MOVER limits of first − second, their errors unrelated."""
    first, second = ((side.value, side.low, side.high) for side in sides)
    return mover(first, second)


def _association(
    monitor: Monitor, one: Measure, tally: Tally, inside: Mask, both: Mask, name: str
) -> tuple[float, float, float, float]:
    """V of slice or rest with an attribute, its value by chance, n and effective n, over the denominator."""
    cell = monitor.cells.index(one.denominator)
    sizes = tally.group_totals(both)[:, cell]
    n = float(sizes.sum())
    if n <= 0:
        return _NAN, _NAN, 0.0, 0.0
    chosen = (tally.sums.cell == cell) & both[tally.sums.stratum]
    stratum, value = tally.sums.stratum[chosen], tally.sums.value[chosen]
    held = np.bincount(stratum, value.astype(np.float64), len(tally.levels))
    places = [tally.where(**{name: value}) for value in tally.values(name)]
    table = np.stack([np.bincount(inside[where], held[where], 2) for where in places], axis=1).astype(np.float64)
    n_eff = n / mean_cluster_size(sizes)
    return (*cramers_v(table, n_eff), n, n_eff)


def _standardised(
    monitor: Monitor,
    one: Measure,
    parts: Sequence[Tally],
    name: str,
    version: str,
    item: str,
    rho: float,
    alpha: float,
) -> tuple[list[Standardised], str]:
    """Both sides at the mix of both together, or none and why; `parts` are slice, rest and both."""
    *each, both = (group_counts(part, monitor, one, [name], version=version, item=item) for part in parts)
    try:
        mix: CaseMix = case_mix(both, [name])
    except CaseMixError as error:
        return [], str(error)
    sides = [standardise(side, mix, rho, alpha) for side in each]
    least = min(side.covered for side in sides)
    note = "" if all(s.sufficient for s in sides) else f"a side was seen in {100 * least:.0f} % of the mix only"
    return sides, note
