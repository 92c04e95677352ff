"""The ledger's tables, as SQLAlchemy Core: one noun, one table; the same on SQLite and PostgreSQL.

Every table but the last three is a projection of `journal`, which holds each change as canonical JSON.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

from auditor.store.chain import canonical
from auditor.store.errors import StoreError

#: Every schema revision, oldest first; the last is this version's. Kept here so that opening a ledger need
#: not import Alembic; a test holds it equal to the migrations.
REVISIONS: Final = ("0001", "0002", "0003")

#: Where Alembic notes the revision; a name of its own, so that MLflow may share a PostgreSQL database.
SCHEMA_TABLE: Final = "ledger_schema"


class Moment(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite forgets the zone, so it is taken off and put back there."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise StoreError("A time without a zone cannot be recorded; give it one, for example UTC.")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CanonicalJson(TypeDecorator[Any]):
    """Plain JSON values, stored as canonical text: equal values are equal bytes on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, *constraints: ForeignKey, null: bool = False, key: bool = False) -> Column[str]:
    return Column(name, Text, *constraints, nullable=null, primary_key=key)


def _count(name: str, *, null: bool = False, key: bool = False) -> Column[int]:
    # autoincrement off: numbers are dealt under the writer's lock, so that the journal knows them
    return Column(name, BigInteger, nullable=null, primary_key=key, autoincrement=False)


def _moment(name: str, *, null: bool = False) -> Column[datetime]:
    return Column(name, Moment, nullable=null)


def _system(*, key: bool = False) -> Column[str]:
    return _text("system", ForeignKey("systems.name"), key=key)


def _audit(*, key: bool = False) -> Column[str]:
    return _text("audit", ForeignKey("audits.id"), key=key)


systems: Final = Table("systems", metadata, _text("name", key=True), _moment("created_at"))

configs: Final = Table(
    "configs",
    metadata,
    _text("id", key=True),  # sha256 of the canonical settings
    _system(),
    Column("seq", BigInteger, nullable=False, unique=True),
    _text("yaml"),
    _moment("applied_at"),
    _text("actor"),
    _text("reason"),
)

versions: Final = Table(
    "versions", metadata, _system(key=True), _text("version", key=True), _moment("first_seen_at")
)

files: Final = Table(
    "files",
    metadata,
    _text("id", key=True),
    _system(),
    _text("kind"),
    _text("sha256"),
    _text("path"),
    _count("bytes"),
    _text("mapping_sha"),
    _text("status"),
    _count("rows"),
    _count("accepted"),
    _count("duplicates"),
    _count("quarantined"),
    _moment("received_at"),
    Index(None, "system", "kind", "sha256"),
)

segments: Final = Table(
    "segments",
    metadata,
    _count("seq", key=True),  # not the sha256: two systems may receive the same rows
    _text("sha256"),
    _text("kind"),  # outputs | references | cases | judgements | tallies
    _system(),
    _count("rows"),
    _count("bytes"),
    _moment("received_at"),
    _text("file_id", ForeignKey("files.id"), null=True),
    UniqueConstraint("system", "kind", "sha256"),
)

quarantine: Final = Table(
    "quarantine",
    metadata,
    _count("id", key=True),
    _system(),
    _text("kind"),
    _text("file_id", ForeignKey("files.id")),
    _count("row_number"),
    _text("field", null=True),
    _text("reason"),
    Column("record", CanonicalJson, nullable=True),  # identifiers replaced
    _text("status"),  # open | retried | resolved
    _moment("received_at"),
    Index(None, "system", "status"),
)

artifacts: Final = Table(
    "artifacts",
    metadata,
    _text("key", key=True),
    _text("kind"),
    _system(),
    _text("segment", null=True),  # the sha256 of a segment, or
    Column("value", CanonicalJson, nullable=True),  # something small, kept here
    _moment("created_at"),
)

audits: Final = Table(
    "audits",
    metadata,
    _text("id", key=True),
    Column("seq", BigInteger, nullable=False, unique=True),
    _system(),
    _text("key"),  # hash of all that the audit was made from
    _text("config", ForeignKey("configs.id")),
    Column("window_start", Date, nullable=True),
    Column("window_end", Date, nullable=True),
    _moment("as_of"),
    _count("segment_pin"),  # the last registered segment that it saw
    _text("inputs"),
    _text("code"),
    _count("seed"),
    _text("status"),
    Column("versions", CanonicalJson, nullable=False),
    _text("restates", ForeignKey("audits.id"), null=True),
    _moment("started_at"),
    _moment("finished_at", null=True),
    Index(None, "system", "key"),
)

