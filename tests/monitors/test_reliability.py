"""Reliability, CORP, recalibration and the means of calibration against scikit-learn and by simulation."""

import math

import numpy as np
import pyarrow as pa
import pytest
from scipy import optimize, special, stats
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from monitors import calibration, intervals, recalibration
from monitors.calibration import CALIBRATION, CONFIDENCE_REPORT, CONFIDENCE_VQA
from monitors.columns import JudgedError
from monitors.cut import Cut
from monitors.groups import jackknife_variance
from monitors.hallucination import HALLUCINATION
from monitors.levels import Desk
from monitors.measurement import Slice, Window
from monitors.reliability import binomial_band, calibration_test, consistency_band, corp, reliability
from monitors.tally import Tally
from tests.monitors.population import FINDINGS, STRATA, answers, classifications, cluster_sizes, reports
from tests.monitors.test_performance import known, measured


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return classifications(np.random.default_rng(3), 400, shift=0.7)


@pytest.fixture(scope="module")
def tally(table: pa.Table) -> Tally:
    return Tally.of(CALIBRATION, table, STRATA)


def test_recalibration_is_that_of_an_unpenalised_logistic_regression_on_the_raw_rows(table: pa.Table) -> None:
    label, probability = known(table, "label", "probability")
    logit = special.logit(probability)
    raw = LogisticRegression(C=np.inf, tol=1e-10).fit(logit[:, None], label)
    made = measured(CALIBRATION, table, "")
    assert made["calibration_slope_gap"].value == pytest.approx(raw.coef_[0, 0] - 1, abs=2e-3)
    offset = optimize.brentq(lambda a: (label - special.expit(a + logit)).sum(), -5, 5)
    assert made["calibration_intercept"].value == pytest.approx(offset, abs=2e-3)
    assert made["calibration_intercept"].high < -0.4  # planted: logits .7 too high
    assert made["calibration_slope_gap"].low < made["calibration_slope_gap"].value
    assert made["calibration_slope_gap"].n_eff <= label.sum()


def test_values_without_a_group_are_those_of_fits_made_anew(tally: Tally) -> None:
    totals = tally.group_totals()
    values, without = recalibration.fitted(totals)
    exact = np.array([recalibration.fitted(np.delete(totals, g, axis=0))[0] for g in range(0, 256, 32)])
    np.testing.assert_allclose(without[::32], exact, atol=0.1 * np.abs(exact - values).max() + 1e-9)
    every = np.ones(256, bool)
    one_by_one = np.array([recalibration.fitted(np.delete(totals, g, axis=0))[0] for g in range(256)])
    for k in range(2):
        assert jackknife_variance(without[:, k], every) == pytest.approx(
            jackknife_variance(one_by_one[:, k], every), rel=0.05
        )


@pytest.mark.parametrize(
    ("x", "n", "events"),
    [
        ([-1.0, 1.0], [5.0, 5.0], [0.0, 5.0]),  # separated
        ([-1.0, 0.0, 1.0], [5.0, 5.0, 5.0], [0.0, 2.0, 5.0]),  # but for one bin
        ([-1.0, 1.0], [5.0, 5.0], [5.0, 0.0]),  # the wrong way round
        ([0.5], [9.0], [4.0]),  # one probability
        ([-1.0, 1.0], [5.0, 5.0], [0.0, 0.0]),  # one outcome
        ([], [], []),
    ],
)
def test_no_slope_is_given_where_none_is_finite(x: list[float], n: list[float], events: list[float]) -> None:
    line = recalibration.fit(*(np.array(v) for v in (x, n, events)))
    assert not line.converged
    assert math.isnan(line.slope)


def test_a_fit_from_far_away_arrives() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-12, 12, 400)
    events = rng.binomial(20, special.expit(-3 + 0.05 * x)).astype(float)
    line = recalibration.fit(x, np.full(400, 20.0), events)
    assert line.slope == pytest.approx(0.05, abs=0.02)
    assert line.intercept == pytest.approx(-3, abs=0.2)


def test_losses_are_scikit_learns(table: pa.Table) -> None:
    label, probability = known(table, "label", "probability")
    made = measured(CALIBRATION, table, "")
    assert made["log_loss"].value == pytest.approx(log_loss(label, probability), abs=1e-5)
    assert made["brier"].value == pytest.approx(brier_score_loss(label, probability), abs=1e-6)


def test_the_scatter_of_rows_is_their_variance(table: pa.Table, tally: Tally) -> None:
    label, p = known(table, "label", "probability")
    made = CALIBRATION.scatter(tally.group_totals().sum(axis=0))
    lost = calibration.log_loss(p, label)
    assert made[0] == pytest.approx(np.var(p - label), rel=1e-3)
    assert made[1] == pytest.approx(np.var((p - label) ** 2), rel=1e-3)
    assert made[3] == pytest.approx(np.var(lost), rel=1e-3)
    assert np.isnan(made[[2, 4, 5]]).all()


