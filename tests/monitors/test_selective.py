"""Risk and coverage by brute force and by simulation; confidence from a few samples."""

import math

import numpy as np
import pyarrow as pa
import pytest
from scipy import special
from sklearn.metrics import roc_auc_score

from monitors.calibration import CALIBRATION, CONFIDENCE_VQA
from monitors.columns import logit_bin
from monitors.selective import aurc, coverage_at_risk, oracle_aurc, risk_coverage
from monitors.self_consistency import BetaBinomial, SampleError, fit, self_consistency
from monitors.tally import Tally
from tests.monitors.population import STRATA, answers, classifications
from tests.monitors.test_performance import known, measured


def answered(rng: np.random.Generator, confidence: np.ndarray, right: np.ndarray, patients: int = 0) -> pa.Table:
    """One judged answer a row; each of its own patient, or dealt to `patients`."""
    n = len(confidence)
    table = answers(rng, n + 20)
    table = table.take(np.flatnonzero(np.array(table["status"].to_pylist()) == "judged")[:n])
    subject = rng.integers(patients, size=n) if patients else np.arange(n)
    columns = {
        "confidence": confidence, "correct": right.astype(np.int8), "abstained": np.zeros(n, np.int8),
        "closed": np.ones(n, np.int8),
        "subject_id": [f"p{s}" for s in subject],
    }  # fmt: skip
    for name, values in columns.items():
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    return table


def by_hand(confidence: np.ndarray, right: np.ndarray) -> float:
    """Mean over rows of the risk among everything in the row's grid bin or above."""
    bins = logit_bin(confidence)
    return float(np.mean([1 - right[bins >= b].mean() for b in bins]))


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    confidence = special.expit(rng.normal(1.5, 1.2, 700))
    return confidence, rng.uniform(size=700) < confidence


