"""The clock under simulated time: what is due, what is made up, tried again, stopped and told."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.alerts.events import history
from auditor.clock.children import Child
from auditor.clock.clock import Clock
from auditor.clock.jobs import Outcome
from auditor.clock.plan import overdue
from auditor.registry import apply_settings
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.verify import verify

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass
class Scripted:
    """Children that end as a test says: by default well and at once."""

    outcomes: dict[str, list[Outcome | None]] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def start(self, run: dict[str, Any]) -> Child:
        self.started.append(run["id"])
        return _Child(self, run["schedule"], run["id"])


@dataclass
class _Child:
    script: Scripted
    schedule: str
    run: str

    def poll(self) -> Outcome | None:
        told = self.script.outcomes.get(self.schedule)
        return told.pop(0) if told else Outcome(True, "fine")

    def stop(self) -> None:
        self.script.stopped.append(self.run)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    made = Ledger(database_url)
    made.create()
    yield made
    made.close()


def schedule(ledger: Ledger, jobs: str, system: str = "drafts", at: datetime = NOON, more: str = "") -> None:
    text = f"system: {system}\ntasks: {{report: {{}}}}\nschedule: [{jobs}]\n{more}"
    apply_settings(ledger, text, "audit.yaml", "engineer", at)


def runs(ledger: Ledger) -> list[tuple[str, str, str, int]]:
    rows = ledger.read(sa.select(t.job_runs).order_by(t.job_runs.c.fire_at, t.job_runs.c.id))
    return [(row["schedule"], f"{row['fire_at']:%d %H:%M}", row["status"], row["attempt"]) for row in rows]


def alerts(ledger: Ledger) -> list[tuple[str, str, str]]:
    rows = ledger.read(sa.select(t.alerts).order_by(t.alerts.c.id))
    return [(row["root"], row["severity"], row["status"]) for row in rows]


def test_every_fire_is_run_once_and_nothing_before_the_schedule_was_applied(ledger: Ledger) -> None:
    schedule(ledger, "{job: audit, cron: 0 */6 * * *}")
    script = Scripted()
    clock = Clock(ledger, script.start, "one")
    assert clock.step(NOON + MINUTE)
    assert runs(ledger) == [], "the fire of noon itself was due before the schedule was there"
    for hour in range(24):
        clock.step(NOON + MINUTE + hour * HOUR)
        clock.step(NOON + 2 * MINUTE + hour * HOUR)
    assert runs(ledger) == [("drafts/audit", when, "done", 1) for when in ("02 18:00", "03 00:00", "03 06:00")]
    assert len(script.started) == 3
    assert alerts(ledger) == []


def test_after_downtime_the_newest_run_is_made_up_and_the_others_are_kept_as_skipped(ledger: Ledger) -> None:
    schedule(ledger, "{job: audit, cron: 0 4 * * *}, {job: verify, cron: 0 5 * * *, late: skip}")
    script = Scripted()
    Clock(ledger, script.start, "one").step(NOON + timedelta(days=3))
    assert runs(ledger) == [
        ("drafts/audit", "03 04:00", "skipped", 1),
        ("drafts/verify", "03 05:00", "skipped", 1),
        ("drafts/audit", "04 04:00", "skipped", 1),
        ("drafts/verify", "04 05:00", "skipped", 1),
        ("drafts/audit", "05 04:00", "done", 1),
        ("drafts/verify", "05 05:00", "skipped", 1),
    ]
    assert len(script.started) == 1
    # each schedule that was missed is one alert, and it says whether the run was made up
    assert alerts(ledger) == [("job/audit", "stale", "open"), ("job/verify", "stale", "open")]
    reasons = [row["reason"] for row in ledger.read(sa.select(t.alerts.c.reason).order_by(t.alerts.c.id))]
    assert reasons == [
        "3 runs were not made in time since 2026-03-03 04:00 UTC; the newest is being made up.",
        "3 runs were not made in time since 2026-03-03 05:00 UTC and will not be made up.",
    ]
    notes = {row["note"] for row in ledger.read(sa.select(t.job_runs.c.note))}
    assert "fine (late by 8 hours: the clock was not running)" in notes


def test_a_failing_job_is_tried_again_with_growing_pauses_and_then_told(ledger: Ledger) -> None:
    schedule(ledger, "{job: audit, cron: 0 13 * * *, retries: 2, backoff_minutes: 10}")
    bad = Outcome(False, "the judge is away")
    script = Scripted({"drafts/audit": [bad, bad, bad]})
    clock = Clock(ledger, script.start, "one")
    tried = []
    for minute in range(60):
        at = NOON + HOUR + minute * MINUTE
        before = len(script.started)
        clock.step(at)
        tried += [minute] * (len(script.started) - before)
    assert tried == [0, 10, 30], "after ten minutes, then after twenty"
    assert runs(ledger) == [("drafts/audit", "02 13:00", "failed", 3)]
    (alert,) = ledger.read(sa.select(t.alerts))
    assert (alert["root"], alert["severity"]) == ("job/audit", "failed")
    assert alert["reason"] == "The run of 2026-03-02 13:00 UTC failed 3 times; the last time: the judge is away"
    # two good runs later the trouble counts as gone; somebody must still say what it was
    clock.step(NOON + timedelta(days=1) + HOUR)
    clock.step(NOON + timedelta(days=2) + HOUR)
    assert [one["event"] for one in history(ledger, alert["id"])] == ["opened", "gone"]
    assert alerts(ledger) == [("job/audit", "failed", "open")]


def test_one_job_a_system_at_a_time_and_systems_beside_each_other(ledger: Ledger) -> None:
    schedule(ledger, "{job: audit, cron: 0 13 * * *}, {job: report, cron: 0 13 * * *}")
    schedule(ledger, "{job: audit, cron: 0 13 * * *}", system="scores")
    script = Scripted({"drafts/audit": [None, None]})
    clock = Clock(ledger, script.start, "one")
    clock.step(NOON + HOUR)
    states = {row[0]: row[2] for row in runs(ledger)}
    assert states == {"drafts/audit": "running", "drafts/report": "waiting", "scores/audit": "done"}
    clock.step(NOON + HOUR + MINUTE)
    clock.step(NOON + HOUR + 2 * MINUTE)
    assert {row[2] for row in runs(ledger)} == {"done"}
    assert len(script.started) == 3


def test_a_job_that_takes_too_long_is_stopped_and_tried_again(ledger: Ledger) -> None:
    schedule(ledger, "{job: audit, cron: 0 13 * * *, timeout_minutes: 30, retries: 1}")
    script = Scripted({"drafts/audit": [None] * 32})
    clock = Clock(ledger, script.start, "one")
    for minute in range(32):
        clock.step(NOON + HOUR + minute * MINUTE)
    assert len(script.stopped) == 1
    assert runs(ledger) == [("drafts/audit", "02 13:00", "waiting", 2)]
    (note,) = [row["note"] for row in ledger.read(sa.select(t.job_runs.c.note))]
    assert note == "stopped: it took longer than 30 minutes"


def test_a_scheduler_that_is_gone_is_replaced_after_its_lease_and_its_job_is_tried_again(ledger: Ledger) -> None:
    schedule(ledger, "{job: audit, cron: 0 13 * * *}")
    lost, script = Scripted({"drafts/audit": [None] * 99}), Scripted()
    first, second = Clock(ledger, lost.start, "one"), Clock(ledger, script.start, "two")
    assert first.step(NOON + HOUR)
    assert not second.step(NOON + HOUR + timedelta(seconds=30)), "the first holds the lease"
    assert second.step(NOON + HOUR + timedelta(seconds=61))
    assert runs(ledger) == [("drafts/audit", "02 13:00", "done", 2)], "no back-off: the job was not to blame"
    # the first comes back to life: it finds the lease gone, ends its job, and writes nothing
    assert not first.step(NOON + HOUR + timedelta(seconds=90))
    assert len(lost.stopped) == 1
    assert (len(lost.started), len(script.started)) == (1, 1)


def test_a_clean_stop_leaves_the_job_to_the_next_at_once_and_as_the_same_try(ledger: Ledger) -> None:
    schedule(ledger, "{job: audit, cron: 0 13 * * *}")
    first = Clock(ledger, Scripted({"drafts/audit": [None]}).start, "one")
    first.step(NOON + HOUR)
    first.stop(NOON + HOUR + MINUTE)
    second = Clock(ledger, Scripted().start, "two")
    assert second.step(NOON + HOUR + MINUTE), "the lease was given back"
    assert runs(ledger) == [("drafts/audit", "02 13:00", "done", 1)]


def test_a_changed_schedule_begins_now_and_a_job_no_longer_named_stops(ledger: Ledger) -> None:
    schedule(ledger, "{job: audit, cron: 0 13 * * *}, {job: verify, cron: 0 13 * * *}")
    clock = Clock(ledger, Scripted().start, "one")
    clock.step(NOON + HOUR)
    later = NOON + 3 * HOUR
    schedule(ledger, "{job: audit, cron: 0 14 * * *}", at=later)
    clock.step(later + MINUTE)
    assert [row[:2] for row in runs(ledger)] == [("drafts/audit", "02 13:00"), ("drafts/verify", "02 13:00")]
    clock.step(later + timedelta(days=1))
    assert runs(ledger)[-1][:2] == ("drafts/audit", "03 14:00")
    assert len(runs(ledger)) == 3


def test_a_watchdog_sees_from_outside_that_no_scheduler_runs(ledger: Ledger) -> None:
    schedule(ledger, "{job: audit, cron: 0 13 * * *, grace_minutes: 30}")

    def seen(at: datetime) -> list[str]:
        with ledger.transaction("watchdog", at) as tx:
            return [f"{when:%d %H:%M}" for _, when in overdue(tx)]

    assert seen(NOON + HOUR + 29 * MINUTE) == []
    assert seen(NOON + HOUR + 31 * MINUTE) == ["02 13:00"]
    Clock(ledger, Scripted().start, "one").step(NOON + HOUR + 31 * MINUTE)
    assert seen(NOON + HOUR + 40 * MINUTE) == []


def test_runs_and_alerts_of_the_clock_are_in_the_journal(ledger: Ledger, tmp_path: Path) -> None:
    schedule(ledger, "{job: audit, cron: 0 13 * * *, retries: 0}")
    clock = Clock(ledger, Scripted({"drafts/audit": [Outcome(False, "no outputs")]}).start, "one")
    clock.step(NOON + timedelta(days=5))
    lake = Lake(str(tmp_path / "lake"))
    lake.create()
    assert verify(ledger, lake).ok
    head = ledger.head()
    clock.step(NOON + timedelta(days=5) + MINUTE)
    assert ledger.head() == head, "a step with nothing to do leaves nothing behind"
