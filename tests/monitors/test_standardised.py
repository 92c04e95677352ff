"""Means and mean counts at another case mix: by hand, by simulation, and where nothing can be said."""

import math
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from monitors.calibration import CALIBRATION
from monitors.casemix import CaseMix, CaseMixError
from monitors.editing import EDITING
from monitors.error_codes import ERROR_CODES
from monitors.hallucination import HALLUCINATION
from monitors.intervals import alike, jeffreys_count
from monitors.measurement import Measure
from monitors.performance import PERFORMANCE
from monitors.retrieval import RETRIEVAL
from monitors.standardised import standardise, standardised
from monitors.stratum_counts import GroupCounts, case_mix, counts_of, group_counts, why_not
from monitors.tally import Tally
from tests.monitors.population import STRATA, classifications, cluster_sizes, reports

UNITS = CaseMix.of({("icu",): (400, 40), ("ward",): (600, 18)}, ["unit"])


def named(monitor: Any, name: str) -> Measure:
    found: Measure = next(m for m in monitor.measures if m.name == name)
    return found


GAP, MRR = named(CALIBRATION, "calibration_gap"), named(RETRIEVAL, "mrr")
WEIGHED = named(ERROR_CODES, "weighted_all")


def each_its_own(strata: dict[str, list[float]], **changes: Any) -> GroupCounts:
    """One number a patient, every patient in a group of his own."""
    n, sums = np.zeros((256, len(strata))), np.zeros((256, len(strata)))
    first = 0
    for at, numbers in enumerate(strata.values()):
        n[first : first + len(numbers), at] = 1
        sums[first : first + len(numbers), at] = numbers
        first += len(numbers)
    return GroupCounts(tuple((name,) for name in strata), n, sums, **changes)


def test_a_mean_has_the_weights_of_the_reference_and_the_variances_of_its_strata() -> None:
    rng = np.random.default_rng(1)
    icu, ward = rng.uniform(0.2, 0.6, 40), rng.uniform(0.6, 0.9, 120)
    made = standardised(MRR, each_its_own({"icu": list(icu), "ward": list(ward)}), UNITS, math.nan)
    assert made.value == pytest.approx(0.4 * icu.mean() + 0.6 * ward.mean())
    assert made.explained == pytest.approx(np.concatenate([icu, ward]).mean() - made.value)
    by_hand = 0.16 * icu.var(ddof=1) / 40 + 0.36 * ward.var(ddof=1) / 120
    assert made.variance == pytest.approx(by_hand, rel=0.05)
    half = 1.98 * math.sqrt(made.variance)
    assert (made.low, made.high) == pytest.approx((made.value - half, made.value + half), abs=0.01)


def test_a_stratum_of_one_patient_takes_the_variance_of_all() -> None:
    """The jackknife leaves such a stratum as it is and would know its mean for certain."""
    ward = np.random.default_rng(2).uniform(0, 1, 100)
    made = standardised(MRR, each_its_own({"icu": [0.5], "ward": list(ward)}), UNITS, math.nan)
    assert made.variance > 0.16 * 0.8 * ward.var()
    assert (made.low, made.high) == (0.0, 1.0) or made.high - made.low > 0.4


def test_of_few_outcomes_a_mean_has_a_value_and_no_interval() -> None:
    counts = each_its_own({"icu": [0.1] * 50, "ward": [0.2] * 50}, rarer=9)
    made = standardised(GAP, counts, UNITS, 0.2)
    assert made.value == pytest.approx(0.4 * 0.1 + 0.6 * 0.2)
    assert math.isnan(made.low) and math.isnan(made.high)
    assert made.note == "fewer than 10 outcomes of one kind: no interval"
    alone = standardised(MRR, each_its_own({"icu": [0.4]}), UNITS, 0.2)
    assert math.isnan(alone.low) and alone.note == "fewer than two patients: no interval"


def test_where_all_patients_are_alike_others_may_come() -> None:
    counts = each_its_own({"icu": [1.0] * 40, "ward": [1.0] * 60})
    made = standardised(MRR, counts, UNITS, 0.2)
    assert made.value == made.high == 1.0 and made.low == pytest.approx(alike(1.0, 100, 0.0, 1.0)[0])
    words = standardised(named(ERROR_CODES, "draft_words"), counts, UNITS, 0.2)
    assert math.isnan(words.low) and words.note == "every patient of a stratum is alike: no interval"


def test_a_mean_count_may_exceed_one_and_weighted_events_count_as_whole_ones() -> None:
    numbers: dict[str, list[float]] = {"icu": [2.0] * 30 + [0.0] * 30, "ward": [1.0] * 50 + [0.0] * 50}
    mix = CaseMix.of({("icu",): (400, 420), ("ward",): (600, 300)}, ["unit"])
    whole = standardise(each_its_own(numbers), mix, 0.0, counts=True)
    assert whole.value == pytest.approx(0.4 * 1 + 0.6 * 0.5)
    poisson = 0.16 * 1 / 60 + 0.36 * 0.5 / 100
    assert poisson <= whole.variance < 1.1 * poisson
    assert whole.n_eff == pytest.approx(0.7 / whole.variance)
    assert (whole.low, whole.high) == pytest.approx(jeffreys_count(0.7 * whole.n_eff, whole.n_eff))
    heavy = standardise(each_its_own(numbers, weight=4.0), mix, 0.0, counts=True)
    assert heavy.variance == pytest.approx(4 * poisson)
    assert heavy.high - heavy.low > 1.5 * (whole.high - whole.low)
    none = standardise(each_its_own({"icu": [0.0] * 50, "ward": [0.0] * 50}), mix, 0.0, counts=True)
    assert none.low == 0 and 0 < none.high < 0.2


