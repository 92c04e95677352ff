"""Direct standardisation: a measure of one window as if its patients were those of the reference window.

Of a share or a mean count the interval is that of rates, of other means that of the jackknife.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitors.casemix import CaseMix, Stratum, shrunk
from monitors.groups import Floats, jackknife_degrees, jackknife_variance, leave_one_out, mean_cluster_size
from monitors.intervals import FEW_EVENTS, alike, filled_groups, jeffreys, jeffreys_count, normal
from monitors.measurement import Interval, Measure
from monitors.stratum_counts import GroupCounts, is_count, is_share

#: Share of the reference weight that must have been seen in the window itself.
LEAST_COVER: Final = 0.9
#: A stratum of fewer patient groups has not shown how much a mean varies in it.
_FEW_GROUPS: Final = 10
#: Less than this is what rounding leaves of no variance at all.
_NO_VARIANCE: Final = 1e-20
_ALIKE: Final = "every patient of a stratum is alike: no interval"
_NAN: Final = math.nan


@dataclass(frozen=True, slots=True)
class Standardised:
    """A measure at the case mix of the reference window, beside the crude one.

    `explained` is crude − standardised. `covered` is the share of the reference weight whose own stratum was seen
    in this window: below .9 the number is shown without verdict (`sufficient` is False). `outside` is the share of
    the window's reports whose like the reference never saw. Values are NaN where nothing was measured, limits also
    where too little is known of them (`note` says why), `n_eff` for all means.
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
    note: str = ""

    @property
    def sufficient(self) -> bool:
        return self.covered >= LEAST_COVER


@dataclass(frozen=True, slots=True)
class _Held:
    """The strata of the reference that the window has rows of, and what they weigh there.

    `n` and `sums` are of shape (256, strata), everything else of shape (strata,) or one number.
    """

    n: Floats
    sums: Floats
    weights: Floats
    targets: Floats  # rates that small numbers are shrunk to
    covered: float
    outside: tuple[float, float]

    @property
    def sizes(self) -> Floats:
        total: Floats = self.n.sum(axis=0)
        return total

    @property
    def hits(self) -> Floats:
        total: Floats = self.sums.sum(axis=0)
        return total

    @property
    def rates(self) -> Floats:
        each: Floats = self.hits / self.sizes
        return each

    @property
    def value(self) -> float:
        return float(self.weights @ self.rates)

    @property
    def everything(self) -> float:
        return float(self.sizes.sum()) + self.outside[0]

    def without(self) -> Floats:
        """The standardised value with each patient group left out, (256,); a stratum that is all its own stays."""
        rest_n, rest = leave_one_out(self.n), leave_one_out(self.sums)
        each = np.divide(rest, rest_n, out=np.broadcast_to(self.rates, rest.shape).copy(), where=rest_n > 0)
        values: Floats = each @ self.weights
        return values

    def cost(self, rho: float) -> Floats:
        """Design effect of each stratum: 1 + ρ(m̃ − 1); an unknown ρ counts as 1."""
        sizes = np.array([mean_cluster_size(column) for column in self.n.T])
        effect: Floats = 1 + (1.0 if math.isnan(rho) else rho) * (sizes - 1)
        return effect


def standardised(
    one: Measure, window: GroupCounts, reference: CaseMix, rho: float, alpha: float = 0.05
) -> Standardised:
    """Any ratio of two sums at the case mix of the reference window: a share, a mean count or another mean."""
    if is_share(one) or is_count(one):
        return standardise(window, reference, rho, alpha, counts=is_count(one))
    return standardise_mean(one, window, reference, alpha)


def standardise(
    window: GroupCounts, reference: CaseMix, rho: float, alpha: float = 0.05, *, counts: bool = False
) -> Standardised:
    """A share: p = Σ_s w_s p̂_s with w_s the share of stratum s in the reference window; or so a mean count.

    The weight of a stratum that is empty in this window goes to its nearest siblings in the tree, in proportion to
    theirs, and counts as not covered. With w fixed,

        Var = max( jackknife over patient groups, Σ_s w_s² p_s(1 − p_s) D_s/n_s ),   D_s = 1 + ρ(m̃_s − 1),

    p_s shrunk to the reference rate by 20 pseudo-reports where there are fewer than five events or non-events;
    n_eff = p(1 − p)/Var with the same p_s; the interval is Jeffreys on (p̂, n_eff). Of a mean count λ (`counts`)
    it is the Gamma form of Jeffreys, with W·λ_s for p_s(1 − p_s): weighted events count as whole ones of their
    mean weight W. `rho` is the correlation within patients in the reference tally; NaN counts as 1. Simulated
    coverage of shares .95–.99 over 2 and 6 strata, ρ = 0 to .3 and n = 150 to 4,000.
    """
    held = _held(window, reference)
    if held is None:
        return _nothing(window)
    parts = zip(held.sizes, held.hits, held.targets, strict=True)
    smooth = np.array([shrunk(m, k, r, counts=counts) for m, k, r in parts])
    centre, weight = float(held.weights @ smooth), window.weight
    each, whole = (weight * smooth, weight * centre) if counts else (smooth * (1 - smooth), centre * (1 - centre))
    cost = held.cost(rho)
    variance = _larger(held, float(np.sum(held.weights**2 * each * cost / held.sizes)))
    n_eff = _effective(held, whole, variance, cost)
    limits = jeffreys_count if counts else jeffreys
    low, high = (weight * limit for limit in limits(held.value / weight * n_eff, n_eff, alpha=alpha))
    return _made(held, window, low, high, variance, n_eff)