def test_a_mean_at_another_frequency_of_events(tally: Tally) -> None:
    totals = tally.group_totals().sum(axis=0)
    values, n = CALIBRATION.read(totals), totals[0]
    observed = totals[2] / n
    np.testing.assert_allclose(CALIBRATION.at_frequency(totals, observed)[[0, 1, 3]], values[[0, 1, 3]], atol=2e-4)
    for frequency in (0.0, 0.1, 0.9, 1.0):
        gap = CALIBRATION.at_frequency(totals, frequency)[0]
        assert gap == pytest.approx(totals[1] / n - frequency, abs=1e-9)


def certain(count: int, wrong: int) -> Tally:
    """Answers of full confidence, nearly all right."""
    table = answers(np.random.default_rng(0), 4 * count)
    judged = [i for i, s in enumerate(table["status"].to_pylist()) if s == "judged"][:count]
    table = table.take(judged)
    columns = {
        "confidence": [1.0] * count, "abstained": [0] * count,
        "correct": [0] * wrong + [1] * (count - wrong), "subject_id": [f"p{i}" for i in range(count)],
    }  # fmt: skip
    for name, values in columns.items():
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    return Tally.of(CONFIDENCE_VQA, table, STRATA)


def test_few_errors_of_a_system_that_is_always_sure_do_not_prove_it_right() -> None:
    """Sixty answers at 100 %, all right: the gap is 0, and may be as large as the error rate still may be."""
    from monitors import frame

    for wrong in (0, 3):
        rows = frame.measure(
            Desk(CONFIDENCE_VQA, certain(60, wrong), "v1"), [Slice()], items=[""], window=Window()
        )
        made = {row.measure: row for row in rows}
        low, high = intervals.jeffreys(wrong, 60)
        assert made["confidence_gap"].value == pytest.approx(wrong / 60)
        assert made["confidence_gap"].high >= high - 1e-9
        assert made["confidence_brier"].high >= high - 1e-9
        assert made["confidence_log_loss"].high > 12 * high - 0.1
        assert low <= wrong / 60


def test_corp_parts_add_up_exactly_and_are_those_of_isotonic_regression(table: pa.Table, tally: Tally) -> None:
    label, probability = known(table, "label", "probability")
    made = corp(tally, version="v1")
    assert made.brier == pytest.approx(made.miscalibration - made.discrimination + made.uncertainty, abs=1e-15)
    fitted = IsotonicRegression(out_of_bounds="clip").fit(probability, label).predict(probability)
    assert made.brier == pytest.approx(brier_score_loss(label, probability), abs=1e-4)
    assert made.miscalibration == pytest.approx(made.brier - np.mean((fitted - label) ** 2), abs=2e-3)
    assert made.uncertainty == pytest.approx(label.mean() * (1 - label.mean()))
    assert made.n == len(label)
    frequencies = [f for _, f in made.curve]
    assert frequencies == sorted(frequencies)


def test_corp_sees_a_shift_as_miscalibration_and_keeps_discrimination() -> None:
    straight, shifted = (
        corp(Tally.of(CALIBRATION, classifications(np.random.default_rng(5), 800, shift=s), STRATA), version="v1")
        for s in (0.0, 1.5)
    )
    assert shifted.miscalibration > 5 * straight.miscalibration
    assert shifted.discrimination == pytest.approx(straight.discrimination, abs=5e-3)
    empty = corp(Tally.zero(CALIBRATION, STRATA), version="v1")
    assert math.isnan(empty.brier)
    assert empty.n == 0


@pytest.mark.parametrize(("n", "p"), [(10, 0.5), (40, 0.02), (300, 0.9), (20_000, 0.3), (7, 0.0), (7, 1.0)])
def test_the_band_of_whole_sizes_holds_binomial_quantiles(n: int, p: float) -> None:
    expected = stats.binom.ppf([0.025, 0.975], n, p) / n
    assert binomial_band(n, p) == pytest.approx(np.maximum(expected, 0.0), abs=1e-9)


def residual_table(rng: np.random.Generator, patients: int, rho: float) -> pa.Table:
    """A calibrated classifier whose outcomes correlate ρ within patients, given the probability."""
    table = classifications(rng, patients)
    subject = table["subject_id"].to_pylist()
    own = {s: rng.uniform() for s in sorted(set(subject))}
    u = np.array([own[s] for s in subject])
    fresh = rng.uniform(size=len(u))
    u = np.where(rng.uniform(size=len(u)) < math.sqrt(rho), u, fresh)
    p = special.expit(rng.normal(-1, 1.5, len(u)))
    for name, values in (("probability", p), ("label", (u < p).astype(np.int8))):
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    return table


