"""Jobs started by hand: once, beside the schedule's own times, and never in the way of them."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from auditor.clock.clock import Clock
from auditor.clock.jobs import Outcome
from auditor.clock.now import RunError, lead_scheduler, run_now
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from tests.auditor.clock.test_clock import HOUR, MINUTE, NOON, Scripted, alerts, runs, schedule

DAY = timedelta(days=1)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    made = Ledger(database_url)
    made.create()
    schedule(
        made, "{job: audit, cron: 0 13 * * *, retries: 1, backoff_minutes: 10}, {job: verify, cron: 0 5 * * *}"
    )
    yield made
    made.close()


def test_a_job_asked_for_is_started_by_the_scheduler_that_leads(ledger: Ledger) -> None:
    script = Scripted()
    clock = Clock(ledger, script.start, "one")
    clock.step(NOON)
    name = run_now(ledger, "drafts/audit", "ada", NOON + MINUTE)
    (row,) = ledger.read(sa.select(t.job_runs))
    assert (row["id"], row["status"], row["note"]) == (name, "waiting", "asked for by ada")
    clock.step(NOON + 2 * MINUTE)
    assert script.started == [name]
    assert runs(ledger) == [("drafts/audit", "02 12:01", "done", 1)]
    # its own time comes all the same
    clock.step(NOON + HOUR)
    assert runs(ledger)[1] == ("drafts/audit", "02 13:00", "done", 1)
    assert alerts(ledger) == []


def test_a_run_asked_for_hides_no_run_that_was_missed(ledger: Ledger) -> None:
    Clock(ledger, Scripted().start, "one").step(NOON)
    # nobody runs a scheduler for three days; verify is due at five, audit at one
    with pytest.raises(RunError, match=r"drafts/audit has a run waiting since 2026-03-04 13:00 UTC"):
        run_now(ledger, "drafts/audit", "ada", NOON + 3 * DAY)
    assert runs(ledger) == [], "what is refused leaves nothing behind"
    Clock(ledger, Scripted().start, "two").step(NOON + 3 * DAY)
    assert [(row[0], row[1]) for row in runs(ledger) if row[2] == "skipped"] == [
        ("drafts/audit", "02 13:00"),
        ("drafts/verify", "03 05:00"),
        ("drafts/audit", "03 13:00"),
        ("drafts/verify", "04 05:00"),
    ]


def test_fires_that_are_not_made_up_are_written_down_before_a_run_asked_for(ledger: Ledger) -> None:
    schedule(ledger, "{job: audit, cron: 0 13 * * *, late: skip}", at=NOON)
    name = run_now(ledger, "drafts/audit", "ada", NOON + 2 * DAY)
    assert runs(ledger) == [
        ("drafts/audit", "02 13:00", "skipped", 1),
        ("drafts/audit", "03 13:00", "skipped", 1),
        ("drafts/audit", "04 12:00", "waiting", 1),
    ]
    assert alerts(ledger) == [("job/audit", "stale", "open")], "somebody should know that no clock was running"
    script = Scripted()
    Clock(ledger, script.start, "one").step(NOON + 2 * DAY + MINUTE)
    assert script.started == [name]


def test_beside_a_run_that_waits_or_goes_on_none_is_made(ledger: Ledger) -> None:
    script = Scripted({"drafts/audit": [None, Outcome(False, "away")]})
    clock = Clock(ledger, script.start, "one")
    run_now(ledger, "drafts/audit", "ada", NOON)
    with pytest.raises(RunError, match=r"has a run waiting since 2026-03-02 12:00 UTC; wait for it to end"):
        run_now(ledger, "drafts/audit", "bob", NOON + MINUTE)
    clock.step(NOON + MINUTE)
    with pytest.raises(RunError, match=r"is running since 2026-03-02 12:01 UTC"):
        run_now(ledger, "drafts/audit", "bob", NOON + 2 * MINUTE)
    clock.step(NOON + 2 * MINUTE)
    with pytest.raises(RunError, match=r"failed and is tried again at 2026-03-02 12:12 UTC"):
        run_now(ledger, "drafts/audit", "bob", NOON + 3 * MINUTE)
    run_now(ledger, "drafts/verify", "bob", NOON + 3 * MINUTE)  # another job of the system may wait beside it
    assert len(runs(ledger)) == 2


def test_what_is_unknown_or_retired_is_refused(ledger: Ledger) -> None:
    with pytest.raises(RunError, match="There is no schedule drafts/other"):
        run_now(ledger, "drafts/other", "ada", NOON)
    schedule(ledger, "{job: audit, cron: 0 13 * * *}", at=NOON + MINUTE)
    with pytest.raises(RunError, match="drafts/verify is retired: the settings of drafts no longer name this job"):
        run_now(ledger, "drafts/verify", "ada", NOON + HOUR)
    assert runs(ledger) == []


def test_who_leads_is_known_until_the_lease_ends(ledger: Ledger) -> None:
    assert lead_scheduler(ledger, NOON) is None
    Clock(ledger, Scripted().start, "one").step(NOON)
    assert lead_scheduler(ledger, NOON + timedelta(seconds=59)) == "one"
    assert lead_scheduler(ledger, NOON + timedelta(seconds=60)) is None
