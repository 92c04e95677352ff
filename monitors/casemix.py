"""Case mix: what the rate would be if the patients were those of the reference window.

A ward may double its error rate while the whole stays flat, because sicker patients moved elsewhere; and the whole
may rise though no ward changed. Crude, standardised and their difference ("explained by case mix") are shown
together. Never standardise over what may itself be the fault (the vendor, in a question about vendors).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitors.groups import Floats, jackknife_variance, leave_one_out, mean_cluster_size
from monitors.intervals import filled_groups, jeffreys
from monitors.measurement import Measure
from monitors.monitor import Monitor
from monitors.tally import Tally

#: One value for each case-mix variable, outermost first.
Stratum = tuple[str, ...]

#: A stratum with fewer reference reports is merged with its like.
SMALLEST_STRATUM: Final = 30
#: More strata than this are no longer case mix but exploration.
MOST_STRATA: Final = 24
#: Share of the reference weight that must have been seen in the window itself.
LEAST_COVER: Final = 0.9
#: Fewer events, or non-events, than this: the rate is shrunk to its reference by so many pseudo-reports.
_FEW: Final = 5
_PSEUDO: Final = 20.0
_OTHER: Final = "(other)"


class CaseMixError(ValueError):
    """One clear sentence about strata that cannot be standardised over."""


@dataclass(frozen=True, slots=True)
class CaseMix:
    """The reference window by stratum: how many reports, and the rate that small numbers are shrunk to.

    Strata with fewer than 30 reports are pooled up the tree of `columns`, dropped from the last: the sparse ones
    under one parent become ``(parent, "(other)")``, and that goes up again if it is sparse itself.
    """

    columns: tuple[str, ...]
    n: dict[Stratum, float]
    rates: dict[Stratum, float]

    @classmethod
    def of(cls, counts: Mapping[Stratum, tuple[float, float]], columns: Sequence[str]) -> "CaseMix":
        """From (n, events) by stratum. Raises CaseMixError for an empty reference or more than 24 strata.

        >>> mix = CaseMix.of({("icu",): (400, 40), ("ward",): (600, 18), ("day",): (9, 0)}, ["unit"])
        >>> sorted(mix.n)
        [('(other)',), ('icu',), ('ward',)]
        """
        if any(len(stratum) != len(columns) for stratum in counts):
            raise CaseMixError(f"Every stratum must name a value for each of: {', '.join(columns) or 'nothing'}.")
        merged = {stratum: np.array(cell, float) for stratum, cell in sorted(counts.items()) if cell[0] > 0}
        if not merged:
            raise CaseMixError("The reference window holds no measured report; there is no case mix to hold to.")
        for depth in range(len(columns) - 1, -1, -1):
            merged = _pooled(merged, depth)
        if len(merged) > MOST_STRATA:
            raise CaseMixError(
                f"The case mix has {len(merged)} strata; at most {MOST_STRATA} can be held: name fewer columns."
            )
        total = sum(merged.values(), np.zeros(2))
        overall = float(total[1] / total[0])
        rates = {stratum: shrunk(float(cell[0]), float(cell[1]), overall) for stratum, cell in merged.items()}
        return cls(tuple(columns), {stratum: float(cell[0]) for stratum, cell in merged.items()}, rates)

    def place(self, stratum: Stratum) -> Stratum | None:
        """The stratum of the reference that these cases belong to; None where it never saw their like."""
        for depth in range(len(stratum), -1, -1):
            known = (*stratum[:depth], *[_OTHER] * (len(stratum) - depth))
            if known in self.n:
                return known
        return None


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Denominator and numerator of one measure in one window, each of shape (256 patient groups, strata)."""

    strata: tuple[Stratum, ...]
    n: Floats
    events: Floats


@dataclass(frozen=True, slots=True)
class Standardised:
    """A rate at the case mix of the reference window, beside the crude one.

    `explained` is crude − standardised. `covered` is the share of the reference weight whose own stratum was seen
    in this window: below .9 the number is shown without verdict (`sufficient` is False). `outside` is the share of
    the window's reports whose like the reference never saw. Values are NaN where nothing was measured.
    """

    crude: float
    value: float
    low: float
    high: float
    explained: float
    covered: float
    outside: float
    n: float
    n_eff: float
    variance: float

    @property
    def sufficient(self) -> bool:
        return self.covered >= LEAST_COVER


def group_counts(
    tally: Tally, monitor: Monitor, measure: Measure, columns: Sequence[str], *, version: str, item: str = ""
) -> GroupCounts:
    """The case mix of a tally: one stratum for each combination of `columns` that it holds.

    Raises CaseMixError for a measure that is no share and for columns the tally was not stratified by.
    """
    if not (measure.numerator and measure.denominator and math.isfinite(measure.high)):
        raise CaseMixError(f"{measure.name} is no share; only shares are standardised to a case mix.")
    unknown = [name for name in columns if name not in tally.strata]
    if unknown:
        raise CaseMixError(f"The tally is not stratified by {unknown[0]!r}; add it to the slices and tally anew.")
    places = [tally.strata.index(name) for name in columns]
    wanted = tally.where(version=version, **({"item": item} if item else {}))
    strata = tuple(
        sorted({tuple(level[i] for i in places) for level, w in zip(tally.levels, wanted, strict=True) if w})
    )
    cells = [monitor.cells.index(measure.denominator), monitor.cells.index(measure.numerator)]
    totals = [
        tally.group_totals(wanted & tally.where(**dict(zip(columns, stratum, strict=True))))[:, cells]
        for stratum in strata
    ]
    if not totals:
        return GroupCounts((), np.zeros((256, 0)), np.zeros((256, 0)))
    stacked = np.stack(totals, axis=1)
    return GroupCounts(strata, stacked[:, :, 0], stacked[:, :, 1])


