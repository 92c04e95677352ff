"""What somebody with an account tries, or somebody who writes what is shown; see docs/security.md."""

import json
import re
import threading
import time as real_time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from pwdlib import PasswordHash

from auditor.cases import building
from auditor.cases.seen import seen_by
from auditor.reviews.draw import draw_sample
from auditor.signing import people
from auditor.store import tables as t
from dashboards import listing
from dashboards.pages import reports, system
from dashboards.place import Place
from dashboards.web_settings import ServeError, WebSettings, check_safe
from tests.dashboards.conftest import AsRole


def entries(place: Place, table: str) -> dict[int, dict[str, Any]]:
    """What the journal holds of a table, by number."""
    query = sa.select(t.journal.c.seq, t.journal.c.record).where(t.journal.c.table_name == table)
    return {row["seq"]: json.loads(row["record"]) for row in place.ledger.read(query)}


def test_a_report_that_quotes_cases_is_not_for_those_who_may_not_see_them(as_role: AsRole, place: Place) -> None:
    kinds = sa.select(t.details.c.payload).where(t.details.c.kind == "exemplars")
    quoted = {one["draft"] for row in place.ledger.read(kinds) for one in row["payload"] if one["draft"]}
    assert quoted, "the small hospital quotes"
    for role in ("viewer", "engineer"):
        browser = as_role(role)
        for name in ("report.html", "report.pdf", "report.json"):
            assert browser.get(f"/reports/report-1/{name}").status_code == 403
        for name in ("summary.md", "model-card.xml"):
            said = browser.get(f"/reports/report-1/{name}")
            assert said.status_code == 200
            assert not any(words in said.text for words in quoted)
    for role in ("reviewer", "committee", "admin"):
        assert as_role(role).get("/reports/report-1/report.html").status_code == 200


