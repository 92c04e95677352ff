"""What stands behind a signature: reports as issued, people, sign-offs, signing keys, holds, erasures."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Table

from auditor.store.tables.columns import (
    CanonicalJson,
    count_column,
    metadata,
    moment_column,
    system_column,
    text_column,
)

reports: Final = Table(
    "reports",
    metadata,
    text_column("id", key=True),
    Column("seq", BigInteger, nullable=False, unique=True),
    text_column("kind"),  # weekly | fleet
    text_column("system", ForeignKey("systems.name"), null=True),  # null: of the fleet
    text_column("audit", ForeignKey("audits.id"), null=True),
    text_column("segment"),  # sha256 of the segment that holds its files as they were issued
    Column("files", CanonicalJson, nullable=False),  # name -> sha256
    text_column("code"),
    moment_column("at"),
    text_column("actor"),
    text_column("replaces", ForeignKey("reports.id"), null=True),  # the version before it
)

users: Final = Table(
    "users",
    metadata,
    text_column("name", key=True),
    text_column("full_name"),
    Column("roles", CanonicalJson, nullable=False),
    Column("active", Boolean, nullable=False),
    text_column("credential"),  # sha256 of the password's hash, so that an exchanged one is seen
    count_column("failures"),  # wrong passwords in a row
    moment_column("changed_at"),
    text_column("actor"),
)

signatures: Final = Table(
    "signatures",
    metadata,
    count_column("id", key=True),
    text_column("report", ForeignKey("reports.id")),
    text_column("user", ForeignKey("users.name")),
    text_column("full_name"),  # as it was when signing
    text_column("meaning"),
    text_column("decision", null=True),  # continue | restrict | pause | re-validate
    text_column("note"),
    moment_column("at"),
    text_column("statement"),  # the text that was signed; names the report's hash
    text_column("key", ForeignKey("signing_keys.id")),
    text_column("signature"),  # Ed25519 over the statement, hex
)

signing_keys: Final = Table(
    "signing_keys",
    metadata,
    text_column("id", key=True),  # fingerprint
    text_column("public"),  # 32 bytes, hex
    moment_column("made_at"),
    text_column("actor"),
)

holds: Final = Table(
    "holds",
    metadata,
    count_column("id", key=True),
    system_column(),
    text_column("subject", null=True),  # a keyed hash; null: the whole system
    text_column("reason"),
    moment_column("placed_at"),
    text_column("actor"),
    moment_column("lifted_at", null=True),
    text_column("lifted_by", null=True),
)

erasures: Final = Table(
    "erasures",
    metadata,
    count_column("id", key=True),
    system_column(),
    text_column("kind"),  # request | retention
    text_column("subject", null=True),  # a keyed hash; null where retention ended
    text_column("reason"),
    Column("rows", CanonicalJson, nullable=False),  # kind of record -> rows erased
    Column("replaced", CanonicalJson, nullable=False),  # [old sha256, new sha256 or null where retired]
    moment_column("at"),
    text_column("actor"),
)

#: What a password becomes: of no interest to an inspector and a danger in an extract, so the journal keeps only
#: its digest (`users.credential`).
credentials: Final = Table(
    "credentials",
    metadata,
    text_column("user", key=True),
    text_column("hash"),  # Argon2id
)
