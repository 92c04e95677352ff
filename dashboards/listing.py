"""Tables of rows in memory that sort, filter, page and export; what they show is in their address."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

PER_PAGE: Final = 100
#: A cell that begins so is a formula to a spreadsheet.
#: Semicolons part cells too, in German spreadsheets, so that a cell may begin in the middle of ours.
_FORMULA: Final = re.compile(r"(?:^|(?<=[;\t\r\n]))(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_Row = TypeVar("_Row")


@dataclass(frozen=True)
class Column(Generic[_Row]):
    """One column: what a row says in it (plain text), and by what it is sorted where that is not the text."""

    name: str
    title: str
    text: Callable[[_Row], str]
    numeric: bool = False
    sort: Callable[[_Row], Any] | None = None


@dataclass(frozen=True)
class Head:
    """A column's title and the address that sorts by it; `sorted` is "ascending", "descending" or ""."""

    name: str
    title: str
    href: str
    sorted: str
    numeric: bool


@dataclass(frozen=True)
class Listing(Generic[_Row]):
    """One page of a table. `rows` are of the page; `found` and `total` count all that match and all."""

    name: str
    heads: tuple[Head, ...]
    rows: tuple[_Row, ...]
    cells: tuple[tuple[str, ...], ...]
    found: int
    total: int
    words: str  # what was looked for
    kept: tuple[tuple[str, str], ...]  # the rest of the address, which a search form must carry along
    previous: str
    next: str
    export: str


def listing(request: Request, columns: Sequence[Column[_Row]], rows: Sequence[_Row], name: str) -> "Listing[_Row]":
    """The rows as the address asks for them: `?q=` finds words, `?sort=-opened` sorts, `?page=` goes on."""
    words = request.query_params.get("q", "").strip()[:200]
    asked = request.query_params.get("sort", "")
    found = _sorted(columns, _matching(columns, rows, words), asked)
    number = _page(request, len(found))
    here = tuple(found[(number - 1) * PER_PAGE : number * PER_PAGE])
    last = -(-len(found) // PER_PAGE)
    return Listing(
        name=name,
        heads=tuple(_head(request, column, asked) for column in columns),
        rows=here,
        cells=tuple(tuple(column.text(row) for column in columns) for row in here),
        found=len(found),
        total=len(rows),
        words=words,
        kept=tuple((k, v) for k, v in request.query_params.multi_items() if k not in ("q", "page", "format")),
        previous=_address(request, page=str(number - 1)) if number > 1 else "",
        next=_address(request, page=str(number + 1)) if number < last else "",
        export=_address(request, format="csv", page=""),
    )


def wants_csv(request: Request) -> bool:
    return request.query_params.get("format") == "csv"


def as_csv(request: Request, columns: Sequence[Column[_Row]], rows: Sequence[_Row], name: str) -> Response:
    """Every row that matches, in the order asked for; no cell is a formula."""
    words = request.query_params.get("q", "").strip()[:200]
    found = _sorted(columns, _matching(columns, rows, words), request.query_params.get("sort", ""))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.title for column in columns])
    for row in found:
        writer.writerow([_cell(column.text(row)) for column in columns])
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response("\ufeff" + text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(text: str) -> str:
    return _FORMULA.sub("'", text)


def _matching(columns: Sequence[Column[_Row]], rows: Sequence[_Row], words: str) -> list[_Row]:
    """Rows that hold every word somewhere, however it is capitalised."""
    wanted = words.lower().split()
    if not wanted:
        return list(rows)
    return [
        row for row in rows if _holds(" ".join(column.text(row) for column in columns).lower(), wanted)
    ]  # fmt: skip


def _holds(text: str, wanted: Sequence[str]) -> bool:
    return all(word in text for word in wanted)


def _sorted(columns: Sequence[Column[_Row]], rows: list[_Row], asked: str) -> list[_Row]:
    column = next((one for one in columns if one.name == asked.removeprefix("-")), None)
    if column is None:
        return rows
    text = column.text
    key = column.sort or (lambda row: text(row).casefold())
    known = [row for row in rows if key(row) is not None]
    unknown = [row for row in rows if key(row) is None]  # at the end, whichever way
    return sorted(known, key=key, reverse=asked.startswith("-")) + unknown


def _head(request: Request, column: Column[Any], asked: str) -> Head:
    now = "" if asked.removeprefix("-") != column.name else "descending" if asked.startswith("-") else "ascending"
    other = f"-{column.name}" if now == "ascending" else column.name
    return Head(column.name, column.title, _address(request, sort=other, page=""), now, column.numeric)


def _page(request: Request, found: int) -> int:
    asked = request.query_params.get("page", "1")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
    return max(1, min(number, -(-found // PER_PAGE)))


def _address(request: Request, **changes: str) -> str:
    query = {k: v for k, v in request.query_params.multi_items() if k != "format"} | changes
    return f"{request.url.path}?{urlencode({k: v for k, v in query.items() if v})}"
