"""How evidence is looked for: one view of the ledger for one system, and what a look may find."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from auditor.in_force import Reader, newest_config
from auditor.settings import AuditSettings
from auditor.store import tables as t
from monitors.threshold import SUPPRESS_BELOW


class EvidenceError(ValueError):
    """One clear sentence about evidence that cannot be looked for."""


@dataclass(frozen=True)
class Found:
    """Evidence of one item: how old it is, where it lies, what is to be said of it.

    `failed` says why it does not count although it is there; "" where it counts.
    """

    at: datetime
    where: str
    note: str = ""
    failed: str = ""


@dataclass(frozen=True)
class Look:
    """The ledger as it stands, for one system; `at` is the moment that ages are counted to."""

    ledger: Reader
    system: str
    at: datetime

    def newest(self, query: sa.Select[Any]) -> sa.RowMapping | None:
        """The first row of a query."""
        rows = self.ledger.read(query.limit(1))
        return rows[0] if rows else None

    @cached_property
    def settings(self) -> AuditSettings | None:
        found = newest_config(self.ledger, self.system)
        return found[1] if found else None

    @cached_property
    def audit(self) -> sa.RowMapping | None:
        """The newest audit; None before the first."""
        query = sa.select(t.audits).where(t.audits.c.system == self.system)
        return self.newest(query.order_by(t.audits.c.seq.desc()))

    @cached_property
    def version(self) -> str | None:
        """The version that was in use at the newest audit."""
        found = self.detail("current_version")
        return None if found is None else str(found)

    @cached_property
    def measured(self) -> tuple[sa.RowMapping, ...]:
        """What the newest audit measured of that version and a report may show: value, limits, patients enough."""
        if self.audit is None:
            return ()
        m = t.measurements.c
        query = sa.select(m.measure, m.monitor, m.task, m.item, m.slice, m.contrast, m.n).where(
            m.audit == self.audit["id"],
            m.version == self.version,
            m.value.is_not(None),
            m.low.is_not(None),
            m.patients >= SUPPRESS_BELOW,
        )
        return tuple(self.ledger.read(query))

    def of(self, monitors: Collection[str]) -> list[sa.RowMapping]:
        """What these monitors measured of the system as a whole."""
        return [
            row
            for row in self.measured
            if row["monitor"] in monitors and row["slice"] == "all" and not row["contrast"]
        ]

    def detail(self, kind: str) -> Any:
        """What the newest audit keeps of this kind; None where it keeps none."""
        if self.audit is None:
            return None
        d = t.details.c
        row = self.newest(sa.select(d.payload).where(d.audit == self.audit["id"], d.kind == kind))
        return None if row is None else row["payload"]

    def in_audit(self, note: str, at: datetime | None = None) -> Found:
        """Evidence that lies in the newest audit; what a failed or stale audit measured does not count."""
        assert self.audit is not None
        # the gravest verdict names the audit: one that calls for action can be stale too
        verdicts = sa.select(t.verdicts.c.status).where(t.verdicts.c.audit == self.audit["id"])
        found = {row["status"] for row in self.ledger.read(verdicts)} | {self.audit["status"]}
        broken = next((status for status in ("failed", "stale") if status in found), None)
        failed = f"The newest audit is {broken}." if broken else ""
        return Found(at or self.audit["as_of"], f"audit {self.audit['id']}", note, failed)
