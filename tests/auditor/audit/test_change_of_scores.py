"""What lies behind a change since the reference window, in an audit: the mix of patients, or the new version."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from auditor.records import Kind
from reports.html import render
from reports.sections.change import change
from tests.auditor.small_hospital import LATER, Site

_N = 400
KINDS: tuple[Kind, ...] = ("cases", "outputs", "references")
YAML = """
system: small
tasks: {classification: {operating_points: {Edema: 0.5}}}
reference_window: {from: 2026-01-05, to: 2026-01-18}
thresholds: [{measure: sensitivity, watch: 0.8}]
"""
WINDOW = {"start": date(2026, 2, 1), "end": date(2026, 2, 28)}


def _rows(kind: Kind, stem: str, first: date, share: float, version: str = "8", lowered: float = 0.0) -> list[Any]:
    """Scores that tell the sick from the healthy well; `share` of the cases are sick.

    `lowered` takes so much from every score, as a worse version might.
    """
    rng = np.random.default_rng(3)
    sick = np.arange(_N) < share * _N
    score = np.clip(np.where(sick, 0.68, 0.32) + rng.normal(0, 0.15, _N) - lowered, 0.01, 0.99)
    made: list[Any] = []
    for i in range(_N):
        case = f"{stem}-{i}"
        about = {"case_id": case, "task": "classification"}
        produced = f"{first + timedelta(days=i % 12)}T10:00:00Z"
        if kind == "cases":
            made.append({"case_id": case, "patient_id": case})
        elif kind == "outputs":
            stated = {"output_id": f"{case}-{version}", "version": version, "produced_at": produced}
            made.append(about | stated | {"scores": {"Edema": float(score[i])}})
        else:
            made.append(about | {"reference_kind": "label_set", "labels": {"Edema": int(sick[i])}})
    return made


@pytest.fixture
def hospital(fresh_site: Site) -> Site:
    fresh_site.apply(YAML, LATER)
    for kind in KINDS:
        fresh_site.hand_in(kind, _rows(kind, "REF", date(2026, 1, 5), 0.2), LATER)
    return fresh_site


def test_more_sick_patients_are_read_as_label_shift(hospital: Site) -> None:
    for kind in ("cases", "outputs"):
        hospital.hand_in(kind, _rows(kind, "NOW", date(2026, 2, 2), 0.5), LATER)
    (blind,) = hospital.dossier(hospital.audit(LATER, **WINDOW).audit).shifts
    assert (blind.reading, blind.prevalence, blind.scores.moved) == ("cannot be told", None, True)
    assert blind.if_label_shift is not None
    assert blind.if_label_shift.low < 0.5 < blind.if_label_shift.high
    hospital.hand_in("references", _rows("references", "NOW", date(2026, 2, 2), 0.5), LATER)
    dossier = hospital.dossier(hospital.audit(LATER, **WINDOW).audit)
    (told,) = dossier.shifts
    assert told.reading == "label shift"
    assert told.prevalence is not None
    assert told.prevalence.then == pytest.approx(0.2)
    assert told.prevalence.now == pytest.approx(0.5)
    assert dossier.version_effects == ()  # the same version
    assert "label shift: how many have it" in render(dossier)


def test_the_older_version_asked_about_new_cases_tells_its_part_from_the_patients(hospital: Site) -> None:
    for kind in KINDS:
        hospital.hand_in(kind, _rows(kind, "NOW", date(2026, 2, 2), 0.2, "9", 0.12), LATER)
    before = hospital.dossier(hospital.audit(LATER, **WINDOW).audit)
    (few,) = before.version_effects
    assert (few.questions, few.patients, few.effects) == (None, None, ())
    asked = [row | {"origin": "replayed"} for row in _rows("outputs", "NOW", date(2026, 2, 2), 0.2, "8")]
    # the older version is asked on the last day of all: it is not deployed again
    hospital.hand_in("outputs", [row | {"produced_at": "2026-02-28T23:00:00Z"} for row in asked], LATER)
    after = hospital.dossier(hospital.audit(LATER, **WINDOW).audit)
    (split,) = after.version_effects
    assert (split.old, split.new, split.questions, split.patients) == ("8", "9", _N, _N)
    effect = next(one for one in split.effects if one.measure == "sensitivity")
    assert effect.version is not None and effect.patients is not None
    # the patients and the older version's scores of them are the same in both windows
    assert effect.version.value == pytest.approx(effect.total.value)
    assert effect.version.high < -0.1
    assert effect.patients.value == pytest.approx(0.0)
    assert effect.patients.low < 0 < effect.patients.high
    own = [dossier.rows for dossier in (before, after)]
    assert own[0] == own[1]  # nothing of what is measured as the system's own has changed
    assert (after.current_version, after.version_changes, after.flows) == (
        before.current_version,
        before.version_changes,
        before.flows,
    )
    assert any("version 9" in str(block) for block in change(after))
