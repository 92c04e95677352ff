"""The fleet in a briefing: one line a system by its newest audit, and the open alerts of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from auditor.alerts.outbox import what
from auditor.alerts.trouble import settings_in_force
from auditor.audit.recorded import latest_audit, settings_of
from auditor.audit.rows import measured_rows
from auditor.audit.scope import AuditError
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from reports.briefing import Deployment, OpenAlert
from reports.dossier import Flow, Row
from reports.headline import PER_THOUSAND, badness, is_whole
from reports.text import severity

_SITE = "site"


@dataclass(frozen=True)
class Newest:
    """The newest audit of a system, and what it says of the version that was in use."""

    audit: sa.RowMapping
    settings: AuditSettings
    version: str
    flows: tuple[Flow, ...]
    rows: tuple[Row, ...]


def newest_audit(ledger: Ledger, system: str) -> Newest | None:
    """The newest audit with its measurements, of which it reads every one; None where there is no audit."""
    try:
        audit = latest_audit(ledger, system)
    except AuditError:
        return None
    details = _details(ledger, audit["id"])
    version = details["current_version"]
    flows = tuple(Flow(**one) for one in details["flows"])
    verdicts = ledger.read(
        sa.select(t.verdicts).where(t.verdicts.c.audit == audit["id"]).order_by(t.verdicts.c.number)
    )
    return Newest(
        audit=audit,
        settings=settings_of(ledger, audit),
        version=version,
        flows=tuple(flow for flow in flows if flow.version == version),
        rows=tuple(row for row in measured_rows(ledger, audit, verdicts, flows) if row.version == version),
    )


def deployment(
    ledger: Ledger, system: str, newest: Newest | None, *, alerts: int, gaps: int | None, signed: datetime | None
) -> Deployment:
    """The line of one system."""
    if newest is None:
        settings = settings_in_force(ledger, system)
        title = settings.title or system
        return Deployment(
            system, title, tuple(settings.tasks), "", "", None, 0, 0, None, None, (), alerts, gaps, signed
        )
    return Deployment(
        system=system,
        title=newest.settings.title or system,
        tasks=tuple(newest.settings.tasks),
        version=newest.version,
        status=newest.audit["status"],
        as_of=newest.audit["as_of"],
        judged=sum(flow.judged for flow in newest.flows),
        outputs=sum(flow.outputs for flow in newest.flows),
        primary=_primary(newest.rows),
        errors=next((row for row in newest.rows if row.measure == PER_THOUSAND and _known(row)), None),
        sites=_sites(newest.rows),
        alerts=alerts,
        gaps=gaps,
        signed=signed,
    )


def _details(ledger: Ledger, audit: str) -> Mapping[str, Any]:
    wanted = ("flows", "current_version")
    rows = ledger.read(
        sa.select(t.details.c.kind, t.details.c.payload).where(
            t.details.c.audit == audit, t.details.c.kind.in_(wanted)
        )
    )
    return {row["kind"]: row["payload"] for row in rows}


def _known(row: Row) -> bool:
    """Whether a row is of the whole system and has a number to show."""
    return is_whole(row) and not row.suppressed and row.value is not None


def _primary(rows: Sequence[Row]) -> Row | None:
    """The gravest question with a bound on the whole system; of equally grave ones, that which is furthest out."""
    asked = [row for row in rows if row.status and row.watch is not None and _known(row)]
    return min(asked, key=lambda row: (severity(row.status), -badness(row)), default=None)


def _sites(rows: Sequence[Row]) -> tuple[tuple[str, str], ...]:
    """Sites with a verdict of their own, the gravest of each, where it is not fine."""
    gravest: dict[str, str] = {}
    for row in rows:
        name, _, site = row.slice.partition("=")
        if name == _SITE and "&" not in row.slice and row.status and not row.suppressed:
            before = gravest.get(site, row.status)
            gravest[site] = min(before, row.status, key=severity)
    return tuple((site, status) for site, status in sorted(gravest.items()) if status != "ok")


def last_signed(ledger: Ledger, system: str) -> datetime | None:
    """When a report of the system was signed last."""
    joined = t.signatures.join(t.reports, t.signatures.c.report == t.reports.c.id)
    query = sa.select(sa.func.max(t.signatures.c.at).label("at")).select_from(joined)
    found: datetime | None = ledger.read(query.where(t.reports.c.system == system))[0]["at"]
    return found


def open_alerts(ledger: Ledger, systems: Sequence[str], at: datetime) -> tuple[OpenAlert, ...]:
    """Alerts that nobody has resolved, the gravest and oldest first."""
    rows = ledger.read(sa.select(t.alerts).where(t.alerts.c.status != "resolved", t.alerts.c.system.in_(systems)))
    settings = {system: settings_in_force(ledger, system) for system in {row["system"] for row in rows}}
    found = [_open(row, settings[row["system"]], at) for row in rows]
    return tuple(sorted(found, key=lambda one: (severity(one.severity), one.opened, one.alert)))


def _open(row: Any, settings: AuditSettings, at: datetime) -> OpenAlert:
    return OpenAlert(
        system=row["system"],
        title=settings.title or row["system"],
        alert=row["id"],
        severity=row["severity"] or "act",
        state=row["status"],
        what=what(row),
        reason=row["reason"],
        cause=row["cause"] or "",
        asks=_asks(row, settings),
        opened=row["opened_at"],
        owner=row["owner"] or "",
        due=row["due_at"],
        overdue=row["status"] == "open" and row["due_at"] is not None and row["due_at"] < at,
    )


def _asks(row: Any, settings: AuditSettings) -> str:
    """What the rule behind an alert to act asks of the committee, beyond looking into it."""
    if row["severity"] != "act":
        return ""
    rules = [(one.measure, one.item, one.stop) for one in settings.thresholds]
    rules += [(one.measure, one.item, one.stop) for one in settings.stop_questions]
    about = (row["measure"], row["item"])
    asked = {
        stop for measure, item, stop in rules if stop and measure == about[0] and (item or "") in ("", about[1])
    }
    return "pause" if "pause" in asked else "restrict" if asked else ""
