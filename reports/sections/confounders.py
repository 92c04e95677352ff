"""Section 7, continued: which other attributes go with the worst groups, and their gaps with these held alike."""

from collections.abc import Iterator, Sequence

from reports.document import Block, Cell, Heading, Table, cell, paragraph
from reports.dossier import Confounder, Dossier, WorstGroup
from reports.numbers import NONE, slice_name, with_interval
from reports.sections.tables import heads
from reports.text import WORDS


def confounders(dossier: Dossier) -> Iterator[Block]:
    """A line for each attribute beside each group; nothing where no gap was looked at so."""
    shown, left_out = looked_at(dossier)
    if not shown:
        return
    yield Heading(WORDS["confounders"])
    yield paragraph(WORDS["confounders_lead"])
    yield Table(
        heads=heads("confounders_heads"),
        rows=tuple(_line(group, other) for group in shown for other in group.held_equal),
        numeric=(1, 3, 4),
        widths=(2.6, 1.9, 1.3, 1.5, 2.2),
    )
    if left_out:
        yield paragraph(WORDS["confounders_more"].format(count=left_out), small=True)


def looked_at(dossier: Dossier) -> tuple[Sequence[WorstGroup], int]:
    """Worst groups of the current version beside other attributes, and how many were left out.

    All those beyond chance, and of each measure the one that is furthest out, beyond chance or not.
    """
    current = [one for one in dossier.worst_groups if one.version == dossier.current_version and one.held_equal]
    current.sort(key=lambda one: (not one.beyond_chance, -one.gap / max(one.chance_high, 1e-9)))
    first = {(one.task, one.measure): one for one in reversed(current)}
    shown = [one for one in current if one.beyond_chance or first[one.task, one.measure] is one]
    return shown, len(current) - len(shown)


def _line(group: WorstGroup, other: Confounder) -> tuple[Cell, ...]:
    crude = with_interval(other.crude, other.crude_low, other.crude_high, group.unit, "rest")
    return (
        cell(group.title, slice_name(group.slice), style="strong"),
        cell(crude, WORDS["worst_beyond"] if group.beyond_chance else ""),
        cell(other.attribute.replace("_", " ")),
        cell(_association(other)),
        _alike(other, group.unit),
    )


def _association(one: Confounder) -> str:
    if one.association is None or one.association_by_chance is None:
        return NONE
    return WORDS["confounder_goes"].format(v=f"{one.association:.2f}", chance=f"{one.association_by_chance:.2f}")


def _alike(one: Confounder, unit: str) -> Cell:
    if one.adjusted is None:
        return cell(NONE, one.note or WORDS["held_unsure"])
    return cell(with_interval(one.adjusted, one.adjusted_low, one.adjusted_high, unit, "rest"))
