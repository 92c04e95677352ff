"""The ledger's tables, as SQLAlchemy Core: one noun, one table; the same on SQLite and PostgreSQL.

Every table but the few in `_OTHERS` is a projection of `journal`, which holds each change as canonical JSON.
"""

from typing import Final

from sqlalchemy import Table

from auditor.store.tables.access import case_views, logins, sessions, tokens
from auditor.store.tables.audited import audits, details, measurements, mirrors, verdicts
from auditor.store.tables.columns import CanonicalJson, Moment, metadata
from auditor.store.tables.evidence import (
    credentials,
    erasures,
    holds,
    reports,
    signatures,
    signing_keys,
    users,
)
from auditor.store.tables.journalled import chain_head, clock_lease, journal
from auditor.store.tables.received import artifacts, configs, files, quarantine, segments, systems, versions
from auditor.store.tables.reviewed import review_items, review_samples, reviews
from auditor.store.tables.watched import (
    alert_events,
    alerts,
    incidents,
    job_runs,
    notices,
    schedules,
    thresholds,
)

__all__ = [
    "KEYS",
    "PROJECTIONS",
    "REVISIONS",
    "SCHEMA_TABLE",
    "CanonicalJson",
    "Moment",
    "alert_events",
    "alerts",
    "artifacts",
    "audits",
    "case_views",
    "chain_head",
    "clock_lease",
    "configs",
    "credentials",
    "details",
    "erasures",
    "files",
    "holds",
    "incidents",
    "job_runs",
    "journal",
    "logins",
    "measurements",
    "metadata",
    "mirrors",
    "notices",
    "quarantine",
    "reports",
    "review_items",
    "review_samples",
    "reviews",
    "schedules",
    "segments",
    "sessions",
    "signatures",
    "signing_keys",
    "systems",
    "thresholds",
    "tokens",
    "users",
    "verdicts",
    "versions",
]

#: Every schema revision, oldest first; the last is this version's. Kept here so that opening a ledger need
#: not import Alembic; a test holds it equal to the migrations.
REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005")

#: Where Alembic notes the revision; a name of its own, so that MLflow may share a PostgreSQL database.
SCHEMA_TABLE: Final = "ledger_schema"

#: The tables that the journal does not tell of, or that make it up.
_OTHERS: Final = ("journal", "chain_head", "clock_lease", "credentials", "sessions")

#: The tables that are projections of the journal, by name, in an order that foreign keys allow.
PROJECTIONS: Final[dict[str, Table]] = {
    table.name: table for table in metadata.sorted_tables if table.name not in _OTHERS
}

#: The primary-key columns of every projection.
KEYS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(column.name for column in table.primary_key) for name, table in PROJECTIONS.items()
}