def test_a_report_that_quotes_nothing_is_for_everybody(
    as_role: AsRole, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = reports._stored

    def bare(here: Place, report: str) -> Any:
        issued = stored(here, report)
        told = json.loads(issued.files["report.json"])
        for dossier in told["dossiers"]:
            dossier.update(exemplars=[], templates=[])
        return type(issued)(
            **{**vars(issued), "files": {**issued.files, "report.json": json.dumps(told).encode()}}
        )

    monkeypatch.setattr(reports, "_stored", bare)
    assert as_role("viewer").get("/reports/report-1/report.html").status_code == 200


def test_the_journal_tells_nothing_of_groups_too_small_to_be_shown(as_role: AsRole, place: Place) -> None:
    few = {number: one for number, one in entries(place, "measurements").items() if 0 < one["patients"] < 11}
    number, one = next(iter(few.items()))
    words = f'"slice":"{one["slice"]}"'
    for role in ("viewer", "engineer", "admin"):
        browser = as_role(role)
        for table in ("measurements", "verdicts", "details", "artifacts"):
            for entry in list(entries(place, table))[:3]:
                said = browser.get(f"/journal/{entry}").text
                assert 'class="record"' not in said, (role, table)
        for asked in ({"words": words}, {"words": words, "table": "measurements"}):
            assert f'"/journal/{number}"' not in browser.get("/journal", params=asked).text
    assert "patients_exact" in as_role("committee").get(f"/journal/{number}").text


@pytest.fixture
def blinded(place: Place) -> str:
    drawn = draw_sample(place.ledger, place.lake, "small", n=5, at=place.clock(), actor="test", blinded=True)
    return drawn.sample


def item(place: Place, sample: str, number: int) -> str:
    found = t.review_items.c
    query = sa.select(found.output_id).where(found.sample == sample, found.number == number)
    return str(place.ledger.read(query)[0]["output_id"])


def test_a_case_of_a_blinded_sample_is_closed_until_it_is_answered(
    as_role: AsRole, place: Place, blinded: str
) -> None:
    building.make(place.ledger, place.lake, place.workspace.path, seen_by(place.ledger, "small"))
    address = f"/cases/small/{item(place, blinded, 1)}"
    reviewer = as_role("reviewer")
    said = reviewer.get(address)
    assert said.status_code == 403
    assert "waits for you in a blinded review" in said.text
    assert not place.ledger.read(sa.select(t.case_views)), "nothing was shown"
    assert as_role("committee").get(address).status_code == 200
    answer = {"fabrication": "no", "contradicted": "no", "unsupported": "no", "omitted": "no", "laterality": "no"}
    assert reviewer.post(f"/reviews/{blinded}/1", data=answer).status_code == 303
    assert reviewer.get(address).status_code == 200


def test_the_journal_tells_a_reviewer_nothing_of_answers_and_findings(
    as_role: AsRole, place: Place, blinded: str
) -> None:
    reviewer = as_role("reviewer")
    answer = {"fabrication": "yes", "contradicted": "1", "note": "a walrus"}
    reviewer.post(f"/reviews/{blinded}/1", data=answer)
    items = entries(place, "review_items")
    answers = entries(place, "reviews")
    assert items
    for number in (*items, *answers):
        assert 'class="record"' not in reviewer.get(f"/journal/{number}").text
    for words in ("found", "walrus", '"verdict":"yes"', item(place, blinded, 2)):
        found = reviewer.get("/journal", params={"words": words}).text
        assert not {n for n in re.findall(r'"/journal/(\d+)"', found) if int(n) in items | answers}, words
    assert 'class="record"' in as_role("committee").get(f"/journal/{next(iter(items))}").text


def test_guesses_that_arrive_together_are_counted_one_by_one(
    as_role: AsRole, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    real = PasswordHash.verify

    def verify(self: PasswordHash, *given: Any) -> Any:
        verified.append("")
        return real(self, *given)

    monkeypatch.setattr(PasswordHash, "verify", verify)
    member = as_role("committee")

    def guess(number: int) -> int:
        form = {"password": f"wrong horse battery {number}", "meaning": "reviewed"}
        return member.post("/reports/report-1/sign", data=form).status_code

    with ThreadPoolExecutor(8) as many:
        assert set(many.map(guess, range(16))) == {400}
    assert len(verified) == people.LOCKED_AFTER


@pytest.mark.parametrize("more", [{"web_names": "auditor.example.org"}, {"web_https": True}])
def test_without_login_it_does_not_stand_behind_a_proxy(more: dict[str, Any]) -> None:
    about: dict[str, Any] = {"web_names": "", "web_https": False, "web_login": False, "web_host": "127.0.0.1"}
    with pytest.raises(ServeError, match="--no-login is for this machine alone"):
        check_safe(WebSettings.model_construct(**{**about, **more}))
    check_safe(WebSettings.model_construct(**about))


def test_settings_that_unfold_without_end_are_refused(as_role: AsRole) -> None:
    unfolding = ", ".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    model = "{family: plugin, name: x, version: '1', options: {a0: &a0 [x, x], " + unfolding + "}}"
    said = as_role("engineer").post("/start/settings", data={"yaml": f"system: x\nmodel: {model}\n"})
    assert said.status_code == 400
    assert "refers to" in said.text


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1", "a;=1+1", "a\n=1", "a\t@x", "a\r\n-1"]
)
def test_no_cell_of_a_table_is_a_formula_in_any_spreadsheet(text: str) -> None:
    for cell in re.split(r"[;\t\r\n]+", listing._cell(text)):
        assert not cell.startswith(("=", "+", "-", "@", "＝")), repr(listing._cell(text))
    assert listing._cell("Dr. A-B; 3 = 3") == "Dr. A-B; 3 = 3"


def test_pages_of_rows_are_kept_by_no_browser(
    as_role: AsRole, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sits at the same screen afterwards finds nothing in the cache."""
    audit = place.ledger.read(sa.select(t.audits.c.id))[0]["id"]
    monkeypatch.setattr(system, "_evidently_tasks", lambda *_: ["report"])
    monkeypatch.setattr(system, "pages_of", lambda *_: {"report": "<p>rows"})
    reviewer = as_role("reviewer")
    paths = ("/", "/cases", "/alerts", "/reports/report-1/report.html", "/measurements.json?system=small")
    for path in (*paths, f"/systems/small/evidently/{audit}/report"):
        said = reviewer.get(path)
        assert (said.status_code, said.headers["cache-control"]) == (200, "no-store"), path


def test_lists_of_cases_are_made_one_at_a_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many audits somebody asks for at once."""
    at_work, most, lock = 0, 0, threading.Lock()

    def slow(*_: Any) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        real_time.sleep(0.05)
        with lock:
            at_work -= 1

    monkeypatch.setattr(building, "make", slow)
    seen = seen_by(place.ledger, "small")
    for number in range(4):
        other = replace(seen, name=f"other-{number}")
        building.start(place.ledger, place.lake, place.workspace.path, other)
    for thread in threading.enumerate():
        if thread.name == "cases":
            thread.join(10)
    assert most == 1
    building._WORK.going.clear()
