"""The first screen answers whether anything is wrong, and never calls fine what is not known."""

import csv
import io
from datetime import timedelta

import pytest
import sqlalchemy as sa

from auditor.store import tables as t
from dashboards.pages.fleet import _answer
from dashboards.place import Place
from dashboards.standings import standings
from tests.auditor.small_hospital import SYSTEM, Site
from tests.dashboards.conftest import AsRole, Time

ANOTHER = "system: another\ntasks: {report: {}}\n"


def test_the_line_of_a_system_says_what_its_audit_says(as_role: AsRole, hospital: Site) -> None:
    text = as_role("viewer").get("/").text
    dossier = hospital.dossier()
    assert dossier.title in text
    assert "1 of 1 system needs a decision: Drafts of a small hospital." in text
    row = next(one for one in dossier.rows if one.measure == "contradicted_reports" and one.status == "act")
    assert row.value is not None
    assert f"{100 * row.value:.1f} %" in text
    for said in ("per 1,000 reports, uncorrected", "2 hours ago", "of 22", "never"):
        assert said in text


def test_an_old_audit_is_stale_or_graver_and_says_since_when(place: Place, time: Time) -> None:
    time.at += timedelta(days=61)
    (one,) = standings(place, time.at)
    assert one.status == "act", "old news of harm is still news of harm"
    assert one.why == "no audit for 61 days"


@pytest.mark.parametrize("status", ["ok", "watch", "insufficient"])
def test_an_old_audit_that_was_fine_is_stale(place: Place, time: Time, status: str) -> None:
    with place.ledger.transaction("test", time.at) as tx:
        audit = tx.read(sa.select(t.audits.c.id))[0]["id"]
        tx.update(t.audits, audit, {"status": status})
    assert standings(place, time.at)[0].status == status
    time.at += timedelta(days=61)
    assert standings(place, time.at)[0].status == "stale"


def test_a_system_that_was_never_audited_is_stale(as_role: AsRole, hospital: Site) -> None:
    hospital.apply(ANOTHER)
    text = as_role("viewer").get("/").text
    assert "never audited" in text
    assert "Of 1 we cannot say" in text


def test_an_audit_that_failed_since_is_shown_as_failed(place: Place, hospital: Site, time: Time) -> None:
    hospital.apply(ANOTHER.replace("another", SYSTEM) + "schedule: [{job: audit, cron: '0 5 * * mon'}]\n", time.at)
    with place.ledger.transaction("clock", time.at) as tx:
        schedule = tx.read(sa.select(t.schedules.c.id))[0]["id"]
        run = {"id": "run-1", "schedule": schedule, "system": SYSTEM, "job": "audit", "fire_at": time.at}
        how = {"status": "failed", "attempt": 3, "not_before": time.at, "finished_at": time.at, "note": "no space"}
        tx.insert(t.job_runs, [run | how])
    (one,) = standings(place, time.at)
    assert (one.status, one.why) == ("failed", "the last audit failed: no space")


def test_a_line_follows_what_happens(place: Place, hospital: Site, time: Time) -> None:
    (before,) = standings(place, time.at)
    assert standings(place, time.at)[0] is before, "nothing happened, so nothing is read again"
    alert = before.oldest
    assert alert is not None
    with place.ledger.transaction("test", time.at) as tx:
        for row in tx.read(sa.select(t.alerts.c.id)):
            tx.update(t.alerts, row["id"], {"status": "resolved", "outcome": "true alarm"})
    (after,) = standings(place, time.at)
    assert (after.oldest, after.alerts) == (None, 0)


def test_an_empty_workspace_leads_to_the_first_audit(
    as_role: AsRole, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.pages.fleet.standings", lambda *_: [])
    assert as_role("viewer").get("/").headers["location"] == "/start"


def test_the_table_exports_and_no_cell_is_a_formula(as_role: AsRole, hospital: Site) -> None:
    hospital.apply(ANOTHER + "title: =1+1\n")
    said = as_role("viewer").get("/?format=csv")
    assert said.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(said.text.removeprefix("\ufeff"))))
    assert {row["System"] for row in rows} == {"Drafts of a small hospital, version 2", "'=1+1"}


def test_it_sorts_and_finds_by_address(as_role: AsRole, hospital: Site) -> None:
    hospital.apply(ANOTHER)
    client = as_role("viewer")
    up, down = (client.get(f"/?sort={sign}system").text for sign in ("", "-"))
    assert up.index("/systems/another") < up.index("/systems/small")
    assert down.index("/systems/another") > down.index("/systems/small")
    assert "/systems/another" not in client.get("/?q=small hospital").text


def test_the_answer_counts_what_is_wrong_and_what_is_unknown(place: Place, time: Time) -> None:
    from dataclasses import replace

    (one,) = standings(place, time.at)
    fine, stale = replace(one, status="ok"), replace(one, status="stale")
    assert _answer([fine]) == "No system needs a decision. Every system was measured in time."
    assert _answer([stale, fine]).startswith("No system needs a decision. Of 1 we cannot say")
    assert _answer([one] * 5 + [fine]).startswith("5 of 6 systems need a decision")
    assert "and 2 more" in _answer([one] * 5)
