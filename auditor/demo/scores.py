"""The simulated classifier: probabilities that are calibrated, until a fault is planted in them."""

from typing import Final

import numpy as np
from scipy.special import expit, logit

from auditor.demo import faults
from auditor.demo.patients import Booleans, Cohort, Floats

#: The findings that the classifier scores, with the operating points its vendor ships.
OPERATING_POINTS: Final = {
    "atelectasis": 0.17,
    "cardiomegaly": 0.16,
    "consolidation": 0.10,
    "edema": 0.09,
    "effusion": 0.17,
    "pneumothorax": 0.06,
}

#: Distance between diseased and healthy, in standard deviations of the evidence: AUROC = Φ(2.2/√2) = .94.
_SEPARATION: Final = 2.2


def classifier_scores(
    rng: np.random.Generator, cohort: Cohort, *, planted: bool, updated: bool = True
) -> dict[str, Floats]:
    """The probability of each finding in each study; without `updated` as the old version goes on scoring them.

    The evidence is normal with unit variance, its mean 0 in the healthy and d in the diseased; the score is
    Bayes' posterior, logit p = logit π + d·z − d²/2, hence calibrated. Evidence shares a part of its variance
    within a patient.
    """
    rho = faults.PATIENT_CORRELATION
    overlooked = (cohort.sex == "F") & (cohort.age >= faults.UNDERDIAGNOSED_AGE)
    new = (cohort.week >= faults.VERSION_CHANGE) & updated
    people = int(cohort.patient.max()) + 1
    scores = {}
    for finding, point in OPERATING_POINTS.items():
        diseased = cohort.disease[finding]
        shared = rng.standard_normal(people)[cohort.patient]
        noise = np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.standard_normal(len(cohort))
        signal = np.where(diseased, _SEPARATION, 0.0)
        if planted:
            signal = signal - faults.UNDERDIAGNOSED_LOSS * (diseased & overlooked)
        evidence = noise + signal
        score = logit(cohort.prevalence[finding]) + _SEPARATION * evidence - _SEPARATION**2 / 2
        if planted:
            score = _overstated(score, float(logit(point)), new)
        scores[finding] = np.round(expit(score), 6)
    return scores


def _overstated(score: Floats, point: float, updated: Booleans) -> Floats:
    """Log-odds raised on both sides of the operating point, which stays: no decision changes."""
    above = np.maximum(score - point, 0.0)
    below = np.minimum(score - point, 0.0)
    return np.where(updated, point + 2.0 * above + 0.42 * below, score)
