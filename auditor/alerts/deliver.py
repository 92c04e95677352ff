"""The outbox's other end: send what waits, write down how it went, and report a channel that does not deliver."""

import time
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from auditor.alerts.channels import ChannelError, send
from auditor.alerts.events import record_event
from auditor.alerts.outbox import DEAD_AFTER, GIVE_UP, dead_root, digest, escalate, next_try
from auditor.alerts.trouble import Trouble, report_quiet, report_trouble, settings_in_force
from auditor.in_force import system_names
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.ledger import Ledger, Transaction

#: Seconds that one call may go on sending; the rest waits for the next.
LONGEST: Final = 20.0


def tend(ledger: Ledger, actor: str, now: datetime) -> tuple[int, int]:
    """Escalate what is late, queue digests that are due, send what waits; (sent, failed)."""
    systems = system_names(ledger)
    with ledger.transaction(actor, now) as tx:
        for system in systems:
            settings = settings_in_force(tx, system)
            escalate(tx, settings)
            digest(tx, settings)
    return deliver(ledger, actor, now)


def deliver(ledger: Ledger, actor: str, now: datetime) -> tuple[int, int]:
    """Send what waits, oldest first; (sent, failed). A notice may be sent twice, never lost.

    It is sent outside any transaction and recorded afterwards: a crash in between sends it again.
    """
    waiting = ledger.read(
        sa.select(t.notices)
        .where(t.notices.c.status == "pending", t.notices.c.not_before <= now)
        .order_by(t.notices.c.id)
    )
    began, sent, failed = time.monotonic(), 0, 0
    for row in waiting:
        if time.monotonic() - began > LONGEST:
            break
        problem = _attempt(ledger, actor, now, row)
        sent, failed = sent + (problem is None), failed + (problem is not None)
    return sent, failed


def _attempt(ledger: Ledger, actor: str, now: datetime, row: Any) -> str | None:
    settings = settings_in_force(ledger, row["system"])
    named = {one.name: one for one in settings.notices.channels}
    if row["channel"] not in named:
        with ledger.transaction(actor, now) as tx:
            tx.update(t.notices, row["id"], {"status": "withdrawn", "last_error": "The channel is no more."})
        return "The channel is no more."
    problem = None
    try:
        told = {name: row[name] for name in ("id", "system", "kind", "alert", "subject", "body")}
        send(named[row["channel"]], told, now)
    except ChannelError as error:
        problem = str(error)
    with ledger.transaction(actor, now) as tx:
        _record(tx, settings, row, problem)
    return problem


def _record(tx: Transaction, settings: AuditSettings, row: Any, problem: str | None) -> None:
    attempts = row["attempts"] + 1
    if problem is None:
        tx.update(
            t.notices, row["id"], {"status": "sent", "attempts": attempts, "sent_at": tx.at, "last_error": None}
        )
        report_quiet(tx, settings, dead_root(row["channel"]), tx.at)
        return
    given_up = tx.at - row["created_at"] > GIVE_UP
    changes = {"status": "given up"} if given_up else {"not_before": tx.at + next_try(attempts)}
    tx.update(t.notices, row["id"], {"attempts": attempts, "last_error": problem} | changes)
    if given_up and row["alert"]:
        record_event(tx, row["alert"], "notice given up", f"{row['channel']}: {problem}")
    if attempts >= DEAD_AFTER:
        lead = {"measure": "notices", "item": row["channel"]}
        members = [{**lead, "status": "failed"}]
        reason = f"Notices through {row['channel']} do not arrive: {problem}"
        found = Trouble(dead_root(row["channel"]), "failed", reason, "", lead, members)
        report_trouble(tx, settings, found, None, tx.at)
