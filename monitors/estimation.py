"""Performance estimated without labels (CBPE), as an early warning; and how wrong that was once labels came.

Confidence-based performance estimation turns each calibrated probability into an expected label. It holds while
the probability means the same as in the reference window (covariate shift); where the relation of probability and
truth itself changes it sees nothing. Every number of this file is labelled "estimated".
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special
from scipy.optimize import isotonic_regression

from monitors.columns import LOGIT_BINS, ratio
from monitors.groups import Floats, jackknife_covariance, leave_one_out, mean_cluster_size
from monitors.intervals import filled_groups, z_of
from monitors.measurement import Slice
from monitors.performance import auroc
from monitors.scores import SCORES
from monitors.selection import select
from monitors.tally import Tally, TallyError

#: What the calibration map needs of the reference window.
LEAST_EVENT_GROUPS: Final = 20
LEAST_EFFECTIVE: Final = 300
NOTE: Final = (
    "estimated without labels; holds only while a probability means what it meant in the reference window"
)
_INTERVAL: Final = "normal on the logit scale, jackknife over patients of window and reference"


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimated measure of one finding in one window. NaN with a `note` where it cannot be estimated.

    The interval is that of the expected value: the labels of a finite window scatter round it in addition.
    """

    measure: str  # estimated_sensitivity, …_specificity, …_accuracy, …_auroc, …_prevalence
    item: str
    value: float
    low: float
    high: float
    n: float
    n_reference: float  # labelled rows that the calibration map rests on
    n_eff: float
    patients: int
    patients_exact: bool
    note: str = NOTE


@dataclass(frozen=True, slots=True)
class Backtest:
    """An estimate beside what the labels said, for one window: `error` = estimated − realised, with interval."""

    measure: str
    item: str
    estimated: float
    realised: float
    error: float
    error_low: float
    error_high: float
    n_labelled: float

    @property
    def missed(self) -> bool:
        """Whether the error is more than chance, in either direction."""
        return self.error_low > 0 or self.error_high < 0


def calibration_map(labelled: Floats, events: Floats) -> Floats:
    """Expected label by grid bin: isotonic regression of the reference's frequencies (PAV), of shape (480,).

    Between bins that the reference saw it is linear in the logit, outside them constant; NaN when it saw none.
    Source: Zadrozny & Elkan 2002; Ayer et al. 1955.

    >>> full = np.full(480, 4.0)
    >>> float(calibration_map(full, full / 2)[7])
    0.5
    """
    seen = np.flatnonzero(labelled > 0)
    if not len(seen):
        return np.full(LOGIT_BINS, np.nan)
    fitted = isotonic_regression(events[seen] / labelled[seen], weights=labelled[seen]).x
    rates: Floats = np.interp(np.arange(LOGIT_BINS), seen, np.clip(fitted, 0.0, 1.0))
    return rates


def expected(totals: Floats, rates: Floats) -> Floats:
    """Expected sensitivity, specificity, accuracy, AUROC and prevalence, from totals (..., cells) to (..., 5).

    With n_b^flag, n_b^clear the rows by bin and decision and r_b the map: TP = Σ n_b^flag r_b, FN = Σ n_b^clear
    r_b, FP = Σ n_b^flag (1 − r_b), TN = Σ n_b^clear (1 − r_b); the AUROC is of n_b r_b against n_b (1 − r_b) with
    n_b all scored rows. Shares in [0, 1], NaN where a denominator is zero. Source: Kivimäki et al. 2025 (CBPE);
    the NannyML documentation.
    """
    flagged, clear, undecided = (SCORES.block(totals, name) for name in ("flagged", "clear", "undecided"))
    tp, fp = (flagged * rates).sum(axis=-1), (flagged * (1 - rates)).sum(axis=-1)
    fn, tn = (clear * rates).sum(axis=-1), (clear * (1 - rates)).sum(axis=-1)
    everything = flagged + clear + undecided
    values: Floats = np.stack(
        [
            ratio(tp, tp + fn),
            ratio(tn, tn + fp),
            ratio(tp + tn, tp + fn + tn + fp),
            auroc(everything * rates, everything * (1 - rates)),
            ratio((everything * rates).sum(axis=-1), everything.sum(axis=-1)),
        ],
        axis=-1,
    )
    return values


def realised(totals: Floats) -> Floats:
    """The same five from the labels that came, from totals (..., cells) to (..., 5)."""
    tp, fn, tn, fp = np.moveaxis(SCORES.confusion(totals), -1, 0)
    labelled, events = SCORES.block(totals, "labelled"), SCORES.block(totals, "event")
    values: Floats = np.stack(
        [
            ratio(tp, tp + fn),
            ratio(tn, tn + fp),
            ratio(tp + tn, tp + fn + tn + fp),
            auroc(events, labelled - events),
            ratio(events.sum(axis=-1), labelled.sum(axis=-1)),
        ],
        axis=-1,
    )
    return values


