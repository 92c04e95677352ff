"""Drift in audits: numeric attributes, and embeddings of each version held against themselves."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auditor.audit.run import Result
from auditor.settings import SettingsError, parse_settings
from auditor.store import tables as t
from monitors.measurement import Interval
from reports.dossier import Dossier, DriftColumn, Row
from reports.html import render
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, RECEIVED, Site

_PATIENTS = 80  # of each window; nobody is in both
_THEN, _NOW = "2026-01-14", "2026-02-11"
_WINDOW = {"start": date(2026, 2, 9), "end": date(2026, 2, 15)}
PLAIN = """
system: small
tasks: {report: {}}
attributes: {age: {bands: [40, 65]}}
slices: [age, sex]
reference_window: {from: 2026-01-12, to: 2026-01-18}
thresholds:
  - {measure: drift_distance, item: age, contrast: reference, watch: 0.3}
  - {measure: embedding_distance, contrast: reference, watch: 0.3, act: 0.5}
"""
NUMBERS = f"{PLAIN}drift_numbers: [age, kvp]\n"


def _case(i: int, day: str, rng: np.random.Generator) -> dict[str, Any]:
    age = rng.integers(20, 60) + (30 if day == _NOW else 0)
    attributes = {"age": str(age), "sex": "FM"[i % 2], "kvp": "unknown" if i % 10 == 0 else str(90 + i % 30)}
    return {"case_id": f"{day}-{i}", "patient_id": f"MRN-{day}-{i}", "attributes": attributes}


def _output(i: int, day: str, rng: np.random.Generator, **more: Any) -> dict[str, Any]:
    embedding = (rng.normal(size=6) + (0.7 if day == _NOW else 0.0)).tolist()
    about = {"case_id": f"{day}-{i}", "task": "report", "version": "1", "text": "No pleural effusion."}
    return {**about, "produced_at": f"{day}T10:00:00Z", "embedding": embedding, **more}


@pytest.fixture(scope="module")
def two_windows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: eighty drafts in the reference window, eighty of older patients and other images later."""
    folder = tmp_path_factory.mktemp("drifting")
    small.build_empty(folder, PLAIN)
    (site,) = small.opened(folder)
    rng = np.random.default_rng(5)
    every = [(i, day) for day in (_THEN, _NOW) for i in range(_PATIENTS)]
    site.hand_in("cases", [_case(i, day, rng) for i, day in every], RECEIVED)
    probe = {"probe": "blank", "probe_of": "x", "embedding": [1.0, 2.0], "origin": "replayed"}
    asked = _output(0, _NOW, rng) | probe
    site.hand_in("outputs", [*(_output(i, day, rng) for i, day in every), asked], RECEIVED)
    site.ledger.close()
    return folder


@pytest.fixture
def moved(two_windows: Path, tmp_path: Path) -> Iterator[Site]:
    yield from small.opened(small.copied(two_windows, tmp_path / "moved"))


def _audited(site: Site, yaml: str) -> tuple[Result, Dossier]:
    site.apply(yaml, LATER)
    result = site.audit(LATER, **_WINDOW)
    return result, site.dossier(result.audit)


def _column(dossier: Dossier, name: str) -> DriftColumn:
    (found,) = [one for one in dossier.drift if one.column == name]
    return found


def _rows(dossier: Dossier, measure: str, item: str) -> list[Row]:
    return [one for one in dossier.rows if (one.measure, one.item) == (measure, item)]


def test_a_numeric_attribute_is_compared_by_its_values(moved: Site) -> None:
    _, dossier = _audited(moved, NUMBERS)
    age, kvp = _column(dossier, "age"), _column(dossier, "kvp")
    assert age.drifted and not kvp.drifted
    assert age.categories[-1].startswith("above ") and age.reference_shares[-1] == 0
    assert age.window_shares[-1] > 0.5
    assert any(" to " in one for one in age.categories)
    assert kvp.categories[-1] == "missing"
    assert kvp.window_shares[-1] == pytest.approx(0.1)
    (row,) = _rows(dossier, "drift_distance", "age")
    assert row.status == "watch" and row.value == age.distance > 0.3
    assert row.n == _PATIENTS and row.interval == Interval.NONE.value
    assert age.evidently_score is not None
    said = "Jensen–Shannon distance, natural logarithm: at most 0.83; version 1 against 1"
    assert age.evidently_method == said and "base 2" in age.method
    assert "above " in render(dossier)


def test_without_the_setting_every_other_number_is_the_same(moved: Site) -> None:
    plain, before = _audited(moved, PLAIN)
    banded = _column(before, "age")
    assert banded.categories == ("40-64", "65+", "<40")
    again, _ = _audited(moved, NUMBERS)
    assert again.audit != plain.audit

    def others(audit: str) -> list[dict[str, Any]]:
        mine = [row for row in moved.measured(audit) if row["item"] not in ("age", "kvp")]
        return [{k: v for k, v in row.items() if k not in ("number", "monitor")} for row in mine]

    assert others(again.audit) == others(plain.audit)
    assert _audited(moved, PLAIN)[0].audit == plain.audit


