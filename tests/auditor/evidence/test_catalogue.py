"""The evidence catalogue: each item is what the ledger supports, ages, and fails when what it rests on fails."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table

from auditor.alerts.incidents import decide, open_incident
from auditor.audit.run import Result
from auditor.evidence.catalogue import EVIDENCE, states
from auditor.evidence.looking import EvidenceError
from auditor.store import tables as t
from reports.controls import ITEMS, EvidenceState, assess, load
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, RECEIVED, SYSTEM, Site

#: The small hospital after its first audit, item by item, and why it must be so.
EXPECTED = {
    "E1": ("failed", "Not given in audit.yaml: owner, intended use"),  # YAML names neither
    "E2": ("current", "seed 7"),  # the audit records what it was made from
    "E3": ("absent", "Name the job verify"),  # no schedule, so nobody checked the journal
    "E4": ("current", "classification: "),  # sixty scored images with labels
    "E5": ("current", "report: "),  # forty drafts of the version in use with references
    "E6": ("current", "classification: "),  # scores are probabilities
    "E7": ("current", "2, by sex."),  # slices: [sex]
    "E8": ("absent", "reference_window"),  # none is declared
    "E9": ("current", "0 rows in quarantine"),
    "E10": ("absent", "makes no such evidence"),
    "E11": ("absent", "probes"),  # none were asked
    "E12": ("absent", "draft was seen"),  # no reference says so, and nobody reviewed
    "E13": ("absent", "makes no such evidence"),
    "E14": ("current", "Alerts: 1, not resolved: 1"),  # opened by the audit of today, so nothing is late
    "E15": ("current", "No incident"),
    "E16": ("absent", "auditor compare"),  # versions 1 and 2 were seen and never compared
    "E17": ("failed", "Rules without an approver: 2 of 2"),
    "E18": ("absent", "auditor sign"),
    "E19": ("absent", "auditor report"),
    "E20": ("absent", "auditor reviews"),
    "E21": ("absent", "auditor people add"),
    "E22": ("absent", "auditor incidents decide"),
}
#: What lies in the newest audit's measurements and nowhere else.
OF_THE_AUDIT = ("E4", "E5", "E6", "E7", "E9")


def _put(site: Site, table: Table, moment: datetime, /, **row: Any) -> None:
    with site.ledger.transaction("test", moment) as tx:
        tx.insert(table, [row])


def _one(site: Site, item: str, at: datetime = RECEIVED) -> EvidenceState:
    return states(site.ledger, SYSTEM, at)[item]


def _says(found: Mapping[str, EvidenceState]) -> dict[str, str]:
    return {item: one.state for item, one in found.items()}


def test_the_catalogue_and_the_matrix_name_the_same_items() -> None:
    linked = {item for control in load().controls for item, _ in control.evidence}
    assert tuple(EVIDENCE) == ITEMS
    assert linked == set(EVIDENCE)


def test_the_states_are_what_the_ledger_supports(site: Site, first: Result) -> None:
    found = states(site.ledger, SYSTEM, RECEIVED)
    assert _says(found) == {item: state for item, (state, _) in EXPECTED.items()}
    for item, (state, words) in EXPECTED.items():
        assert words in found[item].note, (item, found[item].note)
        assert (found[item].at is None) == (state == "absent")
    assert found["E4"].where == f"audit {first.audit}"
    for one in found.values():
        assert "satisf" not in one.note.casefold() and "complian" not in one.note.casefold()
    assert small.MARKER not in str(found)


def test_without_an_audit_nothing_measured_is_there(fresh_site: Site) -> None:
    found = _says(states(fresh_site.ledger, SYSTEM, RECEIVED))
    assert {item for item, state in found.items() if state != "absent"} == {"E1", "E17"}


def test_an_unknown_system_is_refused(site: Site) -> None:
    with pytest.raises(EvidenceError, match="There is no system 'other'"):
        states(site.ledger, "other", RECEIVED)


def test_months_later_weekly_evidence_is_stale(site: Site) -> None:
    on_time = _says(states(site.ledger, SYSTEM, RECEIVED + timedelta(days=14)))
    assert {on_time[item] for item in ("E2", *OF_THE_AUDIT, "E15")} == {"current"}
    months = states(site.ledger, SYSTEM, RECEIVED + timedelta(days=90))
    assert {months[item].state for item in ("E2", *OF_THE_AUDIT, "E15")} == {"stale"}
    assert months["E4"].note.startswith("It is 90 days old; 14 are allowed.")
    assert months["E14"].state == "failed", "alerts that nobody answered for months are more than old"
    assert "Not acknowledged in time: " in months["E14"].note


def test_a_stale_audit_fails_its_measurements_and_the_controls_that_rest_on_them(site: Site) -> None:
    day = RECEIVED + timedelta(days=90)  # stale_after_days: 60
    site.audit(day)
    found = states(site.ledger, SYSTEM, day)
    assert {found[item].state for item in OF_THE_AUDIT} == {"failed"}
    assert found["E4"].note.startswith("The newest audit is stale.")
    assert found["E2"].state == "current", "it can be made again all the same"
    lines = {(line.control.framework, line.control.id): line for line in assess(load(), found)}
    line = lines["NIST-AI-RMF", "MEASURE 2.3"]
    assert (line.state, line.why) == ("gap", "E4 failed, E6 failed")
    assert lines["NIST-AI-RMF", "MEASURE 2.1"].state == "evidence current"


def test_what_an_older_version_did_is_no_evidence_for_the_one_in_use(site: Site) -> None:
    rows = [small.report_output(i, output_id=f"NEW-{i}", version="3") for i in range(40, 45)]
    rows = [{**row, "produced_at": "2026-03-02T10:00:00Z"} for row in rows]
    site.hand_in("outputs", rows, LATER)
    site.audit(LATER)
    found = states(site.ledger, SYSTEM, LATER)
    assert found["E1"].note.endswith("Version 3. Clearance, UDI and risk tier are not recorded.")
    # five patients are too few to be shown, and nobody scored images with version 3
    assert {found[item].state for item in ("E4", "E5", "E6", "E7")} == {"absent"}
    assert found["E9"].note.startswith("5 outputs, 0 without a reference")


def test_owner_use_and_approvers_make_inventory_and_rules_current(site: Site) -> None:
    yaml = small.YAML.replace("act: 0.10}", "act: 0.10, approver: Dr A}")
    site.apply(f"{yaml}owner: Radiology\n", RECEIVED)
    assert _one(site, "E1").note.startswith("Not given in audit.yaml: intended use.")
    assert _one(site, "E17").note.startswith("Rules without an approver: 1 of 2.")
    yaml = yaml.replace("watch: 0.5}", "watch: 0.5, approver: Dr A}")
    site.apply(f"{yaml}owner: Radiology\nintended_use: First drafts\n", RECEIVED)
    assert (_one(site, "E1").state, _one(site, "E17").state) == ("current", "current")
    year = RECEIVED + timedelta(days=381)
    assert (_one(site, "E1", year).state, _one(site, "E17", year).state) == ("stale", "stale")


def test_the_journal_is_current_only_after_a_check_that_passed(site: Site) -> None:
    site.apply(small.YAML + "schedule: [{job: verify, cron: 0 3 * * *}]\n")
    run = {"schedule": f"{SYSTEM}/verify", "system": SYSTEM, "job": "verify", "attempt": 1}
    passed = {"status": "done", "finished_at": RECEIVED, "note": "intact: 9 journal entries, 3 segments"}
    _put(site, t.job_runs, RECEIVED, id="v1", fire_at=RECEIVED, not_before=RECEIVED, **run, **passed)
    assert _one(site, "E3").state == "current"
    assert _one(site, "E3").note.startswith("intact: 9 journal entries")
    broken = {"status": "failed", "finished_at": LATER, "note": "The record is not as it was written: entry 7."}
    _put(site, t.job_runs, LATER, id="v2", fire_at=LATER, not_before=LATER, **run, **broken)
    found = _one(site, "E3", LATER)
    assert (found.state, found.where) == ("failed", "job run v2")
    lines = assess(load(), {item: _good(item) for item in ITEMS} | {"E3": found})
    assert {line.control.id for line in lines if line.missing} == {
        one.id for one in load().controls if "E3" in dict(one.evidence)
    }


def _good(item: str) -> EvidenceState:
    return EvidenceState(item, item, "current", RECEIVED, "", "")


def test_an_incident_needs_a_decision_and_a_day_that_has_not_passed(site: Site) -> None:
    (alert, *_) = [row["id"] for row in site.ledger.read(t.alerts.select())]
    name = open_incident(site.ledger, "Too many contradictions", [alert], "test", RECEIVED)
    assert _one(site, "E15").state == "failed"
    assert f"Without decision, owner or day: {name}" in _one(site, "E15").note
    assert _one(site, "E22").state == "absent"
    due = date(2026, 3, 5)
    decide(site.ledger, name, "test", RECEIVED, decision="restrict", owner="Dr A", due=due, note="seen")
    assert _one(site, "E15").state == "current"
    decided = _one(site, "E22")
    assert (decided.state, decided.where, decided.note) == ("current", name, "Decided: restrict.")
    assert f"Past its day: {name}" in _one(site, "E15", LATER).note


def test_a_comparison_counts_for_the_version_in_use(site: Site) -> None:
    row = {"kind": "comparison", "system": SYSTEM, "created_at": RECEIVED}
    _put(site, t.artifacts, RECEIVED, key="comparison:a", value={"old": "2", "new": "1", "status": "ok"}, **row)
    found = _one(site, "E16")
    assert (found.state, "The version in use, 2, was not compared." in found.note) == ("failed", True)
    _put(site, t.artifacts, RECEIVED, key="comparison:b", value={"old": "1", "new": "2", "status": "worse"}, **row)
    found = _one(site, "E16")
    assert (found.state, found.note) == ("current", "Versions 1 and 2: worse.")


def test_a_report_counts_once_it_is_signed_and_an_export_once_it_is_issued(site: Site) -> None:
    _issue(site, 1, RECEIVED, {"report.html": "a", "report.json": "b"})
    found = _one(site, "E18")
    assert (found.state, found.note) == ("failed", "It was issued and not signed.")
    assert _one(site, "E19").state == "absent"
    _sign(site, 1, RECEIVED, None)
    found = _one(site, "E18")
    assert (found.state, found.where) == ("current", "report report-1")
    assert found.note == "Signed by Dr Anna on 2026-03-01: reviewed."
    assert _one(site, "E22").state == "absent", "a signature without a decision decides nothing"
    assert _one(site, "E21").state == "current", "roles, logins and looks at cases are journalled"
    _issue(site, 2, LATER, {"report.html": "c", "report.json": "d", "model-card.xml": "e"})
    found = _one(site, "E18", LATER)
    assert (found.state, found.where) == ("current", "report report-1"), "last week's is not yet old"
    assert found.note.endswith("report-2 is not signed yet.")
    assert _one(site, "E18", RECEIVED + timedelta(days=15)).state == "stale"
    assert _one(site, "E19", LATER).note == "model-card.xml."
    _sign(site, 2, LATER, "continue")
    assert _one(site, "E18", LATER).where == "report report-2"
    decided = _one(site, "E22", LATER)
    assert (decided.where, decided.note) == ("report report-2", "Decided: continue.")


def test_a_rejected_report_is_no_evidence_whoever_else_signs_it(site: Site) -> None:
    _issue(site, 1, RECEIVED, {"report.html": "a", "report.pdf": "b"})
    _sign(site, 1, RECEIVED, None, meaning="rejected")
    _sign(site, 1, RECEIVED, None, number=2)
    found = _one(site, "E18")
    assert (found.state, found.note[:36]) == ("failed", "It was rejected. It holds no json. S")


def _issue(site: Site, number: int, at: datetime, files: dict[str, str]) -> None:
    row = {"id": f"report-{number}", "seq": number, "kind": "weekly", "system": SYSTEM, "segment": "s"}
    # every report names the one before it, whether of this week or of another
    before = f"report-{number - 1}" if number > 1 else None
    row |= {"files": files, "code": "1", "at": at, "actor": "test", "replaces": before, "audit": None}
    _put(site, t.reports, at, **row)


def _sign(
    site: Site, report: int, at: datetime, decision: str | None, *, meaning: str = "reviewed", number: int = 0
) -> None:
    number = number or report
    if number == 1:
        user = {"name": "anna", "full_name": "Dr Anna", "roles": ["committee"], "active": True, "credential": "x"}
        _put(site, t.users, at, **user, failures=0, changed_at=at, actor="test")
        _put(site, t.signing_keys, at, id="k", public="00", made_at=at, actor="test")
    row = {"id": number, "report": f"report-{report}", "user": "anna", "full_name": "Dr Anna", "at": at}
    row |= {"meaning": meaning, "decision": decision, "note": "", "statement": "", "key": "k", "signature": ""}
    _put(site, t.signatures, at, **row)


def test_whether_the_draft_was_seen_is_no_group_of_people(site: Site) -> None:
    site.apply(small.YAML.replace("slices: [sex]\n", ""), LATER)
    site.audit(LATER)
    slices = {row["slice"].partition("=")[0] for row in site.measured(_newest_audit(site))}
    assert slices == {"all", "draft_seen"}
    assert _one(site, "E7", LATER).state == "absent"


def _newest_audit(site: Site) -> str:
    return str(_one(site, "E2", LATER).where.removeprefix("audit "))


def test_drift_probes_edits_and_reviews_count_where_an_audit_holds_them(site: Site) -> None:
    by_hand = {"grounding": "probe", "editing": "report"}
    _second_audit(site, by_hand, drift="2", checked=RECEIVED - timedelta(days=30))
    found = states(site.ledger, SYSTEM, LATER)
    assert {found[item].state for item in ("E8", "E11", "E12", "E20")} == {"current"}
    assert found["E8"].note == "Columns compared with the reference window: 1, beyond their null band: 1."
    assert found["E5"].state == "absent", "only what the newest audit measured counts"
    assert found["E20"].at == RECEIVED - timedelta(days=30), "reviews are as old as the last answer"
    assert _one(site, "E20", RECEIVED + timedelta(days=71)).state == "stale"


@pytest.mark.parametrize(
    ("change", "item"),
    [
        ({"version": "1"}, "E11"),  # of another version
        ({"low": None, "high": None}, "E11"),  # without an interval
        ({"value": None}, "E11"),  # undefined
        ({"patients": 10}, "E11"),  # too few to be shown
        ({"slice": "sex=F"}, "E11"),  # not of the system as a whole
        ({"contrast": "rest"}, "E11"),  # a difference, not a level
        ({"slice": "sex=(missing)"}, "E7"),  # nobody knows of whom
        ({"slice": "draft_seen=yes"}, "E7"),  # not a group of cases
    ],
)
def test_what_cannot_be_shown_is_not_measured(site: Site, change: dict[str, Any], item: str) -> None:
    _second_audit(site, {"grounding": "probe"}, drift="1", checked=RECEIVED, **change)
    assert _one(site, item, LATER).state == "absent"
    assert _one(site, "E8", LATER).state == "absent", "the drift of version 1 is not that of version 2"


def _second_audit(
    site: Site, monitors: Mapping[str, str], *, drift: str, checked: datetime, **change: Any
) -> None:
    """A newer audit of version 2, made by hand: one measurement for each monitor."""
    (old,) = site.ledger.read(t.audits.select())
    level = next(row for row in site.measured(old["id"]) if row["monitor"] == "hallucination" and row["low"])
    about = {"version": "2", "slice": "all", "contrast": "", "patients": 30, **change}
    _put(site, t.audits, LATER, **{**old, "id": "second", "seq": 2, "as_of": LATER})
    for number, (monitor, task) in enumerate(monitors.items()):
        row = {**level, "audit": "second", "number": number, "monitor": monitor, "task": task, **about}
        _put(site, t.measurements, LATER, **row)
    review = {"checked": checked.isoformat(), "reviewed": 60, "sample": "s"}
    kept = {"current_version": "2", "corrections": [review], "drift": [{"version": drift, "drifted": True}]}
    for kind, payload in kept.items():
        _put(site, t.details, LATER, audit="second", kind=kind, payload=payload)


def test_reviews_alone_are_oversight_too(site: Site) -> None:
    (audit,) = site.ledger.read(t.audits.select())
    sample = {"id": "sample-1", "seq": 1, "system": SYSTEM, "audit": audit["id"], "task": "report", "version": "2"}
    sample |= {"judge": "j", "as_of": RECEIVED, "blinded": False, "seed": 1, "frame": {}, "drawn_at": RECEIVED}
    _put(site, t.review_samples, RECEIVED, **sample, actor="test")
    item = {"sample": "sample-1", "number": 1, "output_id": "o", "subject_id": "p", "stratum": "s"}
    _put(site, t.review_items, RECEIVED, **item, probability=1.0, weight=1.0, found=None)
    assert _one(site, "E12").state == "absent", "drawn is not answered"
    answer = {"id": 1, "sample": "sample-1", "item": 1, "reader": "r", "verdict": "no", "kinds": {}, "note": ""}
    _put(site, t.reviews, RECEIVED, **answer, significance=None, at=RECEIVED, actor="test")
    assert (_one(site, "E12").state, _one(site, "E12").where) == ("current", "reviews of sample-1")