measurements: Final = Table(
    "measurements",
    metadata,
    _audit(key=True),
    _count("number", key=True),
    _text("measure"),
    _text("monitor"),
    Column("monitor_version", Integer, nullable=False),
    _text("task"),
    _text("version"),
    _text("item"),
    _text("slice"),
    _text("contrast"),
    Column("window_start", Date, nullable=True),
    Column("window_end", Date, nullable=True),
    *(Column(name, Float(53), nullable=True) for name in ("value", "low", "high", "n", "events", "n_eff")),
    _count("patients"),
    Column("patients_exact", Boolean, nullable=False),
    Column("deff", Float(53), nullable=True),
    _text("interval"),
    _text("note"),
)

verdicts: Final = Table(
    "verdicts",
    metadata,
    _audit(key=True),
    _count("number", key=True),
    _count("measurement", null=True),  # its number in the same audit; null when nothing could be measured
    Column("threshold", CanonicalJson, nullable=False),
    _text("status"),
    _text("reason"),
)

details: Final = Table(
    "details",
    metadata,
    _audit(key=True),
    _text("kind", key=True),
    Column("payload", CanonicalJson, nullable=False),
)

incidents: Final = Table(
    "incidents",
    metadata,
    _text("id", key=True),
    Column("seq", BigInteger, nullable=False, unique=True),
    _system(),
    _text("title"),
    _text("status"),  # open | closed
    _text("decision", null=True),  # continue | restrict | pause | re-validate
    _text("owner", null=True),
    Column("due", Date, nullable=True),
    _text("follow_up", ForeignKey("audits.id"), null=True),  # the audit that showed how it ended
    _moment("opened_at"),
    _text("actor"),
    _text("note"),
)

# columns that came with revision 0003 are null in alerts that were opened before
alerts: Final = Table(
    "alerts",
    metadata,
    _text("id", key=True),
    _system(),
    _text("audit", ForeignKey("audits.id"), null=True),  # null: a job opened it, no audit
    *(_text(name) for name in ("measure", "task", "item", "slice", "contrast", "version", "status", "reason")),
    _moment("opened_at"),
    _text("severity", null=True),  # watch | act | stale | failed
    _text("root", null=True),  # what alerts are told apart by: all that has one root is one alert
    _text("cause", null=True),  # what most likely stands behind it, in a sentence
    Column("members", CanonicalJson, nullable=True),  # the verdicts that it stands for, gravest first
    _moment("seen_at", null=True),  # the last time that the trouble was there
    _count("quiet", null=True),  # audits in a row without it
    _text("owner", null=True),
    _moment("due_at", null=True),  # to be acknowledged by then
    _text("outcome", null=True),  # true alarm | false alarm
    _moment("escalated_at", null=True),
    _text("incident", ForeignKey("incidents.id"), null=True),
    Index(None, "system", "status"),
)

alert_events: Final = Table(
    "alert_events",
    metadata,
    _count("id", key=True),
    _text("alert", ForeignKey("alerts.id")),
    _text("event"),
    _moment("at"),
    _text("actor"),
    _text("note"),
    Index(None, "alert"),
)

schedules: Final = Table(
    "schedules",
    metadata,
    _text("id", key=True),  # system/name
    _system(),
    *(_text(name) for name in ("name", "job", "cron", "timezone", "late")),
    *(_count(name) for name in ("grace_minutes", "timeout_minutes", "retries", "backoff_minutes")),
    Column("options", CanonicalJson, nullable=False),
    _moment("valid_from"),
    Column("active", Boolean, nullable=False),
)

job_runs: Final = Table(
    "job_runs",
    metadata,
    _text("id", key=True),
    _text("schedule", ForeignKey("schedules.id")),
    _system(),
    _text("job"),
    _moment("fire_at"),
    _text("status"),  # waiting | running | done | failed | skipped
    _count("attempt"),
    _moment("not_before"),
    _moment("started_at", null=True),
    _moment("finished_at", null=True),
    _text("holder", null=True),  # the scheduler that runs it
    _text("note"),
    UniqueConstraint("schedule", "fire_at"),
    Index(None, "status"),
)

