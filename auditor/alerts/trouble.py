"""Trouble: what an audit or the clock found that somebody must answer, and the alert that stands for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from auditor.alerts.events import record_event
from auditor.alerts.outbox import tell
from auditor.in_force import Reader, newest_config
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.ledger import Transaction

#: From the gravest on.
SEVERITIES: Final = ("failed", "act", "stale", "watch")
_ABOUT: Final = ("measure", "task", "item", "slice", "contrast", "version")
_WHERE: Final = ("measure", "item", "slice", "contrast")


@dataclass(frozen=True)
class Trouble:
    """One root of trouble now: `lead` is its gravest verdict, `members` all of them, gravest first."""

    root: str
    severity: str
    reason: str
    cause: str
    lead: Mapping[str, str]  # measure, task, item, slice, contrast, version
    members: Sequence[Mapping[str, str]] = ()


def settings_in_force(place: Reader, system: str) -> AuditSettings:
    """The newest settings of a system that is known to have some."""
    found = newest_config(place, system)
    assert found is not None
    return found[1]


def report_trouble(
    tx: Transaction, settings: AuditSettings, found: Trouble, audit: str | None, seen_at: datetime
) -> None:
    """Open an alert for the trouble, or find it in one that stands for the same root.

    While an alert stands, the same trouble is only seen again; it is told anew when it worsens. After it was
    resolved, it opens nothing for the cool-down; then the same alert is opened again, unless it had gone away in
    between: what comes back after having gone is told at once.
    """
    alert = _newest(tx, settings.system, found.root)
    if alert is None:
        _open(tx, settings, found, audit, seen_at)
    elif alert["status"] != "resolved":
        _seen_again(tx, settings, alert, found, audit, seen_at)
    elif _comes_back(tx, settings, alert):
        _open_again(tx, settings, alert, found, audit, seen_at)
    else:
        tx.update(t.alerts, alert["id"], {"seen_at": seen_at, "quiet": 0})


def report_quiet(
    tx: Transaction,
    settings: AuditSettings,
    root: str,
    seen_at: datetime,
    fine: Sequence[Mapping[str, str]] | None = None,
) -> None:
    """The trouble of a root is not there now. After `quiet_after` times in a row it counts as gone.

    `fine` names what was measured and found `ok`, where only some was: an alert about a group is not over because
    the group is too small to tell.
    """
    alert = _newest(tx, settings.system, root)
    if alert is None or seen_at <= (alert["seen_at"] or alert["opened_at"]):
        return
    if fine is not None and not any(all(one[name] == alert[name] for name in _WHERE) for one in fine):
        return
    quiet = (alert["quiet"] or 0) + 1
    if quiet > settings.alerts.quiet_after:
        return
    tx.update(t.alerts, alert["id"], {"quiet": quiet})
    if quiet == settings.alerts.quiet_after and alert["status"] != "resolved":
        record_event(
            tx, alert["id"], "gone", "The trouble has not been there since; resolve the alert and say why."
        )


def _newest(tx: Transaction, system: str, root: str) -> Any:
    rows = tx.read(
        sa.select(t.alerts)
        .where(t.alerts.c.system == system, t.alerts.c.root == root)
        .order_by(t.alerts.c.opened_at.desc())
        .limit(1)
    )
    return rows[0] if rows else None


def _open(tx: Transaction, settings: AuditSettings, found: Trouble, audit: str | None, seen_at: datetime) -> None:
    count = tx.read(sa.select(sa.func.count().label("n")).where(t.alerts.c.system == settings.system))[0]["n"]
    row = {
        "id": f"{settings.system}-{count + 1}",
        "system": settings.system,
        "audit": audit,
        "status": "open",
        "opened_at": tx.at,
        "root": found.root,
    }
    tx.insert(t.alerts, [row | _state(tx, settings, found, seen_at)])
    record_event(tx, str(row["id"]), "opened", found.reason)
    tell(tx, settings, str(row["id"]), "opened")


def _open_again(
    tx: Transaction, settings: AuditSettings, alert: Any, found: Trouble, audit: str | None, seen_at: datetime
) -> None:
    again = {"status": "open", "audit": audit, "outcome": None, "escalated_at": None}
    tx.update(t.alerts, alert["id"], again | _state(tx, settings, found, seen_at))
    record_event(tx, alert["id"], "reopened", found.reason)
    tell(tx, settings, alert["id"], "reopened")


def _seen_again(
    tx: Transaction, settings: AuditSettings, alert: Any, found: Trouble, audit: str | None, seen_at: datetime
) -> None:
    """Note that the trouble is still there, and what of it is graver or wider than it was."""
    worse = SEVERITIES.index(found.severity) < SEVERITIES.index(alert["severity"] or "act")
    known = {_place(one) for one in alert["members"] or ()}
    wider = sorted({_place(one) for one in found.members} - known)
    changes: dict[str, Any] = {"seen_at": seen_at, "quiet": 0}
    if worse:
        due = {} if alert["status"] != "open" else {"due_at": _due(tx, settings, found), "escalated_at": None}
        changes |= {"severity": found.severity, "reason": found.reason, "audit": audit, **found.lead, **due}
        changes |= {"cause": found.cause or alert["cause"]}
    if wider:
        kept = [one for one in alert["members"] or () if _place(one) not in {_place(new) for new in found.members}]
        changes["members"] = [*map(dict, found.members), *kept]
    tx.update(t.alerts, alert["id"], changes)
    if worse:
        record_event(tx, alert["id"], "worsened", found.reason)
        tell(tx, settings, alert["id"], "worsened")
    elif wider:
        record_event(tx, alert["id"], "widened", "Now also: " + "; ".join(wider))


def _comes_back(tx: Transaction, settings: AuditSettings, alert: Any) -> bool:
    """Whether trouble of a resolved alert is to be told again: after the cool-down, or after having gone."""
    if (alert["quiet"] or 0) >= settings.alerts.quiet_after:
        return True
    query = (
        sa.select(t.alert_events.c.at)
        .where(t.alert_events.c.alert == alert["id"], t.alert_events.c.event == "resolved")
        .order_by(t.alert_events.c.id.desc())
        .limit(1)
    )
    resolved = tx.read(query)
    return not resolved or tx.at - resolved[0]["at"] >= timedelta(days=settings.alerts.cool_down_days)


def _state(tx: Transaction, settings: AuditSettings, found: Trouble, seen_at: datetime) -> dict[str, Any]:
    return {
        **{name: found.lead.get(name, "") for name in _ABOUT},
        "severity": found.severity,
        "reason": found.reason,
        "cause": found.cause,
        "members": [dict(one) for one in found.members],
        "seen_at": seen_at,
        "quiet": 0,
        "due_at": _due(tx, settings, found),
    }


def _due(tx: Transaction, settings: AuditSettings, found: Trouble) -> datetime:
    return tx.at + timedelta(hours=settings.alerts.hours(found.severity))


def _place(member: Mapping[str, str]) -> str:
    """What a member is about, in words."""
    where = "" if member.get("slice", "all") == "all" else member["slice"]
    against = "against the rest" if member.get("contrast") == "rest" else ""
    return " ".join(filter(None, (member.get("measure"), member.get("item"), where, against)))
