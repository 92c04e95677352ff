"""Is the record as it was written? The chain, the tables against it, and the lake's bytes against the ledger.

Protection is by detection: whoever holds the database can change it, but not without this naming the place.
Only a change that rewrites the whole journal from some entry on, hashes included, passes here; the heads
printed in earlier reports show that one.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, select
from sqlalchemy.exc import DBAPIError

from auditor.store.chain import GENESIS, Entry, canonical, first_break, fold
from auditor.store.errors import StoreError
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, journal_of
from auditor.store.rows import record_of
from auditor.store.segments import LIVE
from auditor.store.tables import KEYS, PROJECTIONS, chain_head, segments

_UNREADABLE = (ValueError, TypeError, DBAPIError)  # what a value that is not of its type can raise


@dataclass(frozen=True, slots=True)
class Problem:
    """One place where the record is not what was written."""

    kind: str  # journal | head | table | segment
    place: str  # a journal number, "table key", or a segment's sha256
    sentence: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, what is wrong, and what lies about unregistered."""

    problems: tuple[Problem, ...]
    rubbish: tuple[str, ...]  # files of the lake that no segment names; harmless, may be deleted
    entries: int
    rows: int
    segments: int
    head: tuple[int, str]

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def first(self) -> Problem | None:
        return self.problems[0] if self.problems else None


def verify(ledger: Ledger, lake: Lake) -> Verification:
    """Recompute the chain, compare every table with the journal and every segment with its registration.

    Names the first break of the journal, the first difference of each table and every bad segment. A segment
    that an erasure retired is not looked for; where its file still lies there, it is rubbish. Costs one reading
    of the whole ledger and lake; others may write meanwhile.
    """
    files = lake.list()  # before the ledger: what is registered in between is then no rubbish
    with ledger.snapshot() as connection:
        chained = list(journal_of(connection))
        problems = _chain_problems(connection, chained)
        rows, differences = _table_problems(connection, [entry for entry, _, _ in chained])
        registered = [
            (str(row.sha256), row.rows, row.bytes)
            for row in connection.execute(
                select(segments.c.sha256, segments.c.rows, segments.c.bytes).where(LIVE).order_by(segments.c.seq)
            )
        ]
    problems += differences
    bad = [p for found in dict.fromkeys(registered) for p in _segment_problems(lake, *found)]
    if bad:  # what an erasure replaced while this was reading is missing by right
        live = {row["sha256"] for row in ledger.read(select(segments.c.sha256).where(LIVE))}
        problems += [problem for problem in bad if problem.place in live]
    names = {lake.name(sha256) for sha256, _, _ in registered}
    seq, head = (chained[-1][0].seq, chained[-1][2]) if chained else (0, GENESIS)
    return Verification(
        problems=tuple(problems),
        rubbish=tuple(sorted(files - names)),
        entries=len(chained),
        rows=rows,
        segments=len(registered),
        head=(seq, head),
    )


def _chain_problems(connection: Connection, chained: list[tuple[Entry, str, str]]) -> list[Problem]:
    problems = []
    if (broken := first_break(chained)) is not None:
        problems.append(Problem("journal", str(broken[0]), broken[1]))
    heads = [(row.seq, row.hash) for row in connection.execute(select(chain_head))]
    newest = (chained[-1][0].seq, chained[-1][2]) if chained else (0, GENESIS)
    if heads != [newest]:
        sentence = f"The journal ends at entry {newest[0]}, but its recorded head is another: "
        sentence += "entries were removed from its end or added to it, or the head was changed."
        problems.append(Problem("head", str(newest[0]), sentence))
    return problems


def _table_problems(connection: Connection, entries: Iterable[Entry]) -> tuple[int, list[Problem]]:
    """How many rows the tables hold, and the first difference of each from the journal."""
    try:
        written = fold(entries, KEYS)
    except StoreError as error:
        return 0, [Problem("journal", "rows", str(error))]
    count, problems = 0, []
    for name, table in PROJECTIONS.items():
        stored = _stored(connection, table)
        count += len(stored)
        expected = written[name]
        for key in [*expected, *(key for key in stored if key not in expected)]:
            if (sentence := _difference(table, expected.get(key), stored.get(key))) is not None:
                place = f"{name} {'/'.join(map(str, key))}"
                problems.append(Problem("table", place, f"Table {name}, row {key}: {sentence}"))
                break
    return count, problems


def _difference(table: Table, written: str | None, stored: str | None) -> str | None:
    if stored == written or (written is not None and stored == _completed(table, written)):
        return None
    if stored is None:
        return "the journal has it, the table does not."
    return "no journal entry made it." if written is None else "it differs from what the journal says."


def _completed(table: Table, written: str) -> str:
    """A row of the journal with the columns that a later revision gave its table: they are null in it."""
    return canonical({**dict.fromkeys(column.name for column in table.columns), **json.loads(written)})


def _stored(connection: Connection, table: Table) -> dict[tuple[Any, ...], str]:
    """Each row of a table as key → canonical JSON."""
    try:
        return dict(_keyed(table, row) for row in connection.execute(select(table)).mappings())
    except _UNREADABLE:
        return _stored_singly(connection, table)


def _stored_singly(connection: Connection, table: Table) -> dict[tuple[Any, ...], str]:
    """As `_stored`, where some value is not of its column's type: that row's text is "unreadable"."""
    columns = list(table.primary_key)
    stored: dict[tuple[Any, ...], str] = {}
    for key in connection.execute(select(*columns)).all():
        here = [column == value for column, value in zip(columns, key, strict=True)]
        stored[tuple(key)] = "unreadable"
        with suppress(*_UNREADABLE):
            stored.update([_keyed(table, connection.execute(select(table).where(*here)).mappings().one())])
    return stored


def _keyed(table: Table, row: RowMapping) -> tuple[tuple[Any, ...], str]:
    values = {str(name): value for name, value in row.items()}
    return tuple(values[column] for column in KEYS[table.name]), record_of(values)


def _segment_problems(lake: Lake, sha256: str, rows: int, size: int) -> list[Problem]:
    """What is wrong with one registered segment: missing, damaged, or not as large as registered."""
    try:
        found, held = lake.sha256(sha256)
        if found != sha256:
            raise StoreError(f"Segment {sha256} was changed: its bytes do not give its name.")
        if held != size or lake.rows(sha256) != rows:
            raise StoreError(f"Segment {sha256} holds other rows or bytes than the ledger registered.")
    except StoreError as error:
        return [Problem("segment", sha256, str(error))]
    return []
