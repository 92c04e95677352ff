"""Incidents: alerts that belong together, what was decided about the system, who sees to it, and how it ended."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from auditor.alerts.events import record_event
from auditor.alerts.life import AlertError, alert_named
from auditor.store import tables as t
from auditor.store.ledger import Ledger, Transaction

DECISIONS: Final = ("continue", "restrict", "pause", "re-validate")


def open_incident(ledger: Ledger, title: str, alerts: Sequence[str], actor: str, at: datetime) -> str:
    """Open an incident over alerts of one system; its name. Raises AlertError."""
    if not title.strip():
        raise AlertError("An incident needs a title.")
    with ledger.transaction(actor, at) as tx:
        rows = [alert_named(tx, name) for name in dict.fromkeys(alerts)]
        systems = {row["system"] for row in rows}
        if len(systems) != 1:
            raise AlertError("An incident is about one system: name one or more of its alerts.")
        number = tx.next(t.incidents)
        name = f"incident-{number}"
        row = {"id": name, "seq": number, "system": systems.pop(), "title": title.strip(), "status": "open"}
        tx.insert(t.incidents, [row | {"opened_at": at, "actor": actor, "note": ""}])
        for alert in rows:
            _link(tx, name, alert)
    return name


def add_alerts(ledger: Ledger, name: str, alerts: Sequence[str], actor: str, at: datetime) -> None:
    """Add alerts to an open incident. Raises AlertError."""
    with ledger.transaction(actor, at) as tx:
        incident = _open_one(tx, name)
        for one in dict.fromkeys(alerts):
            alert = alert_named(tx, one)
            if alert["system"] != incident["system"]:
                raise AlertError(f"{one} is about {alert['system']}, {name} about {incident['system']}.")
            _link(tx, name, alert)


def decide(
    ledger: Ledger, name: str, actor: str, at: datetime, *, decision: str, owner: str, due: date, note: str
) -> None:
    """Record what was decided, who sees to it and by when. Every decision stays in the journal."""
    if decision not in DECISIONS:
        raise AlertError(f"A decision is one of {', '.join(DECISIONS)}.")
    if not note.strip():
        raise AlertError("Say with --note why it was decided so.")
    with ledger.transaction(actor, at) as tx:
        _open_one(tx, name)
        tx.update(
            t.incidents,
            name,
            {"decision": decision, "owner": owner, "due": due, "note": note.strip(), "actor": actor},
        )
        for alert in _alerts_of(tx, name):
            record_event(tx, alert["id"], "decided", f"{decision}, {owner} by {due}: {note.strip()}")


def close(ledger: Ledger, name: str, actor: str, at: datetime, *, follow_up: str, note: str) -> None:
    """End an incident with the audit that shows how it ended. Raises AlertError where something is left to do."""
    with ledger.transaction(actor, at) as tx:
        incident = _open_one(tx, name)
        if incident["decision"] is None:
            raise AlertError(f"{name} has no decision yet; record one with 'auditor incidents decide'.")
        if left := [alert["id"] for alert in _alerts_of(tx, name) if alert["status"] != "resolved"]:
            raise AlertError(f"{name} holds {left[0]}, which is not resolved; resolve its alerts first.")
        audits = tx.read(sa.select(t.audits).where(t.audits.c.id == follow_up))
        if not audits or audits[0]["system"] != incident["system"]:
            raise AlertError(f"There is no audit {follow_up} of {incident['system']} to follow it up.")
        if audits[0]["as_of"] <= incident["opened_at"]:
            raise AlertError(f"{follow_up} was made before {name} was opened; audit again to see how it ended.")
        changes = {"status": "closed", "follow_up": follow_up, "note": note.strip() or incident["note"]}
        tx.update(t.incidents, name, changes | {"actor": actor})


def _link(tx: Transaction, name: str, alert: Any) -> None:
    if alert["incident"] not in (None, name):
        raise AlertError(f"{alert['id']} belongs to {alert['incident']} already.")
    tx.update(t.alerts, alert["id"], {"incident": name})
    record_event(tx, alert["id"], "linked", name)


def _open_one(tx: Transaction, name: str) -> Any:
    rows = tx.read(sa.select(t.incidents).where(t.incidents.c.id == name))
    if not rows:
        raise AlertError(f"There is no incident {name}; 'auditor incidents list' shows those there are.")
    if rows[0]["status"] != "open":
        raise AlertError(f"{name} is closed.")
    return rows[0]


def _alerts_of(tx: Transaction, name: str) -> list[Any]:
    return list(tx.read(sa.select(t.alerts).where(t.alerts.c.incident == name).order_by(t.alerts.c.id)))
