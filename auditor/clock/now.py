"""Starting a job by hand: a run beside its schedule's own times, due at once, for the scheduler that leads."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from auditor.alerts.jobs import job_missed
from auditor.clock.plan import plan
from auditor.in_force import Reader
from auditor.store import tables as t
from auditor.store.chain import stamp
from auditor.store.ledger import Ledger, Transaction


class RunError(ValueError):
    """One clear sentence about a job that cannot be started now."""


def run_now(ledger: Ledger, schedule: str, actor: str, at: datetime) -> str:
    """Let a job of this schedule run as soon as a scheduler looks; the name of the run.

    Raises RunError where the schedule is unknown or retired, or a run of it waits or goes on already.
    """
    with ledger.transaction(actor, at) as tx:
        rows = tx.read(sa.select(t.schedules).where(t.schedules.c.id == schedule))
        if not rows:
            raise RunError(f"There is no schedule {schedule}; 'auditor schedule list' shows those there are.")
        row = rows[0]
        if not row["active"]:
            raise RunError(f"{schedule} is retired: the settings of {row['system']} no longer name this job.")
        _write_down_what_is_due(tx)
        _refuse_beside_another(tx, schedule)
        run = {"id": f"{schedule}@{stamp(at)}", "schedule": schedule, "system": row["system"], "job": row["job"]}
        due = {"fire_at": at, "status": "waiting", "attempt": 1, "not_before": at}
        tx.insert(t.job_runs, [run | due | {"note": f"asked for by {actor}"}])
        return str(run["id"])


def lead_scheduler(place: Reader, at: datetime) -> str | None:
    """Who holds the scheduler's lease at this time; None where no scheduler has been heard of."""
    rows = place.read(sa.select(t.clock_lease).where(t.clock_lease.c.until > at))
    return str(rows[0]["holder"]) if rows else None


def _write_down_what_is_due(tx: Transaction) -> None:
    """As the clock's own step does: a later run without this would hide the fires that nobody has seen yet."""
    missed = plan(tx)
    for name in dict.fromkeys(run["schedule"] for run in missed):
        job_missed(tx, [run for run in missed if run["schedule"] == name])


def _refuse_beside_another(tx: Transaction, schedule: str) -> None:
    going = sa.select(t.job_runs).where(
        t.job_runs.c.schedule == schedule, t.job_runs.c.status.in_(("waiting", "running"))
    )
    for run in tx.read(going.order_by(t.job_runs.c.fire_at)):
        raise RunError(f"{schedule} {_going_on(run)}; wait for it to end.")


def _going_on(run: Any) -> str:
    if run["status"] == "running":
        return f"is running since {run['started_at']:%Y-%m-%d %H:%M} UTC"
    if run["attempt"] > 1:
        return f"failed and is tried again at {run['not_before']:%Y-%m-%d %H:%M} UTC"
    return f"has a run waiting since {run['fire_at']:%Y-%m-%d %H:%M} UTC"
