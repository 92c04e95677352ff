"""Drift of words and findings in audits: what is counted, what may be told, and what cannot be compared."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from auditor.settings import SettingsError
from auditor.store import tables as t
from reports.dossier import Dossier, DriftColumn
from reports.html import render
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, RECEIVED, Site

_PATIENTS = 60  # of each window
_THEN, _NOW, _FEW = "2026-01-14", "2026-02-11", "2026-02-25"
_WINDOW = {"start": date(2026, 2, 9), "end": date(2026, 2, 15)}
YAML = """
system: small
tasks: {report: {}, vqa: {}}
reference_window: {from: 2026-01-12, to: 2026-01-18}
thresholds:
  - {measure: drift_distance, item: findings, contrast: reference, watch: 0.2}
  - {measure: drift_distance, item: words, contrast: reference, watch: 0.2}
"""
_PLAIN = "Heart size is normal. No pleural effusion. Small nodule in the left lung."
_NEW = "Heart size is normal. Large pneumothorax on the right, 14 mm. Discussed with Quillfeather."
_REFERENCE = "Heart size is normal. No pneumothorax. Lungs are clear. Pacemaker in place."


def _output(day: str, i: int, **more: Any) -> dict[str, Any]:
    text = _NEW if day == _NOW and i % 2 else _PLAIN
    about = {"case_id": f"{day}-{i}", "patient_id": f"MRN-{day}-{i}", "task": "report", "version": "1"}
    return {**about, "produced_at": f"{day}T10:00:00Z", "text": text, **more}


def _answer(day: str, i: int) -> dict[str, Any]:
    return _output(day, i, task="vqa", text="yes", item="q", prompt="Is there an effusion?")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: sixty drafts and answers in each of two windows, eleven drafts in a third."""
    folder = tmp_path_factory.mktemp("wording")
    small.build_empty(folder, YAML)
    (site,) = small.opened(folder)
    days = [(day, i) for day, n in ((_THEN, _PATIENTS), (_NOW, _PATIENTS), (_FEW, 11)) for i in range(n)]
    outputs = [make(day, i) for make in (_output, _answer) for day, i in days]
    site.hand_in("outputs", outputs, RECEIVED)
    references = [
        {
            "case_id": f"{day}-{i}",
            "task": "report",
            "reference_kind": "final_report",
            "text": _REFERENCE,
            "finalised_at": f"{day}T12:00:00Z",
        }
        for day, i in days
        if day == _THEN
    ]
    site.hand_in("references", references, RECEIVED)
    site.ledger.close()
    return folder


@pytest.fixture
def site(said: Path, tmp_path: Path) -> Iterator[Site]:
    yield from small.opened(small.copied(said, tmp_path / "site"))


def _audited(site: Site, yaml: str = YAML, **window: date) -> Dossier:
    site.apply(yaml, LATER)
    return site.dossier(site.audit(LATER, **(window or _WINDOW)).audit)


def _columns(dossier: Dossier, name: str) -> list[DriftColumn]:
    return [one for one in dossier.drift if one.column == name]


def _shares(column: DriftColumn) -> dict[str, tuple[float, float]]:
    pairs = zip(column.reference_shares, column.window_shares, strict=True)
    return dict(zip(column.categories, pairs, strict=True))


def test_findings_are_counted_though_no_reference_has_come_yet(site: Site) -> None:
    dossier = _audited(site)
    (findings,) = _columns(dossier, "findings")
    assert findings.drifted
    assert _shares(findings) == {"lung nodule": (1.0, 0.5), "pneumothorax": (0.0, 0.5)}
    (row,) = [one for one in dossier.rows if (one.measure, one.item) == ("drift_distance", "findings")]
    assert (row.status, row.n, row.value) == ("watch", _PATIENTS, findings.distance)
    assert "pneumothorax" in render(dossier)


def test_words_are_told_where_they_are_ours_or_may_be_shown(site: Site) -> None:
    (words, answers) = _columns(_audited(site), "words")
    assert words.drifted and not answers.drifted
    assert answers.distance == 0  # of the task vqa: always yes
    assert _shares(words)["pneumothorax"] == (0.0, 0.5)
    assert {"quillfeather", "14"}.isdisjoint(words.categories)
    kept = json.dumps([one["payload"] for one in site.ledger.read(t.details.select())])
    assert "quillfeather" not in kept.lower()
    shown, _ = _columns(_audited(site, f"{YAML}exemplars: span\n"), "words")
    assert _shares(shown)["quillfeather"] == (0.0, 0.5)
    assert shown.distance == words.distance


def test_references_are_compared_by_their_structures_and_words(site: Site) -> None:
    dossier = _audited(site, start=date(2026, 1, 12), end=date(2026, 2, 15))
    (structures,) = _columns(dossier, "addressed")
    assert structures.distance == 0
    # heart, pleura, lungs, and a class of device
    assert structures.categories == ("4–5",)
    (lengths,) = _columns(dossier, "reference_length")
    assert lengths.categories == ("12–15",)
    (row,) = [
        r for r in dossier.rows if r.measure == "reference_structures" and r.slice == "all" and not r.contrast
    ]
    assert (row.value, row.n) == (4.0, _PATIENTS)


def test_few_patients_are_not_compared_and_the_report_says_so(site: Site) -> None:
    dossier = _audited(site, start=date(2026, 2, 23), end=date(2026, 3, 1))
    assert not _columns(dossier, "words")
    row = next(r for r in dossier.rows if (r.measure, r.item, r.task) == ("drift_distance", "words", "report"))
    assert row.value is None and row.status == "insufficient"
    said = render(dossier)
    assert "Words of outputs (" in said and "of 11 patients; 50 are needed" in said


def test_a_new_version_is_held_against_the_last_one(site: Site) -> None:
    ends = (_THEN.replace("14", "15"), "10", _PLAIN.upper()), (_NOW, "11", _PLAIN.upper())
    other = [_output(d, 100 + i, version=v, text=text) for d, v, text in ends for i in range(_PATIENTS)]
    renamed = [_output(_THEN, 300 + i, version="9", text="Another wording.") for i in range(_PATIENTS)]
    site.hand_in("outputs", [*other, *renamed], LATER)
    rows = {r.version: r for r in _audited(site).rows if (r.item, r.task) == ("words", "report")}
    assert rows.keys() == {"1", "11"}
    assert rows["11"].value == 0  # version 10 came after version 9, whatever their names say


def test_without_a_reference_window_nothing_is_compared(site: Site) -> None:
    plain = YAML.replace("reference_window: {from: 2026-01-12, to: 2026-01-18}\n", "")
    assert _audited(site, plain).drift == ()


def test_the_names_are_taken(site: Site) -> None:
    with pytest.raises(SettingsError, match="words is what every audit calls something else"):
        site.apply(f"{YAML}drift_numbers: [words]\n", LATER)
