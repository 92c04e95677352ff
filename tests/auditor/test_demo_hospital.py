"""The simulated hospital: reproducible, readable by the records, and erring exactly as it says it does."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auditor.demo.faults import FABRICATION, FABRICATION_PLANTED, FABRICATION_WEEK, PLANTED, VENDOR_WEEK
from auditor.demo.hospital import Hospital, simulate, write
from auditor.demo.patients import FINDINGS, correlated
from auditor.demo.scores import OPERATING_POINTS
from auditor.demo.settings_text import AUDIT_YAML
from auditor.demo.wording import Dice, Seen, assertion, compose, denials
from auditor.records import RECORDS, Kind
from auditor.settings import parse_settings
from monitors.catalogue import measure_named

KINDS: tuple[Kind, ...] = ("cases", "references", "outputs")


@cache
def faulty() -> Hospital:
    return simulate()


@cache
def faultless() -> Hospital:
    return simulate(faults=False)


def attributes(hospital: Hospital) -> dict[str, dict[str, Any]]:
    return {row["case_id"]: row["attributes"] for row in hospital.cases}


def week_of(hospital: Hospital) -> dict[str, int]:
    """The week of each study, by case."""
    return {row["case_id"]: at for row, at in zip(hospital.cases, hospital.arrival["cases"], strict=True)}


def case_of(output_id: str) -> str:
    return "study-" + output_id.split("-")[1]


def share(hospital: Hospital, wanted: Callable[[dict[str, Any], int], bool]) -> float:
    """Share of drafts with a contradicted finding, among studies of the wanted attributes and week."""
    about, weeks = attributes(hospital), week_of(hospital)
    hits = [
        bool(errors.contradicted)
        for output, errors in hospital.truth.items()
        if wanted(about[case_of(output)], weeks[case_of(output)])
    ]
    assert len(hits) > 500
    return float(np.mean(hits))


def scored(hospital: Hospital, version: str, wanted: Callable[[dict[str, Any]], bool]) -> np.ndarray[Any, Any]:
    """Columns (probability, label, decision) over all findings with both."""
    about = attributes(hospital)
    labels = {row["case_id"]: row["labels"] for row in hospital.references if "labels" in row}
    rows = [
        (p, labels[row["case_id"]][finding], p >= OPERATING_POINTS[finding])
        for row in hospital.outputs
        if "scores" in row and row["version"] == version and row["case_id"] in labels
        if wanted(about[row["case_id"]])
        for finding, p in row["scores"].items()
        if p is not None and labels[row["case_id"]][finding] is not None
    ]
    return np.array(rows, dtype=float).T


def old_woman(about: dict[str, Any]) -> bool:
    return about["sex"] == "F" and (about["age"] or 0) >= 65


def test_size_and_span() -> None:
    hospital = faulty()
    assert len(hospital.cases) >= 6000
    per_week = Counter(hospital.arrival["cases"])
    assert sorted(per_week) == list(range(1, 27))
    assert min(per_week.values()) > 180
    assert max(per_week.values()) < 320
    for name, least in {"site": 2, "sex": 2, "view": 2, "patient_class": 3, "vendor": 4}.items():
        assert len({about[name] for about in attributes(hospital).values()}) == least


def test_patients_return_as_often_as_declared() -> None:
    studies = Counter(Counter(row["patient_id"] for row in faulty().cases).values())
    patients = studies.total()
    assert studies[1] / patients == pytest.approx(0.76, abs=0.02)
    assert (studies[2] + studies[3]) / patients == pytest.approx(0.18, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_records(kind: Kind) -> None:
    for row in faulty().rows(kind):
        RECORDS[kind].model_validate(row)


def test_rows_never_carry_the_truth() -> None:
    text = json.dumps([faulty().rows(kind) for kind in KINDS])
    assert "contradicted" not in text
    assert "omitted" not in text


def test_arrival_is_in_order_and_before_it_is_handed_in() -> None:
    hospital = faulty()
    stamps = {"cases": "studied_at", "references": "finalised_at", "outputs": "produced_at"}
    for kind in KINDS:
        moments = [datetime.fromisoformat(row[stamps[kind]]) for row in hospital.rows(kind)]
        assert moments == sorted(moments)
        weeks = hospital.arrival[kind]
        assert all(at < hospital.received_at(week) for at, week in zip(moments, weeks, strict=True))
        first = hospital.received_at(0)
        assert all(
            at >= first - timedelta(hours=6) + timedelta(weeks=week - 1, hours=-1)
            for at, week in zip(moments, weeks, strict=True)
        )
    assert sum(len(hospital.week("outputs", week)) for week in range(1, 27)) == len(hospital.outputs)


def test_reports_are_signed_within_five_days_and_some_never() -> None:
    hospital = faulty()
    studied = {row["case_id"]: datetime.fromisoformat(row["studied_at"]) for row in hospital.cases}
    delays = [datetime.fromisoformat(r["finalised_at"]) - studied[r["case_id"]] for r in hospital.references]
    assert min(delays) > timedelta()
    assert max(delays) <= timedelta(days=5)
    signed = {row["case_id"] for row in hospital.references}
    early = [case for case, week in week_of(hospital).items() if week <= 24]
    missing = np.mean([case not in signed for case in early])
    assert missing == pytest.approx(0.03, abs=0.01)


def test_some_outputs_hold_no_answer() -> None:
    drafts = [row for row in faulty().outputs if row["task"] == "report"]
    assert 10 < sum("error" in row for row in drafts) < 60
    assert 5 < sum(row.get("text", "").startswith("<unk>") for row in drafts) < 50
    unscored = [row for row in faulty().outputs if row.get("scores") and None in row["scores"].values()]
    assert unscored
    assert all(set(row["scores"].values()) == {None} for row in unscored)


def test_another_process_simulates_the_same() -> None:
    """Hash randomisation and import order must not reach the random numbers."""
    program = (
        "import hashlib, json; from auditor.demo.hospital import simulate; h = simulate(3, studies=300);"
        "print(hashlib.sha256(json.dumps([h.cases, h.references, h.outputs]).encode()).hexdigest())"
    )
    seen = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                       env={"PYTHONHASHSEED": number, "PYTHONPATH": str(Path(__file__).parents[2])}).stdout
        for number in ("1", "2")
    }  # fmt: skip
    assert len(seen) == 1
    assert len(seen.pop().strip()) == 64
    assert simulate(3, studies=300).outputs != simulate(4, studies=300).outputs


def test_too_few_studies_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 100"):
        simulate(studies=5)


def test_start_moves_every_time() -> None:
    moved = simulate(studies=200, start=date(2027, 3, 1))
    assert moved.cases[0]["studied_at"].startswith("2027-03-0")
    assert moved.received_at(1) == datetime.fromisoformat("2027-03-08T06:00:00+01:00")


def test_fabrication_doubles_at_one_site_only() -> None:
    def south_late(about: dict[str, Any], week: int) -> bool:
        return about["site"] == "south" and week >= FABRICATION_WEEK

    def other(about: dict[str, Any], week: int) -> bool:
        return not south_late(about, week)

    # the standard error of a patient-clustered 16 % of a thousand drafts is about 1.6 points
    assert share(faulty(), south_late) == pytest.approx(FABRICATION_PLANTED, abs=0.04)
    assert share(faulty(), other) == pytest.approx(FABRICATION, abs=0.015)
    assert share(faultless(), south_late) == pytest.approx(FABRICATION, abs=0.03)


def test_fabrication_rates_hold_over_seeds() -> None:
    """Averaged over seeds, so that a wrong constant cannot hide behind one lucky draw."""
    late: list[bool] = []
    early: list[bool] = []
    for seed in range(8):
        hospital = simulate(seed, studies=1500)
        about, weeks = attributes(hospital), week_of(hospital)
        for output, errors in hospital.truth.items():
            case = case_of(output)
            planted = about[case]["site"] == "south" and weeks[case] >= FABRICATION_WEEK
            (late if planted else early).append(bool(errors.contradicted))
    assert np.mean(late) == pytest.approx(FABRICATION_PLANTED, abs=0.025)
    assert np.mean(early) == pytest.approx(FABRICATION, abs=0.01)


def test_other_error_rates() -> None:
    errors = list(faultless().truth.values())
    assert np.mean([bool(e.omitted) for e in errors]) == pytest.approx(0.06, abs=0.012)
    assert np.mean([bool(e.laterality) for e in errors]) == pytest.approx(0.01, abs=0.006)
    assert np.mean([bool(e.unsupported) for e in errors]) == pytest.approx(0.04, abs=0.01)


def test_one_group_is_under_diagnosed_from_the_start() -> None:
    def rest(about: dict[str, Any]) -> bool:
        return not old_woman(about)

    def sensitivity(hospital: Hospital, version: str, wanted: Callable[[dict[str, Any]], bool]) -> float:
        _, label, decision = scored(hospital, version, wanted)
        return float(decision[label == 1].mean())

    for version in ("1.4", "1.5"):
        gap = sensitivity(faulty(), version, old_woman) - sensitivity(faulty(), version, rest)
        assert gap < -0.15
        healthy = sensitivity(faultless(), version, old_woman) - sensitivity(faultless(), version, rest)
        assert abs(healthy) < 0.06


def test_over_confidence_begins_with_the_new_version() -> None:
    def everybody(about: dict[str, Any]) -> bool:
        return True

    def gap(hospital: Hospital, version: str) -> float:
        p, label, _ = scored(hospital, version, everybody)
        return float((p - label).mean())

    assert gap(faulty(), "1.5") > 0.045
    assert abs(gap(faulty(), "1.4")) < 0.012
    assert abs(gap(faultless(), "1.5")) < 0.01
    assert abs(gap(faultless(), "1.4")) < 0.01


def test_over_confidence_changes_no_decision() -> None:
    """Outside the under-diagnosed group both hospitals decide alike, though the scores differ."""
    about = attributes(faulty())
    healthy = {row["output_id"]: row for row in faultless().outputs if "scores" in row}
    changed = 0
    for row in faulty().outputs:
        if "scores" not in row or row["version"] != "1.5" or old_woman(about[row["case_id"]]):
            continue
        if about[row["case_id"]]["age"] is None:
            continue
        for finding, p in row["scores"].items():
            q = healthy[row["output_id"]]["scores"][finding]
            if p is not None and abs(q - OPERATING_POINTS[finding]) > 1e-5:
                assert (p >= OPERATING_POINTS[finding]) == (q >= OPERATING_POINTS[finding])
                changed += p != q
    assert changed > 1000


def test_the_old_version_is_asked_again_and_only_the_update_differs() -> None:
    own = {row["case_id"]: row for row in faulty().outputs if "scores" in row and row["version"] == "1.5"}
    again = [row for row in faulty().outputs if row.get("origin") == "replayed"]
    assert len(again) > 900 and {row["version"] for row in again} == {"1.4"}
    healthy = {r["case_id"]: r for r in faultless().outputs if "scores" in r and r.get("origin") != "replayed"}
    about = attributes(faulty())
    for row in again:
        if (
            row["case_id"] in healthy
            and about[row["case_id"]]["age"] is not None
            and not old_woman(about[row["case_id"]])
        ):
            assert (
                None in healthy[row["case_id"]]["scores"].values()
                or row["scores"] == healthy[row["case_id"]]["scores"]
            )
    assert any(row["scores"] != own[row["case_id"]]["scores"] for row in again if row["case_id"] in own)


def test_vendor_shift_does_no_harm() -> None:
    weeks = week_of(faulty())
    for case, about in attributes(faulty()).items():
        moved = about["site"] == "north" and weeks[case] >= VENDOR_WEEK
        assert about["vendor"] != "Vendor D" or moved
        assert not (moved and about["vendor"] == "Vendor B")
    north = [case for case, about in attributes(faulty()).items() if about["site"] == "north"]
    for case in north:
        draft = "draft-" + case.split("-")[1]
        assert faulty().truth.get(draft) == faultless().truth.get(draft)
    assert "Vendor D" not in {about["vendor"] for about in attributes(faultless()).values()}


def test_the_twin_differs_only_where_a_fault_is() -> None:
    weeks, about = week_of(faulty()), attributes(faulty())
    assert faulty().references == faultless().references
    for one, other in zip(faulty().outputs, faultless().outputs, strict=True):
        if one["task"] == "report" and one != other:
            assert about[one["case_id"]]["site"] == "south"
            assert weeks[one["case_id"]] >= FABRICATION_WEEK
    assert faultless().planted == ()
    assert faulty().planted == PLANTED
    assert {row["version"] for row in faultless().outputs} == {"1.4", "1.5"}


def test_correlated_events_meet_rate_and_correlation() -> None:
    """Against the definition: rate, and the covariance of two events of one patient."""
    patient = np.repeat(np.arange(60_000), 2)
    events = correlated(np.random.default_rng(1), np.full(patient.size, 0.1), patient).reshape(-1, 2)
    assert events.mean() == pytest.approx(0.1, abs=0.005)
    assert np.asarray(np.corrcoef(events.T))[0, 1] == pytest.approx(0.15, abs=0.02)


@pytest.mark.parametrize("finding", FINDINGS)
@pytest.mark.parametrize("seed", range(12))
def test_sentences_are_finished_english(finding: str, seed: int) -> None:
    sided = finding not in ("cardiomegaly", "edema")
    sentence = assertion(Seen(finding, "left" if sided else "", seed % 3, 8), Dice((seed,)))
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert not set("{}") & set(sentence)
    assert "  " not in sentence
    assert ("left" in sentence.lower()) == sided


@pytest.mark.parametrize("seed", range(20))
def test_what_is_denied_is_said_once(seed: int) -> None:
    said = " ".join(denials({"effusion", "pneumothorax", "consolidation", "cardiomegaly"}, Dice((seed,)))).lower()
    for word in ("effusion", "pneumothorax", "consolidation"):
        assert said.count(word) == 1
    assert "heart" in said or "cardiac" in said


@pytest.mark.parametrize("seed", range(20))
def test_lungs_with_a_shadow_are_never_called_clear(seed: int) -> None:
    text = compose([Seen("nodule", "right", 0, 7)], {"pneumothorax"}, Dice((seed,)))
    assert "clear" not in text
    assert "FINDINGS:" in text
    assert "IMPRESSION:" in text


def test_files_hold_every_row_once(tmp_path: Path) -> None:
    hospital = simulate(studies=300)
    paths = write(hospital, tmp_path / "demo")
    assert len(paths) == 3 * 26
    assert paths[0].name == "cases-w01.jsonl"
    for kind in KINDS:
        lines = [
            json.loads(line)
            for path in paths
            if path.name.startswith(kind)
            for line in path.read_text("utf-8").splitlines()
        ]
        assert lines == list(hospital.rows(kind))
    assert (tmp_path / "demo" / "audit.yaml").read_text("utf-8") == AUDIT_YAML


def test_audit_yaml_is_valid_and_fits_the_simulation() -> None:
    settings = parse_settings(AUDIT_YAML)
    task = settings.tasks["classification"]
    assert task.operating_points == OPERATING_POINTS
    assert task.findings == sorted(OPERATING_POINTS)
    recorded = {name for about in attributes(faulty()).values() for name in about}
    assert set(settings.slice_attributes) <= recorded
    assert settings.reference_window.start == faulty().start
    for threshold in settings.thresholds:
        assert measure_named(threshold.measure).name == threshold.measure
        assert threshold.rationale
    assert {fault.measure for fault in PLANTED} <= {threshold.measure for threshold in settings.thresholds}