def test_numbers_that_change_are_counted_anew(moved: Site) -> None:
    before = _column(_audited(moved, NUMBERS)[1], "kvp")
    changed = _case(0, _NOW, np.random.default_rng(0))
    moved.hand_in("cases", [{**changed, "attributes": {"age": "70", "kvp": "1e999"}}], LATER)
    infinite = _column(_audited(moved, NUMBERS)[1], "kvp")
    assert infinite.window_shares == before.window_shares  # neither is a number
    moved.hand_in("cases", [{**changed, "attributes": {"age": "70", "kvp": "300"}}], LATER)
    found = _column(_audited(moved, NUMBERS)[1], "kvp")
    assert found.categories[-2].startswith("above ")
    assert found.window_shares[-2] == pytest.approx(1 / _PATIENTS)


def test_without_a_reference_window_nothing_is_compared(moved: Site) -> None:
    yaml = NUMBERS.replace("reference_window: {from: 2026-01-12, to: 2026-01-18}\n", "")
    result, dossier = _audited(moved, yaml)
    assert dossier.drift == ()
    assert not [one for one in moved.measured(result.audit) if one["monitor"].startswith(("drift", "embedding"))]


def test_names_are_checked(moved: Site) -> None:
    with pytest.raises(SettingsError, match="age stands twice"):
        parse_settings(PLAIN + "drift_numbers: [age, age]")
    with pytest.raises(SettingsError, match="drift_numbers: length is what every audit calls something else"):
        moved.apply(PLAIN + "drift_numbers: [length]", LATER)


def test_embeddings_that_moved_are_watched_and_never_more(moved: Site) -> None:
    _, dossier = _audited(moved, PLAIN)
    column = _column(dossier, "embedding")
    assert column.drifted and column.categories == ()
    (row,) = _rows(dossier, "embedding_distance", "embedding")
    assert row.status == "watch" and row.value == column.distance > 0.3
    assert row.high == column.null_high
    assert (row.n, row.patients) == (_PATIENTS, _PATIENTS)
    html = render(dossier)
    assert "Embeddings" in html and "one vector a case" in html
    alerts = moved.ledger.read(t.alerts.select())
    assert [one["root"] for one in alerts] == ["drift"]
    code = next(one for one in dossier.provenance.monitors if one[0] == "embedding_drift")
    assert code == ("embedding_drift", 1)


def test_a_version_is_held_against_its_own_embeddings_only(moved: Site) -> None:
    rng = np.random.default_rng(1)
    new = [_output(i, _NOW, rng, version="2", embedding=rng.normal(size=4).tolist()) for i in range(_PATIENTS)]
    moved.hand_in("outputs", new, LATER)
    _, dossier = _audited(moved, PLAIN)
    (row,) = [one for one in _rows(dossier, "embedding_distance", "embedding") if one.version == "2"]
    assert row.value is None and row.status == "insufficient"
    assert "Version 2 has no embeddings in the reference window" in row.note
    assert row.note in render(dossier)
    assert len([one for one in dossier.drift if one.column == "embedding"]) == 1


def test_few_patients_are_refused(moved: Site) -> None:
    yaml = PLAIN.replace("to: 2026-01-18", "to: 2026-02-11").replace("from: 2026-01-12", "from: 2026-02-11")
    extra = _output(3, "2026-02-13", np.random.default_rng(2), case_id=f"{_NOW}-3", output_id="one-more")
    moved.hand_in("outputs", [extra], LATER)
    moved.apply(yaml, LATER)
    found = moved.audit(LATER, start=date(2026, 2, 13), end=date(2026, 2, 15))
    (one,) = [row for row in moved.measured(found.audit) if row["measure"] == "embedding_distance"]
    assert one["value"] is None and "of 1 patients; 50 are needed" in one["note"]


def test_evidentlys_numbers_are_of_the_version_beside_which_they_stand(moved: Site) -> None:
    """A second version writes longer drafts: pooled, half of the window would seem to have moved."""
    rng = np.random.default_rng(6)
    longer = {"version": "2", "text": "No pleural effusion is seen on either side of this chest."}
    more = [
        _output(i, _NOW, rng, **longer) | {"output_id": f"second-{i}", "produced_at": f"{_NOW}T12:00:00Z"}
        for i in range(_PATIENTS)
    ]
    moved.hand_in("outputs", more, RECEIVED)
    _, dossier = _audited(moved, PLAIN)
    assert dossier.current_version == "2"
    by_version = {
        one.evidently_method[-len("2 against 1") :]: one for one in dossier.drift if one.column == "length"
    }
    assert set(by_version) == {"", "2 against 1"}  # beside version 1 there is none
    assert by_version["2 against 1"].evidently_score == pytest.approx(np.sqrt(np.log(2)), abs=1e-6)
    assert by_version["2 against 1"].distance == pytest.approx(1)
