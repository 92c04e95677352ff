"""Stated confidence in an audit: what is measured of it, what can be trusted, and that it must be named."""

from typing import Any

import pytest

from auditor.audit.run import Result
from auditor.evidence.looking import Look
from auditor.evidence.measured import CALIBRATION, calibration
from reports import confidence
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, Site, row

_MORE = 120  # drafts that state a confidence, each of its own patient


def _stated(i: int) -> dict[str, Any]:
    """Four in five of the sure drafts are right, and one in five of the unsure."""
    right = (i % 5 != 0) if i % 2 else (i % 5 == 0)
    said = "There is no pleural effusion." if right else "There is a large left pleural effusion."
    about = {"case_id": f"K-{i}", "output_id": f"SURE-{i}", "task": "report", "version": "2", "text": said}
    return {**about, "produced_at": "2026-02-01T10:00:00Z", "confidence": {"votes": 1.0 if i % 2 else 0.2}}


@pytest.fixture
def sure(site: Site) -> Site:
    site.hand_in("cases", [{"case_id": f"K-{i}", "patient_id": f"KRN-{i}"} for i in range(_MORE)], LATER)
    site.hand_in("references", [small.report_reference(i, case_id=f"K-{i}") for i in range(_MORE)], LATER)
    site.hand_in("outputs", [_stated(i) for i in range(_MORE)], LATER)
    return site


def _with(site: Site, setting: str) -> None:
    site.apply(small.YAML.replace("report: {}", f"report: {{{setting}}}"), LATER)


def test_confidence_is_measured_only_where_it_is_named(sure: Site) -> None:
    dossier = sure.dossier(sure.audit(LATER).audit)
    assert not [r for r in dossier.rows if r.measure.startswith("confidence")]
    assert {one.task for one in dossier.confidence} == {"classification"}
    _with(sure, "confidence: votes")
    dossier = sure.dossier(sure.audit(LATER).audit)
    gap = row(dossier, "confidence_gap", "2")
    right = [_stated(i)["text"] == "There is no pleural effusion." for i in range(_MORE)]
    assert gap.n == _MORE
    assert gap.value == pytest.approx(0.6 - sum(right) / _MORE)
    (whole,) = [one for one in dossier.confidence if one.task == "report"]
    assert whole.brier is not None and whole.miscalibration is not None
    assert whole.discrimination is not None and whole.uncertainty is not None
    assert whole.brier == pytest.approx(whole.miscalibration - whole.discrimination + whole.uncertainty)
    assert whole.n == _MORE
    assert whole.safe is None and whole.sampled is None
    assert [coverage for coverage, _ in whole.curve] == pytest.approx([0.5, 1.0])
    assert whole.curve[-1][1] == pytest.approx(1 - sum(right) / _MORE)
    bins = [one for one in dossier.reliability if one.task == "report"]
    assert bins and all(one.band_low is not None and one.band_low <= one.confidence for one in bins)


def test_an_accepted_risk_and_a_number_of_answers(sure: Site) -> None:
    _with(sure, "confidence: votes, accepted_risk: 0.4, samples: 5")
    dossier = sure.dossier(sure.audit(LATER).audit)
    (whole,) = [one for one in dossier.confidence if one.task == "report"]
    assert whole.safe is not None and whole.sampled is not None
    assert whole.safe.coverage == pytest.approx(0.5)
    assert whole.safe.risk == pytest.approx(0.2)
    assert whole.safe.risk_high is not None and whole.safe.risk_high < 0.4
    assert whole.sampled.error_stated is not None and whole.sampled.note == ""
    _with(sure, "confidence: votes, samples: 4")  # .2 is no quarter
    dossier = sure.dossier(sure.audit(LATER).audit)
    (whole,) = [one for one in dossier.confidence if one.task == "report"]
    assert whole.sampled is not None
    assert whole.sampled.error_stated is None and "not shares of 4" in whole.sampled.note


def test_a_score_is_measured_by_what_it_orders(sure: Site) -> None:
    """Neither the drafts' confidence nor the classifier's scores claim to be probabilities."""
    drafts_so = "report: {confidence: votes, is_probability: false, accepted_risk: 0.4}"
    text = small.YAML.replace("report: {}", drafts_so)
    sure.apply(text.replace("classification: {", "classification: {is_probability: false, "), LATER)
    dossier = sure.dossier(sure.audit(LATER).audit)
    stated = {r.measure for r in dossier.rows if r.measure.startswith(("confidence", "calibration", "brier"))}
    assert stated == {"confidence_auroc"}
    assert row(dossier, "aurc", "2").n == _MORE
    assert not dossier.reliability
    (drafts,) = [one for one in dossier.confidence if one.task == "report"]
    assert not drafts.is_probability
    assert drafts.brier is None and drafts.p_value is None and drafts.sampled is None
    assert drafts.safe is not None and drafts.safe.coverage == pytest.approx(0.5) and drafts.safe_present is None
    bought = drafts.recalibrated
    assert bought is not None and bought.gained_low > 0  # .2 and 1 become one in five and four in five
    assert bought.recalibrated == pytest.approx(0.16, abs=0.01)
    scores = [one for one in dossier.confidence if one.task == "classification"]
    assert scores and not any(one.is_probability or one.curve or one.safe for one in scores)
    assert confidence.scores(dossier)
    look = Look(sure.ledger, "small", LATER)
    assert look.of(CALIBRATION) and calibration(look) is None  # an order is no evidence of calibration


def test_the_mean_over_findings_is_measured_and_no_single_finding(site: Site, first: Result) -> None:
    dossier = site.dossier(first.audit)
    alone = [row(dossier, "specificity", "2", item=item) for item in ("Effusion", "Nodule")]
    mean = row(dossier, "specificity", "2", item="(macro)")
    assert mean.value == pytest.approx(sum(one.value or 0.0 for one in alone) / 2)
    assert "mean of 2 of 2 findings" in mean.note
    assert not [v for v in dossier.rows if v.item == "(macro)" and v.status]  # "each" finding is no mean
