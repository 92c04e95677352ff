"""Limits of a change that is made of rare events, some won and some lost.

Won and lost are weighted counts over patients. Each has exact limits on its effective size (Fay & Feuer 1997), so
that none seen in n is no proof that there is none; MOVER (Zou & Donner 2008) makes those of won minus lost.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from monitors import intervals
from monitors.groups import GROUPS, Floats, mean_cluster_size
from monitors.strata import Ints


@dataclass(frozen=True, slots=True)
class Moves:
    """What one ratio won and lost: `parts` (questions,) are e, `exposure` (256,) D̄ by patient group."""

    parts: Floats
    group: Ints
    exposure: Floats

    @property
    def nets(self) -> Floats:
        return by_group(self.parts, self.group)

    @property
    def value(self) -> float:
        return float(self.parts.sum() / self.exposure.sum())

    @property
    def cluster_size(self) -> float:
        return mean_cluster_size(self.exposure)

    def rho(self, measures: float) -> float:
        """Correlation of moves within patients; that of the measure where too few patients moved to tell."""
        moved = np.abs(self.parts)
        if patients_with(moved, self.group) < intervals.MANY_PATIENTS:
            return measures
        own = intervals.intracluster_correlation(self.deff(moved), self.cluster_size)
        return measures if math.isnan(own) else own

    def deff(self, events: Floats) -> float:
        """Variance of the sum of `events` (questions,) over patient groups, over that of independent ones."""
        squares = float(events @ events)
        share = intervals.share_variance(by_group(events, self.group), self.exposure)
        return share * float(self.exposure.sum()) ** 2 / squares if squares > 0 else math.nan

    def limits(self, rho: float, alpha: float) -> tuple[float, float, float]:
        """Value, low and high: MOVER on won and lost; `rho` is the correlation of moves within patients."""
        heaviest = max(1.0, float(np.abs(self.parts).max(initial=0.0)))
        won, lost = (self._side(np.maximum(0.0, sign * self.parts), heaviest, rho, alpha) for sign in (1.0, -1.0))
        # no correlation: that of won and lost, which exclude each other, is in the limits of counts already
        return (self.value, *intervals.mover(won, lost))

    def _side(self, events: Floats, heaviest: float, rho: float, alpha: float) -> tuple[float, float, float]:
        """Share won, or lost, and its limits. One more case may be as heavy as all of the worst patient's."""
        count, patients = int((events > 0).sum()), patients_with(events, self.group)
        deff = self._design(events, count, rho)
        if 0 < patients < intervals.MANY_PATIENTS:
            deff = max(deff, count / patients)  # no more effective events than patients who have them
        total, squares, n = float(events.sum()), float(events @ events), float(self.exposure.sum())
        most = max(deff * heaviest, float(by_group(events, self.group).max()))
        low, high = weighted_count(total, deff * squares, most, alpha)
        return total / n, low / n, high / n

    def _design(self, events: Floats, count: int, rho: float) -> float:
        """As `intervals.design`: few events say nothing about their own clustering, unknown ρ counts as 1."""
        own = self.deff(events)
        pooled = 1 + (1.0 if math.isnan(rho) else rho) * (self.cluster_size - 1)
        if count < intervals.FEW_EVENTS or math.isnan(own):
            return pooled
        return max(1.0, own) if math.isnan(rho) else max(1.0, own, pooled)


def weighted_count(total: float, squares: float, heaviest: float, alpha: float = 0.05) -> tuple[float, float]:
    """Limits of a weighted count of rare events (Fay & Feuer 1997): gamma, with one more of the heaviest above.

    `total` and `squares` are the sums of weights and of their squares. Of weights of 1 the limits are the exact
    ones of a Poisson count.

    >>> [round(x, 2) for x in (*weighted_count(0, 0, 1), *weighted_count(6, 6, 1))]
    [0.0, 3.69, 2.2, 13.06]
    """
    low = _gamma(total, squares, alpha / 2) if total > 0 else 0.0
    return low, _gamma(total + heaviest, squares + heaviest**2, 1 - alpha / 2)


def _gamma(mean: float, variance: float, share: float) -> float:
    return float(special.gammaincinv(mean * mean / variance, share)) * variance / mean


def by_group(values: Floats, group: Ints) -> Floats:
    made: Floats = np.bincount(group, values, GROUPS).astype(np.float64)
    return made


def patients_with(values: Floats, group: Ints) -> int:
    """Patients (groups) with any of `values` (questions,) above 0."""
    return int((by_group(values, group) > 0).sum())
