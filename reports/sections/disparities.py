"""Section 7, continued: the worst group of each attribute beside chance, and the largest differences."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reports.document import Block, Heading, Table, cell, paragraph
from reports.dossier import Confounder, Dossier
from reports.numbers import number, slice_name, with_interval
from reports.sections.confounders import confounders
from reports.sections.parity_findings import parity_by_finding
from reports.sections.tables import heads
from reports.text import WORDS

#: How the note begins where too little of one side's mix was seen on the other (`monitors.fairness_confounders`).
_HARDLY_MEET: Final = "a side was seen in"
_WORST: Final = 8  # worst groups listed when fewer are beyond chance


def disparities(dossier: Dossier) -> Iterator[Block]:
    """Both tables, where there is something to put in them."""
    worst, left_out = worst_groups(dossier)
    if worst:
        yield Heading(WORDS["worst"])
        yield paragraph(WORDS["worst_lead"])
        yield Table(
            heads=heads("worst_heads"),
            rows=tuple(
                (
                    cell(one.title, style="strong"),
                    cell(one.group),
                    cell(one.gap, WORDS["worst_beyond"] if one.beyond else ""),
                    cell(one.chance),
                    cell(one.held or WORDS["absent_text"]),
                )
                for one in worst
            ),
            numeric=(2, 3, 4),
            widths=(2.4, 1.8, 1.2, 1.5, 2.6),
        )
        if left_out:
            yield paragraph(WORDS["worst_more"].format(count=left_out), small=True)
    yield from confounders(dossier)
    if lines := parity(dossier):
        yield Heading(WORDS["parity"])
        yield paragraph(WORDS["parity_lead"].format(version=dossier.current_version))
        yield Table(
            heads=heads("parity_heads"),
            rows=tuple(
                (
                    cell(one.attribute, style="strong"),
                    *map(cell, (str(one.groups), one.flagged, one.odds, one.note)),
                )
                for one in lines
            ),
            numeric=(1, 2, 3),
            widths=(1.4, 0.8, 1.4, 2.2, 2.4),
        )
    yield from parity_by_finding(dossier)


@dataclass(frozen=True, slots=True)
class ParityLine:
    """One attribute's largest differences, as printed."""

    attribute: str
    groups: int
    flagged: str
    odds: str
    note: str


def parity(dossier: Dossier) -> list[ParityLine]:
    """The largest differences between groups in the current version, in percentage points."""
    return [
        ParityLine(
            one.attribute,
            one.groups,
            number(one.demographic_parity_difference, "share", "rest").lstrip("+"),
            number(one.equalized_odds_difference, "share", "rest").lstrip("+"),
            one.note,
        )
        for one in dossier.parity
        if one.version == dossier.current_version and not one.item
    ]


@dataclass(frozen=True, slots=True)
class WorstLine:
    """One attribute's worst group by one measure, as printed; `held` holds the gap with others held equal."""

    title: str
    group: str
    gap: str
    chance: str
    beyond: bool
    held: str


def worst_groups(dossier: Dossier) -> tuple[list[WorstLine], int]:
    """Worst groups of the current version, those beyond chance first and all of them; how many were left out."""
    current = [one for one in dossier.worst_groups if one.version == dossier.current_version]
    current.sort(key=lambda one: (not one.beyond_chance, -one.gap / max(one.chance_high, 1e-9)))
    shown = current[: max(_WORST, sum(one.beyond_chance for one in current))]
    lines = [
        WorstLine(
            title=one.title,
            group=WORDS["worst_of"].format(count=one.groups, names=slice_name(one.slice)),
            gap=number(one.gap, one.unit, "rest").lstrip("+"),
            chance=WORDS["worst_chance"].format(
                median=number(one.chance_median, one.unit, "rest").lstrip("+"),
                high=number(one.chance_high, one.unit, "rest").lstrip("+"),
            ),
            beyond=one.beyond_chance,
            held="; ".join(_held_equal(held, one.unit) for held in one.held_equal if one.beyond_chance),
        )
        for one in shown
    ]
    return lines, len(current) - len(shown)


def _held_equal(one: Confounder, unit: str) -> str:
    name = one.attribute.replace("_", " ")
    if one.adjusted is None:
        why = one.note.partition(": ")[0].rstrip(".") or WORDS["held_unsure"]  # behind a colon stands what to set
        said = "held_not" if one.note.startswith(_HARDLY_MEET) else "held_refused"
        return WORDS[said].format(attribute=name, why=f"{why[0].lower()}{why[1:]}")
    said = with_interval(one.adjusted, one.adjusted_low, one.adjusted_high, unit, "rest")
    return WORDS["held"].format(attribute=name, gap=said)
