"""Finding cases: filters, pages and neighbours, from the file that `build` made.

A list is walked by `place`, the number of a row in the order of gravity. A page is what comes after a place, or
before one, so an address leads to the same rows again, and every row stands on exactly one page.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from auditor.cases.errors import CasesError, NoSuchCaseError
from auditor.cases.order import KINDS, OUTCOMES, SIGNIFICANCE, place_of

#: What every audit can be filtered by; slices come as attributes.NAME.
FIELDS: Final = ("outcome", "significance", "code", "kind", "finding", "task", "version")

_EPOCH: Final = date(1970, 1, 1)
#: One more than any place; SQLite takes no larger number either.
_END: Final = 2**62
_MOST: Final = 200
_ORDERS: Final = {"significance": SIGNIFICANCE, "outcome": OUTCOMES, "kind": KINDS}
_COLUMNS: Final = (
    "rows.place, rows.code, rows.kind, rows.finding, rows.significance, rows.error, "
    "outputs.output_id, outputs.case_id, outputs.task, outputs.item, outputs.version, outputs.day, outputs.outcome"
)


@dataclass(frozen=True)
class Facet:
    """A value that one can filter by, and how many rows of the list have it."""

    value: str
    rows: int


@dataclass(frozen=True)
class Entry:
    """One row of the list: an error, or an output without one (`error` is then null)."""

    place: int
    output_id: str
    case_id: str
    task: str
    item: str
    version: str
    day: date | None
    outcome: str
    code: str
    kind: str
    finding: str
    significance: str
    error: int | None


@dataclass(frozen=True)
class Page:
    """Some rows of a filtered list, how many the list has, and how many come before the first of these."""

    entries: tuple[Entry, ...]
    total: int
    before: int

    @property
    def earlier(self) -> int | None:
        """The place before which the page before this one lies."""
        return self.entries[0].place if self.entries and self.before else None

    @property
    def later(self) -> int | None:
        """The place after which the next page lies."""
        left = self.total - self.before - len(self.entries)
        return self.entries[-1].place if self.entries and left else None


@dataclass(frozen=True)
class Around:
    """The neighbours of a place in a filtered list, and its number in it, counted from 1 (null: not in it)."""

    earlier: Entry | None
    later: Entry | None
    number: int | None
    total: int


@dataclass(frozen=True)
class Whereabouts:
    """What the index knows of one output, and in which segments its rows lie."""

    output_id: str
    case_id: str
    task: str
    item: str
    version: str
    day: date | None
    outcome: str
    output_segment: str
    case_segment: str | None
    reference_segments: tuple[str, ...]
    judgement_segment: str | None


class CaseIndex:
    """An index by its file. Opens nothing until it is asked, and nothing for longer than an answer takes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def facets(self) -> dict[str, list[Facet]]:
        """The values of every field that have rows: the frequent first, or in the order of gravity."""
        found: dict[str, list[Facet]] = {}
        with self._opened() as db:
            for field, value, rows in db.execute("SELECT field, value, rows FROM facets"):
                found.setdefault(field, []).append(Facet(value, rows))
        for field, facets in found.items():
            order = _ORDERS.get(field)
            if order:
                facets.sort(key=lambda one, order=order: (place_of(one.value, order), one.value))  # type: ignore[misc]
            elif field.startswith("attributes.") or field == "version":
                facets.sort(key=lambda one: one.value)
            else:
                facets.sort(key=lambda one: (-one.rows, one.value))
        return found

    def page(
        self,
        filters: Mapping[str, str],
        *,
        after: int | None = None,
        before: int | None = None,
        size: int = 50,
    ) -> Page:
        """The rows with all of these values that come after a place, or the last ones before a place."""
        size = max(1, min(size, _MOST))
        with self._opened() as db:
            places = self._places(db, filters)
            if before is not None:
                last = int(np.searchsorted(places, min(before, _END)))
                first = max(0, last - size)
            else:
                first = 0 if after is None else int(np.searchsorted(places, min(after, _END), side="right"))
                last = first + size
            entries = _entries(db, places[first:last].tolist())
        return Page(tuple(entries), len(places), first)

    def around(self, filters: Mapping[str, str], place: int) -> Around:
        """Where a place stands in the filtered list, and the nearest rows of other outputs."""
        with self._opened() as db:
            places = self._places(db, filters)
            here = _output_at(db, place)
            at = int(np.searchsorted(places, min(place, _END)))
            after = int(np.searchsorted(places, min(place, _END), side="right"))
            earlier = _first_other(db, here, places[:at][::-1])
            later = _first_other(db, here, places[after:])
        return Around(earlier, later, at + 1 if after > at else None, len(places))

    def first_place(self, output_id: str, filters: Mapping[str, str]) -> int | None:
        """Where an output first stands in the filtered list; None where it does not."""
        query = (
            "SELECT rows.place FROM outputs JOIN rows ON rows.output = outputs.number WHERE outputs.output_id = ?"
        )
        with self._opened() as db:
            own = [row[0] for row in db.execute(query, (_plain(output_id),))]
            shown = np.intersect1d(np.array(own, np.int64), self._places(db, filters))
        return int(shown[0]) if len(shown) else None

    def find(self, output_id: str) -> Whereabouts:
        """Where an output lies. Raises NoSuchCaseError where the audit saw no such output in its window."""
        query = (
            "SELECT output_id, case_id, task, item, version, day, outcome, output_segment, case_segment,"
            " reference_segments, judgement_segment FROM outputs WHERE output_id = ?"
        )
        with self._opened() as db:
            row = db.execute(query, (_plain(output_id),)).fetchone()
            if row is None:
                raise NoSuchCaseError("There is no such output in the window of this audit; go back to the list.")
            numbers = [row[7], row[8], *map(int, (row[9] or "").split(",") if row[9] else ()), row[10]]
            names = [_segment(db, number) for number in numbers]
        assert names[0] is not None
        told = tuple(name for name in names[2:-1] if name)
        output_id, case_id, task, item, version, day, outcome = row[:7]
        return Whereabouts(
            output_id, case_id, task, item, version, _day(day), outcome, names[0], names[1], told, names[-1]
        )

    def _places(self, db: sqlite3.Connection, filters: Mapping[str, str]) -> NDArray[np.int64]:
        """The places of the rows that have all of these values, in order."""
        (rows,) = db.execute("SELECT rows FROM about").fetchone()
        bits: NDArray[np.uint8] | None = None
        for field, value in filters.items():
            query = "SELECT bits FROM bitmaps WHERE field = ? AND value = ?"
            found = db.execute(query, (_plain(field), _plain(value))).fetchone()
            if found is None:
                return np.zeros(0, np.int64)
            mine = np.frombuffer(zlib.decompress(found[0]), np.uint8)
            bits = mine if bits is None else bits & mine
        if bits is None:
            return np.arange(rows)
        return np.flatnonzero(np.unpackbits(bits, count=rows))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
                yield db
        except sqlite3.Error:
            raise CasesError(
                "The list of this audit's cases cannot be read; delete the folder 'cache' of the workspace and "
                "open the page again."
            ) from None


