"""How far two windows of one population lie apart by chance: the null band of the drift distance.

Of categories, multinomial samples at the effective sizes give the shape; patients who repeat make the spread
wider, more uneven over the categories and less well known, and both are put in from the patient jackknife. Of
embeddings, words and findings, of which an output has many at once, the patient jackknife alone gives the band.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from scipy import special

from monitors.groups import Floats, degrees_of, jackknife_covariance, leave_one_out, mean_cluster_size
from monitors.intervals import filled_groups

#: Decimals kept of a distance made by matrix products and logarithms: their last bits differ between machines.
DECIMALS: Final = 6
_DRAWS: Final = 1000
_BAND: Final = 0.95
#: Fewer patient groups than this cannot tell a covariance of shares.
FEW_GROUPS: Final = 30


def jensen_shannon(p: Floats, q: Floats) -> Floats:
    """Jensen–Shannon distance, base 2, of shares along the last axis: 0 for equal, 1 for disjoint.

    >>> float(jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    1.0
    """
    middle = (p + q) / 2
    halves: Floats = (_entropy(middle) - (_entropy(p) + _entropy(q)) / 2).clip(0.0, 1.0)
    root: Floats = np.sqrt(halves)
    return root


def _entropy(p: Floats) -> Floats:
    logs = np.log2(p, out=np.zeros_like(p), where=p > 0)
    sums: Floats = -(p * logs).sum(axis=-1)
    return sums


def design_effect(counts: Floats) -> float:
    """What clustering costs a whole distribution: the mean design effect of its shares (Rao & Scott 1984).

    δ = Σ_k n·V(p̂_k)/p̂_k / (K − 1) over the K categories that occur, V from the patient jackknife; within 1 and
    the mean cluster size, and that size itself (patients wholly alike) with fewer than 30 patient groups.
    `counts` is of shape (256, K).
    """
    n = float(counts.sum())
    size = mean_cluster_size(counts.sum(axis=1))
    used = counts.sum(axis=0) > 0
    filled = filled_groups(counts)
    if used.sum() < 2 or filled.sum() < FEW_GROUPS:
        return size
    rest = leave_one_out(counts[:, used])
    variances = np.diag(jackknife_covariance(rest / rest.sum(axis=1, keepdims=True), filled))
    shares = counts[:, used].sum(axis=0) / n
    return float(np.clip((n * variances / shares).sum() / (used.sum() - 1), 1.0, size))


def null_band(p: Floats, q: Floats, n: float, m: float, seed: int, level: float = _BAND) -> float:
    """The 95 % point of the distance between two independent samples of one population, of sizes n and m.

    The population is the two pooled by size; 1,000 seeded multinomial pairs.
    """
    sizes = max(1, math.floor(n)), max(1, math.floor(m))
    pooled = (p * sizes[0] + q * sizes[1]) / sum(sizes)
    pooled = pooled / pooled.sum()
    rng = np.random.default_rng(seed)
    a, b = (rng.multinomial(size, pooled, size=_DRAWS) / size for size in sizes)
    return float(np.quantile(jensen_shannon(a, b), level))


def clustered_band(
    now: Floats, then: Floats, n_eff: float, m_eff: float, seed: int, level: float = _BAND
) -> float:
    """The 95 % point of the distance without change, from counts by patient group, each of shape (256, K).

    Where several bands decide together `level` is another point than 95 %.

    For small changes JSD² ≈ dᵀAd with d = p − q and A = diag(1/(8 ln 2 · mean share)); with V the jackknife
    covariance of d the band of `null_band` at the effective sizes is multiplied by √(c·s):

    - c = tr(AV)/tr(A(V_p + V_q)): patients in both windows make them more alike than independent ones;
    - s = F₀.₉₅(ν, f) / (χ²₀.₉₅(K−1)/(K−1)), ν = tr(AV)²/tr(AVAV): the second-order correction of Rao & Scott
      (1984), which one mean design effect lacks, with f the degrees of freedom that V itself rests on
      (Satterthwaite, over the contributions of the groups). Never below 1.

    Simulated on clustered patients (K = 2 … 20; 108 reports and more): left without change by .004 to .065 of
    windows at ρ = 0 and .3 (median .03), by up to .077 at ρ = 1; with c = s = 1 by up to .19. Fewer than 30
    patient groups on a side: c = s = 1, and the effective sizes take patients as wholly alike.
    """
    used = (now.sum(axis=0) + then.sum(axis=0)) > 0
    now, then = now[:, used], then[:, used]
    p, q = (counts.sum(axis=0) / counts.sum() for counts in (now, then))
    band = null_band(p, q, n_eff, m_eff, seed, level)
    few = min(filled_groups(now).sum(), filled_groups(then).sum()) < FEW_GROUPS
    if few or len(p) < 2:
        return band
    root = 1 / np.sqrt(8 * math.log(2) * (p + q) / 2)
    filled = filled_groups(now) | filled_groups(then)
    first, second = (_away(counts, filled) * root for counts in (now, then))
    away = first - second
    parts = (away**2).sum(axis=1)
    trace, apart = float(parts.sum()), float((first**2).sum() + (second**2).sum())
    if apart <= 0:
        return band
    if trace <= 0:
        return 0.0  # the same patients with the same results
    nu = trace**2 / float(((away.T @ away) ** 2).sum())
    freedom = degrees_of(parts)
    simple = special.chdtri(len(p) - 1, 1 - level) / (len(p) - 1)
    uneven = special.fdtri(nu, freedom, level) / simple if math.isfinite(freedom) else 1.0
    return band * math.sqrt(max(1.0, float(uneven)) * trace / apart)


def _away(counts: Floats, filled: np.ndarray) -> Floats:
    """Leave-one-group-out shares minus their mean, of shape (filled groups, K)."""
    rest = leave_one_out(counts)[filled]
    shares: Floats = rest / rest.sum(axis=1, keepdims=True)
    centred: Floats = shares - shares.mean(axis=0)
    return centred


#: Patients that either window needs for `null_of`: with fewer, the band is not known well enough to hold.
FEWEST_PATIENTS: Final = 50


class Null(NamedTuple):
    """A squared distance without any change: its mean and the 95 % point above that mean."""

    mean: float
    above: float


def null_of(rest: Floats) -> Null:
    """The distribution of ‖δ‖² without change, from leave-one-group-out values of δ, of shape (groups, features).

    ‖δ‖² is Σ λ χ²₁ over the eigenvalues of its covariance V. Its 95 % point is that of a shifted and scaled χ²
    with the same mean, variance and skewness (Buckley & Eagleson 1988), as an F whose second degrees of freedom
    are those of tr V itself, which rests on 1/Σw² groups, w the share of each in tr V. tr V² and tr V³ come from
    different groups only, as sums over pairs and triples: products of a group with itself would count its noise as
    structure, and the band would be far too wide where δ has many dimensions.
    """
    groups = len(rest)
    away = (rest - rest.mean(axis=0)) * math.sqrt((groups - 1) / groups)
    gram = away @ away.T
    parts = np.diag(gram).copy()
    trace = float(parts.sum())
    if trace <= 0:
        return Null(0.0, 0.0)  # the same patients with the same results
    np.fill_diagonal(gram, 0.0)
    twice, thrice = (float(((parts / trace) ** power).sum()) for power in (2, 3))
    square = float((gram**2).sum()) / (1 - twice)
    cube = float(((gram @ gram) * gram).sum()) / (1 - 3 * twice + 2 * thrice)
    cube = max(cube, square**2 / trace)  # as of equal eigenvalues, the least skewed
    freedom = square**3 / cube**2
    point = float(special.fdtri(freedom, freedom / twice, _BAND))
    return Null(trace, math.sqrt(square * freedom) * (point - 1))
