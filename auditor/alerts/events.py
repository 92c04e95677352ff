"""The history of alerts: written, never changed."""

from typing import Any

import sqlalchemy as sa

from auditor.store import tables as t
from auditor.store.ledger import Ledger, Transaction


def record_event(tx: Transaction, alert: str, event: str, note: str = "") -> None:
    """Add one event to the history of an alert."""
    row = {"id": tx.next(t.alert_events), "alert": alert, "event": event, "at": tx.at, "actor": tx.actor}
    tx.insert(t.alert_events, [row | {"note": note}])


def history(ledger: Ledger, alert: str) -> list[Any]:
    """The events of an alert, oldest first."""
    query = sa.select(t.alert_events).where(t.alert_events.c.alert == alert)
    return list(ledger.read(query.order_by(t.alert_events.c.id)))
