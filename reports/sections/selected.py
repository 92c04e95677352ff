"""Who could be judged: outputs to reviews by group, and what the others could make of a rate."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from monitors.catalogue import CatalogueError, measure_named
from monitors.unjudged import FRAMES, Counted, of_every_output, worst_case
from reports.document import Block, Cell, Folded, Heading, Table, cell, paragraph
from reports.dossier import Dossier, Row, Selected
from reports.headline import is_whole
from reports.numbers import NONE, hidden, integer, number, slice_name
from reports.sections.tables import heads
from reports.text import TASKS, WORDS

#: The cells of outputs of one kind; in a report the n of a row tells what they hold.
_CELLS: Final = frozenset(cell for cells in FRAMES.values() for cell in cells.values())


def selection(dossier: Dossier) -> Iterator[Block]:
    """The current version's outputs, task by task; nothing where an audit recorded nothing of it."""
    lines = [one for one in dossier.selected if one.version == dossier.current_version]
    if not lines:
        return
    yield Heading(WORDS["selection"])
    yield paragraph(WORDS["selection_lead"].format(days=dossier.maturity_days))
    yield _table([one for one in lines if one.slice == "all"])
    groups = [one for one in lines if one.slice != "all"]
    if groups:
        yield Folded(WORDS["selection_groups"], tuple(_table(list(some)) for _, some in groupby(groups, _task)))
    bounds = list(_bounds(dossier, {one.task: one for one in lines if one.slice == "all"}))
    if bounds:
        yield paragraph(WORDS["selection_bounds"])
        yield Table(
            heads=heads("selection_bounds_heads"), rows=tuple(bounds), numeric=(1, 2), widths=(4, 1.4, 2.4)
        )


def _task(one: Selected) -> str:
    return one.task


def _table(lines: Sequence[Selected]) -> Table:
    return Table(
        heads=heads("selection_heads"),
        rows=tuple(
            (
                cell(_where(one), style="strong" if one.slice == "all" else ""),
                *(cell(_count(one, name)) for name in ("outputs", "linked", "judged", "reviewed")),
                cell(number(_share(one), "share") if not one.suppressed else hidden(one.slice)),
            )
            for one in lines
        ),
        numeric=(1, 2, 3, 4, 5),
        widths=(3, 1, 1.3, 1, 1.1, 1.5),
    )


def _where(one: Selected) -> str:
    return TASKS.get(one.task, one.task) if one.slice == "all" else slice_name(one.slice)


def _count(one: Selected, name: str) -> str:
    count = getattr(one, name)
    return NONE if count is None else integer(count)


def _share(one: Selected) -> float | None:
    """What part of the outputs is accounted for."""
    return 1 - one.lost / one.outputs if one.outputs and one.lost is not None else None


def _bounds(dossier: Dossier, wholes: dict[str, Selected]) -> Iterator[tuple[Cell, ...]]:
    """Shares with a bound of their own whose task has outputs that nobody judged."""
    for row in dossier.rows:
        if row.status and row.task in wholes and _known(row, dossier.current_version):
            share = _judged(row, wholes[row.task])
            if share == 1:
                continue
            assert row.value is not None
            low, high = worst_case(row.value, row.value, share)
            said = WORDS["selection_from_to"].format(low=number(low, "share"), high=number(high, "share"))
            yield cell(row.title, style="strong"), cell(number(row.value, "share")), cell(said)


def _judged(row: Row, whole: Selected) -> float:
    """What part of what a rate counts was judged, were all others of its kind."""
    if whole.judged is None or not whole.lost:
        return 1.0
    counted = Counted(whole.judged + whole.lost, whole.judged, dict.fromkeys(_CELLS, row.n or 0.0))
    return counted.within(measure_named(row.measure)).share


def _known(row: Row, version: str) -> bool:
    if not is_whole(row) or row.version != version or row.value is None or row.suppressed:
        return False
    try:
        return of_every_output(measure_named(row.measure))
    except CatalogueError:  # of a later or earlier release
        return False
