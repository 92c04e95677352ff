"""Areas, predictive values, F1, balanced and macro averages against scikit-learn, also on real scores."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    roc_auc_score,
)

from monitors import intervals
from monitors.columns import LOGIT_BINS, logit_bin
from monitors.levels import Desk
from monitors.macro import ITEM, macro
from monitors.measurement import Interval, Slice, Window
from monitors.performance import PERFORMANCE, auroc, average_precision, f1_of, jaccard_of
from monitors.tally import Tally, TallyError
from tests.monitors.population import FINDINGS, STRATA, classifications
from tests.monitors.test_performance import chexnet, known, measured


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return classifications(np.random.default_rng(3), 300)


def part_of(table: pa.Table, item: str) -> pa.Table:
    return table.filter(pc.equal(table["item"], item)) if item else table


@pytest.mark.parametrize("item", ["", *FINDINGS])
def test_what_decisions_are_worth_is_scikit_learns(table: pa.Table, item: str) -> None:
    """Item "" pools the findings: micro averages."""
    label, decision = known(part_of(table, item), "label", "decision")
    made = measured(PERFORMANCE, table, item)
    assert made["ppv"].value == pytest.approx(precision_score(label, decision), abs=1e-12)
    assert made["npv"].value == pytest.approx(precision_score(label, decision, pos_label=0), abs=1e-12)
    assert made["f1"].value == pytest.approx(f1_score(label, decision), abs=1e-12)
    assert made["balanced_accuracy"].value == pytest.approx(balanced_accuracy_score(label, decision), abs=1e-12)
    assert made["ppv"].n == decision.sum()
    assert made["f1"].n == (label | decision).sum()
    assert made["balanced_accuracy"].n == len(label)


@pytest.mark.parametrize("item", FINDINGS)
def test_average_precision_is_scikit_learns_but_for_the_grid(table: pa.Table, item: str) -> None:
    label, probability = known(part_of(table, item), "label", "probability")
    row = measured(PERFORMANCE, table, item)["auprc"]
    assert row.value == pytest.approx(average_precision_score(label, probability), abs=0.005)
    assert row.low < row.value < row.high
    assert row.interval == Interval.LOGIT.value


def counts(score: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    bins = logit_bin(score)
    positive, negative = (np.bincount(bins[label == k], minlength=LOGIT_BINS).astype(float) for k in (1, 0))
    return positive, negative


@given(st.integers(0, 2**31))
def test_average_precision_is_exact_where_every_row_has_a_bin_of_its_own(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = (rng.permutation(LOGIT_BINS)[:80] + 0.5) / LOGIT_BINS * 24 - 12
    label = (rng.uniform(size=80) < 0.3).astype(int)
    label[:2] = 0, 1
    made = float(average_precision(*counts(1 / (1 + np.exp(-score)), label)))
    assert made == pytest.approx(average_precision_score(label, score), abs=1e-12)


@given(st.integers(0, 2**31), st.sampled_from([0.1, 1.0, 4.0, 20.0]))
def test_the_area_is_off_by_at_most_half_of_the_pairs_within_a_bin(seed: int, spread: float) -> None:
    """Also where scores heap in few bins, or lie beyond the grid."""
    rng = np.random.default_rng(seed)
    label = np.r_[0, 1, rng.integers(0, 2, 60)]
    score = 1 / (1 + np.exp(-spread * (rng.normal(size=62) + label)))
    positive, negative = counts(score, label)
    bound = (positive * negative).sum() / positive.sum() / negative.sum() / 2
    assert abs(float(auroc(positive, negative)) - roc_auc_score(label, score)) <= bound + 1e-12


def test_ties_count_as_rows_in_random_order() -> None:
    rng = np.random.default_rng(1)
    score, label = rng.choice([0.1, 0.4, 0.8], 60), rng.integers(0, 2, 60)
    shuffled = [average_precision_score(label, score + 1e-6 * rng.uniform(size=60)) for _ in range(2000)]
    assert float(average_precision(*counts(score, label))) == pytest.approx(np.mean(shuffled), abs=0.02)


def test_areas_need_both_classes() -> None:
    some, none = np.array([1.0, 2.0]), np.zeros(2)
    assert math.isnan(average_precision(some, none))
    assert math.isnan(average_precision(none, some))
    assert float(average_precision(some[::-1], some)) < 1


def test_f1_has_the_interval_of_its_share(table: pa.Table) -> None:
    row = measured(PERFORMANCE, table, FINDINGS[0])["f1"]
    low, high = intervals.jeffreys(row.events, row.n, row.deff)
    assert (row.low, row.high) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    share = np.linspace(0, 1, 5)
    np.testing.assert_allclose(jaccard_of(f1_of(share)), share)


def test_balanced_accuracy_lies_between_the_limits_of_its_parts(table: pa.Table) -> None:
    """MOVER for a mean: narrower than both parts at their worst together."""
    made = measured(PERFORMANCE, table, FINDINGS[0])
    row, parts = made["balanced_accuracy"], (made["sensitivity"], made["specificity"])
    assert np.mean([p.low for p in parts]) <= row.low < row.value < row.high <= np.mean([p.high for p in parts])
    assert row.n_eff == min(p.n_eff for p in parts)
    healthy = table.filter(pc.equal(table["label"], 0))
    alone = measured(PERFORMANCE, healthy, FINDINGS[0])["balanced_accuracy"]
    assert math.isnan(alone.value)
    assert alone.note


def test_macro_averages_are_scikit_learns_mean_over_findings(table: pa.Table) -> None:
    tally = Tally.of(PERFORMANCE, table, STRATA)
    made = {row.measure: row for row in macro(Desk(PERFORMANCE, tally, "v1"), [Slice()], window=Window())}
    pairs = [known(part_of(table, item), "label", "decision") for item in FINDINGS]
    scores = [known(part_of(table, item), "label", "probability") for item in FINDINGS]
    assert made["f1"].value == pytest.approx(np.mean([f1_score(y, d) for y, d in pairs]), abs=1e-12)
    assert made["auroc"].value == pytest.approx(np.mean([roc_auc_score(y, p) for y, p in scores]), abs=0.002)
    assert all(row.item == ITEM and row.low < row.value < row.high for row in made.values())
    assert made["auroc"].note == "mean of 3 of 3 findings"
    single = measured(PERFORMANCE, table, FINDINGS[0])["auroc"]
    assert made["auroc"].high - made["auroc"].low < single.high - single.low


def test_a_mean_over_findings_counts_both_classes_and_rests_on_the_least_known_finding(table: pa.Table) -> None:
    tally = Tally.of(PERFORMANCE, table, STRATA)
    made = {row.measure: row for row in macro(Desk(PERFORMANCE, tally, "v1"), [Slice()], window=Window())}
    single = [measured(PERFORMANCE, table, item) for item in FINDINGS]
    scored = table.filter(pc.and_(pc.is_valid(table["label"]), pc.is_valid(table["probability"])))
    assert made["auroc"].n == scored.num_rows
    assert made["auroc"].patients == len(pc.unique(scored["subject_id"]))
    assert max(one["auroc"].patients for one in single) <= made["auroc"].patients
    for name, row in made.items():
        assert row.n == sum(one[name].n for one in single), name
        assert row.n_eff == min(one[name].n_eff for one in single), name


def test_a_finding_with_one_class_is_not_averaged_and_not_hidden(table: pa.Table) -> None:
    other = pc.or_kleene(pc.not_equal(table["item"], FINDINGS[0]), pc.equal(table["label"], 0))
    tally = Tally.of(PERFORMANCE, table.filter(other), STRATA)
    (row,) = macro(Desk(PERFORMANCE, tally, "v1"), [Slice()], window=Window(), measures=["auroc"])
    assert row.note == "mean of 2 of 3 findings"
    only = Tally.of(PERFORMANCE, part_of(table, FINDINGS[0]), STRATA)
    (row,) = macro(Desk(PERFORMANCE, only, "v1"), [Slice()], window=Window(), measures=["auroc"])
    assert math.isnan(row.value)
    assert (row.n, row.patients) == (0, 0)
    assert "fewer than two" in row.note
    with pytest.raises(TallyError, match="no macro average"):
        macro(Desk(PERFORMANCE, tally, "v1"), [Slice()], window=Window(), measures=["prevalence"])


def copied(table: pa.Table) -> pa.Table:
    """Every finding is the first one again: the mean over findings knows no more than one does."""
    first = part_of(table, FINDINGS[0])
    kind = table.schema.field("item")
    parts = []
    for name in FINDINGS:
        items = pa.array([name] * first.num_rows, pa.string()).cast(kind.type)
        parts.append(first.set_column(table.column_names.index("item"), kind, items))
    return pa.concat_tables(parts)


def test_the_correlation_between_findings_is_in_the_interval_of_their_mean(table: pa.Table) -> None:
    tally = Tally.of(PERFORMANCE, copied(table), STRATA)
    (row,) = macro(Desk(PERFORMANCE, tally, "v1"), [Slice()], window=Window(), measures=["auroc"])
    single = measured(PERFORMANCE, table, FINDINGS[0])["auroc"]
    assert row.value == pytest.approx(single.value)
    assert row.high - row.low == pytest.approx(single.high - single.low, rel=0.05)


@pytest.mark.shared
@pytest.mark.parametrize("finding", ["Atelectasis", "Pneumothorax", "Hernia"])
def test_average_precision_on_real_scores_equals_scikit_learns(shared: Path, finding: str) -> None:
    _, label, probability = chexnet(shared / "data/chexnet/predictions.csv.gz", finding)
    made = float(average_precision(*counts(probability, label)))
    assert made == pytest.approx(average_precision_score(label, probability), abs=0.001)