def _entries(db: sqlite3.Connection, places: list[int]) -> list[Entry]:
    marks = ", ".join("?" * len(places))
    query = (
        f"SELECT {_COLUMNS} FROM rows JOIN outputs ON outputs.number = rows.output "  # noqa: S608 -- names of ours
        f"WHERE rows.place IN ({marks}) ORDER BY rows.place"
    )
    return [_entry(row) for row in db.execute(query, places)]


def _entry(row: tuple[Any, ...]) -> Entry:
    place, code, kind, finding, significance, error, output_id, case_id, task, item, version, day, outcome = row
    return Entry(
        place,
        output_id,
        case_id,
        task,
        item,
        version,
        _day(day),
        outcome,
        code,
        kind,
        finding,
        significance,
        error,
    )


def _output_at(db: sqlite3.Connection, place: int) -> int | None:
    row = db.execute("SELECT output FROM rows WHERE place = ?", (min(place, _END),)).fetchone()
    return None if row is None else int(row[0])


def _first_other(db: sqlite3.Connection, output: int | None, places: NDArray[np.int64]) -> Entry | None:
    """The first of these places that another output has: errors of one output often stand side by side."""
    for place in places:
        if _output_at(db, int(place)) != output:
            return _entries(db, [int(place)])[0]
    return None


def _segment(db: sqlite3.Connection, number: int | None) -> str | None:
    row = db.execute("SELECT sha256 FROM segments WHERE number = ?", (number,)).fetchone()
    return None if row is None else str(row[0])


def _day(number: int | None) -> date | None:
    return None if number is None else _EPOCH + timedelta(days=number)


def _plain(text: str) -> str:
    """Text that SQLite can be asked with; lone surrogates are in no value."""
    return text.encode("utf-8", "replace").decode()
