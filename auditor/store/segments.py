"""Which segments the ledger knows: what was received or made, by whom, when, in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, RowMapping, Select, func, select

from auditor.store.errors import StaleError, StoreError
from auditor.store.lake import Segment
from auditor.store.ledger import Transaction
from auditor.store.tables import segments as table

#: Which rows stand for a segment of the lake. A segment that an erasure retired keeps its row, with nothing in it:
#: no Parquet file has no bytes, so its size says so, and the journal says since when and why.
LIVE: Final[ColumnElement[bool]] = table.c.bytes > 0


class Readable(Protocol):
    """A ledger, or a transaction of it."""

    def read(self, query: Select[Any]) -> list[RowMapping]: ...


@dataclass(frozen=True, slots=True)
class Registered:
    """A segment as the ledger knows it."""

    seq: int
    sha256: str
    kind: str
    system: str
    rows: int
    bytes: int
    received_at: datetime
    file_id: str | None


def last_seq(source: Readable, system: str | None = None, kind: str | None = None) -> int:
    """The number of the newest registered segment, of one system and kind if asked; 0 where there is none."""
    query = select(func.coalesce(func.max(table.c.seq), 0).label("last"))
    if system is not None:
        query = query.where(table.c.system == system)
    if kind is not None:
        query = query.where(table.c.kind == kind)
    return int(source.read(query)[0]["last"])


def retired(source: Readable) -> frozenset[str]:
    """The segments that an erasure took out of the lake: their sha256, where no system holds them any more.

    Each stands as [sha256, null] in the `replaced` of an erasure. One that is made again, byte for byte, is part
    of the lake again and not named here.
    """
    rows = source.read(select(table.c.sha256, table.c.bytes))
    live = {row["sha256"] for row in rows if row["bytes"]}
    return frozenset(row["sha256"] for row in rows if row["sha256"] not in live)


def segments_of(
    source: Readable, system: str, kind: str, as_of: datetime | None = None, pin: int | None = None
) -> list[Registered]:
    """The segments of one system and kind in the order of their registration.

    `as_of` keeps those received by then, `pin` those up to that number: together, what an audit sees. Retired
    ones are left out.
    """
    query = select(table).where(table.c.system == system, table.c.kind == kind, LIVE).order_by(table.c.seq)
    if as_of is not None:
        query = query.where(table.c.received_at <= as_of)
    if pin is not None:
        query = query.where(table.c.seq <= pin)
    return [Registered(**row) for row in source.read(query)]


def register_segments(
    tx: Transaction,
    new: Sequence[Segment],
    system: str,
    file_id: str | None = None,
    expected_last_seq: int | None = None,
) -> int:
    """Make segments of one kind part of the record; returns the newest number of that system and kind.

    What is registered already stays as it is; what an erasure retired and is made again counts from now on.
    Raises StaleError where `expected_last_seq` is given and
    another writer has registered segments of this system and kind since.
    """
    kinds = {segment.kind for segment in new}
    if len(kinds) != 1:
        raise StoreError("Register segments of one kind at a time, and at least one.")
    (kind,) = kinds
    last = last_seq(tx, system, kind)
    if expected_last_seq is not None and last != expected_last_seq:
        raise StaleError(f"Another process registered {kind} of {system} meanwhile; load the index again.")
    fresh = {segment.sha256: segment for segment in new}
    known = select(table).where(table.c.system == system, table.c.kind == kind)
    for row in tx.read(known.where(table.c.sha256.in_(sorted(fresh)))):
        again = fresh.pop(row["sha256"])
        if not row["bytes"]:
            held = {"rows": again.rows, "bytes": again.bytes, "received_at": tx.at, "file_id": file_id}
            tx.update(table, row["seq"], held)
    first = tx.next(table)
    rows = [
        {
            "seq": first + offset,
            "sha256": segment.sha256,
            "kind": kind,
            "system": system,
            "rows": segment.rows,
            "bytes": segment.bytes,
            "received_at": tx.at,
            "file_id": file_id,
        }
        for offset, segment in enumerate(fresh.values())
    ]
    tx.insert(table, rows)
    return first + len(rows) - 1 if rows else last
