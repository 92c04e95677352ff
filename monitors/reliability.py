"""The reliability curve with its consistency band, the test of calibration, and the CORP decomposition.

All are shown figures, never alerts: the p-value shrinks with n, and MCB is positive by construction.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import isotonic_regression

from monitors.groups import Floats, mean_cluster_size
from monitors.intervals import (
    calibration_contrast,
    design,
    intracluster_correlation,
    jeffreys,
    local_deff,
    share_variance,
)
from monitors.measurement import Slice
from monitors.score_grid import SUMS, bin_starts, binned, edges, histograms
from monitors.selection import select
from monitors.tally import Tally


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bin of a reliability diagram: mean probability against observed frequency and its interval.

    `patients` are at least so many: the patient groups that have a row in it.
    """

    low: float
    high: float
    n: float
    confidence: float
    frequency: float
    frequency_low: float
    frequency_high: float
    patients: int


@dataclass(frozen=True, slots=True)
class ConsistencyBin:
    """Where the frequency of a bin would lie in 95 of 100 samples of this size if the probability were right."""

    low: float
    high: float
    n: float
    confidence: float
    band_low: float
    band_high: float


def reliability(
    tally: Tally,
    *,
    version: str,
    item: str = "",
    where: Slice | None = None,
    reference: Tally | None = None,
    bins: int = 10,
) -> list[ReliabilityBin]:
    """The reliability diagram of one finding (or all, item ""), without empty bins.

    Bin edges, and the correlation between a patient's rows given their probabilities, come from `reference` where
    it has rows of the finding, else from the slice itself (`has_bins`). Frequencies have Jeffreys limits on the
    effective sample size.
    """
    curve = _Curve.of(tally, version, item, where, reference, bins)
    made = []
    for b in curve.filled():
        n, events = float(curve.count[:, b].sum()), float(curve.event[:, b].sum())
        below, above = jeffreys(events, n, curve.deff(b))
        patients = int((curve.count[:, b] > 0).sum())
        ends = curve.edges[b], curve.edges[b + 1]
        made.append(ReliabilityBin(*ends, n, curve.confidence(b), events / n, below, above, patients))
    return made


def consistency_band(
    tally: Tally,
    *,
    version: str,
    item: str = "",
    where: Slice | None = None,
    reference: Tally | None = None,
    bins: int = 10,
    alpha: float = 0.05,
) -> list[ConsistencyBin]:
    """The band that holds the frequency of each bin with probability ≥ 1 − α if the system were calibrated.

    Quantiles of Binomial(n_eff, mean probability)/n_eff, with the design effect that the bin's own interval has.
    Bins are those of `reliability`, each on its own: ten bins of a calibrated system may well have one outside.
    Source: Bröcker & Smith 2007, on effective sizes.
    """
    curve = _Curve.of(tally, version, item, where, reference, bins)
    made = []
    for b in curve.filled():
        n = float(curve.count[:, b].sum())
        low, high = binomial_band(n / curve.deff(b), curve.confidence(b), alpha)
        made.append(ConsistencyBin(curve.edges[b], curve.edges[b + 1], n, curve.confidence(b), low, high))
    return made


def has_bins(reference: Tally, item: str = "") -> bool:
    """Whether a reference window holds a finding (or any, item ""), so that bins can come from it."""
    return bool(reference.group_totals(select(reference, Slice(), item=item))[:, 0].sum() > 0)


def binomial_band(n: float, p: float, alpha: float = 0.05) -> tuple[float, float]:
    """Shares between which Binomial(n, p)/n lies with probability ≥ 1 − α; n may be fractional.

    >>> binomial_band(10, 0.5)
    (0.2, 0.8)
    """
    p = min(max(p, 0.0), 1.0)
    reach = 10 * math.sqrt(n * p * (1 - p)) + 10
    k = np.arange(max(0, math.floor(n * p - reach)), min(math.ceil(n), math.ceil(n * p + reach)) + 1)
    below = np.where(k < n, special.betainc(np.maximum(n - k, 1e-12), k + 1.0, 1 - p), 1.0)
    last = len(k) - 1
    low = float(k[min(int(np.searchsorted(below, alpha / 2, side="right")), last)])
    high = float(k[min(int(np.searchsorted(below, 1 - alpha / 2, side="left")), last)])
    return min(low / n, 1.0), min(high / n, 1.0)


@dataclass(frozen=True, slots=True)
class CalibrationTest:
    """The test of "calibrated": statistic, degrees of freedom and p-value; NaN where it cannot be made."""

    statistic: float
    degrees: float
    p_value: float