def test_consistency_band_and_test_hold_for_a_calibrated_system_with_clusters() -> None:
    rng = np.random.default_rng(6)
    reference = Tally.of(CALIBRATION, residual_table(rng, 1500, 0.3), STRATA)
    inside, rejected = [], []
    for _ in range(60):
        made = Tally.of(CALIBRATION, residual_table(rng, 250, 0.3), STRATA)
        curve = reliability(made, version="v1", item=FINDINGS[0], reference=reference)
        band = consistency_band(made, version="v1", item=FINDINGS[0], reference=reference)
        assert [(b.low, b.high, b.n) for b in band] == [(b.low, b.high, b.n) for b in curve]
        inside += [b.band_low <= c.frequency <= b.band_high for b, c in zip(band, curve, strict=True)]
        rejected.append(calibration_test(made, version="v1", item=FINDINGS[0]).p_value < 0.05)
    assert np.mean(inside) >= 0.94
    assert np.mean(rejected) <= 0.12  # 60 runs at 5 %: up to 6
    far = Tally.of(CALIBRATION, classifications(rng, 250, shift=1.5), STRATA)
    assert calibration_test(far, version="v1").p_value < 1e-6
    outside = [
        not b.band_low <= c.frequency <= b.band_high
        for b, c in zip(consistency_band(far, version="v1"), reliability(far, version="v1"), strict=True)
    ]
    assert np.mean(outside) > 0.5


def test_the_test_says_nothing_where_there_is_nothing() -> None:
    made = calibration_test(Tally.zero(CALIBRATION, STRATA), version="v1")
    assert math.isnan(made.p_value)
    assert consistency_band(Tally.zero(CALIBRATION, STRATA), version="v1") == []


def test_a_report_is_right_when_nothing_in_it_is_contradicted() -> None:
    table = reports(np.random.default_rng(2), 200, confident=True)
    contradicted, confidence, status = (table[n].to_pylist() for n in ("contradicted", "confidence", "status"))
    rows = [
        (c == 0, p)
        for c, p, s in zip(contradicted, confidence, status, strict=True)
        if s == "judged" and p is not None
    ]
    made = measured(CONFIDENCE_REPORT, table, "")["confidence_gap"]
    assert made.n == len(rows)
    assert made.value == pytest.approx(
        np.mean([p for _, p in rows]) - np.mean([right for right, _ in rows]), abs=1e-5
    )


def test_an_abstention_is_neither_right_nor_wrong_and_missing_confidence_is_no_confidence() -> None:
    table = answers(np.random.default_rng(2), 200)
    columns = (table[n].to_pylist() for n in ("correct", "confidence", "status", "abstained"))
    rows = [c for c, p, s, a in zip(*columns, strict=True) if s == "judged" and p is not None and a == 0]
    made = measured(CONFIDENCE_VQA, table, "")
    assert made["confidence_gap"].n == len(rows)
    at = table.column_names.index("confidence")
    silent = table.set_column(at, table.schema.field(at), pa.nulls(table.num_rows, pa.float64()))
    assert all(math.isnan(row.value) and row.n == 0 for row in measured(CONFIDENCE_VQA, silent, "").values())


def test_a_confidence_outside_its_range_is_refused_without_quoting_it() -> None:
    table = answers(np.random.default_rng(2), 5)
    at = table.column_names.index("confidence")
    broken = table.set_column(at, table.schema.field(at), pa.array([87.5] * table.num_rows))
    with pytest.raises(JudgedError, match="confidence") as caught:
        Tally.of(CONFIDENCE_VQA, broken, STRATA)
    assert "87.5" not in str(caught.value)


def test_a_monitor_without_scatter_cannot_declare_a_mean() -> None:
    made = Tally.of(HALLUCINATION, reports(np.random.default_rng(0), 5), STRATA)
    with pytest.raises(TypeError, match="scatter"):
        Cut(HALLUCINATION, made, np.ones(len(made.levels), bool)).scatter(0)


def test_means_take_the_larger_of_their_own_and_the_pooled_design_effect() -> None:
    from monitors import frame

    rng = np.random.default_rng(4)
    parent = Tally.of(CALIBRATION, residual_table(rng, 1500, 0.4), STRATA)
    small = Tally.of(CALIBRATION, residual_table(rng, 60, 0.4), STRATA)
    rows = frame.measure(Desk(CALIBRATION, small, "v1", parent), [Slice()], items=[FINDINGS[0]], window=Window())
    made = {row.measure: row for row in rows}
    assert 1.3 < made["calibration_gap"].deff < cluster_sizes(rng, 10_000).max()
    assert made["calibration_gap"].n_eff == pytest.approx(made["calibration_gap"].n / made["calibration_gap"].deff)
