"""The journal, its head, and what is not journalled."""

from typing import Final

from sqlalchemy import Column, Index, Integer, Table

from auditor.store.tables.columns import count_column, metadata, moment_column, text_column

journal: Final = Table(
    "journal",
    metadata,
    count_column("seq", key=True),
    text_column("at"),  # text, because it is hashed as it is written
    text_column("actor"),
    text_column("action"),
    text_column("table_name"),
    text_column("record"),
    text_column("previous"),
    text_column("hash"),
    Index(None, "table_name", "seq"),
    Index(None, "actor", "seq"),
)

#: The newest entry of the journal, in one row: locking it makes writers take turns on every database.
chain_head: Final = Table(
    "chain_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    count_column("seq"),
    text_column("hash"),
)

#: Which scheduler may act now, and until when: renewed every few seconds and of no interest afterwards, so that
#: the journal does not keep it.
clock_lease: Final = Table(
    "clock_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    text_column("holder"),
    moment_column("until"),
)
