"""PPI++: the judge's mean over the whole window, corrected by its errors on the reviewed sample.

A second estimate of the corrected rate beside post-stratified Jeffreys (`monitors.adjudication`), from 200 reviews
and 20 positive ones on: below that its normal interval covers .77–.92 where it says .95.
"""

import math
from typing import Final

import numpy as np

from monitors.adjudication import Corrected
from monitors.intervals import z_of
from monitors.reviewed import AdjudicationError, Frame, Reviewed, evidence, overall_deff, window_deff

FEWEST_REVIEWS: Final = 200
FEWEST_EVENTS: Final = 20


def prediction_powered(frame: Frame, reviewed: Reviewed, *, alpha: float = 0.05) -> Corrected:
    """The process rate by PPI++ with the two-sided interval θ̂ ± z·SE.

    With f the judge's flag (`Frame.flagged`), Y what reviewers found, w = weight/π of mean 1 over the n reviews:

        λ̂ = clip(Cov_w(Y, f) / [(1 + n_eff/N_eff) Var_N(f)], 0, 1)
        θ̂ = λ̂ mean_N(f) + mean_w(Y − λ̂f)
        SE² = D_W θ̂(1 − θ̂)/N + (1 − n/N) Σ_i w_i² (r_i − r̄)² / [n(n − 1)],   r = Y − λ̂f

    The published variance, λ̂² Var(f)/N + Var(Y − λ̂f)/n, is for reviews beside the window. Ours are a part of it
    (two phases: the system makes the window, the sample is drawn from it), and its reports come in patients: D_W.
    The two agree where N is large and patients have one report. It is never one-sided. Skipped reviews are left
    out (the note of the Jeffreys estimate tells them): beside them this is a comparison, not a headline.

    Raises AdjudicationError below 200 answered reviews or 20 positive ones, counted at their effective number
    n_eff θ̂ where the weights differ, and as `evidence` does.
    Source: Angelopoulos, Duchi & Zrnic 2023 (arXiv 2311.01453); Särndal, Swensson & Wretman 1992, ch. 9.
    """
    strata = evidence(frame, reviewed)
    answered = np.isfinite(reviewed.positive)
    n, events = int(answered.sum()), float(reviewed.positive[answered].sum())
    y = reviewed.positive[answered]
    f = np.isin(reviewed.stratum[answered], [one.name for one in strata if one.judge_class in frame.flagged])
    w = reviewed.weight[answered] / reviewed.probability[answered]
    w = w * (n / float(w.sum()))
    n_eff = n / overall_deff(frame, reviewed)
    effective = min(events, n_eff * float(w @ y) / n)
    if n < FEWEST_REVIEWS or effective < FEWEST_EVENTS:
        raise AdjudicationError(
            f"PPI++ needs {FEWEST_REVIEWS} answered reviews with {FEWEST_EVENTS} positive ones; "
            f"there are {n} with effectively {effective:.0f}."
        )
    total, deff = sum(one.rows for one in strata), window_deff(frame, reviewed)
    mean_f = sum(one.share for one in strata if one.judge_class in frame.flagged)
    var_f = mean_f * (1 - mean_f)
    covariance = float(w @ ((y - float(w @ y) / n) * (f - float(w @ f) / n))) / n
    power = covariance / ((1 + n_eff * deff / total) * var_f) if var_f > 0 else 0.0
    power = min(1.0, max(0.0, power))
    residual = y - power * f
    correction = float(w @ residual) / n
    value = power * mean_f + correction
    spread = w * (residual - correction)
    own = max(0.0, value * (1 - value)) * deff / total
    variance = own + max(0.0, 1 - n / total) * float(spread @ spread) / (n * (n - 1))
    half = z_of(alpha) * math.sqrt(variance)
    return Corrected(
        method="PPI++",
        target="process",
        value=value,
        low=max(0.0, value - half),
        high=min(1.0, value + half),
        reviewed=n,
        skipped=int((~answered).sum()),
        events=events,
        patients=len(np.unique(reviewed.subject[answered])),
        deff=n / n_eff,
        n_eff=n_eff,
        strata=strata,
    )
