"""Reliability, CORP, recalibration and the means of calibration against scikit-learn and by simulation."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import optimize, special, stats
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from monitors import calibration, intervals, recalibration
from monitors.calibration import CALIBRATION, CONFIDENCE_OPEN, CONFIDENCE_REPORT, CONFIDENCE_VQA
from monitors.columns import JudgedError
from monitors.cut import Cut
from monitors.groups import jackknife_variance
from monitors.hallucination import HALLUCINATION
from monitors.levels import Desk
from monitors.measurement import Slice, Window
from monitors.reliability import binomial_band, calibration_test, consistency_band, corp, has_bins, reliability
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
        "closed": [1] * count,
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


def _sides(errors: list[dict[str, Any]]) -> int:
    return sum(e["code"] == "LAT" and e["weight"] >= 0.5 for e in errors)


def test_a_report_is_right_without_an_error_that_matters() -> None:
    """A contradicted finding that matters to nobody leaves it right; an omitted one that is urgent does not."""
    table = reports(np.random.default_rng(2), 400, confident=True)
    columns = ("contradicted", "significant_contradicted", "significant_omitted", "errors", "confidence", "status")
    rows, harmless = [], 0
    for c, bad, left_out, errors, p, status in zip(*(table[n].to_pylist() for n in columns), strict=True):
        if status == "judged" and p is not None:
            rows.append((bad == 0 and left_out == 0 and _sides(errors) == 0, p))
            harmless += c > 0 and rows[-1][0]
    assert harmless > 5
    assert {False, True} == {right for right, _ in rows}
    made = measured(CONFIDENCE_REPORT, table, "")["confidence_gap"]
    assert made.n == len(rows)
    assert made.value == pytest.approx(
        np.mean([p for _, p in rows]) - np.mean([right for right, _ in rows]), abs=1e-5
    )


@pytest.mark.parametrize(
    ("errors", "bad", "left_out", "right"),
    [
        ([], 0, 0, True),
        ([], 1, 0, False),
        ([], 0, 1, False),
        ([{"code": "LAT", "weight": 0.5}], 0, 0, False),
        ([{"code": "LAT", "weight": 0.25}], 0, 0, True),  # of a finding that matters to nobody
        ([{"code": "FAB", "weight": 1.0}], 0, 0, True),  # the reference is silent on it
        ([{"code": "SEV", "weight": 1.0}], 0, 0, True),
        (None, 0, 0, None),  # errors not listed: it is not known whether a side is wrong
    ],
)
def test_which_errors_make_a_report_wrong(errors: Any, bad: int, left_out: int, right: bool | None) -> None:
    table = reports(np.random.default_rng(2), 20, confident=True)
    judged = table.take([table["status"].to_pylist().index("judged")])
    columns = {"errors": [errors], "significant_contradicted": [bad], "significant_omitted": [left_out]}
    for name, values in columns.items():
        at = judged.column_names.index(name)
        judged = judged.set_column(at, judged.schema.field(name), pa.array(values, judged.schema.field(name).type))
    totals = Tally.of(CONFIDENCE_REPORT, judged, STRATA).group_totals().sum(axis=0)
    known, _, events, non_events = totals[:4]
    assert (known, events, non_events) == ((0, 0, 0) if right is None else (1, right, not right))


def test_an_abstention_is_neither_right_nor_wrong_and_missing_confidence_is_no_confidence() -> None:
    table = answers(np.random.default_rng(2), 200)
    columns = (table[n].to_pylist() for n in ("closed", "confidence", "status", "abstained"))
    rows = [c for c, p, s, a in zip(*columns, strict=True) if s == "judged" and p is not None and a == 0]
    made = measured(CONFIDENCE_VQA, table, "") | measured(CONFIDENCE_OPEN, table, "")
    assert made["confidence_gap"].n == sum(rows)
    assert made["open_confidence_gap"].n == len(rows) - sum(rows)
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


def test_open_answers_and_exact_matches_are_never_pooled() -> None:
    """Closed and choice questions all right, open ones all wrong: the half in between is nobody's."""
    table = answers(np.random.default_rng(2), 300)
    judged = table.take([i for i, s in enumerate(table["status"].to_pylist()) if s == "judged"])
    kinds = [(1, 0, None)[i % 3] for i in range(judged.num_rows)]
    columns = {"closed": kinds, "correct": [kind != 0 for kind in kinds], "abstained": [0] * len(kinds)}
    for name, values in columns.items():
        at, field = judged.column_names.index(name), judged.schema.field(name)
        judged = judged.set_column(at, field, pa.array(values).cast(field.type))
    for monitor, asked, right in ((CONFIDENCE_VQA, (1, None), True), (CONFIDENCE_OPEN, (0,), False)):
        known, _, events, others = Tally.of(monitor, judged, STRATA).group_totals().sum(axis=0)[:4]
        assert known == sum(kind in asked for kind in kinds)
        assert (events, others) == ((known, 0) if right else (0, known))