def standardise_mean(one: Measure, window: GroupCounts, reference: CaseMix, alpha: float = 0.05) -> Standardised:
    """Another mean: t on the jackknife over patient groups, and on no less than the strata's own variances say.

    Σ_s w_s² v_s/n_s, with v_s the variance of a row (that of a patient's rows together, over their number) from
    the residuals of the patient groups; a stratum of fewer than ten groups takes that of all strata. No limits
    where a mean over outcomes has fewer than ten of one kind: the jackknife knows nothing of those to come. Where
    all patients of a stratum are alike the limits are those of `monitors.intervals.alike`.
    """
    held = _held(window, reference)
    if held is None:
        return _nothing(window)
    without = held.without()
    filled = filled_groups(held.n)
    variance = _larger(held, float(np.sum(held.weights**2 * _unit_variances(held) / held.sizes)))
    if window.rarer < FEW_EVENTS:
        note = f"fewer than {FEW_EVENTS} outcomes of one kind: no interval"
        return _made(held, window, _NAN, _NAN, variance, _NAN, note)
    if filled.sum() < 2:
        return _made(held, window, _NAN, _NAN, variance, _NAN, "fewer than two patients: no interval")
    if variance < _NO_VARIANCE * max(1.0, held.value**2) and one.interval is Interval.NORMAL:
        n_eff = 1 / float(np.sum(held.weights**2 * held.cost(1.0) / held.sizes))
        low, high = alike(held.value, n_eff, one.low, one.high, alpha)
        return _made(held, window, low, high, variance, _NAN, "" if math.isfinite(high - low) else _ALIKE)
    low, high = normal(held.value, variance, one.low, one.high, alpha, jackknife_degrees(without, filled))
    return _made(held, window, low, high, variance, _NAN)


def _unit_variances(held: _Held) -> Floats:
    """Variance of one row's number by stratum, with what a patient's rows have in common: (strata,)."""
    squares = ((held.sums - held.rates * held.n) ** 2).sum(axis=0)
    groups = (held.n > 0).sum(axis=0)
    freedom = np.maximum(groups - 1, 1) / groups  # residuals round their own mean are too small
    own = squares / held.sizes / freedom
    many = groups >= _FEW_GROUPS
    pooled = squares.sum() / float(held.sizes @ freedom)
    variances: Floats = np.where(many, own, np.maximum(own, pooled))
    return variances


def _larger(held: _Held, formula: float) -> float:
    replicate = jackknife_variance(held.without(), filled_groups(held.n))
    return max(formula, replicate) if math.isfinite(replicate) else formula


def _effective(held: _Held, unit: float, variance: float, cost: Floats) -> float:
    """How many independent rows have this variance, each of variance `unit`; never more than there are."""
    # no event anywhere, in the reference either: the limit of the same ratio as all rates go to zero together
    n_eff = unit / variance if variance > 0 else 1 / float(np.sum(held.weights**2 * cost / held.sizes))
    return min(n_eff, float(held.sizes.sum()))


def _made(
    held: _Held, window: GroupCounts, low: float, high: float, variance: float, n_eff: float, note: str = ""
) -> Standardised:
    crude = (float(held.hits.sum()) + held.outside[1]) / held.everything
    return Standardised(
        crude,
        held.value,
        low,
        high,
        explained=crude - held.value,
        covered=held.covered,
        outside=held.outside[0] / held.everything,
        n=held.everything,
        n_eff=n_eff,
        variance=variance,
        note=note,
    )


def _nothing(window: GroupCounts) -> Standardised:
    """Nothing measured in any stratum of the reference."""
    n, nan = float(window.n.sum()), _NAN
    crude = float(window.events.sum()) / n if n else nan
    return Standardised(crude, nan, nan, nan, nan, 0.0, 1.0 if n else nan, n, 0.0, nan)


def _held(window: GroupCounts, reference: CaseMix) -> _Held | None:
    """The window laid into the strata of the reference; None where it has no row in any."""
    n, sums, outside = _placed(window, reference)
    seen = n.sum(axis=0) > 0
    if not seen.any():
        return None
    strata = list(reference.n)
    share = np.array([reference.n[s] for s in strata]) / sum(reference.n.values())
    return _Held(
        n[:, seen],
        sums[:, seen],
        _handed_down(strata, share, seen)[seen],
        np.array([reference.rates[s] for s, one in zip(strata, seen, strict=True) if one]),
        covered=float(share[seen].sum()),
        outside=outside,
    )


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


def _handed_down(strata: Sequence[Stratum], share: Floats, seen: NDArray[np.bool_]) -> Floats:
    """The weights, with those of unseen strata handed to their nearest seen siblings."""
    weights = np.where(seen, share, 0.0)
    for i in np.flatnonzero(~seen).tolist():
        for depth in range(len(strata[i]) - 1, -1, -1):
            near = np.array([s[:depth] == strata[i][:depth] for s in strata]) & seen
            if near.any():
                weights[near] += share[i] * share[near] / share[near].sum()
                break
    return weights
