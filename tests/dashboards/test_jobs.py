"""The jobs page: what runs when, what became of it, and starting one by hand."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.clock.clock import Clock
from auditor.clock.jobs import Outcome
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from dashboards.pages import jobs as pages
from tests.auditor import small_hospital as small
from tests.auditor.clock.test_clock import NOON, Scripted, schedule
from tests.auditor.small_hospital import RECEIVED, Site
from tests.dashboards.conftest import AsRole, Time

SCHEDULED = (
    small.YAML + 'schedule: [{job: audit, cron: "0 4 * * *"}, {job: verify, cron: "0 5 * * mon", retries: 1}]\n'
)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def scheduled(hospital: Site) -> Site:
    hospital.apply(SCHEDULED, RECEIVED)
    return hospital


def press(browser: Any, schedule: str) -> Any:
    return browser.post("/jobs/run", data={"schedule": schedule})


def test_without_a_schedule_the_page_says_what_to_do(as_role: AsRole) -> None:
    text = as_role("viewer").get("/jobs").text
    assert "Nothing is scheduled" in text and "No job has run yet" in text
    assert "No scheduler is running" in text and "auditor schedule run" in text


def test_schedules_show_their_next_time_and_last_run(scheduled: Site, as_role: AsRole, time: Time) -> None:
    Clock(scheduled.ledger, Scripted().start, "one").step(time.at)
    browser = as_role("viewer")
    text = browser.get("/jobs").text
    assert "No scheduler is running" not in text
    assert '<time datetime="2026-03-02T04:00:00Z">' in text
    assert "never ran" in text
    assert "Run now" not in text, "who only looks is offered nothing to start"
    time.at += timedelta(days=1)
    Clock(scheduled.ledger, Scripted({"small/audit": [Outcome(True, "all <b>well</b>")]}).start, "two").step(
        time.at
    )
    text = as_role("viewer").get("/jobs").text  # logged in anew: a day has gone by
    assert "all &lt;b&gt;well&lt;/b&gt;" in text and "<b>well" not in text
    assert "state-done" in text


def test_only_who_may_run_jobs_starts_one(scheduled: Site, as_role: AsRole) -> None:
    for role in ("viewer", "reviewer", "committee"):
        assert press(as_role(role), "small/audit").status_code == 403
    assert scheduled.ledger.read(sa.select(t.job_runs)) == []
    browser = as_role("engineer")
    assert browser.get("/jobs").text.count("Run now") == 2
    begun = press(browser, "small/audit")
    assert begun.status_code == 303
    (run,) = scheduled.ledger.read(sa.select(t.job_runs))
    assert (run["schedule"], run["status"], run["note"]) == ("small/audit", "waiting", "asked for by engineer")
    text = browser.get(begun.headers["location"]).text
    assert "asked for by engineer" in text and "No scheduler is running" in text
    refused = press(browser, "small/audit")
    assert refused.status_code == 400 and "has a run waiting since" in refused.text
    assert "There is no schedule small/none" in press(browser, "small/none").text
    forged = browser.post("/jobs/run", data={"schedule": "small/verify"}, headers={"x-csrf-token": "forged"})
    assert forged.status_code == 403


def test_a_run_is_followed_until_it_ended(scheduled: Site, as_role: AsRole, time: Time) -> None:
    browser = as_role("admin")
    where = press(browser, "small/verify").headers["location"]
    script = Scripted({"small/verify": [None, Outcome(False, "the lake is away"), Outcome(True, "intact")]})
    clock = Clock(scheduled.ledger, script.start, "host:1")
    seen = []

    def ask() -> int:
        page = browser.get(where).text
        again = re.search(r'hx-get="([^"]+)"', page)
        if again is None:
            return 0
        seen.append(again[1].replace("&amp;", "&"))
        unchanged = browser.get(seen[-1], headers={"hx-request": "true"})
        assert (unchanged.status_code, unchanged.text) == (204, "")
        changed = browser.get(seen[0], headers={"hx-request": "true"})
        assert changed.status_code in (200, 204) and "<html" not in changed.text
        return changed.status_code

    assert ask() == 204
    clock.step(time.at)
    assert ask() == 200 and "running" in browser.get(where).text
    time.at += MINUTE
    clock.step(time.at)
    text = browser.get(where).text
    assert "2 of 2" in text and "the lake is away" in text
    time.at += 10 * MINUTE
    clock.step(time.at)
    assert ask() == 0, "nothing is asked of a run that has ended"
    text = browser.get(where).text
    assert "state-done" in text and "Run again now" in text and "host:1" in text
    told = re.findall(r'data-label="Status"><span class="state state-(\w+)"', text)
    assert told == ["waiting", "running", "waiting", "running", "done"], "every try, as the journal has it"
    assert "the lake is away" in text


def test_runs_are_listed_newest_first_filtered_and_paged(
    scheduled: Site, as_role: AsRole, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_RUNS", 3)
    Clock(scheduled.ledger, Scripted().start, "one").step(time.at)
    time.at += timedelta(days=9)
    Clock(scheduled.ledger, Scripted().start, "two").step(time.at)
    rows = scheduled.ledger.read(
        sa.select(t.job_runs).order_by(t.job_runs.c.fire_at.desc(), t.job_runs.c.id.desc())
    )
    browser = as_role("viewer")

    def walk(address: str) -> list[str]:
        found = []
        while address:
            text = browser.get(address).text.split('id="runs"')[1]
            found += re.findall(r'<th scope="row" data-label="Due"><a href="/jobs/([^"]+)"', text)
            older = re.search(r'<a href="([^"]+)" rel="next">Older', text)
            address = older[1].replace("&amp;", "&") if older else ""
        return found

    assert walk("/jobs") == [pages.address(row["id"]).removeprefix("/jobs/") for row in rows]
    done = [row["id"] for row in rows if row["status"] == "done"]
    assert len(walk("/jobs?status=done")) == len(done) == 2
    assert len(walk("/jobs?job=verify")) == sum(row["job"] == "verify" for row in rows)
    assert walk("/jobs?system=none") == []
    for odd in ("status=%27x", "system=%00", "job=%25", "before=nothing", "before=%00", "system=%3Cscript%3E"):
        text = browser.get(f"/jobs?{odd}").text
        assert "<script>" not in text.split("<main")[1]


@pytest.fixture
def long_past(database_url: str) -> Iterator[Ledger]:
    """A ledger with thousands of runs, two of them always due at the same moment."""
    ledger = Ledger(database_url)
    ledger.create()
    schedule(ledger, "{job: audit, cron: 0 13 * * *}, {job: verify, cron: 0 13 * * *}")
    about = {"system": "drafts", "status": "done", "attempt": 1, "not_before": NOON, "note": ""}
    rows = [
        {
            "id": f"drafts/{job}@{n:05}",
            "schedule": f"drafts/{job}",
            "job": job,
            "fire_at": NOON + n * MINUTE,
            **about,
        }
        for n in range(2_500)
        for job in ("audit", "verify")
    ]
    with ledger.transaction("clock", NOON) as tx:
        tx.insert(t.job_runs, rows)
    yield ledger
    ledger.close()


def test_runs_come_by_an_index_and_pages_leave_none_out(long_past: Ledger) -> None:
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    found: list[str] = []
    nothing = pages.Asked("", "", "")
    while len(found) < 196:
        found += [row["id"] for row in pages._runs(long_past, nothing, found[-1] if found else "")[:49]]
    names = [f"drafts/{job}@{n:05}" for n in range(2_499, 2_401, -1) for job in ("verify", "audit")]
    assert found == names
    engine = long_past._engine
    sa.event.listen(engine, "before_cursor_execute", note)
    pages._runs(long_past, nothing, found[-1])
    sa.event.remove(engine, "before_cursor_execute", note)
    statement, parameters = next(one for one in asked if "ORDER BY" in one[0])
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            connection.execute(sa.text("ANALYZE job_runs"))
        plan = " ".join(map(str, connection.exec_driver_sql(explain + statement, parameters).all()))
    assert "ix_job_runs_fire_at" in plan and "Seq Scan on job_runs" not in plan and "TEMP B-TREE" not in plan


def test_a_run_that_is_not_there_is_said_so(as_role: AsRole) -> None:
    for name in ("none", "small/audit@x", "%00", "%3Cscript%3Ealert(1)%3C/script%3E"):
        answer = as_role("viewer").get(f"/jobs/{name}")
        assert answer.status_code == 404 and "no such run" in answer.text