def calibration_test(
    tally: Tally,
    *,
    version: str,
    item: str = "",
    where: Slice | None = None,
    reference: Tally | None = None,
    bins: int = 10,
) -> CalibrationTest:
    """Test that the mean probability of every bin is its frequency, with a patient's rows taken together.

    d′Ad·ν/tr(AV) ~ χ²_ν with ν = tr(AV)²/tr(AVAV) (Satterthwaite), d and V as in
    `intervals.squared_calibration_error`. Shown, never alerted on: with enough rows any model fails it. Size at
    5 %: .01–.05 (simulated, ρ = 0 and .3, n = 100–3,000).
    """
    curve = _Curve.of(tally, version, item, where, reference, bins)
    d, inverse, V = calibration_contrast(curve.count, curve.probability, curve.event)
    AV = inverse[:, None] * V
    trace, square = float(np.trace(AV)), float(np.trace(AV @ AV))
    if not (trace > 0 and square > 0):
        return CalibrationTest(math.nan, math.nan, math.nan)
    degrees = trace**2 / square
    statistic = float(d @ (inverse * d)) * degrees / trace
    return CalibrationTest(statistic, degrees, float(special.chdtrc(degrees, statistic)))


@dataclass(frozen=True, slots=True)
class Corp:
    """Brier score = miscalibration − discrimination + uncertainty, exactly, on the grid.

    `curve` is the isotonic recalibration: (mean probability, fitted frequency) of each filled grid bin.
    """

    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float
    n: float
    curve: tuple[tuple[float, float], ...]


def corp(tally: Tally, *, version: str, item: str = "", where: Slice | None = None) -> Corp:
    """The CORP decomposition (Dimitriadis, Gneiting & Jordan, PNAS 2021); NaN where nothing is measured.

    S = mean (p − y)² with p the mean probability of its grid bin; S_iso with p replaced by isotonic regression of
    the outcomes on it (pool-adjacent-violators); S_const with the overall frequency. MCB = S − S_iso,
    DSC = S_const − S_iso, UNC = S_const. MCB is what a monotone recalibration would have saved on these very rows,
    so it is above zero for a calibrated system too, the more so the fewer rows: a shown figure without verdict.
    """
    totals = tally.group_totals(select(tally, where or Slice(), version=version, item=item)).sum(axis=0)
    count, probability, event = histograms(totals)
    kept = count > 0
    n, k = count[kept], event[kept]
    total = float(n.sum())
    if total <= 0:
        return Corp(math.nan, math.nan, math.nan, math.nan, 0.0, ())
    mean = probability[kept] / n
    order = np.argsort(mean, kind="stable")
    n, k, mean = n[order], k[order], mean[order]
    fitted = isotonic_regression(k / n, weights=n).x
    brier, isotonic, constant = (_squared(p, n, k) for p in (mean, fitted, np.full_like(mean, k.sum() / total)))
    curve = tuple(zip(mean.tolist(), fitted.tolist(), strict=True))
    return Corp(brier, brier - isotonic, constant - isotonic, constant, total, curve)


def _squared(p: Floats, n: Floats, events: Floats) -> float:
    """Mean of (p − y)² over rows, from counts and events by bin."""
    return float((n * p * p - 2 * p * events + events).sum() / n.sum())


@dataclass(frozen=True, slots=True)
class _Curve:
    """Group totals by bin, each (groups, bins), and the correlation of residuals within patients."""

    edges: list[float]
    count: Floats
    probability: Floats
    event: Floats
    rho: float

    @classmethod
    def of(
        cls, tally: Tally, version: str, item: str, where: Slice | None, reference: Tally | None, bins: int
    ) -> "_Curve":
        totals = tally.group_totals(select(tally, where or Slice(), version=version, item=item))
        source = totals
        # one bin for what the reference window lacks would hide all but the mean
        if reference is not None and has_bins(reference, item):
            source = reference.group_totals(select(reference, Slice(), item=item))
        starts = bin_starts(source.sum(axis=0), bins)
        return cls(edges(starts), *binned(totals, starts), residual_correlation(source))

    def filled(self) -> list[int]:
        return [int(b) for b in np.flatnonzero(self.count.sum(axis=0) > 0)]

    def confidence(self, b: int) -> float:
        return float(self.probability[:, b].sum() / self.count[:, b].sum())

    def deff(self, b: int) -> float:
        count, event = self.count[:, b], self.event[:, b]
        variance = share_variance(event, count)
        return design(float(count.sum()), float(event.sum()), variance, mean_cluster_size(count), self.rho).deff


def residual_correlation(totals: Floats) -> float:
    """ρ of probability − outcome within patients, from group totals (groups, cells): what correlates in a bin."""
    n, p, k, square = (totals[:, SUMS.index(c)] for c in ("labelled", "probability", "events", "squared_error"))
    if not n.sum() > 0:
        return math.nan
    gap = (p - k).sum() / n.sum()
    scatter = float(square.sum() / n.sum() - gap**2)
    variance = share_variance(p - k, n)
    deff = variance * float(n.sum()) / scatter if scatter > 0 else math.nan
    return intracluster_correlation(deff, mean_cluster_size(n))


def label_correlation(count: Floats, event: Floats) -> float:
    """ρ of outcomes within patients from group totals of shape (groups,); NaN where that cannot be told."""
    if not count.sum() > 0:
        return math.nan
    variance = share_variance(event, count)
    return intracluster_correlation(
        local_deff(variance, float(count.sum()), float(event.sum())), mean_cluster_size(count)
    )
