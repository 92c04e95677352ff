"""Selective use: what is gained by trusting only the outputs that the system is most confident about.

Everything is read from the logit grid; rows of one grid bin are trusted together, as with any threshold.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from monitors.columns import LOGIT_BINS, LOGIT_REACH, ratio
from monitors.groups import Floats, mean_cluster_size
from monitors.measurement import Slice
from monitors.reliability import binomial_band, label_correlation
from monitors.score_grid import histograms
from monitors.selection import select
from monitors.tally import Tally

_HALF: Final = LOGIT_BINS // 2


def aurc(count: Floats, right: Floats) -> Floats:
    """Area under the risk–coverage curve from counts by confidence bin, shape (..., bins) → (...), in [0, 1].

    Σ_b (n_b/n)·R_b with R_b the share of errors among everything at least as confident as bin b: the mean, over
    rows, of the risk at the row's own threshold. Without any order it is the error rate. NaN where nothing is.
    Source: Geifman & El-Yaniv 2017, with ties trusted together.

    >>> float(aurc(np.array([10.0, 10.0]), np.array([0.0, 10.0])))
    0.25
    """
    trusted, wrong = (np.cumsum(x[..., ::-1], axis=-1)[..., ::-1] for x in (count, count - right))
    risk = np.divide(wrong, trusted, out=np.zeros(np.shape(trusted)), where=trusted > 0)
    area: Floats = ratio((count * risk).sum(axis=-1), count.sum(axis=-1))
    return area


def oracle_aurc(risk: Floats) -> Floats:
    """The area for the same error rate r with every right output before every wrong one: r + (1 − r)·log(1 − r).

    The limit for many rows (Geifman, Uziel & El-Yaniv 2019). NaN passes.

    >>> oracle_aurc(np.array([0.0, 0.5, 1.0])).round(4).tolist()
    [0.0, 0.1534, 1.0]
    """
    area: Floats = risk + special.xlogy(1 - risk, 1 - risk)
    return area


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """One threshold of the risk–coverage curve: trust everything of confidence `threshold` or more."""

    threshold: float
    coverage: float
    risk: float


@dataclass(frozen=True, slots=True)
class Selective:
    """The risk–coverage curve of one slice (most confident first), its area, and the area of a perfect order."""

    points: tuple[CoveragePoint, ...]
    area: float
    oracle: float
    n: float


def risk_coverage(tally: Tally, *, version: str, item: str = "", where: Slice | None = None) -> Selective:
    """The curve of a calibration tally; NaN areas and no points where no row has both confidence and outcome.

    A shown figure: its area and the excess over the oracle are the measures. Of a classifier a row's confidence is
    that in the likelier class, and it is right when the label says so (cut at ½, not at the operating point).
    """
    count, right = _totals(tally, version, item, where)
    n, k = count.sum(axis=0), right.sum(axis=0)
    total = float(n.sum())
    seen = np.flatnonzero(n > 0)[::-1]
    trusted, wrong = np.cumsum(n[seen]), np.cumsum((n - k)[seen])
    points = tuple(
        CoveragePoint(_lower_edge(int(b)), float(t / total), float(w / t))
        for b, t, w in zip(seen, trusted, wrong, strict=True)
    )
    risk = ratio(np.array((n - k).sum()), np.array(total))
    return Selective(points, float(aurc(n, k)), float(oracle_aurc(risk)), total)


@dataclass(frozen=True, slots=True)
class SafeCoverage:
    """The most outputs that can be trusted with the risk among them at most `allowed`.

    `risk_high` is the one-sided upper bound of that risk; `coverage` is 0 and `threshold` NaN where no threshold
    holds, and `note` then says why.
    """

    allowed: float
    confidence_level: float
    threshold: float
    coverage: float
    risk: float
    risk_high: float
    n_eff: float
    note: str = ""


def coverage_at_risk(
    tally: Tally,
    *,
    version: str,
    allowed: float,
    item: str = "",
    where: Slice | None = None,
    alpha: float = 0.05,
    present: bool = False,
) -> SafeCoverage:
    """Largest coverage whose risk is at most `allowed` with confidence 1 − α, over all thresholds together.

    Thresholds are tried from the most confident down, and the first whose upper bound (Clopper–Pearson on the
    effective sample size, with the correlation of errors within patients) exceeds `allowed` ends the search. This
    is fixed-sequence testing: it needs no correction for the number of thresholds, because their order does not
    depend on the outcomes. It begins at an effective n where half the allowed risk would pass four times in five
    (or with everything, if that is less): with fewer outputs the first error would end the search.
    Of a classifier `present` takes only what it calls present (p ≥ ½), and coverage is the share of that: among
    all, confident absences dominate. A shown figure, not a measure: the threshold is chosen by the data that bound
    it. Raises ValueError for `allowed` outside (0, 1). Source: Angelopoulos et al. 2021 (Learn then Test).
    """
    if not 0 < allowed < 1:
        raise ValueError("The risk to allow lies between 0 and 1; give 0.05 for one error in twenty.")
    count, right = _totals(tally, version, item, where, present=present)
    rho = label_correlation(count.sum(axis=1), right.sum(axis=1))
    rho = 1.0 if math.isnan(rho) else rho
    total = float(count.sum())
    first = _first_size(allowed, alpha)
    most = total / (1 + rho * (mean_cluster_size(count.sum(axis=1)) - 1)) if total else 0.0
    enough = max(math.log(alpha) / math.log1p(-allowed), min(first, most))
    best = SafeCoverage(allowed, 1 - alpha, math.nan, 0.0, math.nan, math.nan, 0.0, "nothing to measure")
    trusted, wrong = (np.cumsum(x[:, ::-1], axis=1)[:, ::-1] for x in (count, count - right))
    for b in np.flatnonzero(count.sum(axis=0) > 0)[::-1]:
        n = float(trusted[:, b].sum())
        deff = 1 + rho * (mean_cluster_size(trusted[:, b]) - 1)
        if n / deff < enough * (1 - 1e-9):
            best = _none(allowed, alpha, n / deff, f"an effective {n / deff:.0f} outputs are too few to tell")
            continue
        errors = float(wrong[:, b].sum())
        high = _clopper_pearson_high(errors / deff, n / deff, alpha)
        if high > allowed:
            if not best.coverage:
                best = _none(allowed, alpha, n / deff, "even the most confident outputs err too often, or may")
            break
        best = SafeCoverage(allowed, 1 - alpha, _lower_edge(int(b)), n / total, errors / n, high, n / deff)
    return best


def _first_size(allowed: float, alpha: float) -> float:
    """The effective n at which half the allowed risk passes with probability .8."""
    n = math.log(alpha) / math.log1p(-allowed)  # no error at all passes
    while _clopper_pearson_high(n * binomial_band(n, allowed / 2, 0.4)[1], n, alpha) > allowed:
        n *= 1.05
    return n


def _none(allowed: float, alpha: float, n_eff: float, note: str) -> SafeCoverage:
    return SafeCoverage(allowed, 1 - alpha, math.nan, 0.0, math.nan, math.nan, n_eff, note)


def _clopper_pearson_high(errors: float, n: float, alpha: float) -> float:
    """One-sided upper limit of a share on an effective sample size."""
    return 1.0 if errors >= n else float(special.betaincinv(errors + 1, n - errors, 1 - alpha))


def _totals(
    tally: Tally, version: str, item: str, where: Slice | None, *, present: bool = False
) -> tuple[Floats, Floats]:
    """Counts and right ones by confidence bin, each (groups, 480)."""
    count, _, event = histograms(tally.group_totals(select(tally, where or Slice(), version=version, item=item)))
    if tally.monitor != "calibration":
        return count, event
    if present:
        count[:, :_HALF], event[:, :_HALF] = 0.0, 0.0
        return count, event
    likelier = np.zeros_like(count), np.zeros_like(event)
    for made, above, below in zip(likelier, (count, event), (count, count - event), strict=True):
        made[:, _HALF:] = above[:, _HALF:] + below[:, :_HALF][:, ::-1]
    return likelier


def _lower_edge(grid_bin: int) -> float:
    """The confidence at which a grid bin begins; the lowest bin holds everything down to 0."""
    return 0.0 if grid_bin == 0 else float(special.expit(grid_bin * 2 * LOGIT_REACH / LOGIT_BINS - LOGIT_REACH))
