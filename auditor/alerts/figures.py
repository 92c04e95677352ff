"""How good alerts are: the share that was true, and how long people took."""

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from auditor.alerts.trouble import SEVERITIES
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from monitors.intervals import jeffreys


@dataclass(frozen=True)
class Figures:
    """The alerts of one severity. Times are medians in hours; None where there are none yet."""

    severity: str
    opened: int
    resolved: int
    true: int
    false: int
    hours_to_acknowledge: float | None
    hours_to_resolve: float | None

    @property
    def precision(self) -> tuple[float, float, float] | None:
        """The share of true ones among those resolved, with its 95 % interval (Jeffreys)."""
        judged = self.true + self.false
        if not judged:
            return None
        low, high = jeffreys(self.true, judged)
        return self.true / judged, float(low), float(high)

    @property
    def precision_in_words(self) -> str:
        if self.precision is None:
            return "–"
        value, low, high = (100 * share for share in self.precision)
        return f"{value:.0f} % [{low:.0f}–{high:.0f}]"

    def as_row(self) -> dict[str, Any]:
        return {**asdict(self), "precision": self.precision}


def figures(ledger: Ledger, system: str | None = None, since: date | None = None) -> list[Figures]:
    """By severity, the gravest first; severities without alerts are left out."""
    rows = ledger.read(sa.select(t.alerts))
    events = ledger.read(sa.select(t.alert_events).order_by(t.alert_events.c.id))
    firsts: dict[tuple[str, str], datetime] = {}
    for one in events:
        firsts.setdefault((one["alert"], one["event"]), one["at"])
        if one["event"] == "resolved":
            firsts[one["alert"], "ended"] = one["at"]  # the last time, where it was opened again
    chosen = [
        row
        for row in rows
        if (system is None or row["system"] == system) and (since is None or row["opened_at"].date() >= since)
    ]
    found = []
    for severity in SEVERITIES:
        own = [row for row in chosen if (row["severity"] or "act") == severity]
        if own:
            found.append(_figures(severity, own, firsts))
    return found


def _figures(severity: str, rows: list[Any], firsts: Mapping[tuple[str, str], datetime]) -> Figures:
    answered = ("acknowledged", "investigating", "resolved")
    return Figures(
        severity=severity,
        opened=len(rows),
        resolved=sum(row["status"] == "resolved" for row in rows),
        true=sum(row["outcome"] == "true alarm" for row in rows),
        false=sum(row["outcome"] == "false alarm" for row in rows),
        hours_to_acknowledge=_median(rows, firsts, answered),
        hours_to_resolve=_median(rows, firsts, ("ended",)),
    )


def _median(rows: list[Any], firsts: Mapping[tuple[str, str], datetime], events: tuple[str, ...]) -> float | None:
    """Median hours from an alert's opening to the first of these events."""
    spans = []
    for row in rows:
        times = [firsts[row["id"], event] for event in events if (row["id"], event) in firsts]
        if times:
            spans.append((min(times) - row["opened_at"]).total_seconds() / 3600)
    return statistics.median(spans) if spans else None
