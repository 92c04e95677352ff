"""How many have a finding, estimated from a classifier's decisions before labels come.

It holds only if nothing but how many have the finding has changed (label shift): those who have it are flagged as
often as in the reference window, and so are those who have not.
"""

from typing import Final

import numpy as np

from monitors.columns import ratio
from monitors.groups import Floats, correlation, jackknife_variance, leave_one_out, mean_cluster_size
from monitors.intervals import (
    design,
    filled_groups,
    intracluster_correlation,
    jeffreys,
    local_deff,
    mover,
    share_variance,
    z_of,
)
from monitors.scores import SCORES

#: Effective positives and negatives that a window needs before its labels can tell anything.
LEAST_EFFECTIVE: Final = 30.0
#: Below this lower limit of TPR − FPR decisions say too little about how many have the finding.
_LEAST_YOUDEN: Final = 0.1


def if_label_shift(now: Floats, then: Floats) -> tuple[float, float, float] | None:
    """Prevalence of the window from its decisions alone, if only how many have the finding has changed.

    p̂ = (flagged − FPR)/(TPR − FPR) with the rates of the reference, within [0, 1], and its 95 % interval: MOVER
    on the Jeffreys limits of the share flagged and on the normal limits (jackknife) of what the reference's rates
    add, with their correlation over patients of both windows. None where the reference has fewer than an effective
    30 positives or negatives, where TPR − FPR might be below .1 (lower limit), or where nothing was decided.
    Totals are (256, cells). Sources: Rogan & Gladen 1978; Saerens et al. 2002; Lipton et al. 2018.
    """
    parts = SCORES.confusion(then)
    if min(effective(part.sum(axis=1)) for part in (parts[:, :2], parts[:, 2:])) < LEAST_EFFECTIVE:
        return None
    rates, without = _rates(then.sum(axis=0)), _rates(leave_one_out(then))
    filled = filled_groups(parts)
    youden, apart = float(rates[0] - rates[1]), without[:, 0] - without[:, 1]
    if not youden - z_of(0.05) * jackknife_variance(apart, filled) ** 0.5 >= _LEAST_YOUDEN:  # or NaN
        return None
    flagged, decided = (one.sum(axis=-1) for one in _decisions(now))
    if not decided.sum() > 0:
        return None
    share, low, high = share_limits(
        flagged, decided, within_patients(*(one.sum(axis=-1) for one in _decisions(then)))
    )
    value = (share - float(rates[1])) / youden
    added = share / youden - (share - without[:, 1]) / apart  # FPR/(TPR − FPR) but for what the share brings in
    half = z_of(0.05) * jackknife_variance(added, filled) ** 0.5
    centre = share / youden - value
    r = correlation(ratio(leave_one_out(flagged), leave_one_out(decided)) / youden, added)
    ends = mover((share / youden, low / youden, high / youden), (centre, centre - half, centre + half), r)
    limits = [min(1.0, max(0.0, one)) for one in (value, *ends)]
    return limits[0], limits[1], limits[2]


def _rates(totals: Floats) -> Floats:
    """True- and false-positive rate of totals (..., cells), of shape (..., 2)."""
    tp, fn, tn, fp = np.moveaxis(SCORES.confusion(totals), -1, 0)
    made: Floats = np.stack([ratio(tp, tp + fn), ratio(fp, fp + tn)], axis=-1)
    return made


def _decisions(totals: Floats) -> tuple[Floats, Floats]:
    """Rows flagged, and rows decided, by bin of the logit grid."""
    flagged = SCORES.block(totals, "flagged")
    return flagged, flagged + SCORES.block(totals, "clear")


def within_patients(events: Floats, n: Floats) -> float:
    """Correlation of a share within patients, from its totals by patient group."""
    deff = local_deff(share_variance(events, n), float(n.sum()), float(events.sum()))
    return intracluster_correlation(deff, mean_cluster_size(n))


def share_limits(events: Floats, n: Floats, rho: float, alpha: float = 0.05) -> tuple[float, float, float]:
    """A share and its Jeffreys limits on the effective sample size, from its totals by patient group."""
    k, m = float(events.sum()), float(n.sum())
    cost = design(m, k, share_variance(events, n), mean_cluster_size(n), rho)
    return k / m, *jeffreys(k, m, cost.deff, alpha)


def effective(counts: Floats) -> float:
    """Effective number of rows from their counts by patient group, a patient's rows taken as wholly alike."""
    n = float(counts.sum())
    return n / mean_cluster_size(counts) if n > 0 else 0.0
