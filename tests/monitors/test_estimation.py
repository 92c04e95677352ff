"""Estimation without labels, and what explains a change of scores, against plain row-by-row computations."""

import math

import numpy as np
import pyarrow as pa
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from monitors import estimation
from monitors.columns import LOGIT_BINS, logit_bin
from monitors.estimation import Backtest, calibration_map
from monitors.judged import GRID, judged_schema
from monitors.scores import SCORES
from monitors.tally import Tally
from tests.monitors.population import STRATA, classifications, cluster_sizes

_FINDING = "Nodule"


def scored(
    seed: int,
    patients: int,
    prevalence: float = 0.2,
    inputs: float | None = None,
    relation: float = 0.0,
    labelled: float = 1.0,
) -> pa.Table:
    """One finding, calibrated where its prevalence is .2, flagged above .5.

    `prevalence` is another mix of the classes (label shift), `inputs` draws the signal itself from elsewhere
    (covariate shift), `relation` takes so many log-odds from the truth of every score.
    """
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), cluster_sizes(rng, patients))
    n = len(owner)
    sick = rng.uniform(size=n) < rng.beta(prevalence * 4, (1 - prevalence) * 4, patients)[owner]
    signal = np.where(sick, 1.8, 0.0) + rng.normal(size=n)
    if inputs is not None:
        signal = rng.normal(size=n) + inputs
    logit = math.log(0.2 / 0.8) + 1.8 * signal - 1.8**2 / 2
    if inputs is not None or relation:
        sick = rng.uniform(size=n) < 1 / (1 + np.exp(relation - logit))
    probability = 1 / (1 + np.exp(-logit))
    known = rng.uniform(size=n) < labelled
    columns = {
        "digest": [bytes(16)] * n,
        "output_id": [str(i) for i in range(n)],
        "subject_id": [f"{seed}-{i}" for i in owner],
        "weight": [GRID] * n,
        "probability": probability,
        "label": [int(y) if k else None for y, k in zip(sick, known, strict=True)],
        "decision": (probability > 0.5).astype(int),
    }
    constant = {"case_id": "c", "clustered_by": "patient", "task": "classification", "item": _FINDING}
    constant |= {"version": "v1", "origin": "recorded", "draft_seen": "no", "status": "judged"}
    columns |= {name: [value] * n for name, value in constant.items()}
    schema = judged_schema("classification")
    arrays = [pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(n, f.type) for f in schema]
    return pa.table(arrays, schema=schema)


def tally(table: pa.Table) -> Tally:
    return Tally.of(SCORES, table, ("version", "item"))


@pytest.fixture(scope="module")
def reference() -> pa.Table:
    return scored(1, 3000)


def test_the_map_is_scikit_learns_isotonic_regression(reference: pa.Table) -> None:
    bins = logit_bin(reference["probability"].to_numpy())
    label = reference["label"].to_numpy()
    labelled, events = np.zeros(LOGIT_BINS), np.zeros(LOGIT_BINS)
    np.add.at(labelled, bins, 1)
    np.add.at(events, bins, label)
    made = calibration_map(labelled, events)
    oracle = IsotonicRegression(y_min=0, y_max=1).fit(bins, label)
    seen = np.flatnonzero(labelled)
    np.testing.assert_allclose(made[seen], oracle.predict(seen), atol=1e-9)
    assert (np.diff(made) >= 0).all()
    assert np.isnan(calibration_map(np.zeros(LOGIT_BINS), np.zeros(LOGIT_BINS))).all()


def test_estimates_are_sums_over_rows(reference: pa.Table) -> None:
    """Row by row: each probability through the map, then expected counts; the AUROC by weighted pairs."""
    window = scored(2, 400)
    totals = tally(reference).group_totals().sum(axis=0)
    rates = calibration_map(SCORES.block(totals, "labelled"), SCORES.block(totals, "event"))
    expected = rates[logit_bin(window["probability"].to_numpy())]
    flagged = window["decision"].to_numpy() == 1
    tp, fn = expected[flagged].sum(), expected[~flagged].sum()
    fp, tn = (1 - expected)[flagged].sum(), (1 - expected)[~flagged].sum()
    score = np.tile(logit_bin(window["probability"].to_numpy()), 2)
    truth = np.repeat([1, 0], len(expected))
    auroc = roc_auc_score(truth, score, sample_weight=np.r_[expected, 1 - expected])
    made = {
        e.measure: e for e in estimation.estimate(tally(window), tally(reference), version="v1", item=_FINDING)
    }
    assert made["estimated_sensitivity"].value == pytest.approx(tp / (tp + fn))
    assert made["estimated_specificity"].value == pytest.approx(tn / (tn + fp))
    assert made["estimated_accuracy"].value == pytest.approx((tp + tn) / len(expected))
    assert made["estimated_prevalence"].value == pytest.approx(expected.mean())
    assert made["estimated_auroc"].value == pytest.approx(auroc)
    assert all("estimated" in e.note and e.low < e.value < e.high for e in made.values())
    assert all(e.n == window.num_rows for e in made.values())


