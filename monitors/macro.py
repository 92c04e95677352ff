"""Macro averages of a classifier: the unweighted mean over findings, with an interval over the same patients.

A rare finding counts as much as a common one. Findings share patients, so their estimates move together: the
jackknife leaves a patient group out of all findings at once, and their covariances are in the interval.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from monitors.cut import Cut
from monitors.groups import Floats, jackknife_covariance
from monitors.intervals import logit_t
from monitors.levels import Desk
from monitors.measurement import Interval, Measure, Measurement, Slice, Window
from monitors.performance import PERFORMANCE
from monitors.selection import select
from monitors.tally import TallyError

#: The item of a macro average.
ITEM: Final = "(macro)"
#: Performance measures of which a mean over findings is asked for.
MEASURES: Final = (
    "sensitivity", "specificity", "ppv", "npv", "f1", "balanced_accuracy", "auroc", "auprc",
)  # fmt: skip
_INTERVAL: Final = (
    "logit scale, patient jackknife of the mean over findings, t by Welch and Satterthwaite; "
    "effective n of the finding with the fewest"
)


def macro(
    desk: Desk, slices: Sequence[Slice], *, window: Window, measures: Sequence[str] = MEASURES
) -> list[Measurement]:
    """Macro averages of a performance tally, item "(macro)", for each slice and measure.

    Means are over the findings that have both classes, each with more than one patient group, and on which the
    measure is defined; `note` says how many of how many. Of these findings n is the sum, patients are distinct,
    and the effective n is the smallest: no mean is better known than its least known part, and floors hold for it
    as for a finding. Degrees of freedom of t are ν = (Σ v_k)²/Σ[v_k²/(m_k − 1)], with v_k the finding's own
    jackknife variance and m_k the patient groups of its rarer class. NaN where fewer than two findings can be
    measured. Raises TallyError for another monitor's tally or an unknown measure.
    """
    if desk.monitor is not PERFORMANCE:
        raise TallyError("Macro averages are read from a tally of the performance monitor; make it anew.")
    unknown = sorted(set(measures) - set(MEASURES))
    if unknown:
        raise TallyError(f"There is no macro average of {unknown[0]!r}; there are {', '.join(MEASURES)}.")
    at = {one.name: i for i, one in enumerate(PERFORMANCE.measures)}
    rows = []
    for where in slices:
        made = {
            item: Cut(PERFORMANCE, desk.tally, select(desk.tally, where, version=desk.version, item=item))
            for item in desk.tally.values("item")
        }
        cuts = {item: cut for item, cut in made.items() if cut.filled.any()}
        rows += [_mean(desk, cuts, at[name], where, window) for name in measures]
    return rows


def _mean(desk: Desk, cuts: Mapping[str, Cut], index: int, where: Slice, window: Window) -> Measurement:
    one = PERFORMANCE.measures[index]
    named = {k: cut for k, cut in cuts.items() if _rarer(cut) > 1 and np.isfinite(_values(cut, index)).all()}
    used, places = list(named.values()), _counted(one)
    value, low, high = math.nan, math.nan, math.nan
    n, n_eff, patients, exact = 0.0, 0.0, 0, True
    if len(used) > 1:
        value = float(np.mean([cut.values[index] for cut in used]))
        without = np.stack([cut.without[:, index] for cut in used], axis=1)
        filled = np.logical_or.reduce([cut.filled for cut in used])
        V = jackknife_covariance(without, filled)
        own = np.diag(V)
        spread = float((own**2 / np.array([_rarer(cut) - 1 for cut in used])).sum())
        freedom = float(own.sum()) ** 2 / spread if spread > 0 else 0.0
        low, high = logit_t(value, float(V.mean()), int(freedom) + 1, desk.alpha)
        n = float(sum(cut.totals[:, places].sum() for cut in used))
        n_eff = min(desk.level(cut, index, item).n_eff for item, cut in named.items())
        patients, exact = desk.tally.patients(np.logical_or.reduce([cut.mask for cut in used]), places)
    note = (
        f"mean of {len(used)} of {len(cuts)} findings" if len(used) > 1 else "fewer than two findings to average"
    )
    return Measurement(
        measure=one.name,
        monitor=PERFORMANCE.name,
        monitor_version=PERFORMANCE.version,
        task=PERFORMANCE.task,
        version=desk.version,
        item=ITEM,
        slice=str(where),
        contrast="",
        window=window,
        value=value,
        low=low,
        high=high,
        n=n,
        events=math.nan,
        n_eff=n_eff,
        patients=patients,
        patients_exact=exact,
        deff=math.nan,
        interval=_INTERVAL,
        note=note,
    )


def _counted(one: Measure) -> tuple[int, ...]:
    """The cells that a measure counts: its denominator, and both classes of an area."""
    names = (one.numerator, one.denominator) if one.interval is Interval.LOGIT else (one.denominator,)
    return tuple(PERFORMANCE.cells.index(name) for name in names)


def _values(cut: Cut, index: int) -> Floats:
    """The measure as it is and without each group that holds anything."""
    values: Floats = np.r_[cut.values[index], cut.without[cut.filled, index]]
    return values


def _rarer(cut: Cut) -> int:
    """Patient groups with the finding, or without it, whichever are fewer."""
    positive, labelled = cut.cell("labelled_positive"), cut.cell("labelled")
    return int(min((positive > 0).sum(), (labelled - positive > 0).sum()))
