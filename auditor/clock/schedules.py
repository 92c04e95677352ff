"""Schedules and runs as rows of the ledger."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from auditor.schedule_settings import JobSetting
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.ledger import Transaction


@dataclass(frozen=True)
class Schedule:
    """One job of one system, as the ledger has it."""

    id: str
    system: str
    name: str
    job: str
    cron: str
    timezone: str
    late: str
    grace: timedelta
    timeout: timedelta
    retries: int
    backoff: timedelta
    options: dict[str, Any]
    valid_from: datetime


def put_in_force(tx: Transaction, settings: AuditSettings) -> None:
    """Make the system's schedules what its settings say; those that they no longer name stop firing."""
    here = {
        row["id"]: row for row in tx.read(sa.select(t.schedules).where(t.schedules.c.system == settings.system))
    }
    wanted = {f"{settings.system}/{one.called}": one for one in settings.schedule}
    for name, one in wanted.items():
        row = _row(name, settings, one) | {"active": True}
        old = here.get(name)
        if old is None:
            tx.insert(t.schedules, [row | {"valid_from": tx.at}])
        elif any(old[column] != value for column, value in row.items()):
            # other times begin now: nothing of the past becomes due by them
            tx.update(t.schedules, name, row | {"valid_from": tx.at})
    for name, old in here.items():
        if name not in wanted and old["active"]:
            tx.update(t.schedules, name, {"active": False})


def _row(name: str, settings: AuditSettings, one: JobSetting) -> dict[str, Any]:
    options = {
        "report": {"formats": one.formats},
        "reviews": {"size": one.size, "blind": one.blind},
        "replay": {"sample": one.sample},
    }
    return {
        "id": name,
        "system": settings.system,
        "name": one.called,
        "job": one.job,
        "cron": one.cron,
        "timezone": settings.timezone,
        "late": one.late,
        "grace_minutes": one.grace_minutes,
        "timeout_minutes": one.timeout_minutes,
        "retries": one.retries,
        "backoff_minutes": one.backoff_minutes,
        "options": options.get(one.job, {}),
    }


def active(tx: Transaction) -> list[Schedule]:
    """Every schedule in force, by name."""
    rows = tx.read(sa.select(t.schedules).where(t.schedules.c.active).order_by(t.schedules.c.id))
    return [schedule_of(row) for row in rows]


def schedule_of(row: Any) -> Schedule:
    """A schedule from its row."""
    return Schedule(
        **{name: row[name] for name in ("id", "system", "name", "job", "cron", "timezone", "late", "retries")},
        grace=timedelta(minutes=row["grace_minutes"]),
        timeout=timedelta(minutes=row["timeout_minutes"]),
        backoff=timedelta(minutes=row["backoff_minutes"]),
        options=row["options"],
        valid_from=row["valid_from"],
    )
