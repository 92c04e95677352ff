"""From the times that have passed to the runs that must be made: each fire of each schedule becomes one row.

A row is the claim to a fire: (schedule, time) is unique, so no two schedulers can both make one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from auditor.clock.schedules import Schedule, active
from auditor.cron import fires
from auditor.store import tables as t
from auditor.store.chain import stamp
from auditor.store.ledger import Transaction

#: After a longer absence the runs before are not written down one by one.
LOOK_BACK: Final = timedelta(days=60)


def plan(tx: Transaction) -> list[dict[str, Any]]:
    """Write a run for every fire up to the transaction's time that has none; returns those that were missed.

    On time (within the schedule's grace) a fire waits to be run. Of late ones, `late: run` makes up the newest and
    skips those before it; `late: skip` skips all. What is skipped is kept with its reason.
    """
    missed: list[dict[str, Any]] = []
    for schedule in active(tx):
        due = _due(tx, schedule)
        rows = [_run(tx, schedule, at, newest=at == due[-1]) for at in due]
        tx.insert(t.job_runs, rows)
        missed += [row for row, at in zip(rows, due, strict=True) if tx.at - at > schedule.grace]
    return missed


def overdue(tx: Transaction) -> list[tuple[Schedule, datetime]]:
    """Fires past their grace that nobody has even begun: what a watchdog sees where no scheduler is running."""
    found = []
    for schedule in active(tx):
        late = [at for at in _due(tx, schedule) if tx.at - at > schedule.grace]
        waiting = sa.select(t.job_runs.c.fire_at).where(
            t.job_runs.c.schedule == schedule.id,
            t.job_runs.c.status == "waiting",
            t.job_runs.c.attempt == 1,
            t.job_runs.c.fire_at < tx.at - schedule.grace,
        )
        late += [row["fire_at"] for row in tx.read(waiting)]
        found += [(schedule, at) for at in sorted(late)]
    return found


def _due(tx: Transaction, schedule: Schedule) -> Sequence[datetime]:
    """The fires since the last one that has a run, or since the schedule came into force."""
    newest = tx.read(
        sa.select(sa.func.max(t.job_runs.c.fire_at).label("at")).where(t.job_runs.c.schedule == schedule.id)
    )[0]["at"]
    since = max(filter(None, (newest, schedule.valid_from)))
    return list(fires(schedule.cron, schedule.timezone, max(since, tx.at - LOOK_BACK), tx.at))


def _run(tx: Transaction, schedule: Schedule, at: datetime, newest: bool) -> dict[str, Any]:
    late = tx.at - at > schedule.grace
    runs = not late or (newest and schedule.late == "run")
    if runs:
        note = f"late by {_long(tx.at - at)}: the clock was not running" if late else ""
    elif schedule.late == "skip":
        note = f"skipped: the clock came back {_long(tx.at - at)} after its time, and this job is not made up"
    else:
        note = "skipped: a later run of the same job stands for it"
    return {
        "id": f"{schedule.id}@{stamp(at)}",
        "schedule": schedule.id,
        "system": schedule.system,
        "job": schedule.job,
        "fire_at": at,
        "status": "waiting" if runs else "skipped",
        "attempt": 1,
        "not_before": at,
        "finished_at": None if runs else tx.at,
        "note": note,
    }


def _long(span: timedelta) -> str:
    """A span as people say it.

    >>> _long(timedelta(minutes=95)), _long(timedelta(days=3, hours=2))
    ('2 hours', '3 days')
    """
    hours = span.total_seconds() / 3600
    if hours < 1.5:
        return f"{round(60 * hours)} minutes"
    return f"{round(hours)} hours" if hours < 36 else f"{round(hours / 24)} days"