def test_area_under_risk_and_coverage_is_the_mean_risk_at_each_rows_threshold(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    confidence, right = rows
    table = answered(np.random.default_rng(1), confidence, right)
    made = measured(CONFIDENCE_VQA, table, "")
    assert made["aurc"].value == pytest.approx(by_hand(confidence, right), abs=1e-9)
    r = 1 - right.mean()
    assert made["excess_aurc"].value == pytest.approx(by_hand(confidence, right) - float(oracle_aurc(r)), abs=1e-9)
    assert made["confidence_auroc"].value == pytest.approx(roc_auc_score(right, confidence), abs=0.003)
    curve = risk_coverage(Tally.of(CONFIDENCE_VQA, table, STRATA), version="v1")
    assert curve.area == pytest.approx(made["aurc"].value)
    assert curve.points[-1].coverage == pytest.approx(1)
    assert curve.points[-1].risk == pytest.approx(r)
    assert [p.threshold for p in curve.points] == sorted((p.threshold for p in curve.points), reverse=True)
    point = curve.points[len(curve.points) // 2]
    chosen = confidence >= point.threshold
    assert (point.coverage, point.risk) == pytest.approx((chosen.mean(), 1 - right[chosen].mean()))


def test_a_confidence_that_says_nothing_has_the_error_rate_as_its_area() -> None:
    n, k = np.zeros(480), np.zeros(480)
    n[300], k[300] = 50, 40
    assert float(aurc(n, k)) == pytest.approx(0.2)
    assert math.isnan(float(aurc(np.zeros(480), np.zeros(480))))


def test_the_perfect_order_has_the_area_of_the_oracle() -> None:
    """Every right output before every wrong one, each with a threshold of its own; the limit of many rows."""
    right = np.r_[np.ones(8000), np.zeros(2000)]
    risks = np.cumsum(1 - right) / np.arange(1, len(right) + 1)
    assert risks.mean() == pytest.approx(float(oracle_aurc(np.array(0.2))), abs=1e-4)


def test_a_classifier_is_trusted_by_its_likelier_class() -> None:
    table = classifications(np.random.default_rng(2), 300)
    label, p = known(table, "label", "probability")
    made = risk_coverage(Tally.of(CALIBRATION, table, STRATA), version="v1")
    assert made.points[-1].risk == pytest.approx(((p >= 0.5) != label).mean())
    assert made.area == pytest.approx(by_hand(np.maximum(p, 1 - p), (p >= 0.5) == label), abs=2e-3)


def test_findings_called_present_are_trusted_apart_from_the_many_absent_ones() -> None:
    """Absences are all right and dominate; of what is called present three in ten are wrong, however sure."""
    rng = np.random.default_rng(2)
    table = classifications(rng, 1500)
    present = rng.uniform(size=table.num_rows) < 0.05
    p = np.where(present, 0.95, 0.01)
    label = (present & (rng.uniform(size=len(p)) < 0.7)).astype(np.int8)
    for name, values in (("probability", p), ("label", label)):
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    tally = Tally.of(CALIBRATION, table, STRATA)
    whole = coverage_at_risk(tally, version="v1", allowed=0.05)
    assert whole.coverage == pytest.approx(1.0)  # with everything, findings called present included
    apart = coverage_at_risk(tally, version="v1", allowed=0.05, present=True)
    assert (apart.coverage, apart.note) == (0.0, "even the most confident outputs err too often, or may")
    lenient = coverage_at_risk(tally, version="v1", allowed=0.4, present=True)
    assert lenient.coverage == pytest.approx(1.0)
    assert lenient.risk == pytest.approx(1 - label[present].mean())


def test_nothing_to_measure_gives_no_curve() -> None:
    none = Tally.zero(CONFIDENCE_VQA, STRATA)
    curve = risk_coverage(none, version="v1")
    assert curve.points == ()
    assert math.isnan(curve.area)
    found = coverage_at_risk(none, version="v1", allowed=0.05)
    assert (found.coverage, found.note) == (0.0, "nothing to measure")
    with pytest.raises(ValueError, match="between 0 and 1"):
        coverage_at_risk(none, version="v1", allowed=5.0)


def test_the_risk_among_trusted_outputs_is_rarely_more_than_allowed() -> None:
    """Confidence that overstates: the true risk at the chosen threshold exceeds the allowed in at most 5 %."""
    rng = np.random.default_rng(3)
    grid = special.expit(np.linspace(-4, 8, 4000))
    density = np.exp(-((special.logit(grid) - 2) ** 2) / 2)
    broken, covered = [], []
    for _ in range(120):
        confidence = special.expit(rng.normal(2, 1, 500))
        right = rng.uniform(size=500) < confidence**1.5
        tally = Tally.of(CONFIDENCE_VQA, answered(rng, confidence, right), STRATA)
        found = coverage_at_risk(tally, version="v1", allowed=0.1)
        covered.append(found.coverage)
        if found.coverage:
            assert found.risk <= found.risk_high <= 0.1
            over = grid >= found.threshold
            truth = 1 - (density[over] * grid[over] ** 1.5).sum() / density[over].sum()
            broken.append(truth > 0.1)
    assert np.mean(covered) > 0.08
    assert np.sum(broken) / 120 <= 0.05


def test_too_few_and_too_wrong_are_told_apart() -> None:
    rng = np.random.default_rng(4)
    few = Tally.of(CONFIDENCE_VQA, answered(rng, np.full(20, 0.9), np.ones(20, bool)), STRATA)
    assert "too few" in coverage_at_risk(few, version="v1", allowed=0.05).note
    wrong = Tally.of(CONFIDENCE_VQA, answered(rng, np.full(400, 0.9), np.arange(400) % 3 > 0), STRATA)
    found = coverage_at_risk(wrong, version="v1", allowed=0.05)
    assert found.coverage == 0
    assert "err too often" in found.note


def test_patients_with_many_outputs_count_for_fewer() -> None:
    rng = np.random.default_rng(5)
    right = rng.uniform(size=600) < 0.97
    alone = Tally.of(CONFIDENCE_VQA, answered(rng, np.full(600, 0.9), right), STRATA)
    order = np.sort(right)  # errors all of a few patients
    table = answered(rng, np.full(600, 0.9), order)
    at = table.column_names.index("subject_id")
    names = pa.array([f"p{i // 20}" for i in range(600)])
    crowded = Tally.of(CONFIDENCE_VQA, table.set_column(at, table.schema.field(at), names), STRATA)
    first, second = (coverage_at_risk(t, version="v1", allowed=0.05) for t in (alone, crowded))
    assert first.coverage == 1
    assert second.coverage == 0


def shares(rng: np.random.Generator, samples: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences k/N of a perfectly calibrated model, p ~ Beta(8, 2), and whether each output was right."""
    p = rng.beta(8, 2, outputs)
    return rng.binomial(samples, p) / samples, rng.uniform(size=outputs) < p


@pytest.mark.parametrize(("samples", "artefact"), [(5, 0.105), (10, 0.067)])
def test_a_perfect_model_looks_off_by_its_number_of_samples_until_corrected(samples: int, artefact: float) -> None:
    rng = np.random.default_rng(6)
    stated, right = shares(rng, samples, 6000)
    tally = Tally.of(CONFIDENCE_VQA, answered(rng, stated, right), STRATA)
    made = self_consistency(tally, version="v1", samples=samples)
    plug_in = sum(level.n * abs(level.stated - level.frequency) for level in made.levels) / 6000
    assert plug_in == pytest.approx(artefact, abs=0.02)
    # no chance of bins, which Q̂ would take away: a perfect model of so few samples is off, beyond doubt
    root = math.sqrt(sum(level.n * (level.stated - level.frequency) ** 2 for level in made.levels) / 6000)
    assert made.error_stated.value == pytest.approx(root, abs=0.005)
    assert 0.05 < made.error_stated.low < made.error_stated.value < made.error_stated.high
    assert made.error_corrected.low == 0.0 and made.error_corrected.value < 0.02
    assert (made.fitted.a, made.fitted.b) == pytest.approx((8, 2), rel=0.3)
    assert sum(level.n for level in made.levels) == 6000


def test_a_truly_over_confident_model_stays_so() -> None:
    rng = np.random.default_rng(7)
    stated, _ = shares(rng, 5, 4000)
    right = rng.uniform(size=4000) < 0.5
    made = self_consistency(
        Tally.of(CONFIDENCE_VQA, answered(rng, stated, right), STRATA), version="v1", samples=5
    )
    assert made.error_corrected.low < made.error_corrected.value == pytest.approx(0.3, abs=0.03)
    assert made.error_corrected.low > 0.25


def test_one_patient_alone_gives_no_error() -> None:
    table = answered(np.random.default_rng(7), np.array([0.8, 1.0, 0.6]), np.array([1, 1, 0]), patients=1)
    made = self_consistency(Tally.of(CONFIDENCE_VQA, table, STRATA), version="v1", samples=5)
    assert math.isnan(made.error_stated.value) and math.isnan(made.error_corrected.high)


def test_confidences_of_another_number_of_samples_are_refused() -> None:
    rng = np.random.default_rng(8)
    stated, right = shares(rng, 7, 50)
    tally = Tally.of(CONFIDENCE_VQA, answered(rng, stated, right), STRATA)
    with pytest.raises(SampleError, match="not shares of 5"):
        self_consistency(tally, version="v1", samples=5)
    with pytest.raises(SampleError, match="2 to 50"):
        self_consistency(tally, version="v1", samples=1)
    with pytest.raises(SampleError, match="No output"):
        self_consistency(Tally.zero(CONFIDENCE_VQA, STRATA), version="v1", samples=5)
    with pytest.raises(SampleError, match="at least two"):
        fit(np.zeros(6))


def test_the_likelihood_of_the_fit_is_no_lower_than_that_of_the_truth() -> None:
    rng = np.random.default_rng(9)
    k = rng.binomial(6, rng.beta(3, 1, 2000))
    histogram = np.bincount(k, minlength=7).astype(float)
    made = fit(histogram)

    def likelihood(a: float, b: float) -> float:
        ks = np.arange(7)
        return float(histogram @ (special.betaln(ks + a, 6 - ks + b) - special.betaln(a, b)))

    assert likelihood(made.a, made.b) >= likelihood(3, 1) - 1e-6
    extremes = fit(np.array([50.0, 0, 0, 0, 0, 0, 50.0]))  # always or never
    assert extremes.expected(np.array([0.0, 6.0])) == pytest.approx([0, 1], abs=0.02)
    assert isinstance(extremes, BetaBinomial)