notices: Final = Table(
    "notices",
    metadata,
    _count("id", key=True),
    _system(),
    _text("channel"),
    _text("kind"),  # alert | digest | escalation
    _text("alert", ForeignKey("alerts.id"), null=True),
    _text("subject"),
    _text("body"),
    _text("status"),  # pending | sent | given up | withdrawn
    _count("attempts"),
    _moment("not_before"),
    _text("last_error", null=True),
    _moment("created_at"),
    _moment("sent_at", null=True),
    Index(None, "status"),
)

thresholds: Final = Table(
    "thresholds",
    metadata,
    _text("id", key=True),  # system/name/version
    Column("seq", BigInteger, nullable=False, unique=True),
    _system(),
    _text("config", ForeignKey("configs.id")),
    _text("name"),  # what it is about; one rule in force a name
    _count("version"),
    _text("tier"),  # stop | watch | explore
    Column("content", CanonicalJson, nullable=False),
    _text("reason"),
    Column("after_seeing", Boolean, nullable=False),  # audits of this rule's data had been made by then
    _text("actor"),
    _moment("valid_from"),
    _moment("retired_at", null=True),
    Index(None, "system", "name"),
)

mirrors: Final = Table(
    "mirrors",
    metadata,
    _audit(key=True),
    _text("status"),  # pending | written | failed
    _text("run_id", null=True),
    Column("attempts", Integer, nullable=False),
    _text("last_error", null=True),
    _moment("at"),
)

review_samples: Final = Table(
    "review_samples",
    metadata,
    _text("id", key=True),  # follows from all that the sample was drawn from
    Column("seq", BigInteger, nullable=False, unique=True),
    _system(),
    _audit(),
    *(_text(name) for name in ("task", "version", "judge")),  # the judge's whole digest
    Column("window_start", Date, nullable=True),
    Column("window_end", Date, nullable=True),
    _moment("as_of"),
    Column("blinded", Boolean, nullable=False),
    _count("seed"),
    Column("frame", CanonicalJson, nullable=False),  # the strata of the window, and how its reports cluster
    _moment("drawn_at"),
    _text("actor"),
)

review_items: Final = Table(
    "review_items",
    metadata,
    _text("sample", ForeignKey("review_samples.id"), key=True),
    _count("number", key=True),
    *(_text(name) for name in ("output_id", "subject_id", "stratum")),
    Column("probability", Float(53), nullable=False),
    Column("weight", Float(53), nullable=False),
    Column("found", CanonicalJson, nullable=True),  # the judge's counts; null where it has no judgement
)

reviews: Final = Table(
    "reviews",
    metadata,
    _count("id", key=True),  # append-only: of one reader's reviews of an item, the last counts
    _text("sample"),
    _count("item"),
    _text("reader"),  # a keyed hash
    _text("verdict"),  # yes | no | skip: a clinically significant fabrication
    Column("kinds", CanonicalJson, nullable=False),  # error kind -> agree | disagree | yes | no
    _text("significance", null=True),
    _text("note"),
    _moment("at"),
    _text("actor"),
    ForeignKeyConstraint(["sample", "item"], ["review_items.sample", "review_items.number"]),
    Index(None, "sample", "item", "reader"),
)

journal: Final = Table(
    "journal",
    metadata,
    _count("seq", key=True),
    _text("at"),  # text, because it is hashed as it is written
    _text("actor"),
    _text("action"),
    _text("table_name"),
    _text("record"),
    _text("previous"),
    _text("hash"),
)

#: The newest entry of the journal, in one row: locking it makes writers take turns on every database.
chain_head: Final = Table(
    "chain_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _count("seq"),
    _text("hash"),
)

#: Which scheduler may act now, and until when: renewed every few seconds and of no interest afterwards, so that
#: the journal does not keep it.
clock_lease: Final = Table(
    "clock_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _text("holder"),
    _moment("until"),
)

#: The tables that the journal does not tell of, or that make it up.
_OTHERS: Final = ("journal", "chain_head", "clock_lease")

#: The tables that are projections of the journal, by name, in an order that foreign keys allow.
PROJECTIONS: Final[dict[str, Table]] = {
    table.name: table for table in metadata.sorted_tables if table.name not in _OTHERS
}

#: The primary-key columns of every projection.
KEYS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(column.name for column in table.primary_key) for name, table in PROJECTIONS.items()
}
