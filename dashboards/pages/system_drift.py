"""Drift over the last audits: column by audit, and one column with its distribution and history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import sqlalchemy as sa

from auditor.store import tables as t
from dashboards.pages.system_view import ColumnKey, View
from dashboards.place import Place
from monitors.threshold import SUPPRESS_BELOW
from reports.document import Block, Figures, Heading, Table, cell, paragraph
from reports.dossier import DriftColumn
from reports.figures.drift import Measured, history_figure, shares_figure
from reports.html import printable
from reports.numbers import number, short
from reports.text import TASKS, WORDS

AUDITS: Final = 26  # half a year of weekly ones

#: How many times the band of chance a distance is, and what stands for it beside the colour.
_LEVELS: Final = ((1.0, "0", "·"), (1.5, "1", "△"), (2.5, "2", "▲"), (float("inf"), "3", "▲▲"))


@dataclass(frozen=True)
class Cell:
    """A column in one audit, as recorded. Without numbers where fewer than eleven patients stand behind it."""

    title: str
    distance: float
    null_high: float
    drifted: bool
    few: bool

    @property
    def level(self) -> tuple[str, str]:
        """A class of colour, and a symbol that says the same."""
        if self.few:
            return "few", "–"
        if not self.drifted:
            return _LEVELS[0][1:]
        times = self.distance / max(self.null_high, 1e-9)
        return next(said[1:] for said in _LEVELS[1:] if times <= said[0])

    @property
    def said(self) -> str:
        if self.few:
            return WORDS["few"]
        moved = WORDS["moved" if self.drifted else "not_moved"]
        chance = WORDS["by_chance"].format(high=number(self.null_high, "distance"))
        return f"{moved}: {number(self.distance, 'distance')} {chance}"


@dataclass(frozen=True)
class Line:
    """One column of the heat map: a cell an audit, None where it was not measured."""

    key: ColumnKey
    title: str
    task: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class HeatMap:
    """Columns by audits, the oldest audit first."""

    audits: tuple[sa.RowMapping, ...]
    days: tuple[str, ...]
    lines: tuple[Line, ...]


def heat_map(place: Place, view: View) -> HeatMap:
    """The last audits up to the one looked at; of each only its drift is read, and only once."""
    audits = tuple(reversed(_until(view)))
    found = [_cells(place, one["id"]) for one in audits]
    keys = dict.fromkeys(key for cells in reversed(found) for key in cells)
    lines = []
    for key in keys:
        title = next(cells[key].title for cells in reversed(found) if key in cells)
        task = TASKS.get(key.task, key.task)
        lines.append(Line(key, title, task, tuple(cells.get(key) for cells in found)))
    lines.sort(key=_moved_most)
    return HeatMap(audits, tuple(_day(one) for one in audits), tuple(lines))


def _moved_most(line: Line) -> tuple[float, str, str]:
    newest = line.cells[-1]
    far = -newest.distance / max(newest.null_high, 1e-9) if newest and newest.drifted and not newest.few else 0.0
    return far, line.task, line.title


def _until(view: View) -> Sequence[sa.RowMapping]:
    return [one for one in view.audits if one["seq"] <= view.audit["seq"]][:AUDITS]


def _day(audit: sa.RowMapping) -> str:
    return short(last_day(audit))


def last_day(audit: sa.RowMapping) -> date:
    """What an audit is named by on an axis: the end of its window."""
    found: date = audit["window_end"] or audit["as_of"].date()
    return found


def _cells(place: Place, audit: str) -> dict[ColumnKey, Cell]:
    def make() -> dict[ColumnKey, Cell]:
        version, columns = _recorded(place, audit)
        return {_key(one): _cell(one) for one in _of_version(columns, version)}

    return place.remembered.of(("drift cells", audit), make)


def _recorded(place: Place, audit: str) -> tuple[str, list[dict[str, Any]]]:
    query = sa.select(t.details.c.kind, t.details.c.payload).where(
        t.details.c.audit == audit, t.details.c.kind.in_(("drift", "current_version"))
    )
    found = {row["kind"]: row["payload"] for row in place.ledger.read(query)}
    return found.get("current_version", ""), found.get("drift", [])


def _of_version(columns: Sequence[Mapping[str, Any]], version: str) -> list[Mapping[str, Any]]:
    """The columns of the version in use, and of another where that one has none."""
    other = [one for one in columns if one["version"] != version]
    return [*other, *(one for one in columns if one["version"] == version)]  # the later of equal keys stands


def _key(column: Mapping[str, Any]) -> ColumnKey:
    return ColumnKey(column["task"], column["column"], column["item"])


def _cell(column: Mapping[str, Any]) -> Cell:
    few = column["patients"] < SUPPRESS_BELOW
    return Cell(
        title=_title(column),
        distance=0.0 if few else column["distance"],
        null_high=0.0 if few else column["null_high"],
        drifted=column["drifted"] and not few,
        few=few,
    )


def _title(column: Mapping[str, Any]) -> str:
    title = column["title"] + (f": {column['item'].replace('_', ' ')}" if column["item"] else "")
    return str(printable(title))


def title_of(place: Place, view: View, key: ColumnKey) -> str:
    """What a column is called; "" where the audit has no such column."""
    found = _cells(place, view.audit["id"]).get(key)
    return found.title if found else ""


def column_blocks(place: Place, view: View, key: ColumnKey) -> list[Block]:
    """The distribution of a column in one audit that has it, then its history."""
    version, columns = _recorded(place, view.audit["id"])
    found = next(one for one in reversed(_of_version(columns, version)) if _key(one) == key)
    cell_now = _cell(found)
    blocks: list[Block] = [Heading("Reference window and this window")]
    if cell_now.few:
        blocks.append(paragraph(f"{_title(found)}: {WORDS['few']}; nothing of it is shown."))
    else:
        blocks.append(paragraph(f"{cell_now.said}. {WORDS['method']}: {found['method']}."))
        drawn = shares_figure(_column(found), "shares")
        if drawn is not None:
            blocks.append(Figures((drawn,)))
    return blocks + _history(place, view, key)


def _column(found: Mapping[str, Any]) -> DriftColumn:
    column: DriftColumn = printable(
        DriftColumn(
            column=found["column"],
            title=_title(found),
            distance=found["distance"],
            null_high=found["null_high"],
            drifted=found["drifted"],
            method=found["method"],
            categories=tuple(found["categories"]),
            reference_shares=tuple(found["reference_shares"]),
            window_shares=tuple(found["window_shares"]),
        )
    )
    return column


def _history(place: Place, view: View, key: ColumnKey) -> list[Block]:
    past = [(one, _cells(place, one["id"]).get(key)) for one in reversed(_until(view))]
    known = [(last_day(audit), one) for audit, one in past if one is not None]
    points = [Measured(at, one.distance, one.null_high, one.drifted) for at, one in known if not one.few]
    blocks: list[Block] = [Heading("Audit by audit")]
    if points:
        blocks.append(Figures((history_figure(known[-1][1].title, points, "history"),)))
    rows = tuple((cell(f"{short(at)} {at.year}", style="strong"), cell(one.said)) for at, one in reversed(known))
    return [*blocks, Table(heads=("Window until", "Distance"), rows=rows, widths=(1, 3))]
