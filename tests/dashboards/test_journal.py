"""The journal's pages: what is found, who may read which record, and checking all of it."""

import html
import json
import re
import threading
import time as clock_of_the_wall
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from auditor.signing.anchors import anchor_now
from auditor.store import tables as t
from auditor.store.verify import verify
from dashboards.place import Place
from tests.auditor.small_hospital import MARKER, RECEIVED, Site
from tests.dashboards.conftest import AsRole

ENTRY = re.compile(r'<th scope="row" data-label="Entry"><a href="/journal/(\d+)">')


def entries(text: str) -> list[int]:
    return [int(number) for number in ENTRY.findall(text)]


def number_of(site: Site, table: str, piece: str = "") -> int:
    query = sa.select(t.journal.c.seq).where(t.journal.c.table_name == table, t.journal.c.record.contains(piece))
    return int(site.ledger.read(query.order_by(t.journal.c.seq.desc()).limit(1))[0]["seq"])


def record_of(text: str) -> Any:
    return json.loads(html.unescape(text.split('aria-label="The record">')[1].split("</pre>")[0]))


def test_entries_are_listed_newest_first_and_paged(hospital: Site, as_role: AsRole) -> None:
    browser = as_role("admin")
    head = hospital.ledger.head()[0]
    text = browser.get("/journal").text
    assert entries(text) == list(range(head, head - 50, -1))
    older = re.search(r'<a href="([^"]+)" rel="next">', text)
    assert older is not None
    assert entries(browser.get(older[1].replace("&amp;", "&")).text)[0] == head - 50
    rules = sa.select(t.journal.c.seq).where(t.journal.c.table_name == "thresholds")
    written = [row["seq"] for row in hospital.ledger.read(rules.order_by(t.journal.c.seq.desc()))]
    assert entries(browser.get("/journal?table=thresholds").text) == written
    assert browser.get("/journal?number=17").headers["location"] == "/journal/17"
    assert "No entry is of this kind" in browser.get("/journal?actor=nobody").text
    last = browser.get(f"/journal?from={RECEIVED:%Y-%m-%d}&to={RECEIVED:%Y-%m-%d}&table=systems").text
    assert len(entries(last)) == 1
    assert "No entry is of this kind" in browser.get("/journal?table=systems&to=2020-01-01").text


HOSTILE = [
    "<script>alert(1)</script>",
    "%",
    "_%",
    "\\",
    "'; DROP TABLE journal --",
    "a\r\nSet-Cookie: x=1",
    "\x00",
]


@pytest.mark.parametrize("words", [*HOSTILE, "é\ud83d"])
def test_hostile_words_are_searched_and_shown_as_text(hospital: Site, as_role: AsRole, words: str) -> None:
    for field in ("words", "actor"):
        answer = as_role("viewer").get(f"/journal?{field}={quote(words.encode('utf-8', 'surrogatepass'))}")
        assert answer.status_code in (200, 400)
        assert "<script>alert" not in answer.text and "set-cookie" not in answer.headers
        for number in entries(answer.text):  # some records do hold a percent sign or a backslash
            (row,) = hospital.ledger.read(sa.select(t.journal.c.record).where(t.journal.c.seq == number))
            assert words in row["record"]
    assert hospital.ledger.head()[0] > 0


NOT_ASKED_SO = ["from=yesterday", "to=2026-13-01", "from=%3Cb%3E", "number=-1", "number=1e9", "before=x"]


@pytest.mark.parametrize("asked", [*NOT_ASKED_SO, "table=nothing", "action=drop"])
def test_what_cannot_be_searched_is_said_beside_the_form(as_role: AsRole, asked: str) -> None:
    answer = as_role("viewer").get(f"/journal?{asked}")
    assert answer.status_code == 400 and 'role="alert"' in answer.text and 'role="search"' in answer.text


def test_an_entry_shows_its_record_and_both_hashes(hospital: Site, as_role: AsRole) -> None:
    number = number_of(hospital, "thresholds")
    (row,) = hospital.ledger.read(sa.select(t.journal).where(t.journal.c.seq == number))
    text = as_role("viewer").get(f"/journal/{number}").text
    assert row["hash"] in text and row["previous"] in text
    assert "yes: the hash before and this entry give its own hash" in text
    assert record_of(text) == json.loads(row["record"])
    assert row["record"] in html.unescape(text), "and the text that is hashed"
    with hospital.ledger._engine.begin() as connection:
        connection.execute(sa.update(t.journal).where(t.journal.c.seq == number).values(actor="somebody else"))
    assert "NO: the entry was changed after it was written" in as_role("viewer").get(f"/journal/{number}").text
    for name in ("0", "-1", "999999", "99999999999999999999", "x", "1.5", "%00"):
        answer = as_role("viewer").get(f"/journal/{name}")
        assert answer.status_code == 404 and "no such entry" in answer.text