def test_of_a_score_only_its_order_is_measured() -> None:
    """Halving every confidence would make a system look timid; as an order it is what it was."""
    from monitors import frame

    table = answers(np.random.default_rng(4), 500)
    tally = Tally.of(CONFIDENCE_VQA, table, STRATA)
    score = CONFIDENCE_VQA.of_scores()
    whole, ordered = (
        {row.measure: row for row in frame.measure(Desk(one, tally, "v1"), [Slice()], items=[""], window=Window())}
        for one in (CONFIDENCE_VQA, score)
    )
    assert set(ordered) == {"confidence_auroc", "aurc", "excess_aurc"}
    assert set(whole) - set(ordered) == {f"confidence_{n}" for n in (
        "gap", "brier", "error", "log_loss", "slope_gap", "intercept",
    )}  # fmt: skip
    assert all(ordered[name] == whole[name] for name in ordered)
    assert CALIBRATION.of_scores().measures == ()


def test_a_finding_that_the_reference_lacks_has_bins_of_its_own() -> None:
    """One bin for all of it would see no more than the mean: too high below, too low above, p = .7."""
    rng = np.random.default_rng(8)
    table = residual_table(rng, 600, 0.0)
    p = special.expit(rng.normal(0, 2, table.num_rows))
    label = rng.uniform(size=len(p)) < special.expit(0.3 * special.logit(p))
    for name, values in (("probability", p), ("label", label.astype(np.int8))):
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    now = Tally.of(CALIBRATION, table, STRATA)
    before = residual_table(rng, 300, 0.0)
    others = before.filter(pa.array([item != FINDINGS[0] for item in before["item"].to_pylist()]))
    reference = Tally.of(CALIBRATION, others, STRATA)
    assert not has_bins(reference, FINDINGS[0]) and has_bins(reference, FINDINGS[1]) and has_bins(reference)
    item = FINDINGS[0]
    curve = reliability(now, version="v1", item=item, reference=reference)
    assert len(curve) == 10
    assert curve == reliability(now, version="v1", item=item)
    band = consistency_band(now, version="v1", item=item, reference=reference)
    assert band == consistency_band(now, version="v1", item=item)
    assert calibration_test(now, version="v1", item=item, reference=reference).p_value < 1e-6


def heaped(counts: dict[float, int], right: dict[float, float]) -> Tally:
    """Answers with confidences in words, and the share of each that is right."""
    said = [value for value, n in counts.items() for _ in range(n)]
    correct = [i < round(right[value] * n) for value, n in counts.items() for i in range(n)]
    base = answers(np.random.default_rng(0), 4 * len(said))
    table = base.take([i for i, s in enumerate(base["status"].to_pylist()) if s == "judged"][: len(said)])
    columns = {
        "confidence": said, "correct": [int(c) for c in correct], "abstained": [0] * len(said),
        "closed": [1] * len(said), "subject_id": [f"p{i}" for i in range(len(said))],
    }  # fmt: skip
    for name, values in columns.items():
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    return Tally.of(CONFIDENCE_VQA, table, STRATA)


def test_values_that_heap_have_a_bin_each() -> None:
    """By mass .5, .7 and .8 would share one, and 1 lie with .95: half wrong and all right would cancel."""
    counts = {0.5: 30, 0.7: 50, 0.8: 300, 0.9: 400, 0.95: 200, 1.0: 20}
    right = {0.5: 1.0, 0.7: 0.9, 0.8: 0.75, 0.9: 0.8, 0.95: 0.9, 1.0: 0.5}
    bins = reliability(heaped(counts, right), version="v1")
    assert [(b.confidence, b.n, b.frequency) for b in bins] == [
        pytest.approx((value, counts[value], right[value]), abs=1e-5) for value in counts
    ]


def test_values_that_few_state_are_binned_with_the_next_above() -> None:
    counts = {0.3: 2, 0.6: 3, 0.8: 100, 0.9: 60, 0.99: 4}
    bins = reliability(heaped(counts, dict.fromkeys(counts, 0.75)), version="v1")
    assert [b.n for b in bins] == [105, 64]