def case_mix(counts: GroupCounts, columns: Sequence[str]) -> CaseMix:
    """The case mix of a reference window from its group counts; see `CaseMix.of`."""
    sums = zip(counts.n.sum(axis=0).tolist(), counts.events.sum(axis=0).tolist(), strict=True)
    return CaseMix.of(dict(zip(counts.strata, sums, strict=True)), columns)


def standardise(window: GroupCounts, reference: CaseMix, rho: float, alpha: float = 0.05) -> Standardised:
    """Direct standardisation: p = Σ_s w_s p̂_s with w_s the share of stratum s in the reference window.

    The weight of a stratum that is empty in this window goes to its nearest siblings in the tree, in proportion to
    theirs, and counts as not covered. With w fixed,

        Var = max( jackknife over patient groups, Σ_s w_s² p_s(1 − p_s) D_s/n_s ),   D_s = 1 + ρ(m̃_s − 1),

    p_s shrunk to the reference rate by 20 pseudo-reports where there are fewer than five events or non-events;
    n_eff = p(1 − p)/Var with the same p_s; the interval is Jeffreys on (p̂, n_eff). `rho` is the correlation
    within patients in the reference tally; NaN counts as 1. Simulated coverage
    .95–.99 over 2 and 6 strata, ρ = 0 to .3 and n = 150 to 4,000.
    """
    n, events, outside = _placed(window, reference)
    sizes, hits = n.sum(axis=0), events.sum(axis=0)
    everything = float(sizes.sum()) + outside[0]
    if not sizes.any():
        nan = math.nan
        return Standardised(nan, nan, nan, nan, nan, 0.0, 1.0 if everything else nan, everything, 0.0, nan)
    strata = list(reference.n)
    share = np.array([reference.n[s] for s in strata]) / sum(reference.n.values())
    seen = sizes > 0
    weights = _handed_down(strata, share, seen)[seen]
    n, events, sizes, hits = n[:, seen], events[:, seen], sizes[seen], hits[seen]
    value = float(weights @ (hits / sizes))
    targets = [reference.rates[s] for s, one in zip(strata, seen, strict=True) if one]
    smooth = np.array([shrunk(m, k, r) for m, k, r in zip(sizes, hits, targets, strict=True)])
    cost = 1 + (1.0 if math.isnan(rho) else rho) * (np.array([mean_cluster_size(column) for column in n.T]) - 1)
    rest_n, rest = leave_one_out(n), leave_one_out(events)
    rates = np.divide(rest, rest_n, out=np.broadcast_to(hits / sizes, rest.shape).copy(), where=rest_n > 0)
    replicate = jackknife_variance(rates @ weights, filled_groups(n))
    formula = float(np.sum(weights**2 * smooth * (1 - smooth) * cost / sizes))
    variance = max(formula, replicate) if math.isfinite(replicate) else formula
    centre = float(weights @ smooth)
    # no event anywhere, in the reference either: the limit of the same ratio as all rates go to zero together
    n_eff = centre * (1 - centre) / variance if variance > 0 else 1 / float(np.sum(weights**2 * cost / sizes))
    n_eff = min(n_eff, float(sizes.sum()))
    low, high = jeffreys(value * n_eff, n_eff, alpha=alpha)
    crude = (float(hits.sum()) + outside[1]) / everything
    return Standardised(
        crude,
        value,
        low,
        high,
        explained=crude - value,
        covered=float(share[seen].sum()),
        outside=outside[0] / everything,
        n=everything,
        n_eff=n_eff,
        variance=variance,
    )


def shrunk(n: float, events: float, target: float) -> float:
    """The rate, pulled to `target` by 20 pseudo-reports where fewer than five events or non-events speak for it.

    >>> shrunk(100, 0, 0.06)
    0.01
    """
    if min(events, n - events) >= _FEW:
        return float(events / n)
    return float((events + _PSEUDO * target) / (n + _PSEUDO))


def _pooled(cells: dict[Stratum, Floats], depth: int) -> dict[Stratum, Floats]:
    """Sparse strata under one parent of `depth` values, pooled; the others stay as they are."""
    made: dict[Stratum, Floats] = {}
    for stratum, cell in cells.items():
        sparse = cell[0] < SMALLEST_STRATUM
        name = (*stratum[:depth], *[_OTHER] * (len(stratum) - depth)) if sparse else stratum
        made[name] = made.get(name, np.zeros(2)) + cell
    return made


def _placed(window: GroupCounts, reference: CaseMix) -> tuple[Floats, Floats, tuple[float, float]]:
    """Totals by group and reference stratum, and (n, events) of what the reference never saw."""
    strata = list(reference.n)
    n, events = np.zeros((len(window.n), len(strata))), np.zeros((len(window.n), len(strata)))
    outside = np.zeros(2)
    for i, stratum in enumerate(window.strata):
        place = reference.place(stratum)
        if place is None:
            outside += window.n[:, i].sum(), window.events[:, i].sum()
            continue
        n[:, strata.index(place)] += window.n[:, i]
        events[:, strata.index(place)] += window.events[:, i]
    return n, events, (float(outside[0]), float(outside[1]))


def _handed_down(strata: Sequence[Stratum], share: Floats, seen: np.ndarray) -> Floats:
    """The weights, with those of unseen strata handed to their nearest seen siblings."""
    weights = np.where(seen, share, 0.0)
    for i in np.flatnonzero(~seen).tolist():
        for depth in range(len(strata[i]) - 1, -1, -1):
            near = np.array([s[:depth] == strata[i][:depth] for s in strata]) & seen
            if near.any():
                weights[near] += share[i] * share[near] / share[near].sum()
                break
    return weights
