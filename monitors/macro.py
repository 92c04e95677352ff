"""Macro averages of a classifier: the unweighted mean over findings, with an interval over the same patients.

A rare finding counts as much as a common one. Findings share patients, so their estimates move together: the
jackknife leaves a patient group out of all findings at once, and their covariances are in the interval.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from monitors.cut import Cut
from monitors.groups import Floats, jackknife_covariance
from monitors.intervals import logit_t
from monitors.measurement import Measurement, Slice, Window
from monitors.performance import PERFORMANCE
from monitors.selection import select
from monitors.tally import Tally, TallyError

#: The item of a macro average.
ITEM: Final = "(macro)"
#: Performance measures of which a mean over findings is asked for.
MEASURES: Final = (
    "sensitivity", "specificity", "ppv", "npv", "f1", "balanced_accuracy", "auroc", "auprc",
)  # fmt: skip
_INTERVAL: Final = "logit scale, patient jackknife of the mean over findings, t by Welch and Satterthwaite"


def macro(
    tally: Tally,
    slices: Sequence[Slice],
    *,
    version: str,
    window: Window,
    measures: Sequence[str] = MEASURES,
    alpha: float = 0.05,
) -> list[Measurement]:
    """Macro averages of a performance tally, item "(macro)", for each slice and measure.

    Means are over the findings that have both classes, each with more than one patient group, and on which the
    measure is defined; `note` says how many of how many. Degrees of freedom ν = (Σ v_k)²/Σ[v_k²/(m_k − 1)], with
    v_k the finding's own jackknife variance and m_k the patient groups of its rarer class; effective n is ν + 1.
    NaN where fewer than two findings can be measured. Raises TallyError for another monitor's tally or an unknown
    measure.
    """
    if tally.monitor != PERFORMANCE.name or tally.monitor_version != PERFORMANCE.version:
        raise TallyError("Macro averages are read from a tally of the performance monitor; make it anew.")
    unknown = sorted(set(measures) - set(MEASURES))
    if unknown:
        raise TallyError(f"There is no macro average of {unknown[0]!r}; there are {', '.join(MEASURES)}.")
    rows = []
    for where in slices:
        cuts = [
            Cut(PERFORMANCE, tally, select(tally, where, version=version, item=item))
            for item in tally.values("item")
        ]
        cuts = [cut for cut in cuts if cut.filled.any()]
        rows += [_mean(tally, cuts, name, where, version, window, alpha) for name in measures]
    return rows


def _mean(
    tally: Tally, cuts: Sequence[Cut], name: str, where: Slice, version: str, window: Window, alpha: float
) -> Measurement:
    index = [one.name for one in PERFORMANCE.measures].index(name)
    used = [cut for cut in cuts if _rarer(cut) > 1 and np.isfinite(_values(cut, index)).all()]
    value, variance, freedom = math.nan, math.nan, 0.0
    low, high = math.nan, math.nan
    if len(used) > 1:
        value = float(np.mean([cut.values[index] for cut in used]))
        without = np.stack([cut.without[:, index] for cut in used], axis=1)
        filled = np.logical_or.reduce([cut.filled for cut in used])
        V = jackknife_covariance(without, filled)
        variance, own = float(V.mean()), np.diag(V)
        spread = float((own**2 / np.array([_rarer(cut) - 1 for cut in used])).sum())
        freedom = float(own.sum()) ** 2 / spread if spread > 0 else 0.0
        low, high = logit_t(value, variance, int(freedom) + 1, alpha)
    mask = select(tally, where, version=version)
    cell = PERFORMANCE.cells.index(PERFORMANCE.measures[index].denominator)
    patients, exact = tally.patients(mask, (cell,))
    note = (
        f"mean of {len(used)} of {len(cuts)} findings" if len(used) > 1 else "fewer than two findings to average"
    )
    return Measurement(
        measure=name,
        monitor=PERFORMANCE.name,
        monitor_version=PERFORMANCE.version,
        task=PERFORMANCE.task,
        version=version,
        item=ITEM,
        slice=str(where),
        contrast="",
        window=window,
        value=value,
        low=low,
        high=high,
        n=float(sum(cut.totals[:, cell].sum() for cut in used)),
        events=math.nan,
        n_eff=freedom + 1 if freedom else 0.0,
        patients=patients,
        patients_exact=exact,
        deff=math.nan,
        interval=_INTERVAL,
        note=note,
    )


def _values(cut: Cut, index: int) -> Floats:
    """The measure as it is and without each group that holds anything."""
    values: Floats = np.r_[cut.values[index], cut.without[cut.filled, index]]
    return values


def _rarer(cut: Cut) -> int:
    """Patient groups with the finding, or without it, whichever are fewer."""
    positive, labelled = cut.cell("labelled_positive"), cut.cell("labelled")
    return int(min((positive > 0).sum(), (labelled - positive > 0).sum()))
