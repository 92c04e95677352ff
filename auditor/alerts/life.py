"""What people do with an alert: acknowledge, take, investigate, comment, resolve, open again.

open → acknowledged → investigating → resolved (true alarm or false alarm, with cause and action). Every step is an
event; a step that the state does not allow is refused.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from auditor.alerts.events import record_event
from auditor.in_force import Reader
from auditor.store import tables as t
from auditor.store.ledger import Ledger, Transaction

#: From which states a step leads to which.
_STEPS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "acknowledged": (("open",), "acknowledged"),
    "investigating": (("open", "acknowledged"), "investigating"),
    "resolved": (("open", "acknowledged", "investigating"), "resolved"),
    "reopened": (("resolved",), "open"),
}
OUTCOMES: Final = ("true", "false")


class AlertError(ValueError):
    """One clear sentence about an alert that cannot be dealt with as asked."""


def alert_named(place: Reader, name: str) -> Any:
    """The row of an alert. Raises AlertError."""
    rows = place.read(sa.select(t.alerts).where(t.alerts.c.id == name))
    if not rows:
        raise AlertError(f"There is no alert {name}; 'auditor alerts list --all' shows those there are.")
    return rows[0]


def acknowledge(
    ledger: Ledger, name: str, actor: str, at: datetime, owner: str | None = None, note: str = ""
) -> None:
    """Say that it was seen; who acknowledges owns it unless another owner is named."""
    with ledger.transaction(actor, at) as tx:
        _step(tx, name, "acknowledged", note, {"owner": owner or actor})


def investigate(ledger: Ledger, name: str, actor: str, at: datetime, note: str = "") -> None:
    """Say that its cause is being looked for."""
    with ledger.transaction(actor, at) as tx:
        owned = alert_named(tx, name)["owner"]
        _step(tx, name, "investigating", note, {} if owned else {"owner": actor})


def resolve(ledger: Ledger, name: str, actor: str, at: datetime, *, outcome: str, cause: str, action: str) -> None:
    """End it: whether it was a true alarm, what had caused it, and what was done. Raises AlertError."""
    if outcome not in OUTCOMES:
        raise AlertError("An alert is resolved as --true or as --false alarm.")
    if not cause.strip() or not action.strip():
        raise AlertError("An alert is resolved with its cause and what was done about it; give both.")
    with ledger.transaction(actor, at) as tx:
        said = f"{outcome} alarm. Cause: {cause.strip()} Action: {action.strip()}"
        _step(tx, name, "resolved", said, {"outcome": f"{outcome} alarm"})


def reopen(ledger: Ledger, name: str, actor: str, at: datetime, note: str) -> None:
    """Take a resolution back. Raises AlertError without a reason."""
    if not note.strip():
        raise AlertError("Say with --note why the alert is opened again.")
    with ledger.transaction(actor, at) as tx:
        _step(tx, name, "reopened", note, {"outcome": None})


def assign(ledger: Ledger, name: str, actor: str, at: datetime, owner: str, due: datetime | None = None) -> None:
    """Give it to somebody else, and say by when. Raises AlertError where it has ended."""
    with ledger.transaction(actor, at) as tx:
        if alert_named(tx, name)["status"] == "resolved":
            raise AlertError(f"{name} is resolved; open it again before giving it to somebody.")
        tx.update(t.alerts, name, {"owner": owner} | ({"due_at": due} if due else {}))
        record_event(tx, name, "assigned", f"to {owner}" + (f", due {due:%Y-%m-%d}" if due else ""))


def comment(ledger: Ledger, name: str, actor: str, at: datetime, note: str) -> None:
    """Add a note to its history."""
    if not note.strip():
        raise AlertError("A comment needs some text.")
    with ledger.transaction(actor, at) as tx:
        alert_named(tx, name)
        record_event(tx, name, "commented", note.strip())


def _step(tx: Transaction, name: str, event: str, note: str, changes: dict[str, Any]) -> None:
    alert = alert_named(tx, name)
    allowed, after = _STEPS[event]
    if alert["status"] not in allowed:
        raise AlertError(
            f"{name} is {alert['status']}; only an alert that is {' or '.join(allowed)} can be {event}."
        )
    tx.update(t.alerts, name, {"status": after} | changes)
    record_event(tx, name, event, note.strip())
