"""What recalibration buys: the Brier score of probabilities that other patients' outcomes give to each confidence.

CORP's miscalibration is what a better scale would have saved on these very rows, above zero by chance. This is
what a scale learnt elsewhere saves, and it can be below zero. It needs no probability: a score is worth what it
becomes.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitors.estimation import calibration_map
from monitors.groups import Floats
from monitors.intervals import share_variance, z_of
from monitors.measurement import Slice
from monitors.score_grid import SUMS, histograms
from monitors.selection import select
from monitors.tally import Tally

#: Patients (groups) with each outcome: with fewer the learnt scale is noise.
LEAST_GROUPS: Final = 20


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """Brier scores: as stated, cross-fitted, and of the share right of the other patients said of every output.

    `saved` = stated − recalibrated, `gained` = constant − recalibrated, each with (low, high); NaN where fewer
    than `LEAST_GROUPS` patients have an output that is right, or one that is wrong.
    """

    n: float
    stated: float
    recalibrated: float
    constant: float
    saved: tuple[float, float, float]
    gained: tuple[float, float, float]


def cross_fitted(
    tally: Tally, *, version: str, item: str = "", where: Slice | None = None, folds: int = 5, alpha: float = 0.05
) -> Recalibrated:
    """Isotonic recalibration learnt on the patients of the other folds, of a calibration tally.

    Intervals are normal on the patient jackknife of the mean difference, the learnt scales held: they are about
    scales learnt from so many patients. A shown figure, not a measure.
    """
    totals = tally.group_totals(select(tally, where or Slice(), version=version, item=item))
    count, _, event = histograms(totals)
    n, right = count.sum(axis=1), event.sum(axis=1)
    total, unknown = float(n.sum()), (math.nan, math.nan, math.nan)
    nothing = Recalibrated(total, *unknown, saved=unknown, gained=unknown)
    if min((right > 0).sum(), (n - right > 0).sum()) < LEAST_GROUPS:
        return nothing
    fold = np.arange(len(n)) % folds  # the group of a patient is his hash: folds are drawn at random
    recalibrated, constant = np.empty(len(n)), np.empty(len(n))
    for one in range(folds):
        inside, outside = fold == one, fold != one
        learnt = count[outside].sum(axis=0), event[outside].sum(axis=0)
        if not learnt[0].sum() > 0:
            return nothing
        share = np.full(count.shape[1], learnt[1].sum() / learnt[0].sum())
        recalibrated[inside] = _squared(count[inside], event[inside], calibration_map(*learnt))
        constant[inside] = _squared(count[inside], event[inside], share)
    stated = totals[:, SUMS.index("squared_error")]
    return Recalibrated(
        n=total,
        stated=float(stated.sum()) / total,
        recalibrated=float(recalibrated.sum()) / total,
        constant=float(constant.sum()) / total,
        saved=_mean(stated - recalibrated, n, alpha),
        gained=_mean(constant - recalibrated, n, alpha),
    )


def _squared(count: Floats, event: Floats, rates: Floats) -> Floats:
    """Σ (rate − outcome)² by group, from counts and events (groups, bins) and the rate of each bin."""
    sums: Floats = (count * rates**2 - 2 * event * rates + event).sum(axis=1)
    return sums


def _mean(sums: Floats, n: Floats, alpha: float) -> tuple[float, float, float]:
    """Mean over rows of what groups sum to, with its interval."""
    value, half = float(sums.sum() / n.sum()), z_of(alpha) * math.sqrt(share_variance(sums, n))
    return value, value - half, value + half
