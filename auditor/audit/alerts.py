"""Alerts: one for each verdict that somebody must answer."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from auditor.audit.verdicts import Ruled
from auditor.store import tables as t
from auditor.store.ledger import Transaction
from monitors.measurement import Measurement
from monitors.threshold import Status


def open_alerts(
    tx: Transaction, system: str, audit: str, found: Sequence[Ruled], measurements: Sequence[Measurement]
) -> None:
    """One alert for each verdict that someone must answer and that is not open already."""
    open_now = {
        _subject_of(row)
        for row in tx.read(sa.select(t.alerts).where(t.alerts.c.system == system, t.alerts.c.status != "resolved"))
    }
    rows: list[dict[str, Any]] = []
    for ruled in found:
        if ruled.verdict.status not in (Status.ACT, Status.FAILED, Status.STALE) or not ruled.current:
            continue
        row = _alert_row(tx, system, audit, measurements, ruled)
        if _subject_of(row) not in open_now:
            open_now.add(_subject_of(row))
            rows.append(row | {"id": f"{audit}-{len(rows) + 1}"})
    tx.insert(t.alerts, rows)
    first = tx.next(t.alert_events)
    tx.insert(
        t.alert_events,
        [
            {
                "id": first + i,
                "alert": row["id"],
                "event": "opened",
                "at": tx.at,
                "actor": tx.actor,
                "note": "",
            }
            for i, row in enumerate(rows)
        ],
    )


def _subject_of(row: Any) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("measure", "task", "item", "slice", "contrast", "version"))


def _alert_row(
    tx: Transaction, system: str, audit: str, measurements: Sequence[Measurement], ruled: Ruled
) -> dict[str, Any]:
    about = (
        {
            "measure": str(ruled.rule.get("measure", ruled.rule["rule"])),
            "task": str(ruled.rule.get("task", "")),
            "item": str(ruled.rule.get("item", "")),
            "slice": "all",
            "contrast": str(ruled.rule.get("contrast", "")),
            "version": str(ruled.rule.get("version", "")),
        }
        if ruled.measurement is None
        else _about(measurements[ruled.measurement])
    )
    return about | {
        "system": system,
        "audit": audit,
        "status": "open",
        "reason": ruled.verdict.reason,
        "opened_at": tx.at,
    }


def _about(measurement: Measurement) -> dict[str, str]:
    return {
        name: getattr(measurement, name) for name in ("measure", "task", "item", "slice", "contrast", "version")
    }
