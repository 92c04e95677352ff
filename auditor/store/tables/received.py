"""What was set up and received: systems and their settings, files, segments of the lake, rows refused."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, UniqueConstraint

from auditor.store.tables.columns import (
    CanonicalJson,
    count_column,
    metadata,
    moment_column,
    system_column,
    text_column,
)

systems: Final = Table("systems", metadata, text_column("name", key=True), moment_column("created_at"))

configs: Final = Table(
    "configs",
    metadata,
    text_column("id", key=True),  # sha256 of the canonical settings
    system_column(),
    Column("seq", BigInteger, nullable=False, unique=True),
    text_column("yaml"),
    moment_column("applied_at"),
    text_column("actor"),
    text_column("reason"),
)

versions: Final = Table(
    "versions", metadata, system_column(key=True), text_column("version", key=True), moment_column("first_seen_at")
)

files: Final = Table(
    "files",
    metadata,
    text_column("id", key=True),
    system_column(),
    text_column("kind"),
    text_column("sha256"),
    text_column("path"),
    count_column("bytes"),
    text_column("mapping_sha"),
    text_column("status"),
    count_column("rows"),
    count_column("accepted"),
    count_column("duplicates"),
    count_column("quarantined"),
    moment_column("received_at"),
    Index(None, "system", "kind", "sha256"),
)

segments: Final = Table(
    "segments",
    metadata,
    count_column("seq", key=True),  # not the sha256: two systems may receive the same rows
    text_column("sha256"),
    text_column("kind"),  # outputs | references | cases | judgements | tallies
    system_column(),
    count_column("rows"),
    count_column("bytes"),
    moment_column("received_at"),
    text_column("file_id", ForeignKey("files.id"), null=True),
    UniqueConstraint("system", "kind", "sha256"),
)

quarantine: Final = Table(
    "quarantine",
    metadata,
    count_column("id", key=True),
    system_column(),
    text_column("kind"),
    text_column("file_id", ForeignKey("files.id")),
    count_column("row_number"),
    text_column("field", null=True),
    text_column("reason"),
    Column("record", CanonicalJson, nullable=True),  # identifiers replaced
    text_column("status"),  # open | retried | resolved
    moment_column("received_at"),
    Index(None, "system", "status"),
)

artifacts: Final = Table(
    "artifacts",
    metadata,
    text_column("key", key=True),
    text_column("kind"),
    system_column(),
    text_column("segment", null=True),  # the sha256 of a segment, or
    Column("value", CanonicalJson, nullable=True),  # something small, kept here
    moment_column("created_at"),
)
