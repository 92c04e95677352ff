"""Estimates without labels in an audit: from a reference window only, and held against labels as they come."""

from datetime import date, timedelta
from typing import Any

import pytest

from auditor.records import Kind
from tests.auditor.small_hospital import LATER, Site

_N = 500
KINDS: tuple[Kind, ...] = ("cases", "outputs", "references")
YAML = """
system: small
tasks: {classification: {operating_points: {Edema: 0.5}}}
reference_window: {from: 2026-01-05, to: 2026-01-18}
"""


def _rows(kind: Kind, first: date, stem: str, labelled: int) -> list[dict[str, Any]]:
    """Scores in fifty steps; with probability p the finding is there in p of the cases of that score."""
    made: list[dict[str, Any]] = []
    for i in range(_N):
        case = f"{stem}-{i}"
        score = (i % 50 + 0.5) / 50
        there = int((i // 50 + 0.5) / (_N / 50) < score)
        about = {"case_id": case, "task": "classification"}
        produced = f"{first + timedelta(days=i % 12)}T10:00:00Z"
        if kind == "cases":
            made.append({"case_id": case, "patient_id": case})
        elif kind == "outputs":
            stated = {"output_id": case, "version": "1", "produced_at": produced, "scores": {"Edema": score}}
            made.append(about | stated)
        elif i < labelled:
            made.append(about | {"reference_kind": "label_set", "labels": {"Edema": there}})
    return made


@pytest.fixture
def scored(fresh_site: Site) -> Site:
    fresh_site.apply(YAML, LATER)
    for first, stem, labelled in ((date(2026, 1, 5), "REF", _N), (date(2026, 2, 2), "NOW", 0)):
        for kind in KINDS:
            if rows := _rows(kind, first, stem, labelled):
                fresh_site.hand_in(kind, rows, LATER)
    return fresh_site


def test_estimates_come_before_labels_and_are_held_against_them_after(scored: Site) -> None:
    window = {"start": date(2026, 2, 1), "end": date(2026, 2, 28)}
    made = {one.measure: one for one in scored.dossier(scored.audit(LATER, **window).audit).estimates}
    sensitivity = made["estimated_sensitivity"]
    # by the calibrated scores: the flagged half holds three quarters of what there is
    assert sensitivity.value == pytest.approx(0.75, abs=0.02)
    assert sensitivity.n == _N
    assert (sensitivity.realised, sensitivity.error) == (None, None)
    scored.hand_in("references", _rows("references", date(2026, 2, 2), "NOW", _N), LATER)
    after = {one.measure: one for one in scored.dossier(scored.audit(LATER, **window).audit).estimates}
    told = after["estimated_sensitivity"]
    assert told.value == pytest.approx(sensitivity.value)
    assert told.realised is not None and told.error == pytest.approx(told.value - told.realised)
    assert told.error_low is not None and told.error_high is not None
    assert told.error_low < 0 < told.error_high
    assert told.labelled == _N


def test_without_a_reference_window_nothing_is_estimated(scored: Site) -> None:
    scored.apply("\n".join(line for line in YAML.splitlines() if "reference_window" not in line), LATER)
    assert scored.dossier(scored.audit(LATER).audit).estimates == ()


def test_the_reference_window_is_not_held_against_itself(scored: Site) -> None:
    """Its labels made the map: an error that it then has of itself would be no error of an estimate."""
    days = {"start": date(2026, 1, 5), "end": date(2026, 1, 18)}
    own = scored.dossier(scored.audit(LATER, **days).audit)
    assert (own.estimates, own.shifts) == ((), ())
    assert [one for one in own.limits if "holds the same outputs as the reference window" in one]
    other = scored.dossier(scored.audit(LATER, start=date(2026, 2, 1), end=date(2026, 2, 28)).audit)
    assert other.estimates and not [one for one in other.limits if "same outputs as the reference" in one]
