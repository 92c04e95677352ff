"""How every system stands now: its newest audit, what has become of it since, and what it leaves open."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from auditor.alerts.trouble import settings_in_force
from auditor.audit.disparities import recorded_worst_group
from auditor.issuing.fleet import Newest, deployment, last_signed, newest_audit
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from reports.briefing import Deployment, OpenAlert
from reports.controls import EvidenceState
from reports.dossier import WorstGroup
from reports.text import severity

#: Without a word about it in audit.yaml, an audit older than this says nothing about today.
OLDEST: Final = timedelta(days=14)


@dataclass(frozen=True)
class Gap:
    """The worst subgroup: the gravest gap to everyone else, and how many outputs and patients are in the group."""

    worst: WorstGroup
    n: float | None
    patients: int | None
    counted: str


@dataclass(frozen=True)
class Moved:
    """Drift against what chance moves: how many columns left their band, and the one furthest out."""

    columns: int
    drifted: int
    furthest: str
    ratio: float  # its distance, in widths of its null band


@dataclass(frozen=True)
class Measured:
    """What the newest audit of a system says; it never changes."""

    line: Deployment
    gap: Gap | None
    moved: Moved | None


@dataclass(frozen=True)
class Standing:
    """One system now. `status` is that of the audit, unless it grew old or the next one failed."""

    measured: Measured
    status: str
    why: str
    oldest: OpenAlert | None
    alerts: int
    evidence: int | None  # items that are current …
    items: int | None  # … of so many; None: not looked at
    signed: datetime | None


def measured(ledger: Ledger, system: str) -> Measured:
    """By the newest audit; costs a read of all its measurements, so callers keep it.

    What changes without an audit stands in `Standing`: alerts, gaps of evidence and signatures are not in `line`.
    """
    newest = newest_audit(ledger, system)
    line = deployment(ledger, system, newest, alerts=0, gaps=None, signed=None)
    return Measured(line, _gap(ledger, newest), _moved(ledger, newest)) if newest else Measured(line, None, None)


def standing(
    ledger: Ledger, known: Measured, alerts: tuple[OpenAlert, ...], states: dict[str, EvidenceState], at: datetime
) -> Standing:
    """How a system stands at a moment, given what its newest audit said."""
    line = known.line
    mine = [one for one in alerts if one.system == line.system]
    status, why = _status(ledger, line, at)
    return Standing(
        measured=known,
        status=status,
        why=why,
        oldest=min(mine, key=lambda one: one.opened, default=None),
        alerts=len(mine),
        evidence=sum(state.state == "current" for state in states.values()) if states else None,
        items=len(states) or None,
        signed=last_signed(ledger, line.system),
    )


def _status(ledger: Ledger, line: Deployment, at: datetime) -> tuple[str, str]:
    if line.as_of is None:
        return "stale", "never audited"
    last = ledger.read(
        sa.select(t.job_runs.c.status, t.job_runs.c.note)
        .where(t.job_runs.c.system == line.system, t.job_runs.c.job == "audit")
        .where(t.job_runs.c.finished_at > line.as_of)
        .order_by(t.job_runs.c.fire_at.desc())
        .limit(1)
    )
    if last and last[0]["status"] == "failed":
        return "failed", f"the last audit failed: {last[0]['note']}"
    days = settings_in_force(ledger, line.system).stale_after_days
    oldest = OLDEST if days is None else timedelta(days=days)
    if at - line.as_of <= oldest:
        return line.status, ""
    why = f"no audit for {(at - line.as_of).days} days"
    return (line.status if severity(line.status) < severity("stale") else "stale"), why


def _gap(ledger: Ledger, newest: Newest) -> Gap | None:
    payload = _detail(ledger, newest.audit["id"], "worst_groups")
    groups = [recorded_worst_group(one) for one in payload or ()]
    mine = [one for one in groups if one.version == newest.version]
    rows = {(row.measure, row.slice): row for row in newest.rows if not row.contrast and not row.item}
    shown = [
        one for one in mine if (one.measure, one.slice) in rows and not rows[one.measure, one.slice].suppressed
    ]
    if not shown:
        return None
    worst = max(shown, key=lambda one: (one.beyond_chance, one.gap / one.chance_high if one.chance_high else 0.0))
    row = rows[worst.measure, worst.slice]
    return Gap(worst, row.n, row.patients, row.counted)


def _moved(ledger: Ledger, newest: Newest) -> Moved | None:
    payload = _detail(ledger, newest.audit["id"], "drift")
    columns = [one for one in payload or () if one["version"] == newest.version and one["null_high"]]
    if not columns:
        return None
    furthest = max(columns, key=lambda one: one["distance"] / one["null_high"])
    title = furthest["title"] + (f": {furthest['item']}" if furthest["item"] else "")
    drifted = sum(one["drifted"] for one in columns)
    return Moved(len(columns), drifted, title, furthest["distance"] / furthest["null_high"])


def _detail(ledger: Ledger, audit: str, kind: str) -> list[dict[str, Any]] | None:
    query = sa.select(t.details.c.payload).where(t.details.c.audit == audit, t.details.c.kind == kind)
    rows = ledger.read(query)
    return rows[0]["payload"] if rows else None
