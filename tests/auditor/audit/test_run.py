"""The whole audit on a small workspace: what is built once, restated, counted, weighed and kept apart."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.alerts import life
from auditor.alerts.events import history
from auditor.audit.limits import BY_STUDY, UNDATED
from auditor.audit.run import Result
from auditor.audit.scope import AuditError
from auditor.store import tables as t
from auditor.store.segments import segments_of
from auditor.tracking import metrics_of
from reports import export_json
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, RECEIVED, SYSTEM, Site, flow, row


def _judged(site: Site) -> int:
    return sum(s.rows for s in segments_of(site.ledger, SYSTEM, "judgements"))


def test_the_contradicted_share_is_that_of_the_drafts(site: Site, first: Result) -> None:
    found = row(site.dossier(first.audit), "contradicted_reports", "2")
    judged = [i for i in range(small.CASES) if i not in small.OLD_VERSION and i not in small.WAITING]
    assert found.n == len(judged)
    assert found.events == sum(small.contradicts(i) for i in judged)
    assert found.status == first.status == "act"


def test_the_same_audit_again_is_the_one_made_before_and_writes_nothing(site: Site, first: Result) -> None:
    head, files = site.ledger.head(), site.lake.list()
    again = site.audit(LATER)
    assert again == Result(first.audit, first.status, cached=True)
    assert (site.ledger.head(), site.lake.list()) == (head, files)


def test_a_late_reference_costs_its_own_pair_and_restates_the_window(site: Site, first: Result) -> None:
    old, judged = site.measured(first.audit), _judged(site)
    site.hand_in("references", [small.report_reference(small.WAITING[0])], LATER)
    stages: list[tuple[str, int, int]] = []
    second = site.audit(LATER, progress=lambda *stage: stages.append(stage))
    assert not second.cached
    assert [s for s in stages if s[0] == "judging report"] == [("judging report", 1, 1)]
    assert _judged(site) == judged + 1
    dossier = site.dossier(second.audit)
    assert dossier.provenance.restates == first.audit
    assert flow(dossier, "report", "2").judged == flow(site.dossier(first.audit), "report", "2").judged + 1
    assert (
        row(dossier, "contradicted_reports", "2").previous
        == row(site.dossier(first.audit), "contradicted_reports", "2").value
    )
    assert site.measured(first.audit) == old


def test_an_amended_reference_changes_the_number_and_not_the_old_audit(site: Site, first: Result) -> None:
    old = site.measured(first.audit)
    before = row(site.dossier(first.audit), "contradicted_reports", "2")
    amended = next(i for i in range(33, 50) if small.contradicts(i))
    text = "There is a large left pleural effusion."
    site.hand_in("references", [small.report_reference(amended, text=text, finalised_at="2026-03-05")], LATER)
    after = row(site.dossier(site.audit(LATER).audit), "contradicted_reports", "2")
    assert before.events is not None
    assert (after.n, after.events) == (before.n, before.events - 1)
    assert site.measured(first.audit) == old


def test_as_of_a_day_before_the_late_reference_nothing_of_it_is_seen(fresh_site: Site, site: Site) -> None:
    """`site` audited on time; `fresh_site` audits after the late reference came, as of the time before it."""
    late = [small.report_reference(small.WAITING[0]), small.report_reference(3, text="Large effusion.")]
    fresh_site.hand_in("references", late, LATER)
    looking_back = fresh_site.audit(RECEIVED)
    on_time = site.audit(RECEIVED)
    assert on_time.cached and not looking_back.cached
    assert looking_back.audit == on_time.audit
    assert fresh_site.measured(looking_back.audit) == site.measured(on_time.audit)
    assert fresh_site.verdicts(looking_back.audit) == site.verdicts(on_time.audit)
    assert fresh_site.audit(LATER).audit != looking_back.audit


def test_two_drafts_of_one_case_weigh_half_each(site: Site, first: Result) -> None:
    dossier = site.dossier(first.audit)
    found = row(dossier, "contradicted_reports", "1")
    wrong = sum(small.contradicts(i) for i in small.OLD_VERSION)
    assert small.contradicts(small.TWICE)
    assert flow(dossier, "report", "1").outputs == len(small.OLD_VERSION) + 1
    assert (found.n, found.events) == (len(small.OLD_VERSION), wrong - 0.5)


def test_versions_are_never_pooled(site: Site, first: Result) -> None:
    dossier = site.dossier(first.audit)
    assert {r.version for r in dossier.rows} == {"1", "2"}
    counted = {v: flow(dossier, "report", v).cases for v in ("1", "2")}
    assert counted == {"1": 20, "2": 40}
    assert dossier.current_version == "2"
    # the change of version is a mark on the chart, at the first day of the new one
    assert dossier.version_changes == ((small.FIRST_DAY, "2"),)


def test_cases_without_a_patient_key_are_clustered_by_study_and_the_report_says_so(
    site: Site, first: Result
) -> None:
    dossier = site.dossier(first.audit)
    found = flow(dossier, "report", "2")
    assert found.study_clustered_share == len(small.UNKEYED) / 40
    assert found.patients == 40
    assert BY_STUDY in dossier.limits
    assert flow(dossier, "report", "1").study_clustered_share == 0


def test_undated_outputs_are_in_the_whole_and_in_no_week_and_no_window(site: Site, first: Result) -> None:
    whole = site.dossier(first.audit)
    assert flow(whole, "report", "2").undated == len(small.UNDATED)
    assert UNDATED in whole.limits
    judged = row(whole, "contradicted_reports", "2").n
    weekly = sum(
        point["n"]
        for point in _trend(site, first.audit)
        if point["measure"] == "contradicted_reports" and point["version"] == "2"
    )
    assert weekly == judged - len(small.UNDATED)
    bounded = site.audit(RECEIVED, start=date(2026, 1, 1), end=date(2026, 2, 28))
    windowed = site.dossier(bounded.audit)
    assert flow(windowed, "report", "2").undated == 0
    assert row(windowed, "contradicted_reports", "2").n == judged - len(small.UNDATED)
    assert windowed.provenance.restates is None


def _trend(site: Site, audit: str) -> list[dict[str, Any]]:
    query = sa.select(t.details.c.payload).where(t.details.c.audit == audit, t.details.c.kind == "trend")
    points: list[dict[str, Any]] = site.ledger.read(query)[0]["payload"]
    return points


def test_waiting_outputs_are_counted_and_in_no_denominator(site: Site, first: Result) -> None:
    found = flow(site.dossier(first.audit), "report", "2")
    assert (found.outputs, found.awaiting, found.judged) == (40, 3, 37)
    per_report = [
        r
        for r in site.dossier(first.audit).rows
        if r.version == "2" and r.task == "report" and r.counted == "reports" and r.slice == "all"
    ]
    assert per_report and {r.n for r in per_report} == {37}


def test_no_recent_output_is_stale_and_a_new_audit(site: Site, first: Result) -> None:
    newest = max(small.day_of(i) for i in range(small.CASES))
    still = RECEIVED.replace(month=1, day=1) + (newest - date(2026, 1, 1)) + timedelta(days=60)
    assert site.audit(still).cached
    result = site.audit(still + timedelta(days=1))
    assert not result.cached
    statuses = {v["status"]: v["reason"] for v in site.verdicts(result.audit)}
    assert statuses["stale"] == "The newest output is 61 days old; 60 are allowed."
    assert result.status == "act"  # graver than stale
    measures = [a["measure"] for a in site.ledger.read(sa.select(t.alerts.c.measure))]
    assert sorted(measures) == ["contradicted_reports", "stale_after_days"]


def test_an_alert_is_opened_once_and_again_only_when_it_was_resolved(site: Site, first: Result) -> None:
    opened = site.ledger.read(sa.select(t.alerts))
    assert [(a["measure"], a["audit"]) for a in opened] == [("contradicted_reports", first.audit)]
    site.hand_in("references", [small.report_reference(small.WAITING[0])], LATER)
    assert site.audit(LATER).status == "act"
    (again,) = site.ledger.read(sa.select(t.alerts))
    assert dict(again) == dict(opened[0]) | {"seen_at": LATER}, "it is seen again, and nothing is told anew"

    about = {"outcome": "true", "cause": "a bad update", "action": "rolled back"}
    life.resolve(site.ledger, again["id"], "test", LATER, **about)
    site.hand_in("references", [small.report_reference(small.WAITING[1])], LATER)
    site.audit(LATER + timedelta(days=1))
    (cooling,) = site.ledger.read(sa.select(t.alerts))
    assert (cooling["status"], cooling["outcome"]) == ("resolved", "true alarm"), "its cool-down of 28 days"
    site.hand_in("references", [small.report_reference(small.WAITING[2])], LATER)
    site.audit(LATER + timedelta(days=28))
    (back,) = site.ledger.read(sa.select(t.alerts).where(t.alerts.c.root == again["root"]))
    assert (back["id"], back["status"], back["outcome"]) == (again["id"], "open", None)
    events = [one["event"] for one in history(site.ledger, back["id"])]
    assert events == ["opened", "resolved", "reopened"]


def test_small_groups_leave_in_no_form(site: Site, first: Result) -> None:
    dossier = site.dossier(first.audit)
    # where there is no patient at all (no finding to leave out, say) there is nothing to hide
    small_ones = [r for r in dossier.rows if r.slice == "sex=O" and (r.suppressed or r.value is not None)]
    assert "contradicted_reports" in {r.measure for r in small_ones}
    for one in small_ones:
        assert one.suppressed, one.measure
        assert (one.value, one.low, one.high, one.events, one.n_eff) == (None,) * 5
        assert (one.n, one.patients, one.note, one.reason) == (0, 0, "", "")
    # and the next smallest of the same attribute, or subtraction would give the small one away
    shown = {
        r.slice
        for r in dossier.rows
        if r.measure == "contradicted_reports" and r.version == "2" and not r.suppressed and not r.contrast
    }
    assert len(shown & {"sex=F", "sex=M"}) == 1
    exported = json.loads(export_json.dumps(dossier))
    hidden = [r for r in exported["rows"] if r["suppressed"]]
    assert hidden and all(r["value"] is None and not r["n"] for r in hidden)
    names = [name for name, _ in metrics_of(dossier)]
    assert names and not [name for name in names if "sex-O" in name]


def test_new_settings_are_a_new_audit_and_old_ones_the_old(site: Site, first: Result) -> None:
    site.apply(small.YAML.replace("watch: 0.05, act: 0.10", "watch: 0.9, act: 0.95"), LATER)
    lax = site.audit(LATER)
    assert (lax.cached, lax.status == "act") == (False, False)
    assert site.measured(lax.audit) == site.measured(first.audit)
    site.apply(small.YAML, LATER)
    assert site.audit(LATER) == Result(first.audit, first.status, cached=True)


def test_what_cannot_be_audited_is_refused_in_one_sentence(site: Site) -> None:
    with pytest.raises(AuditError, match="before --to"):
        site.audit(start=date(2026, 2, 1), end=date(2026, 1, 1))
    with pytest.raises(AuditError, match="No outputs of small had been received"):
        site.audit(RECEIVED - timedelta(days=1))


def test_a_window_without_outputs_measures_nothing_and_is_not_ok(site: Site) -> None:
    result = site.audit(RECEIVED, start=date(2020, 1, 1), end=date(2020, 1, 31))
    assert result.status == "insufficient"
    dossier = site.dossier(result.audit)
    assert all(r.value is None for r in dossier.rows)
