"""Notices on their way: written in the transaction of what they tell of, sent at least once, tried again.

A notice says which system, which measure, how grave, why and where to look. It is made of what verdicts say,
which holds groups and numbers and never a patient.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from auditor.alerts.events import record_event
from auditor.cron import fires
from auditor.notice_settings import Channel
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.ledger import Transaction

#: Digests are made at least so often; a rarer one may repeat what a late one before it told.
_LONGEST_BETWEEN: Final = timedelta(days=62)
_WORD: Final = {"act": "ACT", "failed": "FAILED", "stale": "STALE", "watch": "watch"}


def tell(tx: Transaction, settings: AuditSettings, alert: str, event: str) -> None:
    """Queue notices of an event for every channel that wants its severity at once."""
    row = tx.read(sa.select(t.alerts).where(t.alerts.c.id == alert))[0]
    for channel in settings.notices.channels:
        if row["severity"] in channel.at_once and row["root"] != dead_root(channel.name):
            _queue(tx, settings, channel.name, "alert", row, f"{event}: ")


def escalate(tx: Transaction, settings: AuditSettings) -> int:
    """Tell the next in line of every alert that nobody acknowledged in time; says how many."""
    late = tx.read(
        sa.select(t.alerts).where(
            t.alerts.c.system == settings.system,
            t.alerts.c.status == "open",
            t.alerts.c.due_at <= tx.at,
            t.alerts.c.escalated_at.is_(None),
        )
    )
    for row in late:
        tx.update(t.alerts, row["id"], {"escalated_at": tx.at})
        record_event(tx, row["id"], "escalated", f"Not acknowledged by {row['due_at']:%Y-%m-%d %H:%M} UTC.")
        for name in settings.notices.escalate_to:
            _queue(tx, settings, name, "escalation", row, "not acknowledged in time: ")
    return len(late)


def digest(tx: Transaction, settings: AuditSettings) -> int:
    """Queue the digests that are due: what was opened or grew since the last, in one notice a channel."""
    queued = 0
    for channel in settings.notices.channels:
        since, due = _digest_span(tx, settings, channel)
        if due is None:
            continue
        rows = _told_since(tx, settings.system, channel, since, due)
        if rows:
            _queue_digest(tx, settings, channel, rows)
            queued += 1
    return queued


def _digest_span(tx: Transaction, settings: AuditSettings, channel: Channel) -> tuple[datetime, datetime | None]:
    """What time a digest covers: from where the last one ended (or the first settings) to the newest it is due."""
    made = tx.read(
        sa.select(sa.func.max(t.notices.c.created_at).label("at")).where(
            t.notices.c.system == settings.system,
            t.notices.c.channel == channel.name,
            t.notices.c.kind == "digest",
        )
    )[0]["at"]
    cron, zone = settings.notices.digest, settings.timezone
    if made is None:
        applied = sa.select(sa.func.min(t.configs.c.applied_at).label("at"))
        since = tx.read(applied.where(t.configs.c.system == settings.system))[0]["at"]
    else:
        # made late, it still ended where it was due: what happened in between is in the next
        since = max(fires(cron, zone, made - _LONGEST_BETWEEN, made), default=made)
    due = list(fires(cron, zone, since, tx.at))
    return since, due[-1] if due else None


def _told_since(tx: Transaction, system: str, channel: Channel, since: datetime, due: datetime) -> list[Any]:
    """Alerts of the severities that the channel wants in its digest, with news in (since, due]."""
    news = sa.select(t.alert_events.c.alert).where(
        t.alert_events.c.event.in_(("opened", "reopened", "worsened", "widened", "gone")),
        t.alert_events.c.at > since,
        t.alert_events.c.at <= due,
    )
    return tx.read(
        sa.select(t.alerts)
        .where(
            t.alerts.c.system == system,
            t.alerts.c.severity.in_(channel.in_digest),
            t.alerts.c.status != "resolved",
            t.alerts.c.id.in_(news),
        )
        .order_by(t.alerts.c.opened_at, t.alerts.c.id)
    )


def _queue_digest(tx: Transaction, settings: AuditSettings, channel: Channel, rows: list[Any]) -> None:
    count = "1 alert" if len(rows) == 1 else f"{len(rows)} alerts"
    body = "\n\n".join(_about(settings, row) for row in rows)
    _insert(tx, settings.system, channel.name, "digest", None, f"[{settings.system}] {count} to watch", body)


def _queue(tx: Transaction, settings: AuditSettings, channel: str, kind: str, row: Any, prefix: str) -> None:
    subject = f"[{settings.system}] {_WORD[row['severity']]} {prefix}{what(row)}"
    _insert(tx, settings.system, channel, kind, row["id"], subject, _about(settings, row))


def _insert(
    tx: Transaction, system: str, channel: str, kind: str, alert: str | None, subject: str, body: str
) -> None:
    row = {"id": tx.next(t.notices), "system": system, "channel": channel, "kind": kind, "alert": alert}
    row |= {"subject": subject, "body": body, "status": "pending", "attempts": 0, "not_before": tx.at}
    tx.insert(t.notices, [row | {"created_at": tx.at}])


def what(row: Any) -> str:
    """What an alert is about, in a few words."""
    where = "" if row["slice"] in ("all", "") else row["slice"]
    return " ".join(filter(None, (row["measure"].replace("_", " "), row["item"], where)))


def _about(settings: AuditSettings, row: Any) -> str:
    """An alert as a notice tells it: nothing in it is about one patient."""
    base = settings.notices.dashboard.rstrip("/")
    lines = [
        f"{what(row)} ({row['severity']}), {settings.title or settings.system}",
        row["reason"],
        row["cause"] or "",
        f"Open since {row['opened_at']:%Y-%m-%d}; to be acknowledged by {row['due_at']:%Y-%m-%d %H:%M} UTC."
        if row["status"] == "open" and row["due_at"]
        else "",
        f"{base}/alerts/{row['id']}" if base else f"auditor alerts show {row['id']}",
    ]
    return "\n".join(line for line in lines if line)


def dead_root(channel: str) -> str:
    """The root of the alert that says a channel does not deliver; it is not told through that channel."""
    return f"channel/{channel}"


#: After so many vain attempts the channel itself becomes an alert; after so long a notice is given up.
DEAD_AFTER: Final = 3
GIVE_UP: Final = timedelta(days=3)


def next_try(attempts: int) -> timedelta:
    """How long to wait after so many vain attempts: a minute, doubled each time, at most six hours."""
    return min(timedelta(minutes=2 ** (attempts - 1)), timedelta(hours=6))
