"""Intervals that hold for clustered, rare and bounded statistics; one function a formula.

No percentile interval of a rate, gap or calibration error is made anywhere: at a rate of 2 % and 50 reports
such intervals cover the truth in half of all cases.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.columns import ratio
from monitors.groups import Floats, jackknife_covariance, jackknife_variance, leave_one_out

#: Fewer events than this say nothing about their own clustering: the pooled design effect stands in.
FEW_EVENTS = 10
#: Fewer weighted events than this, counted as whole ones of their mean weight, say nothing about heavier ones.
FEW_WEIGHED = 20
#: From so many patients (groups) with the rarer outcome on, limits far out hold without counting them.
#: Simulated: of 12 null slices some one excludes 0 in .04–.05 of windows with 20, in .06–.09 with 10, with fewer
#: in up to .27.
MANY_PATIENTS = 20


@dataclass(frozen=True, slots=True)
class Design:
    """What clustering costs: design effect, effective sample size, and the correlation it came from.

    `rho` is NaN where the parent tally could not tell; then patients are taken as wholly alike (ρ = 1).
    """

    deff: float
    n_eff: float
    cluster_size: float
    rho: float


def event_weight(weights: float, squares: float) -> float:
    """What one event of a weighted rate weighs, Σw²/Σw, from the sums of weights and of their squares.

    Weighted events vary as that many whole ones of this weight do (scaled Poisson, Bohm & Zech 2014). Fewer than
    twenty have not shown how heavy others may be, so that each of them counts as the heaviest: 1.
    """
    return squares / weights if weights * weights >= FEW_WEIGHED * squares > 0 else 1.0


def z_of(alpha: float) -> float:
    """Two-sided standard normal point: 1.96 for α = .05."""
    return float(special.ndtri(1 - alpha / 2))


def t_of(alpha: float, degrees: float) -> float:
    """Two-sided t value; z for infinite degrees of freedom, NaN for unknown ones."""
    return z_of(alpha) if math.isinf(degrees) else float(special.stdtrit(degrees, 1 - alpha / 2))


def intracluster_correlation(deff: float, cluster_size: float) -> float:
    """ρ = (deff − 1)/(m̃ − 1) within [0, 1]; NaN where clusters are too small to tell (m̃ < 1.1).

    >>> intracluster_correlation(2.59, 6.3)
    0.3
    """
    if not (math.isfinite(deff) and cluster_size >= 1.1):
        return math.nan
    return round(min(1.0, max(0.0, (deff - 1) / (cluster_size - 1))), 12)


def local_deff(variance: float, n: float, events: float, *, counts: bool = False) -> float:
    """Jackknife variance over that of independent observations: p(1 − p)/n for shares, λ/n for counts."""
    rate = events / n if n > 0 else math.nan
    simple = (rate if counts else rate * (1 - rate)) / n if n > 0 else math.nan
    return variance / simple if simple > 0 else math.nan


def share_variance(events: Floats, n: Floats) -> float:
    """Jackknife variance of Σevents/Σn from totals by patient group, each of shape (256,)."""
    return jackknife_variance(ratio(leave_one_out(events), leave_one_out(n)), filled_groups(n))


def design(
    n: float, events: float, variance: float, cluster_size: float, rho: float, *, counts: bool = False
) -> Design:
    """The design effect of a rate, pooled from the parent's ρ (statistics of the clustered simulations).

    deff = 1 + ρ(m̃ − 1) with few events, else the larger of that, of the slice's own and of 1. Few is fewer than
    ten events, or non-events, so that a rate and its complement get mirrored intervals. Unknown ρ counts as 1.
    """
    pooled = 1 + (1.0 if math.isnan(rho) else rho) * (cluster_size - 1)
    few = events < FEW_EVENTS or (not counts and n - events < FEW_EVENTS)
    own = local_deff(variance, n, events, counts=counts)
    deff = pooled if few or math.isnan(own) else max(1.0, own, pooled)
    if math.isnan(rho) and not few and not math.isnan(own):
        deff = max(1.0, own)  # enough events of its own: no need to assume the worst
    return Design(deff, n / deff, cluster_size, rho)


def by_patients(cost: Design, n: float, events: float, patients: int, *, counts: bool = False) -> Design:
    """The design with no more effective events than `patients` who have the rarer outcome; theirs where many do.

    >>> by_patients(Design(2.0, 100.0, 6.0, 0.2), 200, 12, 3).deff
    4.0
    """
    rare = events if counts else min(events, n - events)
    deff = max(cost.deff, rare / patients) if 0 < patients < MANY_PATIENTS else cost.deff
    return Design(deff, n / deff, cost.cluster_size, cost.rho)


def none_seen(n_eff: float, alpha: float = 0.05) -> float:
    """Exact upper limit of a share of which no case was seen among so many: 1 − (α/2)^(1/n) (Clopper–Pearson).

    >>> round(none_seen(100), 4)
    0.0362
    """
    return -math.expm1(math.log(alpha / 2) / n_eff)


def jeffreys(events: float, n: float, deff: float = 1.0, alpha: float = 0.05) -> tuple[float, float]:
    """Jeffreys interval of a share on the effective sample size; exact where no or every case is an event.

    Beta(α/2, 1 − α/2) quantiles of (S/deff + ½, (n − S)/deff + ½); lower 0 when S = 0, upper 1 when S = n. The
    upper limit is never below the exact one of no event (`none_seen`), on which safety is claimed; the lower one
    mirrors it.

    >>> tuple(round(x, 4) for x in jeffreys(0, 100))
    (0.0, 0.0362)
    """
    a, b = events / deff + 0.5, (n - events) / deff + 0.5
    least = none_seen(n / deff, alpha)
    low = 0.0 if events <= 0 else min(float(special.betaincinv(a, b, alpha / 2)), 1 - least)
    high = 1.0 if events >= n else max(float(special.betaincinv(a, b, 1 - alpha / 2)), least)
    return low, high


def probit(events: float, n: float, deff: float = 1.0, alpha: float = 0.05) -> tuple[float, float, float]:
    """z of a share, and Jeffreys limits on that scale; finite where no or every case is an event.

    z[(S + ½)/(n + 1)] (Hautus 1995), with z of the Beta quantiles of (S/deff + ½, (n − S)/deff + ½).

    >>> value, low, high = probit(50, 100)
    >>> value == 0 and low < 0 < high
    True
    """
    a, b = events / deff + 0.5, (n - events) / deff + 0.5
    low, high = (float(special.ndtri(special.betaincinv(a, b, q))) for q in (alpha / 2, 1 - alpha / 2))
    return float(special.ndtri((events + 0.5) / (n + 1))), low, high


def jeffreys_count(events: float, n: float, deff: float = 1.0, alpha: float = 0.05) -> tuple[float, float]:
    """Jeffreys interval of a mean count (errors per report, which may exceed 1): Gamma(S/deff + ½, n/deff).

    Exact where there is no event: −log(α/2)/n_eff (Poisson), below which the upper limit never falls.

    >>> tuple(round(x, 3) for x in jeffreys_count(0, 100))
    (0.0, 0.037)
    """
    shape, exposure = events / deff + 0.5, n / deff
    low = 0.0 if events <= 0 else float(special.gammaincinv(shape, alpha / 2)) / exposure
    return low, max(float(special.gammaincinv(shape, 1 - alpha / 2)), -math.log(alpha / 2)) / exposure


def mover(
    first: tuple[float, float, float], second: tuple[float, float, float], r: float = 0.0
) -> tuple[float, float]:
    """Interval of first − second from their (value, low, high), with r the correlation of their estimates.

    L = d − √[(p₁−l₁)² + (u₂−p₂)² − 2r(p₁−l₁)(u₂−p₂)], U likewise (Zou & Donner 2008). r is that of the
    leave-one-group-out values: patients on both sides make it positive.

    >>> low, high = mover((0.1, 0.05, 0.2), (0.1, 0.05, 0.2))
    >>> low < 0 < high
    True
    """
    p1, l1, u1 = first
    p2, l2, u2 = second
    d = p1 - p2
    return d - _hypotenuse(p1 - l1, u2 - p2, r), d + _hypotenuse(u1 - p1, p2 - l2, r)


def _hypotenuse(a: float, b: float, r: float) -> float:
    square = a * a + b * b - 2 * r * a * b
    return math.nan if math.isnan(square) else math.sqrt(max(0.0, square))  # max(0, NaN) is 0: a width of nothing


def mover_ratio(
    first: tuple[float, float, float], second: tuple[float, float, float], r: float = 0.0
) -> tuple[float, float]:
    """Interval of first / second from their (value, low, high): MOVER-R (Donner & Zou 2012).

    The upper limit is infinite where the second may be zero.

    >>> low, high = mover_ratio((0.2, 0.15, 0.26), (0.1, 0.07, 0.14))
    >>> 1 < low < 2 < high
    True
    """
    p1, l1, u1 = first
    p2, l2, u2 = second
    if math.isnan(p1 + l1 + u1 + p2 + l2 + u2):
        return math.nan, math.nan
    if not p2 > 0:
        return (0.0, math.inf) if p2 == 0 else (math.nan, math.nan)
    # both limits solve (p₁ − R·p₂)² = a² + R²b² − 2rRab for R, with a and b the distances they combine
    a, b = p1 - l1, u2 - p2
    cross, constant, square = p1 * p2 - r * a * b, p1 * p1 - a * a, p2 * p2 - b * b
    root = math.sqrt(max(0.0, cross * cross - square * constant))
    low = constant / (cross + root) if cross + root > 0 else 0.0
    a, b = u1 - p1, p2 - l2
    cross, constant, square = p1 * p2 - r * a * b, p1 * p1 - a * a, p2 * p2 - b * b
    root = math.sqrt(max(0.0, cross * cross - square * constant))
    return max(0.0, low), (cross + root) / square if square > 0 else math.inf


def normal(
    value: float, variance: float, low: float, high: float, alpha: float = 0.05, degrees: float = math.inf
) -> tuple[float, float]:
    """value ± t·SE from the patient jackknife (z for infinite degrees of freedom), kept within the range."""
    half = t_of(alpha, degrees) * math.sqrt(variance) if variance >= 0 else math.nan
    if math.isnan(half):
        return math.nan, math.nan
    return max(low, value - half), min(high, value + half)


def alike(value: float, n_eff: float, low: float, high: float, alpha: float = 0.05) -> tuple[float, float]:
    """Limits of a mean within [low, high] of which all patients have the same value; NaN where these are infinite.

    The share of others, who may be as far away as the range goes, is at most `none_seen`.

    >>> tuple(round(x, 3) for x in alike(1.0, 60, 0.0, 1.0))
    (0.94, 1.0)
    """
    if not math.isfinite(high - low):
        return math.nan, math.nan
    others = none_seen(n_eff, alpha)
    return value - others * (value - low), value + others * (high - value)


def logit_t(value: float, variance: float, patients: int, alpha: float = 0.05) -> tuple[float, float]:
    """AUROC: logit scale, SE from the jackknife by the delta method, t on (positive patients − 1).

    A perfect separation has no such interval: NaN. Source: simulated coverage .93–.98 from 20 positive patients.
    """
    if not (0 < value < 1) or patients < 2 or not variance >= 0:
        return math.nan, math.nan
    centre = special.logit(value)
    half = float(special.stdtrit(patients - 1, 1 - alpha / 2)) * math.sqrt(variance) / (value * (1 - value))
    return float(special.expit(centre - half)), float(special.expit(centre + half))


def t_interval(value: float, variance: float, degrees: int, alpha: float = 0.05) -> tuple[float, float]:
    """value ± t·SE on the given degrees of freedom; NaN without any, or without a variance."""
    if degrees < 1 or not variance >= 0:
        return math.nan, math.nan
    half = float(special.stdtrit(degrees, 1 - alpha / 2)) * math.sqrt(variance)
    return value - half, value + half


def squared_calibration_error(
    n: Floats, confidence: Floats, events: Floats, alpha: float = 0.05
) -> tuple[float, float, float]:
    """Unbiased squared calibration error and its interval, from group totals by bin, each of shape (256, bins).

    d_b = Σ(conf − y)/n, w_b = n_b/n, V the jackknife covariance of d, A = diag(1/w):
    Q̂ = dᵀAd − tr(AV), Var = 4dᵀAVAd + 2tr(AVAV), interval Q̂ ± z√Var. Q̂ may be negative: it is unbiased, so
    a calibrated model scatters round 0. NaN with fewer than two patient groups.
    """
    d, inverse, V = calibration_contrast(n, confidence, events)
    if not np.isfinite(V).all() or not len(d):
        return math.nan, math.nan, math.nan
    AV = inverse[:, None] * V
    value = float(d @ (inverse * d) - np.trace(AV))
    variance = float(4 * (inverse * d) @ (V @ (inverse * d)) + 2 * np.trace(AV @ AV))
    half = z_of(alpha) * math.sqrt(max(0.0, variance))
    return value, value - half, value + half


def calibration_contrast(n: Floats, confidence: Floats, events: Floats) -> tuple[Floats, Floats, Floats]:
    """d, 1/w and V of the filled bins from group totals by bin, each (groups, bins).

    d_b = Σ(conf − y)/n by bin, w_b = n_b/n, V the jackknife covariance of d; NaN with fewer than two
    patient groups.
    """
    kept = n.sum(axis=0) > 0
    n, gap = n[:, kept], (confidence - events)[:, kept]
    total = n.sum()
    if total <= 0:
        return np.zeros(0), np.zeros(0), np.zeros((0, 0))
    left = total - n.sum(axis=1)
    away = np.divide(gap.sum(axis=0) - gap, left[:, None], out=np.zeros_like(gap), where=left[:, None] > 0)
    return gap.sum(axis=0) / total, total / n.sum(axis=0), jackknife_covariance(away, n.sum(axis=1) > 0)


def filled_groups(totals: Floats) -> NDArray[np.bool_]:
    """Which patient groups hold anything, from totals of shape (256,) or (256, cells)."""
    held: NDArray[np.bool_] = totals != 0 if totals.ndim == 1 else (totals != 0).any(axis=1)
    return held
