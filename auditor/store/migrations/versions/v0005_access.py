"""Logins, sessions and tokens of the dashboard, looks at cases, and indexes for what it pages through."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=False)


def _count(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _moment(name: str, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, MOMENT, nullable=null)


def _key(table: str, column: str = "id") -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(column, name=op.f(f"pk_{table}"))


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.name"], name=op.f(f"fk_{table}_{column}_{other}"))


def upgrade() -> None:
    op.create_table(
        "logins", _count("id"), _text("user"), _text("method"), _moment("at"), _refers("logins", "user", "users"),
        _key("logins"),
    )  # fmt: skip
    op.create_table(
        "tokens",
        _count("id"),
        *(_text(name) for name in ("user", "name", "digest", "scopes")),
        _moment("made_at"),
        _moment("ends_at"),
        _moment("revoked_at", null=True),
        _text("actor"),
        _refers("tokens", "user", "users"),
        _key("tokens"),
    )
    op.create_index(op.f("ix_tokens_digest"), "tokens", ["digest"], unique=True)
    op.create_table(
        "case_views",
        _count("id"),
        *(_text(name) for name in ("user", "system", "case_id", "what")),
        _moment("at"),
        _refers("case_views", "system", "systems"),
        _key("case_views"),
    )
    op.create_index(op.f("ix_case_views_user_case_id_what"), "case_views", ["user", "case_id", "what"])
    op.create_table(
        "sessions",
        *(_text(name) for name in ("digest", "user", "method")),
        _moment("made_at"),
        _moment("seen_at"),
        _refers("sessions", "user", "users"),
        _key("sessions", "digest"),
    )
    op.create_index(op.f("ix_sessions_user"), "sessions", ["user"])
    op.create_index(op.f("ix_journal_table_name_seq"), "journal", ["table_name", "seq"])
    op.create_index(op.f("ix_journal_actor_seq"), "journal", ["actor", "seq"])
    op.create_index(op.f("ix_job_runs_fire_at_id"), "job_runs", ["fire_at", "id"])
