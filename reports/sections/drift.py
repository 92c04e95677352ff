"""Section 8: how far inputs and outputs have moved from the reference window, beside what chance moves."""

from collections.abc import Iterator, Sequence
from typing import Final

from monitors.bag_drift import TITLES
from monitors.drift_rows import DISTANCE
from monitors.embedding_drift import EMBEDDING_DISTANCE
from monitors.embedding_drift import ITEM as EMBEDDING
from reports.document import Block, Figures, Folded, Section, Table, cell, paragraph
from reports.dossier import Dossier, DriftColumn
from reports.figures.drift import by_excess, panel_figure, shares_figure
from reports.figures.style import Figure
from reports.numbers import number
from reports.sections.change import change
from reports.text import TASKS, WORDS

_SHARES: Final = 3  # columns of the drift panel whose shares are drawn


def drift(dossier: Dossier) -> Section:
    """The panel, the columns that moved most, the table of all, and what changes of scores and versions mean."""
    return Section("drift", WORDS["drift"], (*_blocks(dossier), *change(dossier)), 8)


def _blocks(dossier: Dossier) -> Iterator[Block]:
    unseen = list(_not_compared(dossier))
    if not dossier.drift:
        yield paragraph(WORDS["no_drift"])
        yield from unseen
        return
    yield paragraph(WORDS["drift_lead"])
    if any(column.column == EMBEDDING for column in dossier.drift):
        yield paragraph(WORDS["drift_embeddings"])
    if any(column.column in TITLES for column in dossier.drift):
        yield paragraph(WORDS["drift_bags"])
    yield from unseen
    yield Figures(tuple(drift_figures(dossier)))
    yield Folded(WORDS["drift_table"], (_table(dossier.drift),))


def _not_compared(dossier: Dossier) -> Iterator[Block]:
    """The versions whose embeddings, words or findings could not be compared, and why."""
    for row in dossier.rows:
        if row.measure in (DISTANCE.name, EMBEDDING_DISTANCE.name) and row.value is None and row.note:
            task = TASKS.get(row.task, row.task)
            what = TITLES.get(row.item, WORDS["drift_embedding"])
            said = WORDS["drift_not_compared"].format(what=what, task=task, version=row.version, why=row.note)
            yield paragraph(said)


def _table(columns: Sequence[DriftColumn]) -> Table:
    return Table(
        heads=tuple(WORDS[name] for name in ("column", "distance", "null", "moved_by", "method", "evidently")),
        rows=tuple(
            (
                cell(c.title, style="strong"),
                cell(number(c.distance, "distance")),
                cell(number(c.null_high, "distance")),
                cell(WORDS["moved" if c.drifted else "not_moved"]),
                cell(c.method),
                cell(number(c.evidently_score, "distance"), c.evidently_method),
            )
            for c in columns
        ),
        numeric=(1, 2, 5),
        widths=(2, 1, 1.1, 1.1, 2, 1.4),
    )


def drift_figures(dossier: Dossier) -> list[Figure]:
    """The panel, then the shares of the columns that moved most."""
    if not dossier.drift:
        return []
    ordered = [column for column in by_excess(dossier.drift) if column.categories]
    moved = [column for column in ordered if column.drifted] or ordered[:1]
    shares = [shares_figure(column, f"shares{i}") for i, column in enumerate(moved[:_SHARES])]
    panels = [panel_figure(part, f"drift{i}") for i, part in enumerate(_panels(dossier.drift))]
    return [*panels, *(figure for figure in shares if figure)]


def _panels(columns: Sequence[DriftColumn]) -> list[list[DriftColumn]]:
    """One panel holds each title once: the columns come task by task, and tasks share attributes."""
    panels: list[list[DriftColumn]] = []
    for column in columns:
        if not panels or column.title in {one.title for one in panels[-1]}:
            panels.append([])
        panels[-1].append(column)
    return panels
