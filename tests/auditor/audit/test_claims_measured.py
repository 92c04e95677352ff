"""An audit of drafts that were written three times: what single claims are worth, as two bounds."""

from pathlib import Path

import pytest

from reports.html import render
from reports.text import WORDS
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import RECEIVED, row

_PATIENTS = 40
YAML = """
system: small
tasks:
  report: {samples: 3, accepted_risk: 0.5}
thresholds:
  - {measure: silent_wrong_claim_confidence_gap, watch: 0.2}
"""
_REFERENCE = "Small left pleural effusion. No pneumothorax."
_RIGHT, _OTHER_SIDE = "Small left pleural effusion.", "Small right pleural effusion."
_DENIED, _SILENT = "Large left pneumothorax.", "Acute left rib fracture."
#: The three drafts of each fourth patient; and every claim in them, with how many of the other two make it.
_DRAFTS = (
    (_RIGHT, _RIGHT, _RIGHT),
    (_RIGHT, _RIGHT, _OTHER_SIDE),
    (f"{_RIGHT} {_DENIED}", f"{_RIGHT} {_DENIED}", _RIGHT),
    (f"{_RIGHT} {_SILENT}", f"{_SILENT} {_RIGHT}", _RIGHT),
)
_CLAIMS = (
    *[(_RIGHT, 2)] * 3,
    *[(_RIGHT, 1)] * 2, (_OTHER_SIDE, 0),
    *[(_RIGHT, 2)] * 3, *[(_DENIED, 1)] * 2,
    *[(_RIGHT, 2)] * 3, *[(_SILENT, 1)] * 2,
)  # fmt: skip


def _site(folder: Path) -> small.Site:
    small.build_empty(folder, YAML)
    (site,) = small.opened(folder)
    return site


def _hand_in(site: small.Site) -> None:
    patients = range(_PATIENTS)
    about = {"task": "report", "version": "2", "produced_at": "2026-01-20T10:00:00Z"}
    site.hand_in("cases", [{"case_id": f"R-{i}", "patient_id": f"P-{i}"} for i in patients], RECEIVED)
    site.hand_in("references", [small.report_reference(i, text=_REFERENCE) for i in patients], RECEIVED)
    drafts = [
        about | {"case_id": f"R-{i}", "output_id": f"R-{i}-{sample}", "sample": sample, "text": text}
        for i in patients
        for sample, text in enumerate(_DRAFTS[i % len(_DRAFTS)])
    ]
    site.hand_in("outputs", drafts, RECEIVED)


def test_both_bounds_are_those_counted_by_hand_and_the_report_says_them(tmp_path: Path) -> None:
    site = _site(tmp_path / "sampled")
    _hand_in(site)
    dossier = site.dossier(site.audit(RECEIVED).audit)
    counted = len(_CLAIMS) * _PATIENTS / len(_DRAFTS) / 3  # each of a case's three drafts weighs a third
    stated = [agree / 2 for _, agree in _CLAIMS]
    for taken, right in (("right", (_RIGHT, _SILENT)), ("wrong", (_RIGHT,))):
        came = [claim in right for claim, _ in _CLAIMS]
        gap = row(dossier, f"silent_{taken}_claim_confidence_gap", "2")
        assert gap.value == pytest.approx((sum(stated) - sum(came)) / len(_CLAIMS), abs=1e-5)
        assert gap.n == pytest.approx(counted, abs=1e-3) and gap.patients == _PATIENTS
        brier = row(dossier, f"silent_{taken}_claim_confidence_brier", "2")
        squares = [(p - o) ** 2 for p, o in zip(stated, came, strict=True)]
        assert brier.value == pytest.approx(sum(squares) / len(_CLAIMS), abs=1e-5)
        (worth,) = [one for one in dossier.confidence if one.monitor == f"confidence_claims_silent_{taken}"]
        assert worth.sampled is not None and (worth.sampled.samples, worth.sampled.note) == (2, "")
        assert worth.safe is None and worth.curve == () and worth.is_probability  # a claim is no output to trust
    assert row(dossier, "silent_wrong_claim_confidence_gap", "2").status  # a rule may name it
    assert not [one for one in dossier.rows if one.measure.startswith("confidence")]  # drafts state none
    page = " ".join(render(dossier).split())
    for name in ("of_confidence_claims_silent_right", "of_confidence_claims_silent_wrong"):
        assert WORDS[name] in page
    assert "a share of 2 other drafts" in page and "The over-confidence lies between the two" in page
    site.ledger.close()
