"""What changed since the reference window: patients, images, the system; the version or the patients."""

from collections.abc import Iterator, Sequence
from typing import Final

from reports.document import Block, Cell, Heading, Table, cell, paragraph
from reports.dossier import Dossier, Estimate, Movement, ScoreShift, ShiftedRate, VersionEffect, VersionSplit
from reports.numbers import NONE, integer, item_name, number, with_interval
from reports.sections.tables import heads
from reports.text import SHIFT_READINGS, TASKS, WORDS

_NONE: Final = "none"
_UNKNOWN: Final = "cannot be told"


def change(dossier: Dossier) -> Iterator[Block]:
    """Findings whose scores moved, with a reading; after a change of version, whose part the changes are."""
    yield from _shifts([one for one in dossier.shifts if one.version == dossier.current_version])
    if dossier.version_effects:
        yield Heading(WORDS["split"])
    for one in dossier.version_effects:
        yield from _split(one)


def _shifts(found: Sequence[ScoreShift]) -> Iterator[Block]:
    if not found:
        return
    moved = [one for one in found if one.scores.moved or one.reading not in (_NONE, _UNKNOWN)]
    yield Heading(WORDS["shift"])
    lead = WORDS["shift_lead"].format(version=found[0].version, before=found[0].reference_version)
    yield paragraph(lead)
    if moved:
        yield Table(
            heads=heads("shift_heads"),
            rows=tuple(map(_shift, moved)),
            numeric=(2, 3, 4, 6),
            widths=(1.3, 1.7, 1.2, 2.1, 2.1, 1.9, 1.5),
        )
        if any(one.if_label_shift for one in moved):
            yield paragraph(WORDS["shift_decisions"], small=True)
    for words, reading in (("shift_none", _NONE), ("shift_unknown", _UNKNOWN)):
        rest = [item_name(one.item) for one in found if one not in moved and one.reading == reading]
        if rest:
            yield paragraph(WORDS[words].format(items=", ".join(rest)), small=True)


def _shift(one: ScoreShift) -> tuple[Cell, ...]:
    return (
        cell(item_name(one.item), style="strong"),
        cell(SHIFT_READINGS.get(one.reading, one.reading), one.note),
        cell(number(one.scores.distance, "distance"), _chance(one.scores)),
        _rate(one.prevalence, "shift_rate"),
        _rate(one.relation, "shift_expected"),
        cell("", _said("shift_positives", one.positives), _said("shift_negatives", one.negatives)),
        cell(_estimate(one.if_label_shift, "share")),
    )


def _chance(one: Movement) -> str:
    return WORDS["shift_chance"].format(high=number(one.chance, "distance"))


def _said(words: str, one: Movement | None) -> str:
    said = NONE if one is None else WORDS["shift_moved" if one.moved else "shift_still"]
    return WORDS[words].format(said=said)


def _rate(one: ShiftedRate | None, words: str) -> Cell:
    if one is None:
        return cell(NONE)
    said = WORDS[words].format(then=number(one.then, "share"), now=number(one.now, "share"))
    apart = with_interval(one.change, one.low, one.high, "share", "reference")
    return cell(said, apart, WORDS["shift_moved" if one.moved else "shift_still"])


def _split(one: VersionSplit) -> Iterator[Block]:
    named = {"task": TASKS.get(one.task, one.task), "old": one.old, "new": one.new}
    if one.questions is None or one.patients is None:
        yield paragraph(WORDS["split_few"].format(**named))
        return
    counts = {"questions": integer(one.questions), "patients": integer(one.patients)}
    yield paragraph(WORDS["split_lead"].format(**named, **counts))
    if one.effects:
        yield Table(
            heads=heads("split_heads"),
            rows=tuple(map(_effect, one.effects)),
            numeric=(1, 2, 3, 4),
            widths=(2.6, 2, 2, 2, 1.6),
        )


def _effect(one: VersionEffect) -> tuple[Cell, ...]:
    shared = NONE if one.n is None else f"{integer(one.n)} {one.counted}"
    return (
        cell(one.title, item_name(one.item), style="strong") if one.item else cell(one.title, style="strong"),
        cell(_estimate(one.total, one.unit, "reference")),
        cell(_estimate(one.version, one.unit, "reference"), one.note),
        cell(_estimate(one.patients, one.unit, "reference")),
        cell(shared),
    )


def _estimate(one: Estimate | None, unit: str, contrast: str = "") -> str:
    return NONE if one is None else with_interval(one.value, one.low, one.high, unit, contrast)