def test_entries_about_people_are_for_administrators(hospital: Site, as_role: AsRole) -> None:
    number = number_of(hospital, "users")
    for role in ("viewer", "reviewer", "committee", "engineer"):
        browser = as_role(role)
        assert number not in entries(browser.get("/journal").text)
        assert entries(browser.get("/journal?table=users").text) == []
        assert entries(browser.get("/journal?words=Dr+Admin").text) == []
        text = browser.get(f"/journal/{number}").text
        assert "administrators may read it" in text and "Dr Admin" not in text and "credential" not in text
        assert "yes: the hash before" in text, "the chain is everybody's"
        assert "<option>users" not in browser.get("/journal").text
    text = as_role("admin").get(f"/journal/{number}").text
    assert record_of(text)["full_name"] == "Dr Viewer" or "Dr " in record_of(text)["full_name"]
    assert number in entries(as_role("admin").get("/journal?table=users").text)


def test_words_of_reports_are_for_those_who_may_see_cases(hospital: Site, as_role: AsRole) -> None:
    """The small hospital lets its reports quote sentences, so that two details of an audit hold some."""
    number = number_of(hospital, "details", '"kind":"exemplars"')
    assert (
        MARKER in hospital.ledger.read(sa.select(t.journal.c.record).where(t.journal.c.seq == number))[0]["record"]
    )
    for role in ("viewer", "engineer", "admin"):
        browser = as_role(role)
        text = browser.get(f"/journal/{number}").text
        assert "may quote words of a report" in text and MARKER not in text
        assert entries(browser.get(f"/journal?words={MARKER}").text) == [], "nor can words be guessed by searching"
    for role in ("reviewer", "committee"):
        assert MARKER in as_role(role).get(f"/journal/{number}").text
        assert number in entries(as_role(role).get(f"/journal?words={MARKER}").text)


def test_no_other_record_holds_words_of_reports(hospital: Site) -> None:
    rows = hospital.ledger.read(sa.select(t.journal).where(t.journal.c.record.contains(MARKER)))
    kinds = {(row["table_name"], json.loads(row["record"])["kind"]) for row in rows}
    assert kinds <= {("details", "exemplars"), ("details", "templates")}


def checked(browser: Any) -> str:
    """Begin a check and wait for its end."""
    assert browser.post("/journal/check").headers["location"] == "/journal/check"
    for _ in range(200):
        text = str(browser.get("/journal/check").text)
        if "hx-get" not in text:
            return text
        clock_of_the_wall.sleep(0.05)
    raise AssertionError("the check did not end")


def test_the_record_is_checked_in_the_background(hospital: Site, place: Place, as_role: AsRole) -> None:
    anchor_now(hospital.workspace, hospital.ledger, "test", RECEIVED)
    browser = as_role("admin")
    assert "Not checked since" in browser.get("/journal").text
    text = checked(browser)
    entries_now, head = hospital.ledger.head()
    assert "Intact:" in text and f"{entries_now:,} entries" in text and head in text and "for admin" in text
    assert f"{len(hospital.ledger.read(sa.select(t.segments.c.seq))):,} segments" in text
    with hospital.ledger._engine.begin() as connection:
        connection.execute(sa.update(t.measurements).where(t.measurements.c.number == 0).values(value=0.5))
    text = checked(browser)
    assert "The record is not as it was written:" in text and "Table measurements" in text
    assert "Intact" not in text
    for role in ("viewer", "engineer"):
        assert as_role(role).post("/journal/check").status_code == 403
        assert as_role(role).get("/journal/check").status_code == 403
        assert "Check the record" not in as_role(role).get("/journal").text


def test_one_check_at_a_time_and_the_browser_is_told_when_it_ended(
    place: Place, as_role: AsRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, begun = threading.Event(), []

    def slow(*stores: Any) -> Any:
        begun.append(1)
        assert go_on.wait(10)
        return verify(*stores)

    monkeypatch.setattr("dashboards.pages.journal_check.verify", slow)
    browser = as_role("admin")
    browser.post("/journal/check")
    browser.post("/journal/check")
    text = browser.get("/journal").text
    again = re.search(r'hx-get="([^"]+)"', text)
    assert again is not None and "Check now" not in text
    where = again[1].replace("&amp;", "&")
    assert browser.get(where, headers={"hx-request": "true"}).status_code == 204
    go_on.set()
    for _ in range(200):
        answer = browser.get(where, headers={"hx-request": "true"})
        if answer.status_code == 200:
            break
        clock_of_the_wall.sleep(0.05)
    assert "Intact" in answer.text and "<html" not in answer.text
    assert len(begun) == 1


def test_a_check_that_breaks_says_so_without_quoting(
    place: Place, as_role: AsRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a row of a patient")

    monkeypatch.setattr("dashboards.pages.journal_check.verify", broken)
    text = checked(as_role("admin"))
    assert "could not be carried out" in text and "RuntimeError" in text and "a row of" not in text


def test_anchors_and_keys_are_named(hospital: Site, as_role: AsRole) -> None:
    text = as_role("viewer").get("/journal").text
    assert "run <code>auditor anchor</code>" in text or "one of" in text
    anchor_now(hospital.workspace, hospital.ledger, "test", RECEIVED)
    anchored = hospital.ledger.head()[0]
    text = as_role("viewer").get("/journal").text
    assert f'<a href="/journal/{anchored}">' in text
    (key,) = hospital.ledger.read(sa.select(t.signing_keys.c.id))
    assert key["id"] in text
    hospital.workspace.anchor_file.write_text("no anchor\n")
    assert "is no anchor; the file was changed or cut" in as_role("viewer").get("/journal").text
