"""Tables that several sections print: measurements as rows, and measures across findings or groups."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from monitors.measurement import Interval
from reports.document import Badge, Cell, Run, Table, cell
from reports.dossier import Dossier, Row
from reports.headline import bounds_of
from reports.numbers import basis, item_name, result, slice_name
from reports.text import TASKS, WORDS

_COLUMNS: Final = 3  # measures side by side in one table


@dataclass(frozen=True, slots=True)
class Matrix:
    """Findings or groups down, measures across; a cell is None where nothing was measured."""

    titles: tuple[str, ...]
    lines: tuple[tuple[str, tuple[Row | None, ...]], ...]


def heads(name: str) -> tuple[str, ...]:
    """The column heads that the catalogue keeps in one line."""
    return tuple(WORDS[name].split("|"))


def heading(task: str, version: str, dossier: Dossier) -> str:
    """A task, and its version where there are several."""
    name = TASKS.get(task, task)
    return f"{name}, {WORDS['version'].lower()} {version}" if len(dossier.versions) > 1 else name


def rows_table(rows: Sequence[Row], first: str) -> Table:
    """One measurement a line."""
    return Table(
        heads=(first, WORDS["value"], WORDS["basis"], WORDS["bounds"], WORDS["status"]),
        rows=tuple(
            (
                cell(r.title, style="strong"),
                cell(result(r)),
                cell(basis(r)),
                cell(bounds_of(r)),
                (Badge(r.status),),
            )
            for r in rows
        ),
        numeric=(1, 2, 3),
        widths=(3.2, 2, 2.4, 1.4, 1.1),
        name="measured",
        foot=foot(rows),
    )


def foot(rows: Iterable[Row]) -> str:
    """How the intervals of a table were made: the commonest way first, the others with what they are of.

    >>> foot(())
    ''
    """
    return foot_of((r.interval, r.title) for r in rows if not r.suppressed and r.low is not None)


def foot_of(made: Iterable[tuple[str, str]]) -> str:
    """The same of pairs of how an interval was made and the title of what it is of."""
    ways: dict[str, list[str]] = defaultdict(list)
    for way, title in made:
        if way not in ("", Interval.NONE):
            ways[way].append(title)
    common, *others = sorted(ways, key=lambda way: -len(ways[way])) or [""]
    parts = [f"{'; '.join(dict.fromkeys(ways[way]))}: {way}" for way in others]
    return WORDS["foot_intervals"].format(ways=". ".join([common, *parts])) if common else ""


def matrices(rows: Sequence[Row], *, by_item: bool) -> tuple[Matrix, ...]:
    """Tables of at most three measures side by side."""
    titles = dict.fromkeys((row.measure, row.title) for row in rows)
    names = dict.fromkeys(row.item if by_item else row.slice for row in rows)
    cells = {(row.item if by_item else row.slice, row.measure): row for row in rows}
    measures = list(titles)
    parts = -(-len(measures) // _COLUMNS)
    across = -(-len(measures) // max(parts, 1))  # tables of equal width: 2 + 2 rather than 3 + 1
    return tuple(
        Matrix(
            tuple(title for _, title in part),
            tuple(
                (name, tuple(cells.get((name, measure)) for measure, _ in part))
                for name in names
                if any((name, measure) in cells for measure, _ in part)
            ),
        )
        for part in (measures[i : i + across] for i in range(0, len(measures), max(across, 1)))
    )


def matrix_table(matrix: Matrix, first: str, *, slices: bool = False) -> Table:
    """A matrix as it is printed."""
    name = slice_name if slices else item_name
    return Table(
        heads=(first, *matrix.titles),
        rows=tuple((cell(name(label), style="strong"), *map(_measured, rows)) for label, rows in matrix.lines),
        numeric=tuple(range(1, len(matrix.titles) + 1)),
        widths=(1.4, *(2.0 for _ in matrix.titles)),
        foot=foot(row for _, rows in matrix.lines for row in rows if row),
    )


def _measured(row: Row | None) -> Cell:
    if row is None:
        return cell(WORDS["absent_text"])
    said = cell(result(row), "" if row.suppressed else basis(row))
    return (*said, Badge(row.status)) if row.status else said


def strong(text: str) -> Cell:
    return (Run(text, "strong"),)
