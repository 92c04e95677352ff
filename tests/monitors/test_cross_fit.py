"""What a scale learnt from other patients buys, against the truth of the simulation."""

import math

import numpy as np
import pytest
from scipy import special

from monitors.calibration import CONFIDENCE_VQA
from monitors.cross_fit import cross_fitted
from monitors.reliability import corp
from monitors.tally import Tally
from tests.monitors.population import STRATA
from tests.monitors.test_selective import answered


def stated(rng: np.random.Generator, rows: int, slope: float, centre: float = 1.5) -> tuple[Tally, float, float]:
    """Answers right with logit slope·x where logit x is said; Brier scores of the truth and of a single value."""
    logit = rng.normal(centre, 1.2, rows)
    truth = special.expit(slope * logit)
    right = rng.uniform(size=rows) < truth
    tally = Tally.of(CONFIDENCE_VQA, answered(rng, special.expit(logit), right), STRATA)
    return tally, float((truth * (1 - truth)).mean()), float(truth.mean() * (1 - truth.mean()))


def test_an_over_confident_source_becomes_as_good_as_the_truth_allows() -> None:
    tally, best, constant = stated(np.random.default_rng(0), 5000, 0.4)
    made = cross_fitted(tally, version="v1")
    assert made.recalibrated == pytest.approx(best, abs=0.006)
    assert made.constant == pytest.approx(constant, abs=0.006)
    assert made.saved[1] > 0  # worth more, beyond chance
    assert made.saved[0] == pytest.approx(made.stated - made.recalibrated)
    assert made.gained[0] == pytest.approx(made.constant - made.recalibrated)
    assert made.gained[1] < made.gained[0] < made.gained[2]


def test_a_calibrated_source_has_nothing_to_gain_where_corp_would_promise_some() -> None:
    rng = np.random.default_rng(1)
    made = [
        (cross_fitted(t, version="v1"), corp(t, version="v1"))
        for t, *_ in (stated(rng, 600, 1.0) for _ in range(15))
    ]
    assert all(parts.miscalibration > 0 for _, parts in made)
    assert np.mean([found.saved[0] for found, _ in made]) < 0
    assert not any(found.saved[1] > 0 for found, _ in made)


def test_a_score_that_orders_nothing_gains_nothing() -> None:
    tally, *_ = stated(np.random.default_rng(2), 2000, 0.0)
    made = cross_fitted(tally, version="v1")
    assert made.gained[0] == pytest.approx(0, abs=0.006)
    assert made.gained[1] < 0


def test_too_few_patients_with_an_error_teach_no_scale() -> None:
    rng = np.random.default_rng(3)
    right = np.arange(500) >= 19
    made = cross_fitted(
        Tally.of(CONFIDENCE_VQA, answered(rng, rng.uniform(size=500), right), STRATA), version="v1"
    )
    assert made.n == 500
    assert math.isnan(made.recalibrated) and math.isnan(made.saved[0])
    nothing = cross_fitted(Tally.zero(CONFIDENCE_VQA, STRATA), version="v1")
    assert (nothing.n, math.isnan(nothing.stated)) == (0, True)
