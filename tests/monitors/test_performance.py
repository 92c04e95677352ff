"""Performance, calibration and fairness against scikit-learn and fairlearn, also on real scores."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score

from monitors import frame
from monitors.calibration import CALIBRATION, bin_starts, reliability
from monitors.columns import LOGIT_BINS, JudgedError, logit_bin
from monitors.fairness import UNDERDIAGNOSIS, group_metrics
from monitors.judged import GRID, judged_schema
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice, Window
from monitors.monitor import Monitor
from monitors.performance import PERFORMANCE, auroc
from monitors.score_grid import SUMS
from monitors.tally import Tally
from monitors.vqa import VQA_PERFORMANCE
from monitors.yes_no import YES_NO
from tests.monitors.population import FINDINGS, STRATA, answers, classifications


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return classifications(np.random.default_rng(3), 300)


def known(table: pa.Table, *names: str) -> list[np.ndarray]:
    """Columns as numpy arrays, on the rows where all of them are known."""
    mask = np.logical_and.reduce([pc.is_valid(table[n]).to_numpy() for n in names])
    kept = table.filter(pa.array(mask))
    return [kept[n].to_numpy(zero_copy_only=False) for n in names]


def measured(monitor: Monitor, table: pa.Table, item: str, where: Slice | None = None) -> dict[str, Measurement]:
    tally = Tally.of(monitor, table, STRATA)
    rows = frame.measure(Desk(monitor, tally, "v1"), [where or Slice()], items=[item], window=Window())
    return {row.measure: row for row in rows}


@pytest.mark.parametrize("item", ["", *FINDINGS])
def test_sensitivity_and_specificity_are_scikit_learns_recall(table: pa.Table, item: str) -> None:
    part = table.filter(pc.equal(table["item"], item)) if item else table
    label, decision = known(part, "label", "decision")
    made = measured(PERFORMANCE, table, item)
    assert made["sensitivity"].value == pytest.approx(recall_score(label, decision), abs=1e-12)
    assert made["specificity"].value == pytest.approx(recall_score(label, decision, pos_label=0), abs=1e-12)
    assert made["sensitivity"].n == label.sum()
    assert made["flagged"].n == len(known(part, "decision")[0])


@pytest.mark.parametrize("item", FINDINGS)
def test_auroc_and_brier_are_scikit_learns(table: pa.Table, item: str) -> None:
    label, probability = known(table.filter(pc.equal(table["item"], item)), "label", "probability")
    assert measured(PERFORMANCE, table, item)["auroc"].value == pytest.approx(
        roc_auc_score(label, probability), abs=0.002
    )
    made = measured(CALIBRATION, table, item)
    assert made["brier"].value == pytest.approx(brier_score_loss(label, probability), abs=1e-6)
    assert made["calibration_gap"].value == pytest.approx(probability.mean() - label.mean(), abs=1e-6)


def test_auroc_is_exact_on_tied_scores() -> None:
    rng = np.random.default_rng(0)
    score, label = rng.choice([0.0, 0.1, 0.4, 0.8, 1.0], 400), rng.integers(0, 2, 400)
    bins = logit_bin(score)
    positive, negative = (np.bincount(bins[label == k], minlength=LOGIT_BINS).astype(float) for k in (1, 0))
    assert float(auroc(positive, negative)) == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def test_auroc_is_not_pooled_over_findings_and_needs_both_classes(table: pa.Table) -> None:
    assert "auroc" not in measured(PERFORMANCE, table, "")
    item = FINDINGS[0]
    sick = table.filter(pc.equal(table["label"], 1))
    row = measured(PERFORMANCE, sick, item)["auroc"]
    assert math.isnan(row.value)
    assert "one class" in row.note


def test_a_probability_outside_its_range_is_refused_without_quoting_it(table: pa.Table) -> None:
    at = table.column_names.index("probability")
    broken = table.set_column(at, table.schema.field(at), pa.array([7.25] * table.num_rows))
    with pytest.raises(JudgedError, match=r"\[0, 1\]") as caught:
        Tally.of(PERFORMANCE, broken, STRATA)
    assert "7.25" not in str(caught.value)


def test_reliability_bins_agree_with_a_plain_computation(table: pa.Table) -> None:
    label, probability = known(table, "label", "probability")
    made = reliability(Tally.of(CALIBRATION, table, STRATA), version="v1")
    assert sum(b.n for b in made) == len(label)
    assert 8 <= len(made) <= 10
    for b in made:
        inside = (probability >= b.low) & (probability < b.high)
        assert b.n == inside.sum()
        assert b.frequency == pytest.approx(label[inside].mean())
        assert b.confidence == pytest.approx(probability[inside].mean(), abs=1e-5)
        assert b.frequency_low <= b.frequency <= b.frequency_high


def test_bins_of_a_reference_stay_fixed(table: pa.Table) -> None:
    reference = Tally.of(CALIBRATION, table, STRATA)
    shifted = Tally.of(CALIBRATION, classifications(np.random.default_rng(8), 200, shift=2.0), STRATA)
    ours, theirs = (reliability(t, version="v1", reference=reference) for t in (reference, shifted))
    assert {(b.low, b.high) for b in theirs} <= {(b.low, b.high) for b in ours}
    assert theirs[-1].n > ours[-1].n * shifted.group_totals()[:, 0].sum() / reference.group_totals()[:, 0].sum()


def test_bin_starts_split_the_mass_evenly() -> None:
    totals = np.zeros(len(CALIBRATION.cells))
    totals[len(SUMS) : len(SUMS) + LOGIT_BINS] = 1.0
    np.testing.assert_array_equal(bin_starts(totals, 4), [0, 120, 240, 360])
    np.testing.assert_array_equal(bin_starts(np.zeros(len(CALIBRATION.cells))), [0])


def test_group_metrics_are_fairlearns_on_the_rows(table: pa.Table) -> None:
    label, decision, sex = known(table, "label", "decision", "sex")
    made = group_metrics(Tally.of(PERFORMANCE, table, STRATA), "sex", version="v1")
    assert made.demographic_parity_difference == pytest.approx(
        demographic_parity_difference(label, decision, sensitive_features=sex)
    )
    assert made.equalized_odds_difference == pytest.approx(
        equalized_odds_difference(label, decision, sensitive_features=sex)
    )
    assert [g.value for g in made.groups] == ["F", "M"]


def test_a_group_that_cannot_be_measured_is_not_called_fair(table: pa.Table) -> None:
    """fairlearn alone reads the true-positive rate of a group without positives as 0."""
    healthy_women = table.filter(pc.or_kleene(pc.equal(table["sex"], "M"), pc.equal(table["label"], 0)))
    made = group_metrics(Tally.of(PERFORMANCE, healthy_women, STRATA), "sex", version="v1")
    assert math.isnan(made.groups[0].true_positive_rate)
    assert math.isnan(made.equalized_odds_difference)
    assert made.note


def row(output: str, item: str, label: int | None, decision: int | None) -> dict[str, object]:
    return {
        "digest": bytes(16), "output_id": output, "case_id": output, "subject_id": output,
        "clustered_by": "patient", "task": "classification", "item": item, "version": "v1",
        "origin": "recorded", "draft_seen": "no", "day": None, "weight": GRID, "status": "judged",
        "length": None, "confidence": None, "probability": None, "label": label, "decision": decision,
        "critical": 0, "in_time": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "decisions", "expected"),
    [
        ([1, 0], [0, 0], {"sick": 1, "called_clear": 1}),
        ([1, 0], [0, 1], {"sick": 1}),
        ([0, 0], [0, 1], {"healthy": 1, "called_sick": 1}),
        ([0, 0], [0, 0], {"healthy": 1}),
        ([1, None], [0, 0], {"sick": 1, "called_clear": 1}),  # one known finding is enough to be sick
        ([0, None], [0, 0], {}),  # may or may not be healthy
        ([1, 0], [0, None], {}),  # may or may not have been called clear
        ([1, 0], [1, None], {"sick": 1}),
        ([None, None], [0, 0], {}),
    ],
)
def test_underdiagnosis_follows_three_valued_logic(
    labels: list[int | None], decisions: list[int | None], expected: dict[str, int]
) -> None:
    rows = [row("a", f"f{i}", y, d) for i, (y, d) in enumerate(zip(labels, decisions, strict=True))]
    schema = judged_schema("classification")
    table = pa.Table.from_pylist([*rows, row("b", "f0", None, None)], schema=schema)
    totals = Tally.of(UNDERDIAGNOSIS, table, ("version", "item")).group_totals().sum(axis=0)
    assert {c: v for c, v in zip(UNDERDIAGNOSIS.cells, totals, strict=True) if v} == expected


def test_underdiagnosis_counts_outputs_whatever_the_order_of_rows(table: pa.Table) -> None:
    label, decision, output = (table[n].to_pylist() for n in ("label", "decision", "output_id"))
    by_output: dict[str, list[tuple[int | None, int | None]]] = {}
    for o, y, d in zip(output, label, decision, strict=True):
        by_output.setdefault(o, []).append((y, d))
    sick = [rows for rows in by_output.values() if any(y == 1 for y, _ in rows)]
    called = [rows for rows in sick if any(d == 1 for _, d in rows)]
    clear = [rows for rows in sick if all(d == 0 for _, d in rows)]
    made = measured(UNDERDIAGNOSIS, table, "")["underdiagnosis"]
    assert made.n == len(called) + len(clear)
    assert made.events == len(clear)


def test_vqa_against_a_plain_count() -> None:
    table = answers(np.random.default_rng(4), 300)
    made = measured(VQA_PERFORMANCE, table, "")
    judged = table.filter(pc.equal(table["status"], "judged"))
    closed, correct, abstained, said, truth = (
        judged[n].to_numpy(zero_copy_only=False)
        for n in ("closed", "correct", "abstained", "answered_yes", "truth_yes")
    )
    given = abstained == 0
    assert made["accuracy"].value == pytest.approx(correct[given].mean())
    assert made["accuracy_open"].n == (given & (closed == 0)).sum()
    assert made["abstention"].value == pytest.approx(abstained.mean())
    asked = given & (closed == 1)
    assert measured(YES_NO, table, "")["yes_bias"].value == pytest.approx(said[asked].mean() - truth[asked].mean())
    status = table["status"].to_pylist()
    assert made["unparseable_answers"].value == pytest.approx(
        status.count("unparseable") / (len(status) - status.count("awaiting"))
    )


def chexnet(path: Path, finding: str) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """One finding of the real classifier as a judged table, with its labels and probabilities."""
    rows = csv.read_csv(path)
    n = rows.num_rows
    label = np.array([finding in labels.split("|") for labels in rows["labels"].to_pylist()]).astype(np.int8)
    probability = rows[f"prob_{finding}"].to_numpy()
    constant = {"clustered_by": "patient", "task": "classification", "item": finding, "version": "v1"}
    constant |= {"origin": "recorded", "draft_seen": "no", "status": "judged"}
    columns = {name: [value] * n for name, value in constant.items()} | {
        "digest": [i.to_bytes(16, "little") for i in range(n)],
        "output_id": rows["image"].to_pylist(),
        "case_id": rows["image"].to_pylist(),
        "subject_id": [str(p) for p in rows["patient_id"].to_pylist()],
        "weight": [GRID] * n,
        "probability": probability,
        "label": label,
    }
    schema = judged_schema("classification")
    made = [pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(n, f.type) for f in schema]
    return pa.table(made, schema=schema), label, probability


@pytest.mark.shared
@pytest.mark.parametrize("finding", ["Atelectasis", "Effusion", "Pneumothorax", "Hernia", "Infiltration", "Edema"])
def test_auroc_on_real_scores_equals_scikit_learns(shared: Path, finding: str) -> None:
    table, label, probability = chexnet(shared / "data/chexnet/predictions.csv.gz", finding)
    tally = Tally.of(PERFORMANCE, table, ("version", "item"))
    rows = frame.measure(Desk(PERFORMANCE, tally, "v1"), [Slice()], items=[finding], window=Window())
    made = next(r for r in rows if r.measure == "auroc")
    exact = roc_auc_score(label, probability)
    assert made.value == pytest.approx(exact, abs=0.002)
    assert made.low < exact < made.high
