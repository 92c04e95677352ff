"""Searching the journal: newest entries first, a page at a time, however long it has become.

What an index answers (the number, the table, the actor) is asked of the whole journal. A time or words in a
record are looked for among so many entries at a time; who searches is told how far that reached and goes on.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from auditor.store import tables as t
from auditor.store.chain import Entry, stamp
from auditor.store.errors import StoreError
from auditor.store.ledger import Ledger

#: Entries whose words are looked at for one page: about a quarter of a second of work.
EXAMINED: Final = 50_000
PAGE: Final = 50
_LARGEST: Final = 2**63 - 1

#: Tables that tell about people and what they looked at.
ABOUT_PEOPLE: Final = ("users", "logins", "tokens", "case_views")

#: Where words of reports can stand: in what reviewers note down, and in two details of an audit if `exemplars` in
#: audit.yaml lets it quote. A record is canonical JSON, so that its kind stands before the words.
_NOTED: Final = ("reviews",)
_QUOTING: Final = ("exemplars", "templates")
ACTIONS: Final = ("insert", "update")


class SearchError(ValueError):
    """One clear sentence about a search that cannot be made."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for; what is empty does not matter. `before` is the entry from which the page goes down."""

    table: str = ""
    actor: str = ""
    action: str = ""
    words: str = ""
    since: datetime | None = None
    until: datetime | None = None  # not included
    before: int | None = None

    @property
    def looks_inside(self) -> bool:
        """Whether entries must be read to be told apart."""
        return bool(self.action or self.words or self.since or self.until)


@dataclass(frozen=True)
class Linked:
    """An entry with its two hashes. `quotes`: its record may hold words of a report."""

    entry: Entry
    previous: str
    hash: str
    quotes: bool

    @property
    def key(self) -> str:
        """The key of the row that was written."""
        try:
            record = json.loads(self.entry.record)
            return "/".join(str(record[name]) for name in t.KEYS[self.entry.table])
        except (ValueError, KeyError, TypeError):
            return ""


@dataclass(frozen=True)
class Page:
    """Entries, newest first. `older` is where the next page begins, None at the end of the journal.

    `reached` is the oldest entry that was looked at, where older ones were not looked at yet.
    """

    entries: tuple[Linked, ...]
    older: int | None
    reached: int | None = None


def search(ledger: Ledger, wanted: Wanted, *, people: bool, quotes: bool, size: int = PAGE) -> Page:
    """A page of what is wanted.

    Without `people`, entries about people are left out; without `quotes`, words are not looked for in records that
    may quote a report. Raises SearchError.
    """
    _check(wanted)
    candidates = sa.select(t.journal).where(*_indexed(wanted, people)).order_by(t.journal.c.seq.desc())
    with ledger.snapshot() as connection:
        if not wanted.looks_inside:
            return _page(_rows(connection, candidates.limit(size + 1)), size)
        near = candidates.limit(EXAMINED).subquery("near")
        inside = sa.select(near).where(*_inside(wanted, near.c, quotes)).order_by(near.c.seq.desc())
        found = _page(_rows(connection, inside.limit(size + 1)), size)
        if found.older is not None:
            return found
        seen = connection.execute(sa.select(sa.func.count(), sa.func.min(near.c.seq))).one()
        return found if seen[0] < EXAMINED else Page(found.entries, older=seen[1], reached=seen[1])


def entry_of(ledger: Ledger, number: int) -> Linked | None:
    """One entry; None where there is none."""
    if not 0 < number <= _LARGEST:
        return None
    with ledger.snapshot() as connection:
        found = _rows(connection, sa.select(t.journal).where(t.journal.c.seq == number))
    return found[0] if found else None


def _check(wanted: Wanted) -> None:
    if wanted.table and wanted.table not in t.PROJECTIONS:
        raise SearchError("The journal knows no such table; choose one of the list.")
    if wanted.action and wanted.action not in ACTIONS:
        raise SearchError("An entry's action is insert or update.")
    if "\x00" in wanted.actor:
        raise SearchError("A name holds no NUL character.")
    if wanted.before is not None and not 0 <= wanted.before <= _LARGEST:
        raise SearchError("An entry's number is a whole number above 0.")


def _indexed(wanted: Wanted, people: bool) -> list[sa.ColumnElement[bool]]:
    """What an index can answer."""
    journal = t.journal.c
    asked = [journal.table_name == wanted.table] if wanted.table else []
    asked += [journal.actor == wanted.actor] if wanted.actor else []
    asked += [journal.seq < wanted.before] if wanted.before is not None else []
    return asked if people else [*asked, journal.table_name.not_in(ABOUT_PEOPLE)]


def _inside(wanted: Wanted, columns: Any, quotes: bool) -> list[sa.ColumnElement[bool]]:
    """What must be read in each entry; times are text that sorts as they do."""
    asked = [columns.action == wanted.action] if wanted.action else []
    asked += [columns.at >= _stamp(wanted.since)] if wanted.since else []
    asked += [columns.at < _stamp(wanted.until)] if wanted.until else []
    if wanted.words:
        record = sa.func.lower(columns.record)
        asked.append(sa.or_(*(record.contains(one, autoescape=True) for one in _written(wanted.words))))
        if not quotes:
            asked.append(sa.not_(_may_quote(columns)))
    return asked


def _written(words: str) -> set[str]:
    """How words can stand in a record: as a value of JSON in ASCII, or as a piece of the JSON itself."""
    found = {json.dumps(words)[1:-1]} | ({words} if words.isascii() and words.isprintable() else set())
    return {one.lower() for one in found}


def _may_quote(columns: Any) -> sa.ColumnElement[bool]:
    kinds = [columns.record.contains(_kind(kind), autoescape=True) for kind in _QUOTING]
    return sa.or_(columns.table_name.in_(_NOTED), sa.and_(columns.table_name == "details", sa.or_(*kinds)))


def _kind(kind: str) -> str:
    return f'"kind":"{kind}"'


def _stamp(moment: datetime) -> str:
    try:
        return stamp(moment)
    except (StoreError, OverflowError):
        raise SearchError("A time to search by needs a zone and a year from 1 to 9999.") from None


def _rows(connection: Connection, query: sa.Select[Any]) -> list[Linked]:
    found = []
    for row in connection.execute(query).mappings():
        entry = Entry(row["seq"], row["at"], row["actor"], row["action"], row["table_name"], row["record"])
        quotes = entry.table in _NOTED or (
            entry.table == "details" and any(_kind(kind) in entry.record for kind in _QUOTING)
        )
        found.append(Linked(entry, row["previous"], row["hash"], quotes))
    return found


def _page(found: Sequence[Linked], size: int) -> Page:
    shown = tuple(found[:size])
    return Page(shown, older=shown[-1].entry.seq if len(found) > size else None)
