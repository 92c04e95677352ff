"""Reports as issued, people and their sign-offs, signing keys, legal holds and erasures."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def _text(name: str, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=null)


def _count(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _moment(name: str, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, MOMENT, nullable=null)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _refers(table: str, column: str, other: str, key: str = "id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.{key}"], name=op.f(f"fk_{table}_{column}_{other}"))


def upgrade() -> None:
    _people()
    _reports()
    _erasures()


def _people() -> None:
    op.create_table(
        "users",
        *(_text(name) for name in ("name", "full_name", "roles")),
        sa.Column("active", sa.Boolean(), nullable=False),
        _text("credential"),
        _count("failures"),
        _moment("changed_at"),
        _text("actor"),
        _key("users", "name"),
    )
    op.create_table("credentials", _text("user"), _text("hash"), _key("credentials", "user"))
    op.create_table(
        "signing_keys",
        *(_text(name) for name in ("id", "public")),
        _moment("made_at"),
        _text("actor"),
        _key("signing_keys", "id"),
    )


def _reports() -> None:
    op.create_table(
        "reports",
        _text("id"),
        _count("seq"),
        _text("kind"),
        *(_text(name, null=True) for name in ("system", "audit")),
        *(_text(name) for name in ("segment", "files", "code")),
        _moment("at"),
        _text("actor"),
        _text("replaces", null=True),
        _refers("reports", "system", "systems", "name"),
        _refers("reports", "audit", "audits"),
        _refers("reports", "replaces", "reports"),
        _key("reports", "id"),
        sa.UniqueConstraint("seq", name=op.f("uq_reports_seq")),
    )
    op.create_table(
        "signatures",
        _count("id"),
        *(_text(name) for name in ("report", "user", "full_name", "meaning")),
        _text("decision", null=True),
        _text("note"),
        _moment("at"),
        *(_text(name) for name in ("statement", "key", "signature")),
        _refers("signatures", "report", "reports"),
        _refers("signatures", "user", "users", "name"),
        _refers("signatures", "key", "signing_keys"),
        _key("signatures", "id"),
    )


def _erasures() -> None:
    op.create_table(
        "holds",
        _count("id"),
        _text("system"),
        _text("subject", null=True),
        _text("reason"),
        _moment("placed_at"),
        _text("actor"),
        _moment("lifted_at", null=True),
        _text("lifted_by", null=True),
        _refers("holds", "system", "systems", "name"),
        _key("holds", "id"),
    )
    op.create_table(
        "erasures",
        _count("id"),
        *(_text(name) for name in ("system", "kind")),
        _text("subject", null=True),
        *(_text(name) for name in ("reason", "rows", "replaced")),
        _moment("at"),
        _text("actor"),
        _refers("erasures", "system", "systems", "name"),
        _key("erasures", "id"),
    )
