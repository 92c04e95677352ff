"""Audits as the ledger holds them: which one is the newest, and the settings it ran by."""

import sqlalchemy as sa

from auditor.audit.scope import AuditError
from auditor.settings import AuditSettings, parse_settings
from auditor.store import tables as t
from auditor.store.ledger import Ledger


def latest_audit(ledger: Ledger, system: str, audit: str | None = None) -> sa.RowMapping:
    """The row of one audit: the one named, else the newest of the system.

    Raises AuditError when there is none.
    """
    query = sa.select(t.audits).where(t.audits.c.system == system).order_by(t.audits.c.seq.desc()).limit(1)
    if audit is not None:
        query = sa.select(t.audits).where(t.audits.c.system == system, t.audits.c.id == audit)
    rows = ledger.read(query)
    if not rows:
        which = f"audit {audit!r}" if audit else "audit"
        raise AuditError(f"There is no {which} of {system!r} yet; run 'auditor audit {system}' first.")
    return rows[0]


def settings_of(ledger: Ledger, audit: sa.RowMapping) -> AuditSettings:
    """The settings that an audit ran by, whatever they are today."""
    (row,) = ledger.read(sa.select(t.configs.c.yaml).where(t.configs.c.id == audit["config"]))
    return parse_settings(row["yaml"], f"the settings of {audit['system']}")