def test_estimates_need_no_labels_and_follow_other_inputs(reference: pa.Table) -> None:
    """Covariate shift, the case it is made for: accuracy falls, the estimate says so without one label."""
    blind, told = scored(3, 2500, inputs=1.0, labelled=0.0), scored(3, 2500, inputs=1.0)
    before = estimation.realised(tally(reference).group_totals().sum(axis=0))[2]
    truth = estimation.realised(tally(told).group_totals().sum(axis=0))[2]
    accuracy = estimation.estimate(tally(blind), tally(reference), version="v1", item=_FINDING)[2]
    assert truth < before - 0.05
    assert accuracy.value == pytest.approx(truth, abs=0.03)
    assert accuracy.high < before


def test_what_it_cannot_see_the_backtest_shows(reference: pa.Table) -> None:
    then = tally(reference)
    good, wrong = tally(scored(4, 1500)), tally(scored(5, 1500, relation=1.5))
    backtests = {
        name: {b.measure: b for b in estimation.backtest(t, then, version="v1", item=_FINDING)}
        for name, t in {"good": good, "wrong": wrong}.items()
    }
    assert not backtests["good"]["estimated_accuracy"].missed
    missed = backtests["wrong"]["estimated_prevalence"]
    assert missed.missed
    assert missed.error > 0.05
    assert missed.realised == pytest.approx(estimation.realised(wrong.group_totals().sum(axis=0))[4])


def test_the_interval_covers_and_the_backtest_rarely_errs_by_more_than_chance() -> None:
    truth = estimation.realised(tally(scored(999, 40_000)).group_totals().sum(axis=0))
    covered, missed = np.zeros(5), []
    for seed in range(40):
        now, then = tally(scored(2 * seed, 500)), tally(scored(2 * seed + 1, 1500))
        made = estimation.estimate(now, then, version="v1", item=_FINDING)
        covered += [e.low <= t <= e.high for e, t in zip(made, truth, strict=True)]
        missed += [b.missed for b in estimation.backtest(now, then, version="v1", item=_FINDING)]
    assert (covered >= 34).all()  # 95 % of 40 is 38; 33 or fewer has a chance of .003 at 95 %
    assert len(missed) == 200
    assert np.mean(missed) < 0.12


def test_nothing_is_estimated_from_too_small_a_reference() -> None:
    small, now = tally(scored(1, 60)), tally(scored(2, 500))
    made = estimation.estimate(now, small, version="v1", item=_FINDING)
    assert all(math.isnan(e.value) and e.note.startswith("not estimated") for e in made)
    assert estimation.backtest(now, small, version="v1", item=_FINDING) == []


def test_the_sums_are_exact_in_any_partition() -> None:
    table = classifications(np.random.default_rng(2), 150)
    order = np.random.default_rng(0).permutation(table.num_rows)
    parts = [Tally.of(SCORES, table.take(order[a::3]), STRATA) for a in range(3)]
    assert Tally.merge(parts).to_bytes() == Tally.of(SCORES, table, STRATA).to_bytes()
    totals = Tally.of(SCORES, table, STRATA).group_totals().sum(axis=0)
    kept = table["probability"].to_numpy(zero_copy_only=False)
    assert totals[0] == np.isfinite(kept).sum()
    assert sum(SCORES.block(totals, b).sum() for b in ("flagged", "clear", "undecided")) == totals[0]


def test_a_backtest_misses_only_beyond_its_interval() -> None:
    assert not Backtest("m", "", 0.9, 0.85, 0.05, -0.01, 0.11, 100).missed
    assert Backtest("m", "", 0.9, 0.7, 0.2, 0.1, 0.3, 100).missed