def test_sums_are_those_of_the_rows_for_shares_means_and_weighted_counts() -> None:
    table = classifications(np.random.default_rng(3), patients=300)
    tally = Tally.of(CALIBRATION, table, STRATA)
    gap, brier = counts_of(
        tally, CALIBRATION, [GAP, named(CALIBRATION, "brier")], ["sex"], version="v1", item="Nodule"
    )
    rows = [
        row
        for row in table.filter(pc.equal(table["item"].cast("string"), "Nodule")).to_pylist()
        if row["probability"] is not None and row["label"] is not None
    ]
    for at, (sex,) in enumerate(gap.strata):
        held = [row for row in rows if row["sex"] == sex]
        assert gap.n[:, at].sum() == brier.n[:, at].sum() == len(held)
        away = [row["probability"] - row["label"] for row in held]
        assert gap.events[:, at].sum() == pytest.approx(sum(away), abs=1e-4)
        assert brier.events[:, at].sum() == pytest.approx(sum(x * x for x in away), abs=1e-4)
    positive = sum(row["label"] for row in rows)
    assert gap.rarer == min(positive, len(rows) - positive)
    errors = Tally.of(ERROR_CODES, reports(np.random.default_rng(4)), STRATA)
    weighed = group_counts(errors, ERROR_CODES, WEIGHED, ["sex"], version="v1")
    assert 0.1 < weighed.weight < 1  # weights are 1, .5, .25 and .1


def test_the_reference_held_to_itself_is_crude_for_every_measure_that_is_a_ratio_of_sums() -> None:
    table = reports(np.random.default_rng(5), patients=500, confident=True)
    for monitor in (HALLUCINATION, ERROR_CODES, EDITING):
        tally = Tally.of(monitor, table, STRATA)
        fit = [one for one in monitor.measures if not why_not(one)]
        assert len(fit) == len(monitor.measures)
        for one, counts in zip(fit, counts_of(tally, monitor, fit, ["site", "sex"]), strict=True):
            made = standardised(one, counts, case_mix(counts, ["site", "sex"]), 0.2)
            assert made.value == pytest.approx(made.crude), one.name
            assert made.low <= made.value <= made.high, one.name


def test_areas_f1_and_fits_say_why_they_are_not_standardised() -> None:
    refused = {one.name for monitor in (PERFORMANCE, CALIBRATION) for one in monitor.measures if why_not(one)}
    assert refused >= {"auroc", "auprc", "f1", "balanced_accuracy", "calibration_error", "calibration_slope_gap"}
    assert not refused & {"sensitivity", "ppv", "calibration_gap", "brier", "log_loss"}
    tally = Tally.of(PERFORMANCE, classifications(np.random.default_rng(6)), STRATA)
    with pytest.raises(CaseMixError, match=r"f1 cannot be standardised.*no ratio of two sums"):
        group_counts(tally, PERFORMANCE, named(PERFORMANCE, "f1"), ["sex"], version="v1")


def _losses(rng: np.random.Generator, n: int, share: list[float], squared: bool) -> GroupCounts:
    """Calibration gaps or squared errors of clustered patients in three strata (ρ of the log odds .15)."""
    patients = int(n / 1.8)
    sizes, stratum = cluster_sizes(rng, patients), rng.choice(3, p=share, size=patients)
    group, owner = rng.integers(256, size=patients), np.repeat(np.arange(patients), sizes)
    spread = math.sqrt(0.15) * rng.normal(size=patients)[owner] + math.sqrt(0.85) * rng.normal(size=len(owner))
    logit = np.array([-2.0, -1.0, 0.0])[stratum][owner] + spread
    away = 1 / (1 + np.exp(-logit - 0.3)) - (rng.uniform(size=len(owner)) < 1 / (1 + np.exp(-logit)))
    made = np.zeros((2, 256, 3))
    np.add.at(made[0], (group, stratum), sizes)
    np.add.at(made[1], (group[owner], stratum[owner]), away**2 if squared else away)
    return GroupCounts((("0",), ("1",), ("2",)), made[0], made[1])


def _truth(squared: bool) -> np.ndarray:
    spread = np.random.default_rng(7).normal(size=400_000)
    each = []
    for centre in (-2.0, -1.0, 0.0):
        stated, frequency = (1 / (1 + np.exp(-centre - shift - spread)) for shift in (0.3, 0.0))
        loss = frequency * (stated - 1) ** 2 + (1 - frequency) * stated**2
        each.append((loss if squared else stated - frequency).mean())
    return np.array(each)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("n", [150, 1500])
def test_the_interval_of_a_mean_covers_it_at_another_case_mix(n: int, squared: bool) -> None:
    """With 1,500 runs a cell covered .945–.955 at n = 150, 400 and 1,500."""
    rng, runs = np.random.default_rng(8), 400
    mix = case_mix(_losses(rng, 5000, [0.5, 0.3, 0.2], squared), ["unit"])
    weights = np.array([mix.n[str(s),] for s in range(3)]) / sum(mix.n.values())
    truth = float(weights @ _truth(squared))
    made = [standardised(GAP, _losses(rng, n, [0.2, 0.2, 0.6], squared), mix, 0.15) for _ in range(runs)]
    assert np.mean([one.low <= truth <= one.high for one in made]) >= 0.93
    assert np.mean([one.value for one in made]) == pytest.approx(truth, abs=0.005)
