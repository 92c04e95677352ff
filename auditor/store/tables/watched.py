"""What is to happen when, and what people must answer: schedules, rules, alerts, incidents, notices."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Date, ForeignKey, Index, Table, UniqueConstraint

from auditor.store.tables.columns import (
    CanonicalJson,
    count_column,
    metadata,
    moment_column,
    system_column,
    text_column,
)

incidents: Final = Table(
    "incidents",
    metadata,
    text_column("id", key=True),
    Column("seq", BigInteger, nullable=False, unique=True),
    system_column(),
    text_column("title"),
    text_column("status"),  # open | closed
    text_column("decision", null=True),  # continue | restrict | pause | re-validate
    text_column("owner", null=True),
    Column("due", Date, nullable=True),
    text_column("follow_up", ForeignKey("audits.id"), null=True),  # the audit that showed how it ended
    moment_column("opened_at"),
    text_column("actor"),
    text_column("note"),
)

# columns that came with revision 0003 are null in alerts that were opened before
alerts: Final = Table(
    "alerts",
    metadata,
    text_column("id", key=True),
    system_column(),
    text_column("audit", ForeignKey("audits.id"), null=True),  # null: a job opened it, no audit
    *(
        text_column(name)
        for name in ("measure", "task", "item", "slice", "contrast", "version", "status", "reason")
    ),
    moment_column("opened_at"),
    text_column("severity", null=True),  # watch | act | stale | failed
    text_column("root", null=True),  # what alerts are told apart by: all that has one root is one alert
    text_column("cause", null=True),  # what most likely stands behind it, in a sentence
    Column("members", CanonicalJson, nullable=True),  # the verdicts that it stands for, gravest first
    moment_column("seen_at", null=True),  # the last time that the trouble was there
    count_column("quiet", null=True),  # audits in a row without it
    text_column("owner", null=True),
    moment_column("due_at", null=True),  # to be acknowledged by then
    text_column("outcome", null=True),  # true alarm | false alarm
    moment_column("escalated_at", null=True),
    text_column("incident", ForeignKey("incidents.id"), null=True),
    Index(None, "system", "status"),
)

alert_events: Final = Table(
    "alert_events",
    metadata,
    count_column("id", key=True),
    text_column("alert", ForeignKey("alerts.id")),
    text_column("event"),
    moment_column("at"),
    text_column("actor"),
    text_column("note"),
    Index(None, "alert"),
)

schedules: Final = Table(
    "schedules",
    metadata,
    text_column("id", key=True),  # system/name
    system_column(),
    *(text_column(name) for name in ("name", "job", "cron", "timezone", "late")),
    *(count_column(name) for name in ("grace_minutes", "timeout_minutes", "retries", "backoff_minutes")),
    Column("options", CanonicalJson, nullable=False),
    moment_column("valid_from"),
    Column("active", Boolean, nullable=False),
)

job_runs: Final = Table(
    "job_runs",
    metadata,
    text_column("id", key=True),
    text_column("schedule", ForeignKey("schedules.id")),
    system_column(),
    text_column("job"),
    moment_column("fire_at"),
    text_column("status"),  # waiting | running | done | failed | skipped
    count_column("attempt"),
    moment_column("not_before"),
    moment_column("started_at", null=True),
    moment_column("finished_at", null=True),
    text_column("holder", null=True),  # the scheduler that runs it
    text_column("note"),
    UniqueConstraint("schedule", "fire_at"),
    Index(None, "status"),
    Index(None, "fire_at", "id"),
)

notices: Final = Table(
    "notices",
    metadata,
    count_column("id", key=True),
    system_column(),
    text_column("channel"),
    text_column("kind"),  # alert | digest | escalation
    text_column("alert", ForeignKey("alerts.id"), null=True),
    text_column("subject"),
    text_column("body"),
    text_column("status"),  # pending | sent | given up | withdrawn
    count_column("attempts"),
    moment_column("not_before"),
    text_column("last_error", null=True),
    moment_column("created_at"),
    moment_column("sent_at", null=True),
    Index(None, "status"),
)

thresholds: Final = Table(
    "thresholds",
    metadata,
    text_column("id", key=True),  # system/name/version
    Column("seq", BigInteger, nullable=False, unique=True),
    system_column(),
    text_column("config", ForeignKey("configs.id")),
    text_column("name"),  # what it is about; one rule in force a name
    count_column("version"),
    text_column("tier"),  # stop | watch | explore
    Column("content", CanonicalJson, nullable=False),
    text_column("reason"),
    Column("after_seeing", Boolean, nullable=False),  # audits of this rule's data had been made by then
    text_column("actor"),
    moment_column("valid_from"),
    moment_column("retired_at", null=True),
    Index(None, "system", "name"),
)
