"""Who looked, and by which right: logins, sessions and API tokens of the dashboard, looks at cases."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Table

from auditor.store.tables.columns import (
    CanonicalJson,
    count_column,
    metadata,
    moment_column,
    system_column,
    text_column,
)

logins: Final = Table(
    "logins",
    metadata,
    count_column("id", key=True),
    text_column("user", ForeignKey("users.name")),
    text_column("method"),  # password | oidc
    moment_column("at"),
)

#: Keys for programs. The ledger holds a token's digest; the token itself is shown once.
tokens: Final = Table(
    "tokens",
    metadata,
    count_column("id", key=True),
    text_column("user", ForeignKey("users.name")),  # whose it is: it may no more than this person
    text_column("name"),
    text_column("digest"),
    Column("scopes", CanonicalJson, nullable=False),
    moment_column("made_at"),
    moment_column("ends_at"),
    moment_column("revoked_at", null=True),
    text_column("actor"),
    Index(None, "digest", unique=True),
)

case_views: Final = Table(
    "case_views",
    metadata,
    count_column("id", key=True),
    text_column("user"),
    system_column(),
    text_column("case_id"),  # a keyed hash
    text_column("what"),  # case | image | review
    moment_column("at"),
    Index(None, "user", "case_id", "what"),
)

#: Who is logged in now. A cookie holds the secret whose digest this is. It changes with every page and is of no
#: interest afterwards, so the journal keeps `logins` instead.
sessions: Final = Table(
    "sessions",
    metadata,
    text_column("digest", key=True),
    text_column("user", ForeignKey("users.name")),
    text_column("method"),
    moment_column("made_at"),
    moment_column("seen_at"),
    Index(None, "user"),
)
