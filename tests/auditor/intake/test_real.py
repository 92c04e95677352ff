"""Intake of the real sets: dates alone, no patient key, two drafts a study, no dates at all."""

import gzip
from pathlib import Path

import pytest

from auditor.intake.quarantine import listed
from tests.auditor.intake.conftest import Bench

pytestmark = pytest.mark.shared


def test_a_classifier_with_labels_and_patients(bench: Bench, shared: Path) -> None:
    path = shared / "data" / "chexnet" / "predictions.csv.gz"
    with gzip.open(path, "rt") as stream:
        header = stream.readline().strip().split(",")
    findings = [name.removeprefix("prob_") for name in header if name.startswith("prob_")]
    outputs = bench.mapping(
        "case_id: image\npatient_id: patient_id\nscores: {prefix: prob_}\nimages: image\n"
        "task: {value: classification}\nversion: {value: chexnet-1}"
    )
    references = bench.mapping(
        "case_id: image\ntask: {value: classification}\nreference_kind: {value: label_set}\n"
        f'labels: {{from: labels, split: "|", of: [{", ".join(findings)}], none: "No Finding"}}',
        "references",
    )
    cases = bench.mapping(
        "case_id: image\npatient_id: patient_id\nattributes.age: age\nattributes.sex: sex\nattributes.view: view",
        "cases",
    )
    first = bench.ingest(path, mapping=outputs)
    second = bench.ingest(path, "references", mapping=references)
    third = bench.ingest(path, "cases", mapping=cases)
    for result in (first, second, third):
        assert result.rows == 11_627
        assert result.accepted + result.quarantined == 11_627
    assert first.quarantined == 0
    rows = bench.stored()
    assert all(len(row["scores"]) == 14 and row["day"] is None for row in rows)
    assert bench.ingest(path, mapping=outputs).already
    assert {row.field for row in listed(bench.ledger, "drafts")} <= {"attributes.age", "labels"}


def test_two_drafts_of_one_study_and_dates_alone(bench: Bench, shared: Path) -> None:
    folder = shared / "data" / "openi"
    drafts = bench.mapping(
        "case_id: uid\ntext: report\nimages: image\ntask: {value: report}\nversion: {value: mlrg-1}"
    )
    result = bench.ingest(folder / "mlrg_reports.csv", mapping=drafts)
    assert (result.accepted, result.conflicts) == (595, 0)
    rows = bench.stored()
    assert len({row["case_id"] for row in rows}) == 289 and len({row["output_id"] for row in rows}) == 595
    assert all(row["patient_key"] is None for row in rows)
    cases = bench.mapping(
        "case_id: uid\nstudied_at: study_date\nattributes.age: age\nattributes.vendor: vendor", "cases"
    )
    assert bench.ingest(folder / "studies.csv", "cases", mapping=cases).accepted == 1_976
    studies = bench.stored("cases")
    assert {row["case_id"] for row in rows} <= {row["case_id"] for row in studies}  # the same pseudonyms
    assert all(row["subject_id"] is None for row in studies)