def estimate(
    window: Tally,
    reference: Tally,
    *,
    version: str,
    item: str,
    reference_version: str | None = None,
    where: Slice | None = None,
    alpha: float = 0.05,
) -> list[Estimate]:
    """All five estimates of one finding; both tallies are of the monitor `monitors.scores.SCORES`.

    The map comes from the labelled rows of the whole reference window, and must rest on 20 patient groups with a
    positive, 20 with a negative and an effective 300 rows; else every value is NaN and says so. The jackknife
    leaves a patient group out of window and reference together and makes the map anew. Raises TallyError for other
    tallies.
    """
    now, then, chosen = _totals(window, reference, version, reference_version, item, where)
    note = _too_little(then)
    place = [SCORES.cells.index(name) for name in ("scored", "decided")]
    n_labelled = float(SCORES.block(then, "labelled").sum())
    made = []
    rates = _maps(then)
    values = np.full(5, np.nan) if note else expected(now.sum(axis=0), rates[0])
    without = np.full((len(now), 5), np.nan) if note else _without(now, rates[1])
    filled = filled_groups(now) | filled_groups(SCORES.block(then, "labelled"))
    for i, one in enumerate(SCORES.measures):
        cell = place[0] if one.denominator == "scored" else place[1]
        n = float(now[:, cell].sum())
        low, high = _limits(float(values[i]), without[:, i], filled, alpha)
        why = note or (NOTE if n > 0 else "nothing to estimate: no score in this window")
        n_eff = n / mean_cluster_size(now[:, cell]) if n > 0 else 0.0
        people = window.patients(chosen, (cell,))
        made.append(Estimate(one.name, item, float(values[i]), low, high, n, n_labelled, n_eff, *people, why))
    return made


def backtest(
    window: Tally,
    reference: Tally,
    *,
    version: str,
    item: str,
    reference_version: str | None = None,
    where: Slice | None = None,
    alpha: float = 0.05,
) -> list[Backtest]:
    """What was estimated for a window beside what its labels say, now that they came.

    Estimated over all rows of the window as at the time, realised over the labelled ones: where labels come for
    some patients only, that is part of the error. The interval is normal on the joint patient jackknife of the
    difference, so it holds the scatter of the labels too. Measures that either side lacks are left out.
    """
    now, then, _ = _totals(window, reference, version, reference_version, item, where)
    if _too_little(then):
        return []
    rates = _maps(then)
    total = now.sum(axis=0)
    said, came = expected(total, rates[0]), realised(total)
    gaps = _without(now, rates[1]) - realised(leave_one_out(now))
    filled = filled_groups(now) | filled_groups(SCORES.block(then, "labelled"))
    confusion, labelled = float(SCORES.confusion(total).sum()), float(SCORES.block(total, "labelled").sum())
    made = []
    for i, one in enumerate(SCORES.measures):
        error = float(said[i] - came[i])
        if not math.isfinite(error):
            continue
        half = z_of(alpha) * math.sqrt(_variance(gaps[:, i], filled))
        n = labelled if one.denominator == "scored" else confusion
        made.append(Backtest(one.name, item, float(said[i]), float(came[i]), error, error - half, error + half, n))
    return made


def _totals(
    window: Tally, reference: Tally, version: str, before: str | None, item: str, where: Slice | None
) -> tuple[Floats, Floats, np.ndarray]:
    if not window.monitor == reference.monitor == SCORES.name or window.seed != reference.seed:
        raise TallyError("Estimation reads two tallies of the monitor 'scores' with one seed; make them anew.")
    chosen = select(window, where or Slice(), version=version, item=item)
    then = select(reference, Slice(), version=before or version, item=item)
    return window.group_totals(chosen), reference.group_totals(then), chosen


def _too_little(then: Floats) -> str:
    """Why the reference is too small for a calibration map, or an empty string."""
    labelled, events = (SCORES.block(then, name).sum(axis=1) for name in ("labelled", "event"))
    if min((events > 0).sum(), (labelled - events > 0).sum()) < LEAST_EVENT_GROUPS:
        return f"not estimated: the reference has fewer than {LEAST_EVENT_GROUPS} positive or negative patients"
    effective = float(labelled.sum()) / mean_cluster_size(labelled)
    if effective < LEAST_EFFECTIVE:
        return (
            f"not estimated: an effective {effective:.0f} labelled rows in the reference; {LEAST_EFFECTIVE} needed"
        )
    return ""


def _maps(then: Floats) -> tuple[Floats, Floats]:
    """The calibration map, and those without each patient group, of shape (256, 480)."""
    labelled, events = SCORES.block(then, "labelled"), SCORES.block(then, "event")
    whole = calibration_map(labelled.sum(axis=0), events.sum(axis=0))
    rest_labelled, rest_events = leave_one_out(labelled), leave_one_out(events)
    held = filled_groups(labelled)
    maps = [
        calibration_map(n, k) if there else whole
        for n, k, there in zip(rest_labelled, rest_events, held, strict=True)
    ]
    return whole, np.stack(maps)


def _without(now: Floats, maps: Floats) -> Floats:
    """The five expected values without each group, of shape (256, 5)."""
    return expected(leave_one_out(now), maps)


def _variance(without: Floats, filled: np.ndarray) -> float:
    kept = filled & np.isfinite(without)
    return float(jackknife_covariance(without[:, None], kept)[0, 0])


def _limits(value: float, without: Floats, filled: np.ndarray, alpha: float) -> tuple[float, float]:
    variance = _variance(without, filled)
    if not (0 < value < 1) or not variance >= 0:
        return math.nan, math.nan
    centre, half = float(special.logit(value)), z_of(alpha) * math.sqrt(variance) / (value * (1 - value))
    return float(special.expit(centre - half)), float(special.expit(centre + half))
