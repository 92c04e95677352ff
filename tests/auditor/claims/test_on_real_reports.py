"""Claims on radiologists' reports against human codes, and controls made from their sentences."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from auditor.claims import Claim, default_lexicon, extract
from auditor.judges.report import ReportJudge
from benchmarks.claims_controls import HARMFUL, Control, controls

pytestmark = pytest.mark.shared

#: Human code → our findings; their kinds count too. The codes come from headings of MeSH: fluid in the pericardium
#: stands under Effusion, and a thickened bronchial wall under Pleural_Thickening, as everything that is thickened.
FINDINGS = {
    "Atelectasis": {"atelectasis"},
    "Cardiomegaly": {"cardiomegaly"},
    "Effusion": {"pleural_effusion", "pericardial_effusion"},
    "Nodule": {"lung_nodule"},
    "Emphysema": {"emphysema"},
    "Pneumothorax": {"pneumothorax"},
    "Edema": {"pulmonary_edema"},
    "Pneumonia": {"pneumonia"},
    "Consolidation": {"consolidation"},
    "Mass": {"lung_mass", "mediastinal_mass", "hilar_mass"},
    "Infiltration": {"infiltrate", "lung_opacity"},
    "Fibrosis": {"fibrosis"},
    "Pleural_Thickening": {"pleural_thickening", "bronchial_wall_thickening"},
}
Counts = dict[str, tuple[int, int, int]]


def says(claims: list[Claim], wanted: set[str]) -> bool:
    ancestors = default_lexicon().ancestors
    said = (c for c in claims if c.status == "present" and not c.context and c.kind == "finding")
    return any(wanted & ancestors[claim.finding] for claim in said)


@pytest.fixture(scope="module")
def counts(shared: Path, openi_reports: list[dict[str, Any]]) -> Counts:
    """Right, missed and additional studies for every human code."""
    with (shared / "data" / "openi" / "expert_labels.csv").open(encoding="utf-8") as file:
        labels = {int(row["uid"]): row for row in csv.DictReader(file)}
    table = {name: Counter[str]() for name in FINDINGS}
    for report in openi_reports:
        if report["uid"] in labels:
            claims = extract(f"{report['findings']}\n\n{report['impression']}")
            for name, wanted in FINDINGS.items():
                table[name][labels[report["uid"]][name] + str(int(says(claims, wanted)))] += 1
    return {name: (c["11"], c["10"], c["01"]) for name, c in table.items()}


@pytest.mark.parametrize("name", ["Cardiomegaly", "Atelectasis", "Effusion", "Nodule", "Emphysema"])
def test_recall_and_precision_against_human_codes(counts: Counts, name: str) -> None:
    right, missed, more = counts[name]
    assert right / (right + missed) >= 0.90
    assert right / (right + more) >= 0.60


@pytest.mark.parametrize("name", ["Cardiomegaly", "Atelectasis", "Effusion", "Nodule"])
def test_recall_of_the_common_findings(counts: Counts, name: str) -> None:
    right, missed, _ = counts[name]
    assert right + missed >= 60
    assert right / (right + missed) >= 0.95


@pytest.mark.parametrize(
    "name",
    [
        "Pneumothorax", "Edema", "Emphysema", "Pneumonia", "Consolidation", "Mass", "Infiltration", "Fibrosis",
        "Pleural_Thickening",
    ],
)  # fmt: skip
def test_few_of_the_rare_ones_are_missed(counts: Counts, name: str) -> None:
    right, missed, _ = counts[name]
    assert 0 < right + missed < 60
    assert missed <= 3


def test_a_hundred_disagreements_read_by_hand(openi_reports: list[dict[str, Any]]) -> None:
    """Where we and the coders differ: what the text says, as we read it, with a reason each.

    Most are hedged or named by another heading in the codes. `present` is our reading; the engine may be wrong
    about the rows marked as its errors and about no other.
    """
    texts = {r["uid"]: f"{r['findings']}\n\n{r['impression']}" for r in openi_reports}
    with Path(__file__).with_name("disagreements.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 100
    assert all(row["reason"] for row in rows)
    wrong = [
        (row["uid"], row["code"])
        for row in rows
        if row["reading"] != "engine error"
        and says(extract(texts[int(row["uid"])]), FINDINGS[row["code"]]) != (row["present"] == "1")
    ]
    assert not wrong
    assert sum(row["reading"] == "engine error" for row in rows) <= 10


@pytest.fixture(scope="module")
def outcomes(openi_reports: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """For every kind of control: how many, and how many judged as they should be."""
    reports = [f"{r['findings']} {r['impression']}".strip() for r in openi_reports if r["findings"]]
    judge = ReportJudge()
    made, right = Counter[str](), Counter[str]()
    for control in controls(reports, seed=1, per_kind=150):
        made[control.kind] += 1
        right[control.kind] += as_it_should(judge, control)
    return {kind: (made[kind], right[kind]) for kind in made}


def as_it_should(judge: ReportJudge, control: Control) -> bool:
    def errors(draft: str) -> Counter[tuple[str, str]]:
        pair = {"id": 0, "reference": control.reference, "draft": draft, "has_prior": True}
        return Counter((e["code"], e["finding"]) for e in judge.one(pair)["errors"])

    new = errors(control.draft) - errors(control.reference)
    if control.kind in HARMFUL:
        return any(code in HARMFUL[control.kind] for code, _ in new)
    return not new


def test_harmful_changes_are_found_with_their_code(outcomes: dict[str, tuple[int, int]]) -> None:
    assert set(HARMFUL) <= set(outcomes)
    short = {k: r / n for k, (n, r) in outcomes.items() if k in HARMFUL and r < 0.97 * n}
    assert not short


def test_harmless_changes_raise_no_alarm(outcomes: dict[str, tuple[int, int]]) -> None:
    false = {k: 1 - r / n for k, (n, r) in outcomes.items() if k not in HARMFUL and n - r > 0.02 * n}
    assert len(outcomes) - len(HARMFUL) == 5
    assert not false
