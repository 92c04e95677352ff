"""What radiologists were asked and what they answered."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Date, Float, ForeignKey, ForeignKeyConstraint, Index, Table

from auditor.store.tables.columns import (
    CanonicalJson,
    audit_column,
    count_column,
    metadata,
    moment_column,
    system_column,
    text_column,
)

review_samples: Final = Table(
    "review_samples",
    metadata,
    text_column("id", key=True),  # follows from all that the sample was drawn from
    Column("seq", BigInteger, nullable=False, unique=True),
    system_column(),
    audit_column(),
    *(text_column(name) for name in ("task", "version", "judge")),  # the judge's whole digest
    Column("window_start", Date, nullable=True),
    Column("window_end", Date, nullable=True),
    moment_column("as_of"),
    Column("blinded", Boolean, nullable=False),
    count_column("seed"),
    Column("frame", CanonicalJson, nullable=False),  # the strata of the window, and how its reports cluster
    moment_column("drawn_at"),
    text_column("actor"),
)

review_items: Final = Table(
    "review_items",
    metadata,
    text_column("sample", ForeignKey("review_samples.id"), key=True),
    count_column("number", key=True),
    *(text_column(name) for name in ("output_id", "subject_id", "stratum")),
    Column("probability", Float(53), nullable=False),
    Column("weight", Float(53), nullable=False),
    Column("found", CanonicalJson, nullable=True),  # the judge's counts; null where it has no judgement
)

reviews: Final = Table(
    "reviews",
    metadata,
    count_column("id", key=True),  # append-only: of one reader's reviews of an item, the last counts
    text_column("sample"),
    count_column("item"),
    text_column("reader"),  # a keyed hash
    text_column("verdict"),  # yes | no | skip: a clinically significant fabrication
    Column("kinds", CanonicalJson, nullable=False),  # error kind -> agree | disagree | yes | no
    text_column("significance", null=True),
    text_column("note"),
    moment_column("at"),
    text_column("actor"),
    ForeignKeyConstraint(["sample", "item"], ["review_items.sample", "review_items.number"]),
    Index(None, "sample", "item", "reader"),
)
