"""The clock's schedules and runs, the life of alerts, notices, incidents, and thresholds in every version."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def _text(name: str, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=null)


def _count(name: str, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=null)


def _moment(name: str, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, MOMENT, nullable=null)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _refers(table: str, column: str, other: str, key: str = "id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.{key}"], name=op.f(f"fk_{table}_{column}_{other}"))


def _of_system(table: str) -> sa.ForeignKeyConstraint:
    return _refers(table, "system", "systems", "name")


def upgrade() -> None:
    _clock()
    _incidents()
    _alerts()
    _notices()
    _thresholds()


def _clock() -> None:
    op.create_table(
        "schedules",
        *(_text(name) for name in ("id", "system", "name", "job", "cron", "timezone", "late")),
        *(_count(name) for name in ("grace_minutes", "timeout_minutes", "retries", "backoff_minutes")),
        _text("options"),
        _moment("valid_from"),
        sa.Column("active", sa.Boolean(), nullable=False),
        _of_system("schedules"),
        _key("schedules", "id"),
    )
    op.create_table(
        "job_runs",
        *(_text(name) for name in ("id", "schedule", "system", "job")),
        _moment("fire_at"),
        _text("status"),
        _count("attempt"),
        _moment("not_before"),
        _moment("started_at", null=True),
        _moment("finished_at", null=True),
        _text("holder", null=True),
        _text("note"),
        _refers("job_runs", "schedule", "schedules"),
        _of_system("job_runs"),
        _key("job_runs", "id"),
        sa.UniqueConstraint("schedule", "fire_at", name=op.f("uq_job_runs_schedule_fire_at")),
    )
    op.create_index(op.f("ix_job_runs_status"), "job_runs", ["status"], unique=False)
    op.create_table(
        "clock_lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        _text("holder"),
        _moment("until"),
        _key("clock_lease", "id"),
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        _text("id"),
        _count("seq"),
        *(_text(name) for name in ("system", "title", "status")),
        *(_text(name, null=True) for name in ("decision", "owner")),
        sa.Column("due", sa.Date(), nullable=True),
        _text("follow_up", null=True),
        _moment("opened_at"),
        *(_text(name) for name in ("actor", "note")),
        _of_system("incidents"),
        _refers("incidents", "follow_up", "audits"),
        _key("incidents", "id"),
        sa.UniqueConstraint("seq", name=op.f("uq_incidents_seq")),
    )


def _alerts() -> None:
    """Make both tables again: an alert of a job has no audit, and SQLite cannot change a column's rule."""
    connection = op.get_bind()
    old: dict[str, list[dict[str, Any]]] = {}
    for name in ("alert_events", "alerts"):  # the one that refers to the other goes first
        rows = connection.execute(sa.text(f"SELECT * FROM {name}")).mappings()  # noqa: S608 - two constants
        old[name] = [dict(row) for row in rows]
        op.drop_table(name)
    about = ("measure", "task", "item", "slice", "contrast", "version", "status", "reason")
    alerts = op.create_table(
        "alerts",
        *(_text(name) for name in ("id", "system")),
        _text("audit", null=True),
        *(_text(name) for name in about),
        _moment("opened_at"),
        *(_text(name, null=True) for name in ("severity", "root", "cause", "members")),
        _moment("seen_at", null=True),
        _count("quiet", null=True),
        _text("owner", null=True),
        _moment("due_at", null=True),
        _text("outcome", null=True),
        _moment("escalated_at", null=True),
        _text("incident", null=True),
        _refers("alerts", "audit", "audits"),
        _of_system("alerts"),
        _refers("alerts", "incident", "incidents"),
        _key("alerts", "id"),
    )
    op.create_index(op.f("ix_alerts_system_status"), "alerts", ["system", "status"], unique=False)
    events = op.create_table(
        "alert_events",
        _count("id"),
        *(_text(name) for name in ("alert", "event")),
        _moment("at"),
        *(_text(name) for name in ("actor", "note")),
        _refers("alert_events", "alert", "alerts"),
        _key("alert_events", "id"),
    )
    op.create_index(op.f("ix_alert_events_alert"), "alert_events", ["alert"], unique=False)
    for table, name in ((alerts, "alerts"), (events, "alert_events")):
        if old[name]:
            # as text: the moments were read as this database keeps them
            plain = sa.table(name, *(sa.column(column.name) for column in table.columns))
            connection.execute(sa.insert(plain), old[name])


def _notices() -> None:
    op.create_table(
        "notices",
        _count("id"),
        *(_text(name) for name in ("system", "channel", "kind")),
        _text("alert", null=True),
        *(_text(name) for name in ("subject", "body", "status")),
        _count("attempts"),
        _moment("not_before"),
        _text("last_error", null=True),
        _moment("created_at"),
        _moment("sent_at", null=True),
        _of_system("notices"),
        _refers("notices", "alert", "alerts"),
        _key("notices", "id"),
    )
    op.create_index(op.f("ix_notices_status"), "notices", ["status"], unique=False)


def _thresholds() -> None:
    op.create_table(
        "thresholds",
        _text("id"),
        _count("seq"),
        *(_text(name) for name in ("system", "config", "name")),
        _count("version"),
        *(_text(name) for name in ("tier", "content", "reason")),
        sa.Column("after_seeing", sa.Boolean(), nullable=False),
        _text("actor"),
        _moment("valid_from"),
        _moment("retired_at", null=True),
        _of_system("thresholds"),
        _refers("thresholds", "config", "configs"),
        _key("thresholds", "id"),
        sa.UniqueConstraint("seq", name=op.f("uq_thresholds_seq")),
    )
    op.create_index(op.f("ix_thresholds_system_name"), "thresholds", ["system", "name"], unique=False)
