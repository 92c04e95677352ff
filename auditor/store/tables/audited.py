"""What audits found: measurements, verdicts, what a report shows besides, and where they are mirrored."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Date, Float, ForeignKey, Index, Integer, Table

from auditor.store.tables.columns import (
    CanonicalJson,
    audit_column,
    count_column,
    metadata,
    moment_column,
    system_column,
    text_column,
)

audits: Final = Table(
    "audits",
    metadata,
    text_column("id", key=True),
    Column("seq", BigInteger, nullable=False, unique=True),
    system_column(),
    text_column("key"),  # hash of all that the audit was made from
    text_column("config", ForeignKey("configs.id")),
    Column("window_start", Date, nullable=True),
    Column("window_end", Date, nullable=True),
    moment_column("as_of"),
    count_column("segment_pin"),  # the last registered segment that it saw
    text_column("inputs"),
    text_column("code"),
    count_column("seed"),
    text_column("status"),
    Column("versions", CanonicalJson, nullable=False),
    text_column("restates", ForeignKey("audits.id"), null=True),
    moment_column("started_at"),
    moment_column("finished_at", null=True),
    Index(None, "system", "key"),
)

measurements: Final = Table(
    "measurements",
    metadata,
    audit_column(key=True),
    count_column("number", key=True),
    text_column("measure"),
    text_column("monitor"),
    Column("monitor_version", Integer, nullable=False),
    text_column("task"),
    text_column("version"),
    text_column("item"),
    text_column("slice"),
    text_column("contrast"),
    Column("window_start", Date, nullable=True),
    Column("window_end", Date, nullable=True),
    *(Column(name, Float(53), nullable=True) for name in ("value", "low", "high", "n", "events", "n_eff")),
    count_column("patients"),
    Column("patients_exact", Boolean, nullable=False),
    Column("deff", Float(53), nullable=True),
    text_column("interval"),
    text_column("note"),
)

verdicts: Final = Table(
    "verdicts",
    metadata,
    audit_column(key=True),
    count_column("number", key=True),
    count_column("measurement", null=True),  # its number in the same audit; null when nothing could be measured
    Column("threshold", CanonicalJson, nullable=False),
    text_column("status"),
    text_column("reason"),
)

details: Final = Table(
    "details",
    metadata,
    audit_column(key=True),
    text_column("kind", key=True),
    Column("payload", CanonicalJson, nullable=False),
)

mirrors: Final = Table(
    "mirrors",
    metadata,
    audit_column(key=True),
    text_column("status"),  # pending | written | failed
    text_column("run_id", null=True),
    Column("attempts", Integer, nullable=False),
    text_column("last_error", null=True),
    moment_column("at"),
)
