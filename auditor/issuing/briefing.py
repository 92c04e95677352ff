"""From the ledger to a Briefing: what a committee needs beside the audits, as it is at one moment."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from auditor.alerts.figures import figures
from auditor.evidence.catalogue import states
from auditor.in_force import system_names
from auditor.issuing.fleet import deployment, last_signed, newest_audit, open_alerts
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from reports.briefing import AlertFigures, Briefing, Decided, ReviewQueue, RuleChange, Signed
from reports.controls import assess, load
from reports.dossier import Estimate


def briefing_of(
    ledger: Ledger,
    about: Sequence[str],
    *,
    report: str,
    previous: str,
    at: datetime,
    timezone: str,
    alarms_a_year: float,
    key: str,
) -> Briefing:
    """The briefing of a report about some systems (one, or the fleet) issued at `at`.

    The fleet table holds every system of the workspace; alerts, decisions and evidence are of the systems that
    the report is about, alerts of the others are only counted.
    """
    systems = system_names(ledger)
    alerts = open_alerts(ledger, systems, at)
    matrix = load()
    found = {system: states(ledger, system, at) for system in systems}
    lines = {system: assess(matrix, one) for system, one in found.items()}
    alone = about[0] if len(about) == 1 else None
    entry, head = ledger.head()
    return Briefing(
        report=report,
        issued=at,
        timezone=timezone,
        previous=previous,
        alerts=tuple(one for one in alerts if one.system in about),
        decided=_decided(ledger, about, at, timezone),
        fleet=tuple(
            deployment(
                ledger,
                system,
                newest_audit(ledger, system),
                alerts=sum(one.system == system for one in alerts),
                gaps=sum(line.state == "gap" for line in lines[system]),
                signed=last_signed(ledger, system),
            )
            for system in systems
        ),
        changes=(),
        figures=_figures(ledger, about),
        alarms_a_year=alarms_a_year,
        queues=_queues(ledger, about),
        rules=_rules(ledger, about),
        controls=lines[alone] if alone else (),
        evidence=tuple(found[alone].values()) if alone else (),
        signed=_signed(ledger, about),
        entry=entry,
        head=head,
        key=key,
    )


def _decided(ledger: Ledger, about: Sequence[str], at: datetime, timezone: str) -> tuple[Decided, ...]:
    rows = ledger.read(
        sa.select(t.incidents).where(t.incidents.c.system.in_(about)).order_by(t.incidents.c.seq.desc())
    )
    today = at.astimezone(ZoneInfo(timezone)).date()
    return tuple(
        Decided(
            system=row["system"],
            incident=row["id"],
            title=row["title"],
            decision=row["decision"] or "",
            owner=row["owner"] or "",
            due=row["due"],
            state="closed"
            if row["status"] == "closed"
            else "overdue"
            if row["due"] is not None and row["due"] < today
            else "open",
            follow_up=row["follow_up"] or "",
            note=row["note"],
        )
        for row in rows
    )


def _figures(ledger: Ledger, about: Sequence[str]) -> tuple[AlertFigures, ...]:
    """Of one system, or of the whole fleet together."""
    found = figures(ledger, about[0] if len(about) == 1 else None)
    return tuple(
        AlertFigures(
            one.severity,
            one.opened,
            one.resolved,
            one.true,
            one.false,
            Estimate(*one.precision) if one.precision is not None else None,
            one.hours_to_acknowledge,
            one.hours_to_resolve,
        )
        for one in found
    )


def _queues(ledger: Ledger, about: Sequence[str]) -> tuple[ReviewQueue, ...]:
    samples = ledger.read(
        sa.select(t.review_samples)
        .where(t.review_samples.c.system.in_(about))
        .order_by(t.review_samples.c.seq.desc())
        .limit(3)
    )
    found = []
    for row in samples:
        items = ledger.read(sa.select(sa.func.count().label("n")).where(t.review_items.c.sample == row["id"]))[0][
            "n"
        ]
        answered = sa.select(
            sa.func.count(sa.distinct(t.reviews.c.item)).label("items"),
            sa.func.count(sa.distinct(t.reviews.c.reader)).label("readers"),
        ).where(t.reviews.c.sample == row["id"], t.reviews.c.verdict != "skip")
        told = ledger.read(cast("sa.Select[Any]", answered))[0]
        found.append(
            ReviewQueue(row["id"], row["drawn_at"], items, told["items"], told["readers"], row["blinded"])
        )
    return tuple(found)


def _rules(ledger: Ledger, about: Sequence[str]) -> tuple[RuleChange, ...]:
    rows = ledger.read(
        sa.select(t.thresholds)
        .where(t.thresholds.c.system.in_(about), t.thresholds.c.retired_at.is_(None))
        .order_by(t.thresholds.c.seq)
    )
    return tuple(
        RuleChange(
            row["name"],
            row["version"],
            row["tier"],
            row["valid_from"],
            row["actor"],
            row["reason"],
            row["after_seeing"],
        )
        for row in rows
    )


def _signed(ledger: Ledger, about: Sequence[str]) -> tuple[Signed, ...]:
    joined = t.signatures.join(t.reports, t.signatures.c.report == t.reports.c.id)
    rows = ledger.read(
        sa.select(t.signatures)
        .select_from(joined)
        .where(t.reports.c.system.in_(about) if len(about) == 1 else t.reports.c.kind == "fleet")
        .order_by(t.signatures.c.id.desc())
        .limit(10)
    )
    return tuple(
        Signed(row["report"], row["full_name"], row["meaning"], row["decision"] or "", row["at"], row["note"])
        for row in rows
    )
