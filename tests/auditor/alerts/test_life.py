"""The life of an alert: what opens it, what only finds it again, what people do with it."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.alerts import incidents, life
from auditor.alerts.events import history
from auditor.alerts.figures import figures
from auditor.alerts.life import AlertError
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from tests.auditor.alerts.conftest import LEAD, MONDAY, ROOT, configure, quiet, report

DAY = timedelta(days=1)
DONE: dict[str, Any] = {"outcome": "true", "cause": "a new scanner", "action": "rolled back"}


def alerts(ledger: Ledger) -> list[dict[str, Any]]:
    return [dict(row) for row in ledger.read(sa.select(t.alerts).order_by(t.alerts.c.id))]


def events(ledger: Ledger, name: str = "drafts-1") -> list[str]:
    return [one["event"] for one in history(ledger, name)]


def test_the_whole_life(ledger: Ledger) -> None:
    report(ledger, MONDAY)
    (alert,) = alerts(ledger)
    assert (alert["id"], alert["status"], alert["due_at"]) == ("drafts-1", "open", MONDAY + DAY)
    life.acknowledge(ledger, "drafts-1", "officer", MONDAY + timedelta(hours=3))
    life.assign(ledger, "drafts-1", "officer", MONDAY + DAY, "physicist", MONDAY + 7 * DAY)
    life.investigate(ledger, "drafts-1", "physicist", MONDAY + DAY, "looking at the scanner")
    life.comment(ledger, "drafts-1", "physicist", MONDAY + 2 * DAY, "it is the scanner")
    life.resolve(ledger, "drafts-1", "physicist", MONDAY + 3 * DAY, **DONE)
    assert events(ledger) == ["opened", "acknowledged", "assigned", "investigating", "commented", "resolved"]
    (alert,) = alerts(ledger)
    assert (alert["status"], alert["owner"], alert["outcome"]) == ("resolved", "physicist", "true alarm")
    (found,) = figures(ledger)
    assert (found.severity, found.true, found.false) == ("act", 1, 0)
    assert (found.hours_to_acknowledge, found.hours_to_resolve) == (3.0, 72.0)
    life.reopen(ledger, "drafts-1", "officer", MONDAY + 4 * DAY, "it is there again")
    (alert,) = alerts(ledger)
    assert (alert["status"], alert["outcome"], alert["owner"]) == ("open", None, "physicist")


def test_what_the_state_does_not_allow_is_refused_and_changes_nothing(ledger: Ledger) -> None:
    report(ledger, MONDAY)

    def refused(sentence: str, step: Any, *words: Any, **named: Any) -> None:
        before = ledger.head()
        with pytest.raises(AlertError, match=sentence):
            step(ledger, *words, **named)
        assert ledger.head() == before

    refused("There is no alert drafts-9", life.acknowledge, "drafts-9", "me", MONDAY)
    refused("as --true or as --false", life.resolve, "drafts-1", "me", MONDAY, **(DONE | {"outcome": ""}))
    refused("give both", life.resolve, "drafts-1", "me", MONDAY, **(DONE | {"action": " "}))
    refused("needs some text", life.comment, "drafts-1", "me", MONDAY, "  ")
    refused("only an alert that is resolved can be reopened", life.reopen, "drafts-1", "me", MONDAY, "why not")
    life.acknowledge(ledger, "drafts-1", "me", MONDAY)
    refused("only an alert that is open can be acknowledged", life.acknowledge, "drafts-1", "me", MONDAY)
    life.resolve(ledger, "drafts-1", "me", MONDAY, **DONE)
    refused("is resolved; only", life.resolve, "drafts-1", "me", MONDAY, **DONE)
    refused("open it again before giving", life.assign, "drafts-1", "me", MONDAY, "you")
    refused("why the alert is opened again", life.reopen, "drafts-1", "me", MONDAY, " ")


def test_the_same_trouble_is_seen_again_and_told_anew_only_when_it_worsens_or_widens(ledger: Ledger) -> None:
    report(ledger, MONDAY, "watch")
    assert alerts(ledger)[0]["due_at"] == MONDAY + 14 * DAY
    report(ledger, MONDAY + DAY, "watch")
    assert events(ledger) == ["opened"]
    wider = [{**LEAD, "status": "watch"}, {**LEAD, "slice": "site=south", "status": "watch"}]
    report(ledger, MONDAY + 2 * DAY, "watch", members=wider)
    report(ledger, MONDAY + 3 * DAY, "act", reason="9 % lies beyond 6 %.")
    report(ledger, MONDAY + 4 * DAY, "watch")  # it does not become harmless by one audit
    assert events(ledger) == ["opened", "widened", "worsened"]
    (alert,) = alerts(ledger)
    assert (alert["severity"], alert["reason"]) == ("act", "9 % lies beyond 6 %.")
    assert alert["due_at"] == MONDAY + 4 * DAY, "what has become graver must be answered sooner"
    assert alert["seen_at"] == MONDAY + 4 * DAY
    assert {one["slice"] for one in alert["members"]} == {"all", "site=south"}


def test_one_quiet_audit_is_not_an_end_and_two_are(ledger: Ledger) -> None:
    report(ledger, MONDAY)
    quiet(ledger, MONDAY + DAY)
    report(ledger, MONDAY + 2 * DAY)
    quiet(ledger, MONDAY + 3 * DAY)
    assert events(ledger) == ["opened"]
    for day in range(4, 8):
        quiet(ledger, MONDAY + day * DAY)
    assert events(ledger) == ["opened", "gone"]
    assert alerts(ledger)[0]["status"] == "open", "a person must still say what it was"


def test_after_it_was_resolved_trouble_that_stays_is_told_after_the_cool_down(ledger: Ledger) -> None:
    report(ledger, MONDAY)
    life.resolve(ledger, "drafts-1", "me", MONDAY + DAY, **DONE)
    for day in range(2, 29):
        report(ledger, MONDAY + day * DAY)
    assert events(ledger) == ["opened", "resolved"]
    report(ledger, MONDAY + 29 * DAY)
    assert events(ledger) == ["opened", "resolved", "reopened"]
    assert [one["status"] for one in alerts(ledger)] == ["open"]


def test_trouble_that_had_gone_and_comes_back_is_told_at_once(ledger: Ledger) -> None:
    report(ledger, MONDAY)
    life.resolve(ledger, "drafts-1", "me", MONDAY + DAY, **DONE)
    quiet(ledger, MONDAY + 2 * DAY)
    quiet(ledger, MONDAY + 3 * DAY)
    report(ledger, MONDAY + 4 * DAY)
    assert events(ledger) == ["opened", "resolved", "reopened"]


def test_the_rules_are_settings(ledger: Ledger) -> None:
    configure(ledger, "alerts: {acknowledge_hours: {act: 2}, quiet_after: 1, cool_down_days: 0}", MONDAY)
    report(ledger, MONDAY)
    assert alerts(ledger)[0]["due_at"] == MONDAY + timedelta(hours=2)
    quiet(ledger, MONDAY + DAY)
    assert events(ledger) == ["opened", "gone"]
    life.resolve(ledger, "drafts-1", "me", MONDAY + 2 * DAY, **DONE)
    report(ledger, MONDAY + 3 * DAY)
    assert events(ledger)[-1] == "reopened"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["act", "watch", "quiet", "ack", "resolve", "reopen"]), max_size=30))
def test_whatever_happens_there_is_one_alert_and_its_history_only_grows(steps: list[str]) -> None:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(f"sqlite:///{Path(folder) / 'ledger.db'}")
        ledger.create()
        configure(ledger, "alerts: {cool_down_days: 3}")
        before: list[Any] = []
        for number, step in enumerate(steps):
            at = MONDAY + number * DAY
            try:
                if step in ("act", "watch"):
                    report(ledger, at, step)
                elif step == "quiet":
                    quiet(ledger, at)
                elif step == "ack":
                    life.acknowledge(ledger, "drafts-1", "me", at)
                elif step == "resolve":
                    life.resolve(ledger, "drafts-1", "me", at, **DONE)
                else:
                    life.reopen(ledger, "drafts-1", "me", at, "again")
            except AlertError:
                continue
            now = [dict(one) for one in history(ledger, "drafts-1")]
            assert now[: len(before)] == before
            before = now
            found = alerts(ledger)
            assert len(found) <= 1
            assert all((one["status"] == "resolved") == (one["outcome"] is not None) for one in found)
        ledger.close()


def test_an_incident_holds_alerts_a_decision_and_the_audit_that_ended_it(ledger: Ledger) -> None:
    report(ledger, MONDAY)
    report(ledger, MONDAY, root="report/laterality_reports", measure="laterality_reports")
    name = incidents.open_incident(ledger, "Wrong sides", ["drafts-1"], "officer", MONDAY)
    incidents.add_alerts(ledger, name, ["drafts-2"], "officer", MONDAY)
    about: dict[str, Any] = {"owner": "chair", "due": date(2026, 3, 9), "note": "until the fix is in"}

    def refused(sentence: str, step: Any, *words: Any, **named: Any) -> None:
        with pytest.raises(AlertError, match=sentence):
            step(ledger, *words, **named)

    close: dict[str, Any] = {"follow_up": "audit-2", "note": ""}
    refused("has no decision yet", incidents.close, name, "chair", MONDAY, **close)
    refused("A decision is one of continue", incidents.decide, name, "chair", MONDAY, decision="hope", **about)
    incidents.decide(ledger, name, "chair", MONDAY + DAY, decision="restrict", **about)
    refused("drafts-1, which is not resolved", incidents.close, name, "chair", MONDAY, **close)
    for alert in ("drafts-1", "drafts-2"):
        life.resolve(ledger, alert, "physicist", MONDAY + 2 * DAY, **DONE)
    refused("There is no audit audit-2", incidents.close, name, "chair", MONDAY, **close)
    _audit(ledger, "audit-1", MONDAY)
    _audit(ledger, "audit-2", MONDAY + 3 * DAY)
    early: dict[str, Any] = close | {"follow_up": "audit-1"}
    refused("was made before", incidents.close, name, "chair", MONDAY, **early)
    incidents.close(ledger, name, "chair", MONDAY + 4 * DAY, **close)
    (row,) = ledger.read(sa.select(t.incidents))
    assert (row["status"], row["decision"], row["follow_up"]) == ("closed", "restrict", "audit-2")
    assert events(ledger) == ["opened", "linked", "decided", "resolved"]
    refused("is closed", incidents.add_alerts, name, ["drafts-1"], "chair", MONDAY)
    refused("There is no incident x", incidents.add_alerts, "x", ["drafts-1"], "chair", MONDAY)
    refused("belongs to incident-1 already", incidents.open_incident, "Again", ["drafts-1"], "chair", MONDAY)
    refused("needs a title", incidents.open_incident, " ", ["drafts-1"], "chair", MONDAY)


def _audit(ledger: Ledger, name: str, at: Any) -> None:
    config = ledger.read(sa.select(t.configs.c.id))[0]["id"]
    with ledger.transaction("audit", at) as tx:
        row = {"id": name, "seq": tx.next(t.audits), "system": "drafts", "key": name, "config": config}
        row |= {"as_of": at, "segment_pin": 0, "inputs": "", "code": "", "seed": 0, "status": "ok", "versions": []}
        tx.insert(t.audits, [row | {"started_at": at}])


def test_other_roots_are_other_alerts(ledger: Ledger) -> None:
    report(ledger, MONDAY)
    report(ledger, MONDAY, root="drift", severity="watch")
    assert [(one["id"], one["root"]) for one in alerts(ledger)] == [("drafts-1", ROOT), ("drafts-2", "drift")]
