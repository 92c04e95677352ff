"""An alert's whole life in the browser's forms; what the ledger refuses is said in its own sentence."""

import sqlalchemy as sa

from auditor.store import tables as t
from dashboards.place import Place
from tests.dashboards.conftest import AsRole


def first(place: Place) -> str:
    return str(place.ledger.read(sa.select(t.alerts.c.id).order_by(t.alerts.c.id))[0]["id"])


def state(place: Place, alert: str) -> tuple[str, str | None]:
    (row,) = place.ledger.read(sa.select(t.alerts).where(t.alerts.c.id == alert))
    return row["status"], row["owner"]


def test_from_opened_to_resolved_and_opened_again(as_role: AsRole, place: Place) -> None:
    engineer, alert = as_role("engineer"), first(place)

    def step(name: str, **form: str) -> None:
        said = engineer.post(f"/alerts/{alert}/{name}", data=form)
        assert (said.status_code, said.headers.get("location")) == (303, f"/alerts/{alert}"), said.text

    step("acknowledge", note="seen")
    assert state(place, alert) == ("acknowledged", "engineer")
    step("investigate")
    step("assign", owner="committee", due="2026-04-01")
    assert state(place, alert) == ("investigating", "committee")
    step("comment", note="the vendor was asked")
    step("resolve", outcome="true", cause="a new prompt", action="taken back")
    assert state(place, alert)[0] == "resolved"
    page = engineer.get(f"/alerts/{alert}").text
    for said in ("seen", "the vendor was asked", "a new prompt", "taken back", "true alarm", "by engineer"):
        assert said in page
    step("reopen", note="it is back")
    assert state(place, alert)[0] == "open"


def test_what_cannot_be_done_is_said_and_not_done(as_role: AsRole, place: Place) -> None:
    engineer, alert = as_role("engineer"), first(place)
    for name, form, sentence in (
        ("resolve", {"cause": "x", "action": "y"}, "true or a false alarm"),
        ("resolve", {"outcome": "true", "cause": "x"}, "its cause and what was done"),
        ("comment", {"note": " "}, "needs some text"),
        ("reopen", {"note": "why"}, "only an alert that is resolved"),
        ("reopen", {}, "Say why"),
        ("assign", {"owner": " "}, "Say who"),
        ("assign", {"owner": "ada", "due": "soon"}, "2026-03-01"),
    ):
        said = engineer.post(f"/alerts/{alert}/{name}", data=form)
        assert said.status_code == 400, name
        assert sentence in said.text, said.text
    assert state(place, alert)[0] == "open"


def test_an_alert_leads_to_a_decision(as_role: AsRole, place: Place) -> None:
    committee, alert = as_role("committee"), first(place)
    said = committee.post(f"/alerts/{alert}/incident", data={"title": "Too many contradictions"})
    where = said.headers["location"]
    assert where == "/decisions/incident-1"
    form = {"decision": "restrict", "owner": "Dr Admin", "due": "2026-04-01", "note": "until the prompt is back"}
    assert committee.post(f"{where}/decide", data=form).status_code == 303
    page = committee.get(where).text
    for told in ("restrict", "Dr Admin", "1 Apr 2026", "until the prompt is back"):
        assert told in page
    assert "not resolved" in committee.post(f"{where}/close", data={"follow_up": "x"}).text
    assert "Say the day" in committee.post(f"{where}/decide", data=form | {"due": "never"}).text
    assert "incident-1" in committee.get("/decisions").text


def test_hostile_notes_are_shown_as_they_are_and_do_nothing(as_role: AsRole, place: Place) -> None:
    engineer, alert = as_role("engineer"), first(place)
    note = "<script>alert(1)</script> {{ 7*7 }} ' OR 1=1 --\r\nset-cookie: x=1"
    assert engineer.post(f"/alerts/{alert}/comment", data={"note": note}).status_code == 303
    page = engineer.get(f"/alerts/{alert}")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }}" in page.text
    assert "<script>alert(1)" not in page.text
    assert engineer.post(f"/alerts/{alert}/comment", data={"note": "x" * 5_000}).status_code == 422


def test_the_list_filters_by_state_and_system(as_role: AsRole, place: Place) -> None:
    viewer, alert = as_role("viewer"), first(place)
    assert alert in viewer.get("/alerts").text
    assert alert not in viewer.get("/alerts?status=resolved").text
    assert "is of this kind" in viewer.get("/alerts?status=resolved").text
    assert alert not in viewer.get("/alerts?system=another").text
    assert alert in viewer.get("/alerts?format=csv").text


def test_who_may_only_look_sees_no_form(as_role: AsRole, place: Place) -> None:
    assert "/resolve" not in as_role("viewer").get(f"/alerts/{first(place)}").text
    assert "/resolve" in as_role("engineer").get(f"/alerts/{first(place)}").text


def test_an_alert_that_is_not_there_is_said(as_role: AsRole) -> None:
    said = as_role("viewer").get("/alerts/nothing")
    assert said.status_code == 404
    assert "There is no such alert" in said.text
